/* SPDX-License-Identifier: Apache-2.0
 * A validated loss, and what is fixed with it: schedule, kernels, scratch. */
#ifndef CLX_PLAN_H
#define CLX_PLAN_H

#include "arrays.h"
#include "context.h"
#include "program.h"
#include "rows_done.h"
#include "sizes.h"

/* Of numbers that are not negative. */
static inline int64_t clx_divided_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* A row kernel that the plan remembers, so that a call neither formats build options nor compares text. */
typedef struct clx_plan_row {
    clx_build build;
    clx_kernel *kernels; /* one; split: CLX_SPLIT_SCAN and so on */
} clx_plan_row;
enum { CLX_PLAN_ROWS = 8 };

/* Schedule split: teams a row, and the classes of each but the last. */
typedef struct clx_split {
    int64_t parts, part_classes;
} clx_split;

/* A call in phases that has begun and not ended. */
typedef struct clx_open_call {
    bool is_open;
    int64_t rows;
    clxent_scalars scalars;
    bool has_loss, has_counts;
    cl_mem workspace; /* the caller's; NULL: the plan's own */
    size_t workspace_offset;
    clx_rows_done done;
    cl_event last; /* out-of-order queue, the caller's workspace: the phase before; NULL: none */
} clx_open_call;

struct clxent_plan {
    clxent_ctx *ctx;
    clxent_desc desc; /* as given, with every default resolved */
    clxent_schedule schedule;
    clx_split split;
    clxent_tuning tuning;             /* of the context when the plan was created */
    clx_kernel *reduce;               /* the kernels of reduce.cl; NULL for a softmax, which sums no rows */
    clx_plan_row rows[CLX_PLAN_ROWS]; /* the row kernels met so far */
    int row_count;
    cl_mem workspace;        /* the plan's own; NULL until it is needed */
    cl_event workspace_user; /* out-of-order queue: the last call that uses it; NULL: none */
    clx_open_call open;
};

/* The plan's row kernels for these outputs and scalars; compiled now if they were not before. */
clxent_status clx_plan_row_kernels(clxent_plan *plan, uint32_t outputs, const clxent_scalars *scalars,
                                   clx_kernel **out);

/* validate.c: copies `in` with its defaults resolved, or says what is wrong with it or with the schedule that
 * is asked for. */
clxent_status clx_resolve_desc(clxent_ctx *ctx, const clxent_desc *in, clxent_schedule asked,
                               clxent_desc *out);
clxent_status clx_check_scalars(clxent_error *err, const clxent_desc *desc, const clxent_scalars *scalars);
clxent_scalars clx_desc_scalars(const clxent_desc *desc);

/* schedule.c: the schedule of this desc on this device: `asked`, or its own choice. Refuses one that the
 * device would get wrong. */
clxent_status clx_choose_schedule(clxent_ctx *ctx, const clxent_desc *desc, clxent_schedule asked,
                                  clxent_schedule *out, clx_split *split);

#endif
