/* SPDX-License-Identifier: Apache-2.0
 * The kernels of a call, in order: counts and divisors, rows, loss. */
#ifndef CLX_ENQUEUE_H
#define CLX_ENQUEUE_H

#include "call.h"

typedef struct clx_step {
    clx_kernel *kernel;
    size_t groups, local_size, scratch_bytes;
} clx_step;

enum { CLX_MAX_STEPS = 6 };

/* A call on its way to the queue. */
typedef struct clx_launch {
    clxent_plan *plan;
    clx_params params;
    cl_mem arrays[CLXENT_A_COUNT]; /* NULL: absent */
    cl_mem workspace;
    clx_step steps[CLX_MAX_STEPS];
    int count; /* of steps not yet enqueued */
} clx_launch;

/* Fills all but the steps and the workspace. */
void clx_launch_init(clx_launch *launch, clxent_plan *plan, const clx_call *call);

/* Whether something is to be counted before the rows, and whether a kernel reads the rows. */
bool clx_counts_first(const clx_launch *launch, const clx_call *call);
bool clx_reads_rows(const clx_call *call);

/* Append what is to be done before the rows, the rows, and what is to be done after them, for the rows
 * [first, end); all steps between two submits are for the same rows. Before and after: `first` is a chunk's
 * first row, `end` one chunk's or the call's last, and with that the sums over all rows are finished. */
void clx_launch_before(clx_launch *launch, const clx_call *call, int64_t first, int64_t end);
clxent_status clx_launch_rows(clx_launch *launch, const clx_call *call, int64_t first, int64_t end);
void clx_launch_after(clx_launch *launch, const clx_call *call, int64_t first, int64_t end);

/* Enqueues the steps, one after the other, and empties the list. *event, when event is not NULL, is that of
 * the last one (a marker's, when there is none). On failure, of the last one that was enqueued, on an
 * out-of-order queue, else NULL: the launch's memory is in use until then. */
clxent_status clx_launch_submit(clx_launch *launch, cl_uint n_wait, const cl_event *wait, cl_event *event);

#endif
