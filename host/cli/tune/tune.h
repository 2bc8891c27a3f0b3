/* SPDX-License-Identifier: Apache-2.0
 *
 * The results of `clxent tune`: the tuning, and all measurements.
 */
#ifndef CLXENT_CLI_TUNE_H
#define CLXENT_CLI_TUNE_H

#include <clxent/clxent_experimental.h>

#include "bench/bench_list.h"

/* A value of a field against another value. The other fields are equal. */
typedef struct tune_measurement {
    const char *field;
    int32_t value, instead_of;
    size_t cases; /* the cases that the value affects; `ratio` is over them */
    double ratio; /* new time / old time, geometric mean of the cases; below 1: faster; 0: not timed */
    double worst; /* the largest ratio of a case */
    int taken;
    char why[160]; /* why it was not taken, or "" */
} tune_measurement;

enum { TUNE_MEASUREMENTS = 256 };
typedef struct tune_result {
    clxent_tuning before, tuning;
    size_t cases; /* the cases that fit the device */
    tune_measurement measured[TUNE_MEASUREMENTS];
    size_t n;
} tune_result;

/* Starts from the context's tuning, and restores it at the end. Returns EXIT_GOOD, or prints a message and
 * returns the exit code. EXIT_DIFFERS: the tuning at the start gives wrong results. */
int tune_search(const bench_device *device, const bench_list *list, tune_result *result);

void tune_report(const session *s, const tune_result *result); /* for people, on standard output */
void tune_report_json(const session *s, const tune_result *result);
int tune_write(const session *s, const tune_result *result, const char *path); /* EXIT_GOOD or EXIT_DATA */

int tune_run(const tool_command *command, const tool_options *options); /* the command */

#endif
