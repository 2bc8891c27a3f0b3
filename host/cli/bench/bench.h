/* SPDX-License-Identifier: Apache-2.0
 *
 * The cases that `clxent bench` measures (an operation on a shape of a type), and their results.
 */
#ifndef CLXENT_CLI_BENCH_H
#define CLXENT_CLI_BENCH_H

#include "shell/tool.h"

#include <stddef.h>

typedef enum bench_op {
    BENCH_FORWARD,
    BENCH_GRAD,          /* forward and gradient in one call, over the logits */
    BENCH_GRAD_APART,    /* to another buffer */
    BENCH_GRAD_FROM_LSE, /* the gradient alone, over the logits */
    BENCH_LOG_SOFTMAX,   /* to another buffer */
    BENCH_OPS
} bench_op;

/* The name for --op, such as "forward", and a title in words. */
const char *bench_op_name(bench_op op);
const char *bench_op_title(bench_op op);

typedef struct bench_case {
    bench_op op;
    int64_t rows, classes;
    clxent_dtype dtype;
} bench_case;

/* The settings of all cases of a run. */
typedef struct bench_settings {
    int pairs;       /* pairs of the limit and the operation */
    uint64_t rotate; /* smaller logits rotate among buffers of so many bytes in all; 0: four caches */
    int named_shape; /* --rows and --classes name one shape, and it is an error if that does not fit */
    double label_smoothing, z_loss, softcap, ignored; /* ignored: a fraction of the rows */
    int class_weight, atomic;
    char options[160]; /* the options that are on, such as "softcap=30 ignored=0.5", or "" */
} bench_settings;

/* Times are medians, in seconds. */
typedef struct bench_result {
    bench_case what;
    char skipped[200];      /* why the case was skipped, or "" */
    double seconds;         /* clxent_enqueue and clFinish */
    double bytes;           /* the bytes that the operation must move */
    double limit_rate;      /* bytes a second of the limit */
    const char *limit;      /* its name */
    char limit_form[64];    /* the form that was fastest */
    double launch_seconds;  /* of an empty kernel, clFinish included */
    double enqueue_seconds; /* until clxent_enqueue returned */
    double plan_seconds;    /* clxent_plan_create, which compiles or loads kernels; measured once */
    double plain_seconds;   /* the operation without the settings' options; 0 if none is on */
    size_t buffers;         /* number of buffers that the inputs rotate among */
} bench_result;

double bench_median(double *values, size_t n);   /* sorts the values; 0 if n is 0 */
double bench_rate(const bench_result *r);        /* bytes a second */
double bench_ratio(const bench_result *r);       /* of the limit; 1: as fast as memory */
double bench_times_ideal(const bench_result *r); /* seconds over (an empty launch + the ideal time) */

int bench_run(const tool_command *command, const struct tool_options *options); /* the command */

#endif
