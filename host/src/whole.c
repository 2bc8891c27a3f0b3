/* SPDX-License-Identifier: Apache-2.0 */
#include "whole.h"

#include "error.h"
#include "linear.h"

typedef struct whole {
    clx_staged arrays[CLXENT_A_COUNT], workspace;
} whole;

static bool is_touched(const clx_slot *slot) {
    return slot->present && slot->bytes > 0;
}

/* Refuses a call that takes more of the device than it may. */
static clxent_status check_memory(const clxent_plan *plan, const clx_call *call) {
    clxent_ctx *ctx = plan->ctx;
    const uint64_t budget = clx_memory_budget(ctx);
    uint64_t needed = (uint64_t)plan->linear->bytes;
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (is_touched(&call->slots[i])) needed += call->slots[i].bytes;
    if (needed <= budget) return CLXENT_OK;
    return clx_fail(
        &ctx->error, CLXENT_ERR_MEMORY,
        "this call takes %llu bytes of the device, since %s needs its arrays there as a whole; %s is "
        "%llu",
        (unsigned long long)needed, clxent_op_name(plan->desc.op),
        ctx->memory_bytes ? "memory_bytes" : "its memory", (unsigned long long)budget);
}

/* Brings an array to the device. An output is read too, if the call does not write all that is between its
 * ends, or adds to it. */
static clxent_status stage(clxent_plan *plan, clx_transfers *transfers, clx_staged *staged, int array,
                           clx_slot *slot) {
    const clxent_desc *d = &plan->desc;
    const int64_t stride = clx_features_stride(d, array);
    const bool adds = (d->flags & CLXENT_ADD_GRAD_CLASSIFIER) &&
                      (array == CLXENT_A_grad_classifier || array == CLXENT_A_grad_classifier_bias);
    *staged = (clx_staged){.name = clx_array_name(array),
                           .host = slot->host,
                           .bytes = slot->bytes,
                           .is_copied = !plan->ctx->info.unified_memory,
                           .is_output = slot->is_output,
                           .is_read = !slot->is_output || adds || stride > d->features};
    const clxent_status status = clx_stage(plan->ctx, transfers, staged, slot->bytes);
    slot->mem = staged->mem;
    return status;
}

static clxent_status submit(void *transfers, clx_launch *launch) {
    return clx_transfers_launch(transfers, launch);
}

clxent_status clx_run_whole(clxent_plan *plan, const clx_call *call, clx_transfers *transfers) {
    clxent_ctx *ctx = plan->ctx;
    clx_call on_device = *call;
    whole w = {
        .workspace = {.name = "the workspace", .bytes = (size_t)plan->linear->bytes, .is_output = true}};
    clxent_status status = check_memory(plan, call);
    if (status == CLXENT_OK) status = clx_stage(ctx, transfers, &w.workspace, w.workspace.bytes);
    for (int i = 0; i < CLXENT_A_COUNT && status == CLXENT_OK; i++)
        if (is_touched(&call->slots[i]))
            status = stage(plan, transfers, &w.arrays[i], i, &on_device.slots[i]);
    if (status == CLXENT_OK) status = clx_linear_run(plan, &on_device, w.workspace.mem, 0, submit, transfers);
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        if (status == CLXENT_OK) status = clx_stage_collect(ctx, transfers, &w.arrays[i]);
        clx_stage_release(ctx, &w.arrays[i]);
    }
    clx_stage_release(ctx, &w.workspace);
    return status;
}
