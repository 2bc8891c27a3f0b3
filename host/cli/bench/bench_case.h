/* SPDX-License-Identifier: Apache-2.0
 *
 * One case of `clxent bench` on the device: its buffers, its plans, what a call is given.
 */
#ifndef CLXENT_CLI_BENCH_CASE_H
#define CLXENT_CLI_BENCH_CASE_H

#include "bench.h"
#include "bench_device.h"

/* The buffers hold `slots` problems one behind the other: all the same, so that the caches help none. */
typedef struct bench_problem {
    const bench_device *device;
    const bench_settings *settings;
    bench_case what;
    clxent_desc desc;       /* with the settings' options */
    clxent_dtype out_dtype; /* of what is written apart */
    size_t slots, slot_bytes, out_slot_bytes;
    int64_t *targets; /* as the device has them */
    int64_t counted;  /* rows that are not ignored */
    float *weights;   /* (C), or NULL */
    cl_mem logits, out, targets_buffer, weights_buffer, loss, lse, lse_residual, row_loss;
} bench_problem;

enum { BENCH_IGNORE = -100, BENCH_ALIGN = 4096 };

/* What keeps the case from running on this device, in `why`; "" when nothing does. Fills in the shape's part
 * of the problem, and needs no buffer. */
void bench_problem_plan(bench_problem *p, const bench_device *d, const bench_settings *settings,
                        const bench_case *what, char *why, size_t size);

/* Makes the buffers. bench_problem_close() is to be called either way. EXIT_GOOD, or what to exit with. */
int bench_problem_open(bench_problem *p);
void bench_problem_close(bench_problem *p);

/* Fresh logits in the slots from first to before end. */
int bench_problem_fill(const bench_problem *p, size_t first, size_t end);

/* The call's buffers; which outputs it has is the plan's desc.outputs. */
clxent_buffers bench_problem_buffers(const bench_problem *p, const clxent_desc *desc, size_t slot);

/* Enqueues and waits. seconds and enqueue_seconds may be NULL. */
int bench_problem_call(const bench_problem *p, clxent_plan *plan, const clxent_desc *desc, size_t slot,
                       double *seconds, double *enqueue_seconds);

/* Calls in turn on slots that rotate with the number of the pair: *n of them, BENCH_CALLS at most. seconds
 * and enqueue_seconds have one each. The logits are made anew where the calls before have written over them.
 */
enum { BENCH_CALLS = 8 };
int bench_problem_time(const bench_problem *p, clxent_plan *plan, const clxent_desc *desc, int pair,
                       double *seconds, double *enqueue_seconds, size_t *n);

/* What a call cannot but read and write. */
double bench_problem_bytes(const bench_problem *p);

/* The outputs of the plan against the double-precision reference, on some rows. Leaves gradients where the
 * logits of the last slot were. EXIT_DIFFERS when one is wrong. */
int bench_check(const bench_problem *p, clxent_plan *plan);

#endif
