/* SPDX-License-Identifier: Apache-2.0
 * A launch: a list of steps to enqueue, and the parameters of the call that all steps share. */
#ifndef CLX_LAUNCH_H
#define CLX_LAUNCH_H

#include <clxent/clxent_opencl.h>

#include "call.h"
#include "params.h"
#include "plan.h"
#include "workspace.h"

typedef struct clx_launch clx_launch;
typedef struct clx_step clx_step;

/* A step can be enqueued behind events, and has an event. It is a kernel of this library (clx_add_kernel()),
 * or a command with an enqueue function of its own: a copy, a library's matrix product, a callback. The
 * function enqueues on the context's queue, and sets *event, when event is not NULL, to the event of its last
 * command. */
struct clx_step {
    clxent_status (*enqueue)(clx_launch *launch, const clx_step *step, cl_uint n_wait, const cl_event *wait,
                             cl_event *event);
    clx_kernel *kernel;
    size_t groups, local_size, scratch_bytes;
    union {
        struct {
            clx_copy params;
            cl_mem from, to;
        } copy;
        struct {
            const clxent_gemm *gemm;
            clxent_product product;
        } gemm;
    } of; /* linear_steps.c */
};

enum { CLX_MAX_STEPS = 6 };

struct clx_launch {
    clxent_plan *plan;
    clx_params params;
    cl_mem arrays[CLXENT_A_COUNT]; /* in the order of the kernels' arguments; NULL: absent */
    cl_mem workspace;
    clx_step steps[CLX_MAX_STEPS];
    int count; /* of steps not yet enqueued */
};

/* Fills all but the steps and the workspace. */
void clx_launch_init(clx_launch *launch, clxent_plan *plan, const clx_call *call);

/* Tells the kernels that the (N,C) arrays hold only so many rows of one outer index, one class's run of rows
 * after another. If the first of these rows is row f, the caller places row 0 f elements before the
 * buffer. */
void clx_pack_piece(clx_params *params, int64_t rows);

/* Tells the kernels where the scratch is: at `offset` in the workspace, in this layout. The places for kept
 * rows begin with row first_kept, those for split rows with row first_split. */
void clx_place_workspace(clx_params *p, const clxent_plan *plan, const clx_workspace *w, size_t offset,
                         int64_t first_kept, int64_t first_split);

/* Adds a kernel of so many work-groups; a group needs scratch_bytes of local memory. */
void clx_add_kernel(clx_launch *launch, clx_kernel *kernel, size_t groups, size_t local_size,
                    size_t scratch_bytes);

/* Enqueues a step's kernel, whose arguments are set. */
clxent_status clx_enqueue_range(clx_launch *launch, const clx_step *step, cl_uint n_wait,
                                const cl_event *wait, cl_event *event);

/* Enqueues the steps one after the other, and empties the list. Sets *event, when event is not NULL, to the
 * event of the last step, or of a marker when there is no step. After a failure *event is that of the last
 * step that was enqueued, if that step has an event (on an out-of-order queue each has one), else NULL. The
 * launch's memory is in use until that event. */
clxent_status clx_launch_submit(clx_launch *launch, cl_uint n_wait, const cl_event *wait, cl_event *event);

/* Every call that enqueues begins with this. Sets *event to NULL, and checks the wait list. Refuses an event
 * that has already failed: the call could only fail, and with PoCL it would never end. */
clxent_status clx_check_waits(clxent_ctx *ctx, cl_uint n_wait, const cl_event *wait, cl_event *event);

/* Where the driver loses events (held.h): makes room for so many more, and holds one. Elsewhere they do
 * nothing. */
clxent_status clx_reserve_events(clxent_ctx *ctx, size_t count);
clxent_status clx_hold_event(clxent_ctx *ctx, cl_event event);

/* Enqueues a marker behind the events of `wait`, or, without them, behind all that is on the queue. */
clxent_status clx_enqueue_marker(clxent_ctx *ctx, cl_uint n_wait, const cl_event *wait, cl_event *event);

#endif
