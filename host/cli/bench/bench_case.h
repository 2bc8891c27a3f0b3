/* SPDX-License-Identifier: Apache-2.0
 *
 * One case of `clxent bench` on the device: its buffers, its plans and its calls.
 */
#ifndef CLXENT_CLI_BENCH_CASE_H
#define CLXENT_CLI_BENCH_CASE_H

#include "bench.h"
#include "bench_device.h"
#include "reference.h"

/* The buffers hold `slots` equal problems, one behind the other. The calls rotate among them, so that the
 * caches help no call. */
typedef struct bench_problem {
    const bench_device *device;
    const bench_settings *settings;
    bench_case what;
    clxent_desc desc;       /* with the settings' options */
    clxent_dtype out_dtype; /* of the gradient or the log-probabilities */
    size_t slots, slot_bytes, out_slot_bytes;
    int64_t *targets; /* the host's copy */
    int64_t counted;  /* rows that are not ignored */
    float *weights;   /* (C), or NULL */
    cl_mem logits, out, targets_buffer, weights_buffer, loss, lse, lse_residual, row_loss;
} bench_problem;

enum { BENCH_IGNORE = -100, BENCH_ALIGN = 4096 };

/* Fills in the parts of the problem that follow from the shape; makes no buffer. If the case does not fit the
 * device, `why` has the reason; else it is "". */
void bench_problem_plan(bench_problem *p, const bench_device *d, const bench_settings *settings,
                        const bench_case *what, char *why, size_t size);

/* Draws the targets of a case, and the class weights if they are on, and writes them to the buffers. The
 * caller frees the host's copies; *weights is NULL without weights. *counted: rows that are not ignored. */
int bench_draw_targets(const bench_device *d, const bench_settings *settings, int64_t rows, int64_t classes,
                       cl_mem targets_buffer, cl_mem weights_buffer, int64_t **targets, float **weights,
                       int64_t *counted);

/* Makes the buffers. Returns EXIT_GOOD or the exit code. The caller always calls bench_problem_close(). */
int bench_problem_open(bench_problem *p);
void bench_problem_close(bench_problem *p);

/* Writes new logits to the slots from `first` up to, but not including, `end`. */
int bench_problem_fill(const bench_problem *p, size_t first, size_t end);

/* Returns the buffers of a call with the outputs of desc->outputs. */
clxent_buffers bench_problem_buffers(const bench_problem *p, const clxent_desc *desc, size_t slot);

/* Enqueues and waits. seconds and enqueue_seconds may be NULL. */
int bench_problem_call(const bench_problem *p, clxent_plan *plan, const clxent_desc *desc, size_t slot,
                       double *seconds, double *enqueue_seconds);

/* Times *n calls, BENCH_CALLS at most, one after the other. The slots rotate with the number of the pair.
 * seconds and enqueue_seconds get an element for each call. If the operation overwrites logits, it first
 * fills the slots again. */
enum { BENCH_CALLS = 8 };
int bench_problem_time(const bench_problem *p, clxent_plan *plan, const clxent_desc *desc, int pair,
                       double *seconds, double *enqueue_seconds, size_t *n);

/* Returns the bytes that a call must read and write. */
double bench_problem_bytes(const bench_problem *p);

/* Checks some rows of the plan's outputs against the double-precision reference. It may overwrite the logits
 * of the last slot with gradients. Returns EXIT_DIFFERS if a value is wrong. */
int bench_check(const bench_problem *p, clxent_plan *plan);

/* The reference's name of a type. */
reference_storage bench_storage(clxent_dtype dtype);

#endif
