/* SPDX-License-Identifier: Apache-2.0
 * A validated loss, and what is fixed with it: schedule, kernels, scratch. */
#ifndef CLX_PLAN_H
#define CLX_PLAN_H

#include "arrays.h"
#include "context.h"
#include "program.h"
#include "sizes.h"

/* Of numbers that are not negative. */
static inline int64_t clx_divided_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* A row kernel that the plan remembers, so that a call neither formats build options nor compares text. */
typedef struct clx_plan_row {
    clx_build build;
    clx_kernel *kernels; /* one; split: two */
} clx_plan_row;
enum { CLX_PLAN_ROWS = 8 };

/* Schedule split: teams a row, and the classes of each but the last. */
typedef struct clx_split {
    int64_t parts, part_classes;
} clx_split;

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

/* Scratch of a call, in byte offsets: totals; for each chunk of rows its part of the counts and of the loss;
 * for each of `kept` rows its losses until their chunk is added up; for each of `split` rows what schedule
 * split knows of its parts. */
typedef struct clx_workspace {
    int64_t totals_at, count_partials_at, loss_partials_at, row_ce_at, row_z_at, row_parts_at, bytes;
} clx_workspace;
clx_workspace clx_workspace_for(const clxent_plan *plan, int64_t rows, int64_t kept, int64_t split);

/* For all of the plan's rows at once. */
clx_workspace clx_workspace_of(const clxent_plan *plan);

/* Its bytes. ERR_MEMORY where the host has no buffer of that size. */
clxent_status clx_workspace_size(const clxent_plan *plan, size_t *bytes);

#endif
