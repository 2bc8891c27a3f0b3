/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of `clxent bench`, or of `clxent tune`, as a list of cases.
 */
#ifndef CLXENT_CLI_BENCH_LIST_H
#define CLXENT_CLI_BENCH_LIST_H

#include "bench_case.h"
#include "shell/options.h"

typedef struct bench_list {
    bench_case *cases; /* to be freed */
    size_t count;
    bench_settings settings;
} bench_list;

/* EXIT_GOOD, or EXIT_USAGE with a message. bench_list_free() is to be called either way. */
int bench_list_make(bench_list *list, const tool_command *command, const tool_options *options);
void bench_list_free(bench_list *list);

/* One shape that was asked for by --rows and --classes must fit: EXIT_USAGE with a message. Of a list, those
 * that do not are skipped. */
int bench_list_fits(const bench_list *list, const bench_device *device);

#endif
