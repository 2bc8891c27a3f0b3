/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast the device's memory is: the time to read a buffer once, to update it in place, to copy it to
 * another. Each limit is the best of several forms of one kernel (limits.cl), tried on the buffers that it is
 * the limit of, and counts only after its result was found exact.
 */
#ifndef CLXENT_CLI_BENCH_LIMITS_H
#define CLXENT_CLI_BENCH_LIMITS_H

#include "bench_device.h"

typedef enum limit_kind { LIMIT_READ, LIMIT_UPDATE, LIMIT_COPY, LIMIT_KINDS } limit_kind;

/* A compiled form of the kernels, and what is known of it. */
enum { LIMIT_FORMS = 10, LIMIT_PROGRAMS = 5 };
typedef struct bench_limits {
    const bench_device *device;
    struct limit_program {
        int width, streams;
        cl_program program;
        cl_kernel kernels[LIMIT_KINDS + 1]; /* the last: a copy whose stores go past the cache */
    } programs[LIMIT_PROGRAMS];
    int n_programs;
    unsigned char hopeless[LIMIT_KINDS][2 * LIMIT_FORMS + 1]; /* twice as slow as the best; not tried again */
    cl_mem sums;
} bench_limits;

/* One limit on its buffers. */
typedef struct bench_limit {
    limit_kind kind;
    cl_mem x, y; /* y: of a copy */
    size_t bytes;
    int form;      /* the best one */
    char text[64]; /* that form, in words */
} bench_limit;

const char *limit_name(limit_kind kind); /* "read" */

/* limits_close() is to be called either way. Functions that return int do so as in bench_device.h. */
int limits_open(bench_limits *l, const bench_device *d);
void limits_close(bench_limits *l);

/* Chooses the form for `bytes`, a multiple of 64, of x (and y, for a copy), and checks what it does. What was
 * in the buffers is lost. */
int limit_choose(bench_limits *l, limit_kind kind, cl_mem x, cl_mem y, size_t bytes, bench_limit *out);

/* The forms that limit_choose() tries for a kind are numbered from 0. limit_check() runs limit->form, names
 * it in limit->text, and compares every word. What was in the buffers is lost. */
int limit_forms(limit_kind kind);
int limit_check(bench_limits *l, bench_limit *limit);

/* Once more; how long it took. x is changed by LIMIT_UPDATE, y by LIMIT_COPY. */
int limit_run(bench_limits *l, const bench_limit *limit, double *seconds);

/* Bytes that one run moves. */
double limit_traffic(const bench_limit *limit);

#endif
