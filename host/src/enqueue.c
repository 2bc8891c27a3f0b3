/* SPDX-License-Identifier: Apache-2.0
 * Calls on the caller's buffers and queue: as a whole, or in phases. */
#include <clxent/clxent_opencl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "linear.h"
#include "phases.h"
#include "state.h"
#include "structs.h"

/* Makes the plan's own workspace, if it is not there yet. */
static clxent_status make_workspace(clxent_plan *plan) {
    clxent_ctx *ctx = plan->ctx;
    cl_int code = CL_SUCCESS;
    size_t bytes = 0;
    if (plan->workspace) return CLXENT_OK;
    const clxent_status status = clx_workspace_size(plan, &bytes);
    if (status != CLXENT_OK) return status;
    if (bytes > ctx->info.largest_buffer_bytes)
        return clx_fail(&ctx->error, CLXENT_ERR_MEMORY,
                        "the workspace of a plan of %lld rows needs a buffer of %zu bytes, the device's "
                        "largest is %llu: make plans of fewer rows",
                        (long long)plan->desc.rows, bytes,
                        (unsigned long long)ctx->info.largest_buffer_bytes);
    plan->workspace = ctx->cl.CreateBuffer(ctx->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (code == CL_SUCCESS) return CLXENT_OK;
    plan->workspace = NULL;
    return clx_fail_cl(&ctx->error, code, "clCreateBuffer(workspace, %zu bytes)", bytes);
}

/* The workspace of a call: the caller's, which this checks, or the plan's own. */
static clxent_status find_workspace(clxent_plan *plan, const clx_call *call, const clxent_buffers *b,
                                    clxent_buffer *out) {
    const bool given = b->workspace.mem != NULL;
    const clxent_status status =
        given ? clx_check_workspace(plan, call, &b->workspace) : make_workspace(plan);
    *out = given ? b->workspace : (clxent_buffer){plan->workspace, 0};
    return status;
}

/* The range of a workspace that the caller has given; mem NULL: no range. */
static clx_slot workspace_at(const clxent_plan *plan, cl_mem mem, size_t offset) {
    return (clx_slot){
        .present = mem != NULL, .mem = mem, .offset = offset, .bytes = (size_t)clx_workspace_total(plan)};
}

/* A command fails when an event of its wait list has failed, so one failure would pass from call to call. The
 * command also fails at once, while the call before it may still run. So if the call before has failed, the
 * next call waits for everything on the queue instead. */
static clxent_status recover(clxent_ctx *ctx, cl_event *before) {
    cl_int state = CL_COMPLETE;
    cl_event all_before = NULL;
    if (*before == NULL) return CLXENT_OK;
    cl_int code =
        ctx->cl.GetEventInfo(*before, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clGetEventInfo(the plan's last call)");
    if (state >= CL_COMPLETE) return CLXENT_OK;
    const clxent_status status = clx_enqueue_marker(ctx, 0, NULL, &all_before);
    if (all_before == NULL) return status;
    ctx->cl.ReleaseEvent(*before);
    *before = all_before;
    return status;
}

/* On an out-of-order queue calls that share a workspace wait for each other. This call waits for *before, the
 * event of the call before (NULL: none), and sets *before to its own event. A failed call does so too, for
 * the commands that it has enqueued. */
static clxent_status submit_chained(clx_launch *launch, cl_event *before, cl_uint n_wait,
                                    const cl_event *wait, cl_event *event) {
    clxent_ctx *ctx = launch->plan->ctx;
    const clx_cl *cl = &ctx->cl;
    cl_event *all = NULL;
    cl_event done = NULL;
    clxent_status status = recover(ctx, before);
    if (status != CLXENT_OK) return status;
    if (*before) {
        all = malloc((n_wait + (size_t)1) * sizeof *all);
        if (all == NULL)
            return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for a list of %u events",
                            n_wait + 1);
        if (n_wait) memcpy(all, wait, n_wait * sizeof *all);
        all[n_wait++] = *before;
    }
    status = clx_launch_submit(launch, n_wait, all ? all : wait, &done);
    free(all);
    if (done) {
        if (*before) cl->ReleaseEvent(*before);
        *before = done;
    }
    if (status == CLXENT_OK && event) {
        const cl_int code = cl->RetainEvent(done);
        if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clRetainEvent");
        *event = done;
    }
    return status;
}

/* `before`: the event that the call is chained to; NULL: to none. The caller gets no event of a failed
 * call. */
static clxent_status submit(clx_launch *launch, cl_event *before, cl_uint n_wait, const cl_event *wait,
                            cl_event *event) {
    const clx_cl *cl = &launch->plan->ctx->cl;
    if (before && launch->plan->ctx->out_of_order) return submit_chained(launch, before, n_wait, wait, event);
    const clxent_status status = clx_launch_submit(launch, n_wait, wait, event);
    if (status != CLXENT_OK && event && *event) {
        cl->ReleaseEvent(*event);
        *event = NULL;
    }
    return status;
}

/* Every call on buffers begins with this. It reads them into `b`. */
static clxent_status open_call(clxent_plan *plan, const clxent_buffers *buffers, cl_uint n_wait,
                               const cl_event *wait, cl_event *event, clxent_buffers *b) {
    if (plan == NULL) return CLXENT_ERR_ARGUMENT;
    const clxent_status status = clx_check_waits(plan->ctx, n_wait, wait, event);
    if (status != CLXENT_OK) return status;
    if (buffers == NULL) return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT, "buffers is NULL");
    return clx_read_struct(&plan->ctx->error, &clx_buffers_struct, buffers, b);
}

/* Makes a launch without steps, with the caller's workspace or the plan's own. */
static clxent_status prepare(clx_launch *launch, clxent_plan *plan, const clx_call *call,
                             const clxent_buffers *b) {
    const clx_workspace layout = clx_workspace_of(plan);
    clxent_buffer workspace;
    const clxent_status status = find_workspace(plan, call, b, &workspace);
    if (status != CLXENT_OK) return status;
    clx_launch_init(launch, plan, call);
    launch->workspace = workspace.mem;
    clx_place_workspace(&launch->params, plan, &layout, workspace.offset, 0, 0);
    return CLXENT_OK;
}

/* Refuses a range that shares bytes with a workspace of the caller's that the open call holds. */
static clxent_status check_not_held(clxent_plan *plan, const char *name, const clx_slot *range) {
    const clx_open_call *open = &plan->open;
    if (!open->is_open) return CLXENT_OK;
    const clx_slot held = workspace_at(plan, open->workspace, open->workspace_offset);
    if (!clx_overlap(range, &held)) return CLXENT_OK;
    return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT,
                    "%s (%zu bytes at offset %zu) overlaps the workspace (%zu bytes at offset %zu) of this "
                    "plan's call in phases, which is open: end that call with clxent_enqueue_end() first, or "
                    "give other memory",
                    name, range->bytes, range->offset, held.bytes, held.offset);
}

/* Refuses a whole call that would use the workspace of the open call. */
static clxent_status check_beside_open(clxent_plan *plan, const clx_call *call, const clxent_buffers *b) {
    if (!plan->open.is_open) return CLXENT_OK;
    if (plan->open.workspace == NULL && b->workspace.mem == NULL)
        return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT,
                        "a call of this plan in phases is open and uses the plan's workspace: end it before "
                        "clxent_enqueue(), or give one of the two a workspace of its own");
    const clx_slot workspace = workspace_at(plan, b->workspace.mem, b->workspace.offset);
    clxent_status status = check_not_held(plan, "workspace", &workspace);
    for (int i = 0; i < CLXENT_A_COUNT && status == CLXENT_OK; i++)
        status = check_not_held(plan, clx_array_name(i), &call->slots[i]);
    return status;
}

/* The launches of a call of linear cross entropy, one after the other. */
typedef struct sequence {
    cl_event *before; /* out-of-order queue: the event of the launch before */
    cl_uint n_wait;   /* for the first launch: the call's */
    const cl_event *wait;
    cl_event last; /* of the last launch; NULL: none yet */
} sequence;

static clxent_status submit_next(void *provider, clx_launch *launch) {
    sequence *s = provider;
    cl_event done = NULL;
    const clxent_status status = submit(launch, s->before, s->n_wait, s->wait, &done);
    s->n_wait = 0;
    s->wait = NULL;
    if (done && s->last) launch->plan->ctx->cl.ReleaseEvent(s->last);
    if (done) s->last = done;
    return status;
}

static clxent_status enqueue_linear(clxent_plan *plan, const clx_call *call, const clxent_buffers *b,
                                    cl_uint n_wait, const cl_event *wait, cl_event *event) {
    const clx_cl *cl = &plan->ctx->cl;
    cl_event before = NULL;
    clxent_buffer workspace;
    sequence s = {b->workspace.mem ? &before : &plan->workspace_user, n_wait, wait, NULL};
    clxent_status status = find_workspace(plan, call, b, &workspace);
    if (status != CLXENT_OK) return status;
    status = clx_linear_run(plan, call, workspace.mem, workspace.offset, submit_next, &s);
    if (status == CLXENT_OK && s.last == NULL) { /* the call has nothing to do, but its event is due */
        clx_launch nothing = {.plan = plan};
        status = submit_next(&s, &nothing);
    }
    if (before) cl->ReleaseEvent(before);
    if (status == CLXENT_OK && event)
        *event = s.last;
    else if (s.last)
        cl->ReleaseEvent(s.last);
    return status;
}

clxent_status clxent_enqueue(clxent_plan *plan, const clxent_buffers *buffers, cl_uint n_wait,
                             const cl_event *wait, cl_event *event) {
    clx_call call;
    clx_launch launch;
    clxent_buffers b;
    clxent_status status = open_call(plan, buffers, n_wait, wait, event, &b);
    if (status == CLXENT_OK) status = clx_call_from_buffers(plan, &b, &call);
    if (status != CLXENT_OK) return status;
    if (plan->linear) return enqueue_linear(plan, &call, &b, n_wait, wait, event);
    const bool own_workspace = b.workspace.mem == NULL;
    status = prepare(&launch, plan, &call, &b);
    if (status == CLXENT_OK) status = check_beside_open(plan, &call, &b);
    if (status != CLXENT_OK) return status;
    clx_add_begin(&launch, &call, 0, call.rows);
    status = clx_add_rows(&launch, &call, 0, call.rows);
    if (status != CLXENT_OK) return status;
    clx_add_end(&launch, &call, 0, call.rows);
    return submit(&launch, own_workspace ? &plan->workspace_user : NULL, n_wait, wait, event);
}

clxent_status clxent_enqueue_merge_states(clxent_plan *plan, const clxent_scalars *scalars, int64_t rows,
                                          size_t count, clxent_buffer states, clxent_buffer out,
                                          cl_uint n_wait, const cl_event *wait, cl_event *event) {
    if (plan == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_error *err = &plan->ctx->error;
    clx_kernel *kernels = NULL;
    clx_launch launch;
    clx_call call = {.rows = rows, .end_row = rows};
    clxent_status status = clx_check_waits(plan->ctx, n_wait, wait, event);
    if (status == CLXENT_OK) status = clx_check_has_states(plan, "clxent_enqueue_merge_states()");
    if (status == CLXENT_OK) status = clx_call_scalars(err, &plan->desc, scalars, &call.scalars);
    if (status == CLXENT_OK) status = clx_check_merge(err, &plan->desc, rows, count);
    const clxent_dtype dtype = clx_real(&plan->desc);
    const size_t element = clxent_dtype_size(dtype);
    const uint64_t bytes = (uint64_t)rows * CLXENT_STATE_COLUMNS * element; /* of one array */
    clx_slot from, to;
    if (status == CLXENT_OK)
        status = clx_find_range(plan->ctx, "states", &states, element, count * bytes, "", &from);
    if (status == CLXENT_OK) status = clx_find_range(plan->ctx, "out", &out, element, bytes, "", &to);
    if (status != CLXENT_OK) return status;
    if (clx_overlap(&from, &to))
        return clx_fail(err, CLXENT_ERR_BUFFER, "out (offset %zu) overlaps states (offset %zu) in one buffer",
                        out.offset, states.offset);
    status = check_not_held(plan, "states", &from);
    if (status == CLXENT_OK) status = check_not_held(plan, "out", &to);
    if (status != CLXENT_OK) return status;
    status = clx_plan_row_kernels(plan, CLXENT_OUT_STATE, &call.scalars, &kernels);
    if (status != CLXENT_OK) return status;
    to.dtype = dtype;
    call.slots[CLXENT_A_state] = to;
    clx_launch_init(&launch, plan, &call);
    launch.workspace = states.mem;
    launch.params.row_parts_at = (clx_i64)states.offset;
    launch.params.parts = (clx_i64)count;
    if (rows > 0) clx_add_kernel(&launch, &kernels[CLX_MERGE_STATES], (size_t)rows, 1, CLX_ROW_SCRATCH_BYTES);
    return submit(&launch, NULL, n_wait, wait, event);
}

/* ---------------------------------------------------------------- in phases --------------------------- */

static bool has(const clx_call *call, int array) {
    return call->slots[array].present;
}

static cl_event *chain_of(clxent_plan *plan) {
    return plan->open.workspace ? &plan->open.last : &plan->workspace_user;
}

clxent_status clxent_enqueue_begin(clxent_plan *plan, const clxent_buffers *buffers, cl_uint n_wait,
                                   const cl_event *wait, cl_event *event) {
    clx_call call;
    clx_launch launch;
    clxent_buffers b;
    if (plan) plan->open.is_open = false; /* first of all: a begin that fails drops the open call too */
    clxent_status status = open_call(plan, buffers, n_wait, wait, event, &b);
    if (status == CLXENT_OK && plan->linear)
        return clx_fail(&plan->ctx->error, CLXENT_ERR_UNSUPPORTED,
                        "clxent_enqueue_begin(): %s makes its own logits, block by block: call "
                        "clxent_enqueue()",
                        clxent_op_name(plan->desc.op));
    if (status == CLXENT_OK) status = clx_call_of_phase(plan, &b, CLX_BEGIN, 0, 0, &call);
    if (status == CLXENT_OK) status = prepare(&launch, plan, &call, &b);
    if (status != CLXENT_OK) return status;
    clx_open_call *open = &plan->open;
    open->is_open = true;
    open->rows = call.rows;
    open->scalars = call.scalars;
    open->has_loss = has(&call, CLXENT_A_loss);
    open->has_counts = has(&call, CLXENT_A_counts);
    open->workspace = b.workspace.mem;
    open->workspace_offset = b.workspace.offset;
    open->done.count = 0;
    clx_add_begin(&launch, &call, 0, call.rows);
    status = submit(&launch, chain_of(plan), n_wait, wait, event);
    if (status != CLXENT_OK) open->is_open = false;
    return status;
}

enum { WORKSPACE_TEXT = 80 };
static const char *workspace_text(char text[WORKSPACE_TEXT], cl_mem mem, size_t offset) {
    if (mem == NULL) return "NULL, the plan's own";
    snprintf(text, WORKSPACE_TEXT, "offset %zu of cl_mem %p", offset, (void *)mem);
    return text;
}

/* Checks what the phases of a call must have in common. */
static clxent_status check_phase(clxent_plan *plan, const char *phase, const clxent_buffers *b,
                                 const clx_call *call) {
    const clx_open_call *open = &plan->open;
    clxent_error *err = &plan->ctx->error;
    char now[WORKSPACE_TEXT], begun[WORKSPACE_TEXT];
    if (call->rows != open->rows)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "%s: rows %lld of the buffers is not %lld, those that the call began with", phase,
                        (long long)call->rows, (long long)open->rows);
    if (b->workspace.mem != open->workspace ||
        (open->workspace && b->workspace.offset != open->workspace_offset))
        return clx_fail(err, CLXENT_ERR_BUFFER, "%s: workspace is %s, the call began with %s: give the same",
                        phase, workspace_text(now, b->workspace.mem, b->workspace.offset),
                        workspace_text(begun, open->workspace, open->workspace_offset));
    const struct {
        const char *name;
        double now, begun;
    } scalars[] = {
        {"label_smoothing", call->scalars.label_smoothing, open->scalars.label_smoothing},
        {"z_loss", call->scalars.z_loss, open->scalars.z_loss},
        {"softcap", call->scalars.softcap, open->scalars.softcap},
        {"logit_scale", call->scalars.logit_scale, open->scalars.logit_scale},
        {"grad_output", call->scalars.grad_output, open->scalars.grad_output},
    };
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
        if (scalars[i].now != scalars[i].begun)
            return clx_fail(err, CLXENT_ERR_ARGUMENT, "%s: %s %g is not %g, which the call began with", phase,
                            scalars[i].name, scalars[i].now, scalars[i].begun);
    const struct {
        int array;
        bool begun;
    } outputs[] = {{CLXENT_A_loss, open->has_loss}, {CLXENT_A_counts, open->has_counts}};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        if (has(call, outputs[i].array) != outputs[i].begun)
            return clx_fail(err, CLXENT_ERR_BUFFER, "%s: %s is %s, and the call began %s it", phase,
                            clx_array_name(outputs[i].array), outputs[i].begun ? "NULL" : "given",
                            outputs[i].begun ? "with" : "without");
    return CLXENT_OK;
}

static clxent_status check_open(clxent_plan *plan, const char *phase) {
    if (plan->open.is_open) return CLXENT_OK;
    return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT,
                    "%s: no call of this plan is open; clxent_enqueue_begin() opens one", phase);
}

static clxent_status check_block(clxent_plan *plan, const char *phase, int64_t first_row, int64_t rows) {
    clxent_error *err = &plan->ctx->error;
    const int64_t all = plan->open.rows, inner = plan->desc.inner;
    if (first_row < 0 || first_row > all)
        return clx_fail(err, CLXENT_ERR_SHAPE, "%s: first_row %lld is not in [0, %lld], the call's rows",
                        phase, (long long)first_row, (long long)all);
    if (rows < 0 || rows > all - first_row)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "%s: rows %lld of a block from row %lld is not in [0, %lld]; the call has %lld rows",
                        phase, (long long)rows, (long long)first_row, (long long)(all - first_row),
                        (long long)all);
    if (first_row % inner != 0 || rows % inner != 0)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "%s: first_row %lld and rows %lld are not multiples of inner %lld", phase,
                        (long long)first_row, (long long)rows, (long long)inner);
    const clx_range twice = clx_rows_twice(&plan->open.done, first_row, first_row + rows);
    if (twice.first < twice.end)
        return clx_fail(err, CLXENT_ERR_ARGUMENT,
                        "%s: a block before has rows [%lld, %lld) of [%lld, %lld) already", phase,
                        (long long)twice.first, (long long)twice.end, (long long)first_row,
                        (long long)first_row + (long long)rows);
    return CLXENT_OK;
}

clxent_status clxent_enqueue_rows(clxent_plan *plan, int64_t first_row, int64_t rows,
                                  const clxent_buffers *buffers, cl_uint n_wait, const cl_event *wait,
                                  cl_event *event) {
    static const char phase[] = "clxent_enqueue_rows()";
    clx_call call;
    clx_launch launch;
    clxent_buffers b;
    clxent_status status = open_call(plan, buffers, n_wait, wait, event, &b);
    if (status == CLXENT_OK) status = check_open(plan, phase);
    if (status == CLXENT_OK) status = check_block(plan, phase, first_row, rows);
    if (status == CLXENT_OK)
        status = clx_call_of_phase(plan, &b, CLX_ROWS, first_row, first_row + rows, &call);
    if (status == CLXENT_OK) status = check_phase(plan, phase, &b, &call);
    if (status == CLXENT_OK) status = prepare(&launch, plan, &call, &b);
    if (status != CLXENT_OK) return status;
    if (!clx_rows_reserve(&plan->open.done))
        return clx_fail(&plan->ctx->error, CLXENT_ERR_MEMORY, "no host memory for a list of blocks");
    status = clx_add_rows(&launch, &call, first_row, first_row + rows);
    if (status == CLXENT_OK) status = submit(&launch, chain_of(plan), n_wait, wait, event);
    if (status == CLXENT_OK) clx_rows_add(&plan->open.done, first_row, first_row + rows);
    return status;
}

clxent_status clxent_enqueue_end(clxent_plan *plan, const clxent_buffers *buffers, cl_uint n_wait,
                                 const cl_event *wait, cl_event *event) {
    static const char phase[] = "clxent_enqueue_end()";
    clx_call call;
    clx_launch launch;
    clxent_buffers b;
    clxent_status status = open_call(plan, buffers, n_wait, wait, event, &b);
    if (status == CLXENT_OK) status = check_open(plan, phase);
    if (status == CLXENT_OK) status = clx_call_of_phase(plan, &b, CLX_END, 0, 0, &call);
    if (status == CLXENT_OK) status = check_phase(plan, phase, &b, &call);
    if (status != CLXENT_OK) return status;
    const clx_range missing = clx_rows_missing(&plan->open.done, call.rows);
    if (missing.first < missing.end)
        return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT,
                        "%s: rows [%lld, %lld) of %lld have not been given to clxent_enqueue_rows()", phase,
                        (long long)missing.first, (long long)missing.end, (long long)call.rows);
    status = prepare(&launch, plan, &call, &b);
    if (status != CLXENT_OK) return status;
    clx_add_end(&launch, &call, 0, call.rows);
    status = submit(&launch, chain_of(plan), n_wait, wait, event);
    if (status == CLXENT_OK) plan->open.is_open = false;
    return status;
}
