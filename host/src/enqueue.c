/* SPDX-License-Identifier: Apache-2.0 */
#include "enqueue.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "structs.h"
#include "tuning.h"

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Adds a kernel of so many teams, one a work-group. `wanted`, a power of two, is lowered to what the kernel
 * and local memory allow. */
static void add_teams(clx_launch *launch, clx_kernel *kernel, size_t groups, size_t wanted,
                      size_t scratch_bytes) {
    size_t size = least(wanted, kernel->work_group_limit);
    while (size > 1 && size * scratch_bytes > launch->plan->ctx->info.local_memory_bytes) size /= 2;
    if (groups > 0) launch->steps[launch->count++] = (clx_step){kernel, groups, size, size * scratch_bytes};
}

/* Local memory behind the scratch of the last step, for so many vectors of a row, each of `width` elements of
 * `size` bytes: all of them, so that the second pass reads no logit again, or none. Half of what the device
 * has at most: while one group waits at a barrier another reads, and on a CPU a row stays in the caches
 * beside it. */
static void hold_vectors(clx_launch *launch, int64_t vectors, int64_t width, size_t size) {
    enum { ALIGNMENT = 128 }; /* of the largest vector */
    clx_step *step = &launch->steps[launch->count - 1];
    const size_t at = (step->scratch_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    const uint64_t bytes = at + (uint64_t)vectors * (uint64_t)width * size;
    if (bytes > launch->plan->ctx->info.local_memory_bytes / 2) return;
    launch->params.held_at = (clx_i32)at;
    launch->params.held_vectors = (clx_i32)vectors;
    step->scratch_bytes = (size_t)bytes;
}

/* Gives a row's second pass local memory: in schedule group for the logits that registers do not hold, in
 * wide for exponentials that do not fit where a gradient of 16 bits is to stand. */
static void hold_row(clx_launch *launch, const clx_call *call) {
    const uint32_t second_pass = CLXENT_OUT_GRAD | CLXENT_OUT_LOG_PROBS | CLXENT_OUT_PROBS;
    const clxent_plan *plan = launch->plan;
    const clxent_desc *desc = &plan->desc;
    if (desc->op == CLXENT_NLL || (desc->flags & CLXENT_GRAD_FROM_LSE)) return;
    if (plan->schedule == CLXENT_SCHEDULE_GROUP && (call->outputs & second_pass)) {
        const int64_t items = (int64_t)launch->steps[launch->count - 1].local_size;
        const int64_t width = plan->tuning.group_width, tile = plan->tuning.group_tile;
        const int64_t rounds = clx_divided_up(desc->classes, width * items);
        if (rounds > tile)
            hold_vectors(launch, (rounds - tile) * items, width, clxent_dtype_size(desc->logits_dtype));
    }
    if (plan->schedule == CLXENT_SCHEDULE_WIDE && (call->outputs & CLXENT_OUT_GRAD) &&
        clxent_dtype_size(desc->grad_dtype) < sizeof(float)) {
        const int64_t width = plan->tuning.wide_width;
        hold_vectors(launch, clx_divided_up(desc->classes, width), width, sizeof(float));
    }
}

/* Adds a kernel of independent work-items. */
static void add_items(clx_launch *launch, clx_kernel *kernel, size_t items, size_t local_size) {
    launch->steps[launch->count++] =
        (clx_step){kernel, (size_t)clx_divided_up((int64_t)items, (int64_t)local_size), local_size,
                   CLX_ROW_SCRATCH_BYTES};
}

void clx_launch_init(clx_launch *launch, clxent_plan *plan, const clx_call *call) {
    *launch = (clx_launch){.plan = plan, .params = clx_call_params(plan, call)};
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (call->slots[i].present) launch->arrays[clx_argument_of(&plan->desc, i)] = call->slots[i].mem;
}

/* `given` NULL: the plan's own, made now if it is not there. */
static clxent_status set_workspace(clx_launch *launch, const clxent_buffer *given) {
    clxent_plan *plan = launch->plan;
    clxent_ctx *ctx = plan->ctx;
    const clx_workspace layout = clx_workspace_of(plan);
    if (given) {
        launch->workspace = given->mem;
    } else {
        if (plan->workspace == NULL) {
            cl_int code = CL_SUCCESS;
            size_t bytes = 0;
            const clxent_status status = clx_workspace_size(plan, &bytes);
            if (status != CLXENT_OK) return status;
            if (bytes > ctx->info.largest_buffer_bytes)
                return clx_fail(
                    &ctx->error, CLXENT_ERR_MEMORY,
                    "the workspace of a plan of %lld rows needs a buffer of %zu bytes, the device's "
                    "largest is %llu: make plans of fewer rows",
                    (long long)plan->desc.rows, bytes, (unsigned long long)ctx->info.largest_buffer_bytes);
            plan->workspace = ctx->cl.CreateBuffer(ctx->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
            if (code != CL_SUCCESS) {
                plan->workspace = NULL;
                return clx_fail_cl(&ctx->error, code, "clCreateBuffer(workspace, %zu bytes)", bytes);
            }
        }
        launch->workspace = plan->workspace;
    }
    clx_place_workspace(&launch->params, plan, &layout, given ? given->offset : 0, 0, 0);
    return CLXENT_OK;
}

static void set_rows(clx_launch *launch, int64_t first, int64_t end) {
    launch->params.first_row = first;
    launch->params.end_row = end;
}

/* reduce.cl's kernels: a team a chunk of rows and, where there are several and these are the last, one team
 * over them. A team is a group, or a work-item with rows side by side. */
static void add_reduction(clx_launch *launch, int first_kernel, int64_t first, int64_t end) {
    const clx_facts *facts = &launch->plan->ctx->facts;
    const size_t team = facts->runs_rows_in_vectors ? 1 : facts->runs_items_in_turn ? 16 : 128;
    clx_kernel *kernels = launch->plan->reduce + first_kernel;
    const int64_t rows = launch->params.rows;
    set_rows(launch, first, end);
    add_teams(launch, &kernels[0], (size_t)clx_divided_up(end - first, CLX_CHUNK_ROWS), team,
              CLX_REDUCE_SCRATCH_BYTES);
    if (end == rows && clx_divided_up(rows, CLX_CHUNK_ROWS) != 1)
        add_teams(launch, &kernels[1], 1, team, CLX_REDUCE_SCRATCH_BYTES);
}

bool clx_counts_first(const clx_launch *launch, const clx_call *call) {
    const uint32_t divided = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD;
    const bool mean = launch->params.reduction == CLX_MEAN && (call->outputs & divided);
    return !clx_is_softmax(&launch->plan->desc) &&
           (mean || (call->outputs & CLXENT_OUT_COUNTS) || (launch->params.flags & CLX_ATOMIC));
}

bool clx_reads_rows(const clx_call *call) {
    return (call->outputs & ~(uint32_t)CLXENT_OUT_COUNTS) != 0;
}

void clx_launch_before(clx_launch *launch, const clx_call *call, int64_t first, int64_t end) {
    if (clx_counts_first(launch, call)) add_reduction(launch, CLX_COUNT_ROWS, first, end);
}

clxent_status clx_launch_rows(clx_launch *launch, const clx_call *call, int64_t first, int64_t end) {
    clx_kernel *kernels = NULL;
    clxent_plan *plan = launch->plan;
    const size_t rows = (size_t)(end - first);
    const size_t scratch =
        clx_real(&plan->desc) == CLXENT_F64 ? CLX_ROW_SCRATCH_BYTES_F64 : CLX_ROW_SCRATCH_BYTES;
    const size_t team = (size_t)clx_group_size(&plan->tuning, plan->desc.classes);
    if (rows == 0 || !clx_reads_rows(call)) return CLXENT_OK;
    const clxent_status status = clx_plan_row_kernels(plan, call->outputs, &call->scalars, &kernels);
    if (status != CLXENT_OK) return status;
    set_rows(launch, first, end);
    switch (plan->schedule) {
    case CLXENT_SCHEDULE_GROUP:
        add_teams(launch, kernels, rows, team, scratch);
        hold_row(launch, call);
        break;
    case CLXENT_SCHEDULE_SPLIT:
        for (int i = 0; i < 2; i++)
            if (clx_is_wide(&plan->ctx->facts, plan->schedule))
                add_items(launch, &kernels[i], rows * (size_t)plan->split.parts, 1);
            else
                add_teams(launch, &kernels[i], rows * (size_t)plan->split.parts, team, scratch);
        break;
    case CLXENT_SCHEDULE_WIDE:
        add_items(launch, kernels, rows, 1);
        hold_row(launch, call);
        break;
    default:
        if (plan->ctx->facts.runs_rows_in_vectors)
            add_items(launch, kernels, (size_t)clx_divided_up((int64_t)rows, CLX_ITEM_ROWS), 1);
        else
            add_items(launch, kernels, rows,
                      least((size_t)plan->tuning.lane_group_size, kernels->work_group_limit));
        break;
    }
    return CLXENT_OK;
}

void clx_launch_after(clx_launch *launch, const clx_call *call, int64_t first, int64_t end) {
    if ((call->outputs & CLXENT_OUT_LOSS) && (launch->params.flags & CLX_KEEP_ROWS))
        add_reduction(launch, CLX_SUM_LOSSES, first, end);
}

/* Sets the kernel's arguments, but for those that are as the call before left them. An array that is there is
 * set always: a handle may have come to mean another buffer. One that is not is NULL, and set once, so that
 * no kernel holds on to a buffer that was released. */
static cl_int set_arguments(const clx_launch *launch, const clx_step *step) {
    const clx_cl *cl = &launch->plan->ctx->cl;
    clx_kernel *k = step->kernel;
    cl_int code = cl->SetKernelArg(k->kernel, 0, sizeof launch->params, &launch->params);
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

/* So many events more are to be held. */
static clxent_status reserve_events(clxent_ctx *ctx, size_t count) {
    return ctx->facts.loses_events ? clx_held_reserve(&ctx->held, count, &ctx->cl, &ctx->error) : CLXENT_OK;
}

static clxent_status hold_event(clxent_ctx *ctx, cl_event event) {
    return ctx->facts.loses_events ? clx_hold(&ctx->held, event, &ctx->cl, &ctx->error) : CLXENT_OK;
}

clxent_status clx_launch_submit(clx_launch *launch, cl_uint n_wait, const cl_event *wait, cl_event *event) {
    clxent_ctx *ctx = launch->plan->ctx;
    const clx_cl *cl = &ctx->cl;
    const int count = launch->count;
    const bool each_event = ctx->out_of_order || ctx->facts.loses_events;
    cl_event previous = NULL; /* out of order: each step waits for it */
    launch->count = 0;
    clxent_status status = reserve_events(ctx, CLX_MAX_STEPS);
    if (status != CLXENT_OK) return status;

    for (int i = 0; i < count; i++) {
        const clx_step *step = &launch->steps[i];
        const uint64_t items = (uint64_t)step->groups * step->local_size;
        size_t global_size = 0;
        const bool last = i == count - 1;
        const bool chained = i > 0 && ctx->out_of_order;
        cl_event done = NULL;
        if (!clx_fits_size(items, SIZE_MAX, &global_size)) {
            status = clx_fail(
                &ctx->error, CLXENT_ERR_SHAPE,
                "kernel %s has %llu work-items, and the largest size on this host is %zu: give a call "
                "fewer rows",
                step->kernel->name, (unsigned long long)items, SIZE_MAX);
            break;
        }
        cl_int code = set_arguments(launch, step);
        if (code != CL_SUCCESS) {
            status = clx_fail_cl(&ctx->error, code, "clSetKernelArg(%s)", step->kernel->name);
            break;
        }
        code = cl->EnqueueNDRangeKernel(ctx->queue, step->kernel->kernel, 1, NULL, &global_size,
                                        &step->local_size,
                                        chained  ? 1
                                        : i == 0 ? n_wait
                                                 : 0,
                                        chained            ? &previous
                                        : i == 0 && n_wait ? wait
                                                           : NULL,
                                        each_event || (last && event) ? &done : NULL);
        if (code != CL_SUCCESS) {
            status =
                clx_fail_cl(&ctx->error, code, "clEnqueueNDRangeKernel(%s, %zu work-items in groups of %zu)",
                            step->kernel->name, global_size, step->local_size);
            break;
        }
        if (previous) cl->ReleaseEvent(previous);
        previous = done;
        status = hold_event(ctx, done);
        if (status != CLXENT_OK) break;
    }
    if (count == 0 && event) {
        const cl_int code =
            cl->EnqueueMarkerWithWaitList(ctx->queue, n_wait, n_wait ? wait : NULL, &previous);
        status = code == CL_SUCCESS ? hold_event(ctx, previous)
                                    : clx_fail_cl(&ctx->error, code, "clEnqueueMarkerWithWaitList");
    }
    if (event)
        *event = previous;
    else if (previous)
        cl->ReleaseEvent(previous);
    return status;
}

static clxent_status check_workspace(clxent_plan *plan, const clx_call *call,
                                     const clxent_buffer *workspace) {
    clxent_error *err = &plan->ctx->error;
    size_t size = 0;
    size_t needed = 0;
    const clxent_status status = clx_workspace_size(plan, &needed);
    if (status != CLXENT_OK) return status;
    const cl_int code = plan->ctx->cl.GetMemObjectInfo(workspace->mem, CL_MEM_SIZE, sizeof size, &size, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetMemObjectInfo(workspace)");
    if (workspace->offset % sizeof(clx_bits) != 0)
        return clx_fail(err, CLXENT_ERR_BUFFER, "workspace offset %zu is not a multiple of %zu",
                        workspace->offset, sizeof(clx_bits));
    if (workspace->offset > size)
        return clx_fail(err, CLXENT_ERR_BUFFER,
                        "workspace offset %zu is past the end of its buffer of %zu bytes", workspace->offset,
                        size);
    const clx_slot scratch = {.present = true,
                              .mem = workspace->mem,
                              .offset = workspace->offset,
                              .available = size - workspace->offset,
                              .bytes = needed};
    char here[CLX_SLOT_TEXT], there[CLX_SLOT_TEXT];
    if (scratch.available < needed)
        return clx_fail(err, CLXENT_ERR_BUFFER,
                        "workspace has %s, %zu are needed (clxent_workspace_bytes() says how many)",
                        clx_slot_text(here, &scratch, scratch.available), needed);
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (clx_overlap(&scratch, &call->slots[i]))
            return clx_fail(err, CLXENT_ERR_BUFFER, "workspace (%s) overlaps %s (%s)",
                            clx_slot_text(here, &scratch, needed), clx_array_name(i),
                            clx_slot_text(there, &call->slots[i], call->slots[i].bytes));
    return CLXENT_OK;
}

/* A command whose wait list has an event that failed fails as well, so that one failure would go on from call
 * to call; and it fails at once, though the call before it may still run. Where the plan's last call has
 * failed, the next waits for all that is on the queue instead. */
static clxent_status recover_workspace(clxent_plan *plan) {
    clxent_ctx *ctx = plan->ctx;
    cl_int state = CL_COMPLETE;
    cl_event all_before = NULL;
    if (plan->workspace_user == NULL) return CLXENT_OK;
    cl_int code = ctx->cl.GetEventInfo(plan->workspace_user, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state,
                                       &state, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clGetEventInfo(the plan's last call)");
    if (state >= CL_COMPLETE) return CLXENT_OK;
    const clxent_status status = reserve_events(ctx, 1);
    if (status != CLXENT_OK) return status;
    code = ctx->cl.EnqueueMarkerWithWaitList(ctx->queue, 0, NULL, &all_before);
    if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clEnqueueMarkerWithWaitList");
    ctx->cl.ReleaseEvent(plan->workspace_user);
    plan->workspace_user = all_before;
    return hold_event(ctx, all_before);
}

/* On an out-of-order queue a call that uses the plan's own workspace waits for the one before it, also for
 * what one that failed had enqueued. */
static clxent_status submit_chained(clx_launch *launch, cl_uint n_wait, const cl_event *wait,
                                    cl_event *event) {
    clxent_plan *plan = launch->plan;
    const clx_cl *cl = &plan->ctx->cl;
    cl_event *all = NULL;
    cl_event done = NULL;
    clxent_status status = recover_workspace(plan);
    if (status != CLXENT_OK) return status;
    if (plan->workspace_user) {
        all = malloc((n_wait + (size_t)1) * sizeof *all);
        if (all == NULL)
            return clx_fail(&plan->ctx->error, CLXENT_ERR_MEMORY, "no host memory for a list of %u events",
                            n_wait + 1);
        if (n_wait) memcpy(all, wait, n_wait * sizeof *all);
        all[n_wait++] = plan->workspace_user;
    }
    status = clx_launch_submit(launch, n_wait, all ? all : wait, &done);
    free(all);
    if (done) {
        if (plan->workspace_user) cl->ReleaseEvent(plan->workspace_user);
        plan->workspace_user = done;
    }
    if (status == CLXENT_OK && event) {
        const cl_int code = cl->RetainEvent(done);
        if (code != CL_SUCCESS) return clx_fail_cl(&plan->ctx->error, code, "clRetainEvent");
        *event = done;
    }
    return status;
}

/* The kernels of a call that failed have no event that a caller could use. */
static clxent_status submit(clx_launch *launch, cl_uint n_wait, const cl_event *wait, cl_event *event) {
    const clxent_status status = clx_launch_submit(launch, n_wait, wait, event);
    if (status != CLXENT_OK && event && *event) {
        launch->plan->ctx->cl.ReleaseEvent(*event);
        *event = NULL;
    }
    return status;
}

/* An event that has failed already is the caller's to know: its call could only fail, and PoCL's never ends.
 */
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

clxent_status clxent_enqueue(clxent_plan *plan, const clxent_buffers *buffers, cl_uint n_wait,
                             const cl_event *wait, cl_event *event) {
    if (plan == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_error *err = &plan->ctx->error;
    if (event) *event = NULL;
    if ((n_wait == 0) != (wait == NULL))
        return clx_fail(err, CLXENT_ERR_ARGUMENT,
                        "n_wait is %u and wait is %s; a wait list is both, none is 0 and NULL", n_wait,
                        wait ? "not NULL" : "NULL");
    clx_call call;
    clx_launch launch;
    clxent_buffers b;
    if (buffers == NULL) return clx_fail(err, CLXENT_ERR_ARGUMENT, "buffers is NULL");
    clxent_status status = clx_check_process(err);
    if (status == CLXENT_OK) status = check_wait_list(err, &plan->ctx->cl, n_wait, wait);
    if (status == CLXENT_OK) status = clx_read_struct(err, &clx_buffers_struct, buffers, &b);
    if (status == CLXENT_OK) status = clx_call_from_buffers(plan, &b, &call);
    if (status != CLXENT_OK) return status;
    const bool own_workspace = b.workspace.mem == NULL;
    if (!own_workspace && (status = check_workspace(plan, &call, &b.workspace)) != CLXENT_OK) return status;

    clx_launch_init(&launch, plan, &call);
    status = set_workspace(&launch, own_workspace ? NULL : &b.workspace);
    if (status != CLXENT_OK) return status;
    clx_launch_before(&launch, &call, 0, call.rows);
    status = clx_launch_rows(&launch, &call, 0, call.rows);
    if (status != CLXENT_OK) return status;
    clx_launch_after(&launch, &call, 0, call.rows);
    return own_workspace && plan->ctx->out_of_order ? submit_chained(&launch, n_wait, wait, event)
                                                    : submit(&launch, n_wait, wait, event);
}
