/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of `clxent bench`, or of `clxent tune`, as a list of cases.
 */
#ifndef CLXENT_CLI_BENCH_LIST_H
#define CLXENT_CLI_BENCH_LIST_H

#include "bench_case.h"
#include "shell/options.h"

typedef struct bench_list {
    bench_case *cases; /* bench_list_free() frees them */
    size_t count;
    bench_settings settings;
    int is_linear; /* --op linear: the cases have the ops BENCH_FORWARD and BENCH_GRAD (bench_linear.h) */
    int64_t features;
    uint64_t workspace; /* 0: the library's default */
} bench_list;

/* Returns EXIT_GOOD, or prints a message and returns the exit code. The caller calls bench_list_free() in
 * both cases. */
int bench_list_make(bench_list *list, const tool_command *command, const tool_options *options);
void bench_list_free(bench_list *list);

/* Checks that the shape of --rows and --classes fits the device. If not, it prints a message and returns
 * EXIT_USAGE. It does not check other shapes: `bench` and `tune` skip those that do not fit. */
int bench_list_fits(const bench_list *list, const bench_device *device);

#endif
