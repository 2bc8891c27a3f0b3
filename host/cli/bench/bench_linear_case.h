/* SPDX-License-Identifier: Apache-2.0
 *
 * One case of `clxent bench --op linear` on the device: its buffers, its plan and its calls, and the bare
 * products on buffers of the same shapes. A function that returns int returns EXIT_GOOD, or prints a message
 * and returns the exit code.
 */
#ifndef CLXENT_CLI_BENCH_LINEAR_CASE_H
#define CLXENT_CLI_BENCH_LINEAR_CASE_H

#include "bench_list.h"

/* The operands of the bare products. They are f32, but x, w and dz are bf16 in a bf16 case whose products are
 * in bf16. Of the operation's buffers they are those that have the right type. */
typedef struct linear_products {
    int64_t rows;        /* that count */
    int64_t most_rows;   /* of a block: so many rows of logits fit the buffer */
    clxent_dtype dtype;  /* of x, w and dz */
    cl_mem x, w, dx, dw; /* (rows,H), (C,H), likewise; dx and dw: BENCH_GRAD only */
    cl_mem logits, dz;   /* (most_rows,C) */
} linear_products;

typedef struct linear_problem {
    const bench_device *device;
    const bench_settings *settings;
    bench_case what;
    int64_t features;
    clxent_desc desc;
    clxent_plan *plan;
    double plan_seconds;
    size_t workspace_bytes;
    void *hidden_values, *classifier_values; /* the host's copies, of the case's type */
    int64_t *targets;
    float *weights; /* (C), or NULL */
    int64_t counted;
    cl_mem hidden, classifier, targets_buffer, weights_buffer;
    cl_mem loss, row_loss, grad_hidden, grad_classifier;
    linear_products products;
} linear_problem;

/* Describes the case; makes no buffer. If it does not fit the device, `why` has the reason; else it is "". */
void linear_problem_plan(linear_problem *p, const bench_device *d, const bench_list *list,
                         const bench_case *what, char *why, size_t size);

/* Makes the buffers, the inputs and the plan. The caller always calls linear_problem_close(). */
int linear_problem_open(linear_problem *p);
void linear_problem_close(linear_problem *p);

/* Bytes of the arrays of a call. */
uint64_t linear_problem_bytes(const linear_problem *p);

/* Enqueues a call with the outputs of desc->outputs and waits. The times may be NULL. */
int linear_problem_call(const linear_problem *p, clxent_plan *plan, const clxent_desc *desc, double *seconds,
                        double *enqueue_seconds);

/* Computes the bare products of all rows that count, in blocks of `rows` rows, and waits. They overwrite the
 * gradients. */
int linear_problem_products(const linear_problem *p, int64_t rows, double *seconds);

/* Checks results of the plan, which it runs (bench_linear_check.c). Returns EXIT_DIFFERS if one is wrong. */
int linear_problem_check(const linear_problem *p);

#endif
