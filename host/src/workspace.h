/* SPDX-License-Identifier: Apache-2.0
 * The scratch of a call: one buffer, cut into spans that a step asks for by name. */
#ifndef CLX_WORKSPACE_H
#define CLX_WORKSPACE_H

#include "plan.h"

typedef enum clx_span {
    CLX_TOTALS,         /* a clx_totals */
    CLX_COUNT_PARTIALS, /* a clx_counts for each chunk of rows */
    CLX_LOSS_PARTIALS,  /* a clx_loss_sums for each chunk, in the place of the counts */
    CLX_ROW_CE,         /* the cross entropy of each kept row, a real, until its chunk is added up */
    CLX_ROW_Z,          /* the z-loss of each kept row, likewise */
    CLX_ROW_PARTS,      /* the sums that schedule split makes of the parts of each row */
    CLX_SPANS
} clx_span;

typedef struct clx_workspace {
    int64_t at[CLX_SPANS]; /* byte offsets, multiples of 8 */
    int64_t bytes;
} clx_workspace;

/* The bytes that schedule split keeps of a row. */
static inline int64_t clx_part_bytes(const clxent_plan *plan) {
    return plan->split.parts * CLX_PART_REALS * (int64_t)clxent_dtype_size(clx_real(&plan->desc));
}

/* The workspace of a call of so many rows. It has room for the losses of `kept` rows and for the parts of
 * `split` rows at a time. */
clx_workspace clx_workspace_for(const clxent_plan *plan, int64_t rows, int64_t kept, int64_t split);

/* The workspace for all of the plan's rows at once. */
clx_workspace clx_workspace_of(const clxent_plan *plan);

/* The bytes of that workspace, of any plan. */
int64_t clx_workspace_total(const clxent_plan *plan);

/* The same as a size_t. ERR_MEMORY: the host's size_t does not hold it. */
clxent_status clx_workspace_size(const clxent_plan *plan, size_t *bytes);

#endif
