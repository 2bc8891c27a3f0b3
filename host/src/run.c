/* SPDX-License-Identifier: Apache-2.0
 * clxent_run: a call on host arrays. The (N,C) arrays go through the device in blocks (stream.c); everything
 * else is there as a whole. The loss is summed over all rows at the end, so blocks do not change its bits. */
#include <inttypes.h>
#include <stdio.h>

#include "error.h"
#include "stream.h"

typedef struct staged_call {
    clxent_plan *plan;
    clx_call call;
    clx_launch launch;
    clx_transfers transfers;
    clx_staged staged[CLX_ARRAYS]; /* those that are not (N,C) */
} staged_call;

static clxent_status stage_whole(staged_call *s) {
    int64_t stride = 0, touched = 0;
    for (int i = 0; i < CLX_ARRAYS; i++) {
        clx_slot *slot = &s->call.slots[i];
        if (!slot->present || slot->bytes == 0 || clx_matrix_of(&s->plan->desc, i, &stride, &touched))
            continue;
        s->staged[i] = (clx_staged){.name = clx_array_name(&s->plan->desc, i),
                                    .host = slot->host,
                                    .bytes = slot->bytes,
                                    .is_output = slot->is_output,
                                    .is_read = !slot->is_output};
        const clxent_status status = clx_stage(s->plan->ctx, &s->transfers, &s->staged[i], slot->bytes);
        if (status != CLXENT_OK) return status;
        slot->mem = s->staged[i].mem;
    }
    return CLXENT_OK;
}

/* Enqueues all that the call does. */
static clxent_status enqueue_all(staged_call *s) {
    clxent_ctx *ctx = s->plan->ctx;
    clxent_status status = clx_transfers_begin(ctx);
    if (status == CLXENT_OK) status = stage_whole(s);
    if (status == CLXENT_OK) status = clx_launch_init(&s->launch, s->plan, &s->call, NULL);
    if (status != CLXENT_OK) return status;
    clx_launch_before(&s->launch, &s->call);
    status = clx_transfers_launch(&s->transfers, &s->launch);
    if (status == CLXENT_OK) status = clx_stream_rows(&s->launch, &s->call, &s->transfers);
    if (status != CLXENT_OK) return status;
    clx_launch_after(&s->launch, &s->call);
    status = clx_transfers_launch(&s->transfers, &s->launch);
    for (int i = 0; i < CLX_ARRAYS && status == CLXENT_OK; i++)
        status = clx_stage_collect(ctx, &s->transfers, &s->staged[i]);
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
    char more[48] = "", token[80] = "";
    if (counts[2] == 0) return CLXENT_OK;
    if (d->targets == CLXENT_TARGETS_NEXT_TOKEN) { /* not the row's own, but the token behind it */
        const int64_t sequence = row / d->sequence_length, next = row % d->sequence_length + 1;
        at = sequence * d->tokens_per_sequence + next;
        snprintf(token, sizeof token, " (sequence %" PRId64 ", token %" PRId64 ")", sequence, next);
    }
    if (counts[2] > 1)
        snprintf(more, sizeof more, ", and %" PRId64 " more such row%s", counts[2] - 1,
                 counts[2] > 2 ? "s" : "");
    return clx_fail(&s->plan->ctx->error, CLXENT_ERR_TARGET,
                    "row %" PRId64 "%s: target %" PRId64 " is not in [0, %" PRId64 ")%s", row, token,
                    target_at(d, s->call.slots[CLX_A_targets].host, at), d->classes, more);
}

clxent_status clxent_run(clxent_plan *plan, const clxent_arrays *arrays) {
    if (plan == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_ctx *ctx = plan->ctx;
    int64_t counts[4] = {0, 0, 0, -1};
    staged_call s = {.plan = plan};
    clxent_status status = clx_check_process(&ctx->error);
    if (status == CLXENT_OK) status = clx_call_from_arrays(plan, arrays, &s.call);
    if (status != CLXENT_OK) return status;

    clx_slot *counts_slot = &s.call.slots[CLX_A_counts];
    const bool has_loss = !clx_is_softmax(&plan->desc);
    if (has_loss && !counts_slot->present) { /* bad targets are to be reported all the same */
        counts_slot->present = true;
        counts_slot->host = counts;
        s.call.outputs |= CLXENT_OUT_COUNTS;
    }
    status = enqueue_all(&s);
    /* Nothing that reads or writes the caller's arrays may outlive this call, least of all after a failure.
     */
    status = clx_transfers_finish(ctx, &s.transfers, status);
    for (int i = 0; i < CLX_ARRAYS; i++) clx_stage_release(ctx, &s.staged[i]);
    if (status == CLXENT_OK && has_loss) status = report_bad_targets(&s, counts_slot->host);
    return status;
}
