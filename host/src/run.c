/* SPDX-License-Identifier: Apache-2.0
 * clxent_run: a call on host arrays. The (N,C) arrays go through the device a block of rows at a time when
 * they do not fit; everything else is there as a whole. The loss is summed over all rows at the end, so
 * blocks do not change its bits. */
#include <inttypes.h>
#include <stdio.h>

#include "enqueue.h"
#include "error.h"
#include "staging.h"

typedef struct staged_call {
    clxent_plan *plan;
    clx_call call;
    clx_launch launch;
    clx_staged staged[CLX_ARRAYS];
    bool in_place; /* grad is the logits' buffer */
} staged_call;

static clxent_status stage(staged_call *s, int array, char *host, size_t bytes, bool keep) {
    const clx_slot *slot = &s->call.slots[array];
    const bool is_output = slot->is_output || (array == CLX_A_logits && s->in_place);
    return clx_stage(s->plan->ctx, clx_array_name(&s->plan->desc, array), host, bytes, is_output,
                     keep || !slot->is_output, &s->staged[array]);
}

static clxent_status collect(staged_call *s, int array) {
    return clx_stage_collect(s->plan->ctx, clx_array_name(&s->plan->desc, array), &s->staged[array]);
}

/* Enqueues the steps so far. On an out-of-order queue the next ones, and the copies, wait for them here. */
static clxent_status submit(staged_call *s) {
    clxent_ctx *ctx = s->plan->ctx;
    const clxent_status status = clx_launch_submit(&s->launch, 0, NULL, NULL);
    if (status != CLXENT_OK || !ctx->out_of_order) return status;
    const cl_int code = ctx->cl.Finish(ctx->queue);
    return code == CL_SUCCESS ? CLXENT_OK : clx_fail_cl(&ctx->error, code, "clFinish");
}

/* Stages the arrays that are not (N,C). */
static clxent_status stage_whole(staged_call *s) {
    int64_t stride = 0, outer_elements = 0;
    for (int i = 0; i < CLX_ARRAYS; i++) {
        clx_slot *slot = &s->call.slots[i];
        if (!slot->present || slot->bytes == 0 || clx_matrix_of(&s->plan->desc, i, &stride, &outer_elements))
            continue;
        const clxent_status status = stage(s, i, slot->host, slot->bytes, false);
        if (status != CLXENT_OK) return status;
        slot->mem = s->staged[i].mem;
    }
    return CLXENT_OK;
}

/* Stages outer indices [first, first + count) of the (N,C) arrays, and tells the kernels where row 0 would
 * be. */
static clxent_status stage_block(staged_call *s, int64_t first, int64_t count) {
    for (int i = 0; i < CLX_ARRAYS; i++) {
        int64_t stride = 0, outer_elements = 0;
        const clx_slot *slot = &s->call.slots[i];
        if (!slot->present || slot->bytes == 0 || !clx_matrix_of(&s->plan->desc, i, &stride, &outer_elements))
            continue;
        s->launch.params.at[i] = -first * stride;
        if (i == CLX_A_grad && s->in_place) {
            s->launch.arrays[i] = s->launch.arrays[CLX_A_logits];
            continue;
        }
        const int64_t size = (int64_t)clxent_dtype_size(slot->dtype);
        if (i == CLX_A_logits && s->in_place) /* the gradient's padding is written too */
            outer_elements = s->plan->desc.classes_padded * s->plan->desc.inner;
        const size_t bytes = (size_t)(((count - 1) * stride + outer_elements) * size);
        const clxent_status status =
            stage(s, i, (char *)slot->host + first * stride * size, bytes, stride > outer_elements);
        if (status != CLXENT_OK) return status;
        s->launch.arrays[i] = s->staged[i].mem;
    }
    return CLXENT_OK;
}

/* Makes the host see the block's outputs, unless they are to be discarded, and lets the block go. */
static clxent_status collect_block(staged_call *s, bool discard) {
    clxent_status status = CLXENT_OK;
    for (int i = 0; i < CLX_ARRAYS; i++) {
        int64_t stride = 0, outer_elements = 0;
        if (!clx_matrix_of(&s->plan->desc, i, &stride, &outer_elements)) continue;
        if (!discard && status == CLXENT_OK) status = collect(s, i);
        clx_stage_release(s->plan->ctx, &s->staged[i]);
        s->launch.arrays[i] = NULL;
    }
    return status;
}

/* How many outer indices fit the device at a time. */
static clxent_status block_size(const staged_call *s, int64_t outer, int64_t *out) {
    clxent_ctx *ctx = s->plan->ctx;
    const uint64_t budget = ctx->memory_bytes ? ctx->memory_bytes : ctx->info.global_memory_bytes;
    uint64_t whole = 0, an_outer = 0, largest = 0;
    for (int i = 0; i < CLX_ARRAYS; i++) {
        int64_t stride = 0, outer_elements = 0;
        const clx_slot *slot = &s->call.slots[i];
        if (!slot->present || (i == CLX_A_grad && s->in_place)) continue;
        if (!clx_matrix_of(&s->plan->desc, i, &stride, &outer_elements)) {
            whole += slot->bytes;
            continue;
        }
        const uint64_t bytes = (uint64_t)stride * clxent_dtype_size(slot->dtype);
        an_outer += bytes;
        if (bytes > largest) largest = bytes;
    }
    whole += (uint64_t)clx_workspace_of(s->plan).bytes;
    *out = outer;
    if (an_outer == 0 || outer == 0) return CLXENT_OK;
    const uint64_t fit = whole < budget ? (budget - whole) / an_outer : 0;
    const uint64_t fit_buffer = ctx->info.largest_buffer_bytes / largest;
    const uint64_t most = fit < fit_buffer ? fit : fit_buffer;
    if (most == 0)
        return clx_fail(&ctx->error, CLXENT_ERR_MEMORY,
                        "one %s of the (N,C) arrays needs %" PRIu64 " bytes beside %" PRIu64
                        " for the other arrays; there are %" PRIu64
                        " (memory_bytes) in buffers of at most %" PRIu64,
                        s->plan->desc.inner == 1 ? "row" : "outer index", an_outer, whole, budget,
                        ctx->info.largest_buffer_bytes);
    if ((uint64_t)outer > most) *out = (int64_t)most;
    return CLXENT_OK;
}

static clxent_status run_blocks(staged_call *s) {
    const clxent_desc *d = &s->plan->desc;
    const int64_t outer = s->call.rows / d->inner;
    int64_t block = 0;
    clxent_status status = block_size(s, outer, &block);
    for (int64_t first = 0; first < outer && status == CLXENT_OK; first += block) {
        const int64_t count = outer - first < block ? outer - first : block;
        status = stage_block(s, first, count);
        if (status == CLXENT_OK)
            status = clx_launch_rows(&s->launch, &s->call, first * d->inner, (first + count) * d->inner);
        if (status == CLXENT_OK) status = submit(s);
        const clxent_status collected = collect_block(s, status != CLXENT_OK);
        if (status == CLXENT_OK) status = collected;
    }
    return status;
}

static int64_t target_at(const clxent_desc *d, const void *targets, int64_t at) {
    switch (d->targets_dtype) {
    case CLXENT_I64:
        return ((const int64_t *)targets)[at];
    case CLXENT_I32:
        return ((const int32_t *)targets)[at];
    case CLXENT_U16:
        return ((const uint16_t *)targets)[at];
    default:
        return ((const uint8_t *)targets)[at];
    }
}

static clxent_status report_bad_targets(staged_call *s, const int64_t counts[4]) {
    const clxent_desc *d = &s->plan->desc;
    const int64_t row = counts[3];
    int64_t at = row;
    char more[48] = "";
    if (counts[2] == 0) return CLXENT_OK;
    if (d->targets == CLXENT_TARGETS_NEXT_TOKEN)
        at = row / d->sequence_length * d->tokens_per_sequence + row % d->sequence_length + 1;
    if (counts[2] > 1) snprintf(more, sizeof more, ", and %" PRId64 " more such rows", counts[2] - 1);
    return clx_fail(&s->plan->ctx->error, CLXENT_ERR_TARGET,
                    "row %" PRId64 ": target %" PRId64 " is not in [0, %" PRId64 ")%s", row,
                    target_at(d, s->call.slots[CLX_A_targets].host, at), d->classes, more);
}

clxent_status clxent_run(clxent_plan *plan, const clxent_arrays *arrays) {
    if (plan == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_ctx *ctx = plan->ctx;
    int64_t counts[4] = {0, 0, 0, -1};
    staged_call s = {.plan = plan};
    clxent_status status = clx_call_from_arrays(plan, arrays, &s.call);
    if (status != CLXENT_OK) return status;

    clx_slot *counts_slot = &s.call.slots[CLX_A_counts];
    const bool has_loss = !clx_is_softmax(&plan->desc);
    if (has_loss && !counts_slot->present) { /* bad targets are to be reported all the same */
        counts_slot->present = true;
        counts_slot->host = counts;
        s.call.outputs |= CLXENT_OUT_COUNTS;
    }
    const clx_slot *logits = &s.call.slots[CLX_A_logits], *grad = &s.call.slots[CLX_A_grad];
    s.in_place = logits->present && grad->present && logits->host == grad->host;

    status = stage_whole(&s);
    if (status == CLXENT_OK) status = clx_launch_init(&s.launch, plan, &s.call, NULL);
    if (status == CLXENT_OK) {
        clx_launch_before(&s.launch, &s.call);
        status = submit(&s);
    }
    if (status == CLXENT_OK) status = run_blocks(&s);
    if (status == CLXENT_OK) {
        clx_launch_after(&s.launch, &s.call);
        status = submit(&s);
    }
    for (int i = 0; i < CLX_ARRAYS && status == CLXENT_OK; i++) status = collect(&s, i);
    /* Nothing that reads or writes the caller's arrays may outlive this call, least of all after a failure.
     */
    const cl_int code = ctx->cl.Finish(ctx->queue);
    if (code != CL_SUCCESS && status == CLXENT_OK) status = clx_fail_cl(&ctx->error, code, "clFinish");
    for (int i = 0; i < CLX_ARRAYS; i++) clx_stage_release(ctx, &s.staged[i]);
    if (status == CLXENT_OK && has_loss) status = report_bad_targets(&s, counts_slot->host);
    return status;
}
