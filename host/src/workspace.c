/* SPDX-License-Identifier: Apache-2.0 */
#include "workspace.h"

#include <clxent/clxent_opencl.h>

#include "error.h"
#include "linear.h"
#include "params.h"
#include "sizes.h"

/* Appends a span. */
static void add(clx_workspace *w, clx_span span, int64_t bytes) {
    const int64_t alignment = sizeof(clx_bits);
    w->at[span] = w->bytes;
    w->bytes += clx_divided_up(bytes, alignment) * alignment;
}

clx_workspace clx_workspace_for(const clxent_plan *plan, int64_t rows, int64_t kept, int64_t split) {
    const int64_t chunks = clx_divided_up(rows, CLX_CHUNK_ROWS);
    const int64_t kept_bytes = kept * (int64_t)clxent_dtype_size(clx_real(&plan->desc));
    const bool splits = plan->schedule == CLXENT_SCHEDULE_SPLIT;
    clx_workspace w = {.bytes = 0};
    add(&w, CLX_TOTALS, sizeof(clx_totals));
    add(&w, CLX_COUNT_PARTIALS, chunks * (int64_t)sizeof(clx_counts));
    /* all rows are counted, and the counts added up, before there is any loss */
    w.at[CLX_LOSS_PARTIALS] = w.at[CLX_COUNT_PARTIALS];
    _Static_assert(sizeof(clx_loss_sums) <= sizeof(clx_counts), "in the place of the counts");
    add(&w, CLX_ROW_CE, kept_bytes);
    add(&w, CLX_ROW_Z, kept_bytes);
    add(&w, CLX_ROW_PARTS, splits ? split * clx_part_bytes(plan) : 0);
    return w;
}

clx_workspace clx_workspace_of(const clxent_plan *plan) {
    const int64_t rows = plan->desc.rows;
    return clx_workspace_for(plan, rows, rows, rows);
}

int64_t clx_workspace_total(const clxent_plan *plan) {
    return plan->linear ? plan->linear->bytes : clx_workspace_of(plan).bytes;
}

clxent_status clx_workspace_size(const clxent_plan *plan, size_t *bytes) {
    const uint64_t needed = (uint64_t)clx_workspace_total(plan);
    if (clx_fits_size(needed, SIZE_MAX, bytes)) return CLXENT_OK;
    return clx_fail(
        &plan->ctx->error, CLXENT_ERR_MEMORY,
        "the workspace of a plan of %lld rows needs a buffer of %llu bytes, and the largest size on "
        "this host is %zu: plan for fewer rows",
        (long long)plan->desc.rows, (unsigned long long)needed, SIZE_MAX);
}

clxent_status clxent_workspace_bytes(const clxent_plan *plan, size_t *bytes) {
    if (plan == NULL) return CLXENT_ERR_ARGUMENT;
    if (bytes == NULL) return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT, "bytes is NULL");
    size_t needed = 0;
    const clxent_status status = clx_workspace_size(plan, &needed);
    if (status == CLXENT_OK) *bytes = needed;
    return status;
}
