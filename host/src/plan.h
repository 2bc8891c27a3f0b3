/* SPDX-License-Identifier: Apache-2.0
 * A validated loss with its schedule, kernels and scratch. */
#ifndef CLX_PLAN_H
#define CLX_PLAN_H

#include "arrays.h"
#include "context.h"
#include "program.h"
#include "rows_done.h"
#include "schedule.h"
#include "sizes.h"

/* A row kernel that the plan remembers, so that a call neither formats build options nor compares text. */
typedef struct clx_plan_row {
    clx_build build;
    clx_kernel *kernels; /* one; split: CLX_SPLIT_SCAN and so on */
} clx_plan_row;
enum { CLX_PLAN_ROWS = 8 };

/* A call in phases that has begun and not ended. */
typedef struct clx_open_call {
    bool is_open;
    int64_t rows;
    clxent_scalars scalars;
    bool has_loss, has_counts;
    cl_mem workspace; /* the caller's; NULL: the plan's own */
    size_t workspace_offset;
    clx_rows_done done;
    cl_event last; /* the event of the phase before, on an out-of-order queue with the caller's workspace;
                    * NULL: none */
} clx_open_call;

struct clx_linear;

struct clxent_plan {
    clxent_ctx *ctx;
    clxent_desc desc;          /* as given, with every default resolved */
    struct clx_linear *linear; /* of linear cross entropy; else NULL. Such a plan has plans of its own for the
                                * loss of logits (linear.h), and none of the fields down to `open`. */
    int64_t block;             /* 0, or so many rows of logits in a launch, in the order of order.cl */
    clxent_schedule schedule;
    clx_split split;
    clxent_tuning tuning;             /* of the context when the plan was created */
    clx_kernel *reduce;               /* the kernels of reduce.cl; NULL for a softmax, which sums no rows */
    clx_plan_row rows[CLX_PLAN_ROWS]; /* the row kernels met so far */
    int row_count;
    cl_mem workspace;        /* the plan's own; NULL until it is needed */
    cl_event workspace_user; /* out-of-order queue: the event of the last call that uses it; NULL: none */
    clx_open_call open;
};

/* clxent_plan_create_scheduled() without the checks of its pointers. `block`: see clxent_plan. */
clxent_status clx_plan_make(clxent_plan **out, clxent_ctx *ctx, const clxent_desc *desc,
                            clxent_schedule schedule, int64_t block);

/* The plan's row kernels for these outputs and scalars; compiled now if they were not before. */
clxent_status clx_plan_row_kernels(clxent_plan *plan, uint32_t outputs, const clxent_scalars *scalars,
                                   clx_kernel **out);

#endif
