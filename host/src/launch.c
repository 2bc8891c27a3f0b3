/* SPDX-License-Identifier: Apache-2.0 */
#include "launch.h"

#include <math.h>
#include <string.h>

#include "error.h"
#include "held.h"
#include "sizes.h"

/* The kernels have these numbers from params.h. */
#define SAME(kernels, ours) _Static_assert((int)(kernels) == (int)(ours), #kernels " is " #ours)
SAME(CLX_MEAN, CLXENT_MEAN);
SAME(CLX_SUM, CLXENT_SUM);
SAME(CLX_NONE, CLXENT_NONE);
SAME(CLX_CLASS, CLXENT_TARGETS_CLASS);
SAME(CLX_PROBABILITY, CLXENT_TARGETS_PROBABILITY);
SAME(CLX_NEXT_TOKEN, CLXENT_TARGETS_NEXT_TOKEN);
SAME(CLX_INT_I64, CLXENT_I64);
SAME(CLX_INT_I32, CLXENT_I32);
SAME(CLX_INT_U16, CLXENT_U16);
SAME(CLX_INT_U8, CLXENT_U8);

/* ---------------------------------------------------------------- the kernels' parameters ------------- */

static clx_bits bits_of(const clxent_desc *d, double x) {
    clx_bits bits = 0;
    const float f = (float)x;
    if (clx_real(d) == CLXENT_F64)
        memcpy(&bits, &x, sizeof x);
    else {
        uint32_t low;
        memcpy(&low, &f, sizeof f);
        bits = low;
    }
    return bits;
}

static double class_unit(int64_t classes) {
    int exponent;
    (void)frexp((double)classes, &exponent);
    return ldexp(1.0, -exponent - 1);
}

static clx_params params_of(const clxent_plan *plan, const clx_call *call) {
    const clxent_desc *d = &plan->desc;
    const clxent_scalars *s = &call->scalars;
    const bool reduced_loss = (call->outputs & CLXENT_OUT_LOSS) && d->reduction != CLXENT_NONE;
    const bool atomic = reduced_loss && (d->flags & CLXENT_ATOMIC);

    clx_params p = {
        .rows = call->rows,
        .end_row = call->rows,
        .classes = d->classes,
        .classes_padded = d->classes_padded,
        .class_begin = d->class_begin,
        .classes_total = d->classes_total,
        .inner = d->inner,
        .logits_stride = d->row_stride,
        .grad_stride = d->grad_row_stride,
        .targets_stride = d->targets_row_stride,
        .log_probs_stride = d->log_probs_row_stride,
        .grad_output_stride = d->grad_output_row_stride,
        .sequence_length = d->sequence_length,
        .tokens_per_sequence = d->tokens_per_sequence,
        .ignore_index = d->ignore_index,
        .parts = plan->split.parts,
        .part_classes = plan->split.part_classes,
        .label_smoothing = bits_of(d, s->label_smoothing),
        .z_loss = bits_of(d, s->z_loss),
        .softcap = bits_of(d, s->softcap),
        .logit_scale = bits_of(d, s->logit_scale),
        .grad_output = bits_of(d, s->grad_output),
        .class_unit = bits_of(d, class_unit(d->classes_total)),
        .reduction = (clx_i32)d->reduction,
        .targets = (clx_i32)d->targets,
        .targets_int = (clx_i32)d->targets_dtype,
        .segment_int = (clx_i32)d->segment_dtype,
        .flags = (d->use_ignore_index ? CLX_IGNORE : 0) |
                 (d->empty_mean == CLXENT_EMPTY_MEAN_ZERO ? CLX_EMPTY_ZERO : 0) | (atomic ? CLX_ATOMIC : 0) |
                 (reduced_loss && !atomic ? CLX_KEEP_ROWS : 0),
    };
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        const clx_slot *slot = &call->slots[i];
        if (!slot->present) continue;
        const int argument = clx_argument_of(d, i);
        int64_t stride = 0, elements = 0; /* of an (N,C) array: its first row is the block's first */
        clx_matrix_of(d, i, &stride, &elements);
        p.present |= 1 << argument;
        p.at[argument] =
            (clx_i64)(slot->offset / clxent_dtype_size(slot->dtype)) - call->first_row / d->inner * stride;
    }
    p.at[CLXENT_A_class_weight] += d->class_begin; /* the place of the slice's first class */
    return p;
}

void clx_launch_init(clx_launch *launch, clxent_plan *plan, const clx_call *call) {
    *launch = (clx_launch){.plan = plan, .params = params_of(plan, call)};
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (call->slots[i].present) launch->arrays[clx_argument_of(&plan->desc, i)] = call->slots[i].mem;
}

void clx_pack_piece(clx_params *p, int64_t rows) {
    p->inner = rows; /* with strides of the same length, row r begins r elements behind row 0 */
    p->logits_stride = p->grad_stride = p->targets_stride = rows;
    p->log_probs_stride = p->grad_output_stride = rows;
}

void clx_place_workspace(clx_params *p, const clxent_plan *plan, const clx_workspace *w, size_t offset,
                         int64_t first_kept, int64_t first_split) {
    const int64_t at = (int64_t)offset, real_bytes = (int64_t)clxent_dtype_size(clx_real(&plan->desc));
    p->totals_at = w->at[CLX_TOTALS] + at;
    p->count_partials_at = w->at[CLX_COUNT_PARTIALS] + at;
    p->loss_partials_at = w->at[CLX_LOSS_PARTIALS] + at;
    p->row_ce_at = (w->at[CLX_ROW_CE] + at) / real_bytes - first_kept;
    p->row_z_at = (w->at[CLX_ROW_Z] + at) / real_bytes - first_kept;
    p->row_parts_at = w->at[CLX_ROW_PARTS] + at - first_split * clx_part_bytes(plan);
}

/* ---------------------------------------------------------------- events ------------------------------ */

/* Refuses an event that has already failed. The call could only fail, and with PoCL it would never end. */
static clxent_status check_wait_list(clxent_error *err, const clx_cl *cl, cl_uint n_wait,
                                     const cl_event *wait) {
    for (cl_uint i = 0; i < n_wait; i++) {
        cl_int state = CL_COMPLETE;
        const cl_int code =
            cl->GetEventInfo(wait[i], CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
        if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetEventInfo(wait[%u])", i);
        if (state < 0)
            return clx_fail_cl(err, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST,
                               "wait[%u] of %u has failed with status %d, and nothing was enqueued", i,
                               n_wait, (int)state);
    }
    return CLXENT_OK;
}

clxent_status clx_check_waits(clxent_ctx *ctx, cl_uint n_wait, const cl_event *wait, cl_event *event) {
    clxent_error *err = &ctx->error;
    if (event) *event = NULL;
    if ((n_wait == 0) != (wait == NULL))
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "n_wait is %u and wait is %s; give both, or 0 and NULL",
                        n_wait, wait ? "not NULL" : "NULL");
    const clxent_status status = clx_check_process(err);
    return status == CLXENT_OK ? check_wait_list(err, &ctx->cl, n_wait, wait) : status;
}

clxent_status clx_reserve_events(clxent_ctx *ctx, size_t count) {
    return ctx->facts.loses_events ? clx_held_reserve(&ctx->held, count, &ctx->cl, &ctx->error) : CLXENT_OK;
}

clxent_status clx_hold_event(clxent_ctx *ctx, cl_event event) {
    return ctx->facts.loses_events ? clx_hold(&ctx->held, event, &ctx->cl, &ctx->error) : CLXENT_OK;
}

/* ---------------------------------------------------------------- steps ------------------------------- */

/* Sets the kernel's arguments, except those that the call before has set to the same value. It sets a present
 * array at every call: the same handle may name another buffer by now. It sets an absent array to NULL if the
 * call before had the array, so that the kernel does not keep a released buffer. */
static cl_int set_arguments(const clx_launch *launch, const clx_step *step) {
    const clx_cl *cl = &launch->plan->ctx->cl;
    clx_kernel *k = step->kernel;
    cl_int code = cl->SetKernelArg(k->kernel, CLX_ARG_PARAMS, sizeof launch->params, &launch->params);
    for (int i = 0; i < CLXENT_A_COUNT && code == CL_SUCCESS; i++) {
        const cl_mem *array = &launch->arrays[i];
        const int32_t bit = 1 << i;
        if (*array == NULL && k->is_set && !(k->present & bit)) continue;
        code = cl->SetKernelArg(k->kernel, (cl_uint)(CLX_ARG_ARRAYS + i), sizeof *array, array);
        k->present = *array ? k->present | bit : k->present & ~bit;
    }
    if (code == CL_SUCCESS)
        code = cl->SetKernelArg(k->kernel, CLX_ARG_WORKSPACE, sizeof launch->workspace, &launch->workspace);
    if (code == CL_SUCCESS && (!k->is_set || k->scratch_bytes != step->scratch_bytes))
        code = cl->SetKernelArg(k->kernel, CLX_ARG_SCRATCH, step->scratch_bytes, NULL);
    k->is_set = code == CL_SUCCESS;
    k->scratch_bytes = step->scratch_bytes;
    return code;
}

clxent_status clx_enqueue_range(clx_launch *launch, const clx_step *step, cl_uint n_wait,
                                const cl_event *wait, cl_event *event) {
    clxent_ctx *ctx = launch->plan->ctx;
    const char *name = step->kernel->name;
    const uint64_t items = (uint64_t)step->groups * step->local_size;
    size_t global_size = 0;
    if (!clx_fits_size(items, SIZE_MAX, &global_size))
        return clx_fail(
            &ctx->error, CLXENT_ERR_SHAPE,
            "kernel %s has %llu work-items, and the largest size on this host is %zu: give a call fewer rows",
            name, (unsigned long long)items, SIZE_MAX);
    const cl_int code = ctx->cl.EnqueueNDRangeKernel(ctx->queue, step->kernel->kernel, 1, NULL, &global_size,
                                                     &step->local_size, n_wait, n_wait ? wait : NULL, event);
    if (code == CL_SUCCESS) return CLXENT_OK;
    return clx_fail_cl(&ctx->error, code, "clEnqueueNDRangeKernel(%s, %zu work-items in groups of %zu)", name,
                       global_size, step->local_size);
}

static clxent_status enqueue_kernel(clx_launch *launch, const clx_step *step, cl_uint n_wait,
                                    const cl_event *wait, cl_event *event) {
    const cl_int code = set_arguments(launch, step);
    if (code != CL_SUCCESS)
        return clx_fail_cl(&launch->plan->ctx->error, code, "clSetKernelArg(%s)", step->kernel->name);
    return clx_enqueue_range(launch, step, n_wait, wait, event);
}

void clx_add_kernel(clx_launch *launch, clx_kernel *kernel, size_t groups, size_t local_size,
                    size_t scratch_bytes) {
    launch->steps[launch->count++] = (clx_step){.enqueue = enqueue_kernel,
                                                .kernel = kernel,
                                                .groups = groups,
                                                .local_size = local_size,
                                                .scratch_bytes = scratch_bytes};
}

/* The caller has made room for the marker's event. */
static clxent_status enqueue_marker(clxent_ctx *ctx, cl_uint n_wait, const cl_event *wait, cl_event *event) {
    const cl_int code = ctx->cl.EnqueueMarkerWithWaitList(ctx->queue, n_wait, n_wait ? wait : NULL, event);
    return code == CL_SUCCESS ? clx_hold_event(ctx, *event)
                              : clx_fail_cl(&ctx->error, code, "clEnqueueMarkerWithWaitList");
}

clxent_status clx_enqueue_marker(clxent_ctx *ctx, cl_uint n_wait, const cl_event *wait, cl_event *event) {
    const clxent_status status = clx_reserve_events(ctx, 1);
    return status == CLXENT_OK ? enqueue_marker(ctx, n_wait, wait, event) : status;
}

clxent_status clx_launch_submit(clx_launch *launch, cl_uint n_wait, const cl_event *wait, cl_event *event) {
    clxent_ctx *ctx = launch->plan->ctx;
    const clx_cl *cl = &ctx->cl;
    const int count = launch->count;
    const bool each_event = ctx->out_of_order || ctx->facts.loses_events;
    cl_event previous = NULL; /* the last step's; out of order, the next step waits for it */
    launch->count = 0;
    clxent_status status = clx_reserve_events(ctx, CLX_MAX_STEPS);
    if (status != CLXENT_OK) return status;

    for (int i = 0; i < count; i++) {
        const clx_step *step = &launch->steps[i];
        const bool last = i == count - 1, chained = i > 0 && ctx->out_of_order;
        cl_event done = NULL;
        status = step->enqueue(launch, step,
                               chained  ? 1
                               : i == 0 ? n_wait
                                        : 0,
                               chained ? &previous : wait, each_event || (last && event) ? &done : NULL);
        if (done) { /* a step of several commands may have enqueued some of them before it failed */
            if (previous) cl->ReleaseEvent(previous);
            previous = done;
        }
        if (status == CLXENT_OK) status = clx_hold_event(ctx, done);
        if (status != CLXENT_OK) break;
    }
    if (count == 0 && event) status = enqueue_marker(ctx, n_wait, wait, &previous);
    if (event)
        *event = previous;
    else if (previous)
        cl->ReleaseEvent(previous);
    return status;
}
