/* SPDX-License-Identifier: Apache-2.0
 * clxent_run: a call on host arrays, and the message about bad targets. */
#include <inttypes.h>
#include <stdio.h>

#include "error.h"
#include "state.h"
#include "stream.h"
#include "whole.h"

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

static clxent_status report_bad_targets(clxent_plan *plan, const clx_call *call, const int64_t counts[4]) {
    const clxent_desc *d = &plan->desc;
    const int64_t row = counts[3];
    int64_t at = row;
    char more[48] = "", token[80] = "";
    if (counts[2] == 0) return CLXENT_OK;
    if (d->targets == CLXENT_TARGETS_NEXT_TOKEN) { /* the target is the token behind the row's own */
        const int64_t sequence = row / d->sequence_length, next = row % d->sequence_length + 1;
        at = sequence * d->tokens_per_sequence + next;
        snprintf(token, sizeof token, " (sequence %" PRId64 ", token %" PRId64 ")", sequence, next);
    }
    if (counts[2] > 1)
        snprintf(more, sizeof more, ", and %" PRId64 " more such row%s", counts[2] - 1,
                 counts[2] > 2 ? "s" : "");
    return clx_fail(&plan->ctx->error, CLXENT_ERR_TARGET,
                    "row %" PRId64 "%s: target %" PRId64 " is not in [0, %" PRId64 ")%s", row, token,
                    target_at(d, call->slots[CLXENT_A_targets].host, at), d->classes_total, more);
}

clxent_status clxent_run(clxent_plan *plan, const clxent_arrays *arrays) {
    if (plan == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_ctx *ctx = plan->ctx;
    int64_t counts[4] = {0, 0, 0, -1};
    clx_call call;
    clx_transfers transfers = {NULL, NULL, NULL};
    clxent_status status = clx_check_process(&ctx->error);
    if (status == CLXENT_OK) status = clx_call_from_arrays(plan, arrays, &call);
    if (status == CLXENT_OK && (plan->desc.flags & CLXENT_FROM_STATE))
        status = clx_check_whole_states(plan, &call.scalars, call.slots[CLXENT_A_state].host, call.rows);
    if (status != CLXENT_OK) return status;

    clx_slot *counts_slot = &call.slots[CLXENT_A_counts];
    const bool has_loss = !clx_is_softmax(&plan->desc);
    if (has_loss && !counts_slot->present) { /* clxent_run reports bad targets in any case */
        counts_slot->present = true;
        counts_slot->host = counts;
        call.outputs |= CLXENT_OUT_COUNTS;
    }
    status = clx_transfers_begin(ctx);
    if (status == CLXENT_OK)
        status = plan->linear ? clx_run_whole(plan, &call, &transfers) : clx_stream(plan, &call, &transfers);
    /* Nothing that reads or writes the caller's arrays may outlive this call, least of all after a failure.
     */
    status = clx_transfers_finish(ctx, &transfers, status);
    if (status == CLXENT_OK && has_loss) status = report_bad_targets(plan, &call, counts_slot->host);
    return status;
}
