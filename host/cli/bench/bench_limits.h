/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures the speed of the device's memory: the time to read a buffer once, to update it in place, and to
 * copy it to another. Each limit is the best of several forms of one kernel (limits.cl), on the buffers of
 * the operation. A limit counts only if its result is exact.
 */
#ifndef CLXENT_CLI_BENCH_LIMITS_H
#define CLXENT_CLI_BENCH_LIMITS_H

#include "bench_device.h"

typedef enum limit_kind { LIMIT_READ, LIMIT_UPDATE, LIMIT_COPY, LIMIT_KINDS } limit_kind;

/* The compiled programs, and the forms that proved slow. */
enum { LIMIT_FORMS = 10, LIMIT_PROGRAMS = 5 };
typedef struct bench_limits {
    const bench_device *device;
    struct limit_program {
        int width, streams;
        cl_program program;
        cl_kernel kernels[LIMIT_KINDS + 1]; /* the last copies with stores past the cache */
    } programs[LIMIT_PROGRAMS];
    int n_programs;
    unsigned char hopeless[LIMIT_KINDS][2 * LIMIT_FORMS + 1]; /* twice as slow as the best */
    cl_mem sums;
} bench_limits;

/* One limit on its buffers. */
typedef struct bench_limit {
    limit_kind kind;
    cl_mem x, y; /* y: only for a copy */
    size_t bytes;
    int form;      /* the best form */
    char text[64]; /* the form in words */
} bench_limit;

const char *limit_name(limit_kind kind); /* "read" */

/* The caller calls limits_close() even if limits_open() fails. int results are those of bench_device.h. */
int limits_open(bench_limits *l, const bench_device *d);
void limits_close(bench_limits *l);

/* Chooses the form for `bytes`, a multiple of 64, of x (and y, for a copy), and checks its result. It
 * overwrites the buffers. */
int limit_choose(bench_limits *l, limit_kind kind, cl_mem x, cl_mem y, size_t bytes, bench_limit *out);

/* limit_forms() returns the number of forms of a kind; they are numbered from 0. limit_check() runs
 * limit->form, names it in limit->text, and checks every word. It overwrites the buffers. */
int limit_forms(limit_kind kind);
int limit_check(bench_limits *l, bench_limit *limit);

/* Runs the limit and sets *seconds to its time. LIMIT_UPDATE changes x, and LIMIT_COPY changes y. */
int limit_run(bench_limits *l, const bench_limit *limit, double *seconds);

/* Bytes that one run moves. */
double limit_traffic(const bench_limit *limit);

#endif
