/* SPDX-License-Identifier: Apache-2.0
 *
 * What `clxent tune` finds: the tuning, and what was measured on the way.
 */
#ifndef CLXENT_CLI_TUNE_H
#define CLXENT_CLI_TUNE_H

#include <clxent/clxent_experimental.h>

#include "bench/bench_list.h"

/* A value of a field against another, all else alike. */
typedef struct tune_measurement {
    const char *field;
    int32_t value, instead_of;
    size_t cases; /* that the value makes a difference to, and that ratio is of */
    double ratio; /* of the times, the geometric mean over the cases; below 1: faster; 0: it was not timed */
    double worst; /* the case that fares worst */
    int taken;
    char why[160]; /* why it was not taken; "" */
} tune_measurement;

enum { TUNE_MEASUREMENTS = 256 };
typedef struct tune_result {
    clxent_tuning before, tuning;
    size_t cases; /* that fit the device */
    tune_measurement measured[TUNE_MEASUREMENTS];
    size_t n;
} tune_result;

/* From the tuning that is in effect, which is in effect again at the end. EXIT_GOOD, or what to exit with, a
 * message printed; EXIT_DIFFERS when what the search starts from gives wrong results. */
int tune_search(const bench_device *device, const bench_list *list, tune_result *result);

void tune_report(const session *s, const tune_result *result); /* for people, on standard output */
void tune_report_json(const session *s, const tune_result *result);
int tune_write(const session *s, const tune_result *result, const char *path); /* EXIT_GOOD or EXIT_DATA */

int tune_run(const tool_command *command, const tool_options *options); /* the command */

#endif
