/* SPDX-License-Identifier: Apache-2.0
 * clxent_enqueue(): a call on the caller's buffers and queue. */
#include <clxent/clxent_opencl.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "phases.h"
#include "structs.h"

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
    const clxent_status status = clx_enqueue_marker(ctx, 0, NULL, &all_before);
    if (all_before == NULL) return status;
    ctx->cl.ReleaseEvent(plan->workspace_user);
    plan->workspace_user = all_before;
    return status;
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
    if (!own_workspace && (status = clx_check_workspace(plan, &call, &b.workspace)) != CLXENT_OK)
        return status;

    clx_launch_init(&launch, plan, &call);
    status = set_workspace(&launch, own_workspace ? NULL : &b.workspace);
    if (status != CLXENT_OK) return status;
    clx_add_begin(&launch, &call, 0, call.rows);
    status = clx_add_rows(&launch, &call, 0, call.rows);
    if (status != CLXENT_OK) return status;
    clx_add_end(&launch, &call, 0, call.rows);
    return own_workspace && plan->ctx->out_of_order ? submit_chained(&launch, n_wait, wait, event)
                                                    : submit(&launch, n_wait, wait, event);
}
