/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <clxent/clxent_experimental.h>
#include <clxent/clxent_opencl.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "linear.h"
#include "params.h"
#include "structs.h"
#include "validate.h"

clxent_status clx_plan_row_kernels(clxent_plan *plan, uint32_t outputs, const clxent_scalars *scalars,
                                   clx_kernel **out) {
    _Static_assert(sizeof(clx_build) == 14 * sizeof(int), "memcmp() compares builds: they have no padding");
    const clxent_desc *d = &plan->desc;
    const uint32_t asked = outputs;
    if (d->outputs)
        outputs = d->outputs; /* one kernel for all that calls may ask for: it looks which are there */
    const bool softmax = clx_is_softmax(d);
    const bool probability = d->targets == CLXENT_TARGETS_PROBABILITY;
    const bool grad = (outputs & CLXENT_OUT_GRAD) != 0;
    const bool lane = plan->schedule == CLXENT_SCHEDULE_LANE;
    const bool wide = clx_is_wide(&plan->ctx->facts, plan->schedule);
    const clxent_tuning *tuning = &plan->tuning;
    const clx_build build = {
        .op = d->op,
        .logits = d->logits_dtype,
        .grad = grad ? d->grad_dtype : d->logits_dtype,
        .probabilities = probability ? d->targets_dtype : d->logits_dtype,
        .softcap = scalars->softcap != 0,
        .scaled = scalars->softcap == 0 && scalars->logit_scale != 1,
        .stats = (outputs & (CLXENT_OUT_RANK | CLXENT_OUT_ENTROPY | CLXENT_OUT_STATE)) != 0,
        .strided = d->inner > 1,
        .from_lse = (d->flags & CLXENT_GRAD_FROM_LSE) != 0,
        .from_state = (d->flags & CLXENT_FROM_STATE) != 0,
        .in_order = plan->block > 0,
        .u = probability                            ? CLX_U_PROBABILITY
             : scalars->label_smoothing > 0         ? CLX_U_WEIGHT
             : softmax && (asked & CLXENT_OUT_GRAD) ? CLX_U_GRAD_OUTPUT
                                                    : CLX_U_NONE,
        .width = lane   ? 0
                 : wide ? tuning->wide_width
                        : tuning->group_width,
        .tile = lane   ? 0
                : wide ? tuning->wide_tile
                       : tuning->group_tile,
    };
    for (int i = 0; i < plan->row_count; i++)
        if (memcmp(&plan->rows[i].build, &build, sizeof build) == 0) {
            *out = plan->rows[i].kernels;
            return CLXENT_OK;
        }
    const clxent_status status = clx_row_kernels(plan->ctx, plan->schedule, &build, out);
    if (status == CLXENT_OK && plan->row_count < CLX_PLAN_ROWS)
        plan->rows[plan->row_count++] = (clx_plan_row){build, *out};
    return status;
}

clxent_status clxent_plan_create_scheduled(clxent_plan **out, clxent_ctx *ctx, const clxent_desc *desc,
                                           clxent_schedule schedule) {
    if (out) *out = NULL;
    if (ctx == NULL) return CLXENT_ERR_ARGUMENT;
    if (out == NULL) return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT, "out is NULL");
    if (desc == NULL) return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT, "desc is NULL");
    const clxent_status status = clx_check_process(&ctx->error);
    return status == CLXENT_OK ? clx_plan_make(out, ctx, desc, schedule, 0) : status;
}

/* Chooses the schedule, and makes the kernels. */
static clxent_status prepare_rows(clxent_plan *plan, clxent_schedule schedule) {
    clxent_ctx *ctx = plan->ctx;
    clxent_status status =
        clx_choose_schedule(ctx, &plan->desc, schedule, plan->block, &plan->schedule, &plan->split);
    if (status == CLXENT_OK && !clx_is_softmax(&plan->desc))
        status = clx_reduce_kernels(ctx, clx_real(&plan->desc) == CLXENT_F64, &plan->reduce);
    if (status != CLXENT_OK) return status;
    const clxent_scalars scalars = clx_desc_scalars(&plan->desc);
    clx_kernel *rows = NULL;
    status = clx_plan_row_kernels(plan, plan->desc.outputs, &scalars, &rows);
    if (status == CLXENT_OK) /* and the kernels of calls without the gradient */
        status = clx_plan_row_kernels(plan, plan->desc.outputs & ~(uint32_t)CLXENT_OUT_GRAD, &scalars, &rows);
    return status;
}

clxent_status clx_plan_make(clxent_plan **out, clxent_ctx *ctx, const clxent_desc *desc,
                            clxent_schedule schedule, int64_t block) {
    clxent_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for a plan");
    plan->ctx = ctx;
    plan->tuning = ctx->tuning;
    plan->block = block;
    ctx->references++;
    clxent_status status = CLXENT_OK;
    if (ctx->facts.loses_events) /* here, so that no call allocates */
        status = clx_held_reserve(&ctx->held, 1, &ctx->cl, &ctx->error);
    if (status == CLXENT_OK) status = clx_resolve_desc(ctx, desc, schedule, &plan->desc);
    if (status == CLXENT_OK)
        status = plan->desc.op == CLXENT_LINEAR_CROSS_ENTROPY ? clx_linear_make(plan, schedule)
                                                              : prepare_rows(plan, schedule);
    if (status == CLXENT_OK)
        *out = plan;
    else
        clxent_plan_destroy(plan);
    return status;
}

clxent_status clxent_plan_create(clxent_plan **out, clxent_ctx *ctx, const clxent_desc *desc) {
    return clxent_plan_create_scheduled(out, ctx, desc, CLXENT_SCHEDULE_AUTO);
}

void clxent_plan_destroy(clxent_plan *plan) {
    if (plan == NULL) return;
    const clx_cl *cl = &plan->ctx->cl;
    if (clx_can_release()) {
        if (plan->workspace_user) cl->ReleaseEvent(plan->workspace_user);
        if (plan->open.last) cl->ReleaseEvent(plan->open.last);
        if (plan->workspace) cl->ReleaseMemObject(plan->workspace);
    }
    clx_linear_destroy(plan->linear);
    clx_rows_release(&plan->open.done);
    clx_ctx_release(plan->ctx);
    free(plan);
}

clxent_status clxent_plan_scalars(const clxent_plan *plan, clxent_scalars *out) {
    if (plan == NULL) return CLXENT_ERR_ARGUMENT;
    if (out == NULL) return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT, "out is NULL");
    const clxent_scalars scalars = clx_desc_scalars(&plan->desc);
    return clx_write_struct(&plan->ctx->error, &clx_scalars_struct, out, &scalars);
}

clxent_status clxent_plan_schedule(const clxent_plan *plan, clxent_schedule *out) {
    if (plan == NULL) return CLXENT_ERR_ARGUMENT;
    if (out == NULL) return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT, "out is NULL");
    *out = plan->schedule;
    return CLXENT_OK;
}
