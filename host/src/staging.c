/* SPDX-License-Identifier: Apache-2.0 */
#include "staging.h"

#include "error.h"

/* ---------------------------------------------------------------- order ------------------------------- */

static void replace(const clx_cl *cl, cl_event *event, cl_event by) {
    if (*event) cl->ReleaseEvent(*event);
    *event = by;
}

static clxent_status make_queue(clxent_ctx *ctx, cl_command_queue *queue) {
    cl_int code = CL_SUCCESS;
    if (*queue) return CLXENT_OK;
    *queue = ctx->cl.CreateCommandQueue(ctx->context, ctx->device, 0, &code);
    if (code == CL_SUCCESS) return CLXENT_OK;
    *queue = NULL;
    return clx_fail_cl(&ctx->error, code, "clCreateCommandQueue(%s, for copies)", ctx->info.name);
}

clxent_status clx_transfers_begin(clxent_ctx *ctx) {
    const cl_int code = ctx->cl.Finish(ctx->queue);
    return code == CL_SUCCESS ? CLXENT_OK : clx_fail_cl(&ctx->error, code, "clFinish");
}

clxent_status clx_transfers_launch(clx_transfers *transfers, clx_launch *launch) {
    clxent_ctx *ctx = launch->plan->ctx;
    cl_event wait[2], done = NULL;
    cl_uint waits = 0;
    cl_int code = CL_SUCCESS;
    if (launch->count == 0) return CLXENT_OK;
    if (transfers->uploaded) {
        wait[waits++] = transfers->uploaded; /* the last event of an in-order queue */
        code = ctx->cl.Flush(ctx->uploads);  /* else no other queue may wait for it */
        if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clFlush(uploads)");
    }
    if (transfers->computed) wait[waits++] = transfers->computed;
    const clxent_status status = clx_launch_submit(launch, waits, waits ? wait : NULL, &done);
    if (done) replace(&ctx->cl, &transfers->computed, done);
    if (status != CLXENT_OK) return status;
    code = ctx->cl.Flush(ctx->queue);
    return code == CL_SUCCESS ? CLXENT_OK : clx_fail_cl(&ctx->error, code, "clFlush");
}

clxent_status clx_transfers_finish(clxent_ctx *ctx, clx_transfers *transfers, clxent_status status) {
    /* In this order each queue waits only for commands that are submitted. */
    struct {
        const char *name;
        cl_command_queue queue;
        cl_event *last;
    } all[] = {{"uploads", ctx->uploads, &transfers->uploaded},
               {"kernels", ctx->queue, &transfers->computed},
               {"downloads", ctx->downloads, &transfers->downloaded}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        /* clFinish alone is not enough: in rusticl (Mesa 22.3) it does not wait for flushed commands. */
        cl_int code = *all[i].last ? ctx->cl.WaitForEvents(1, all[i].last) : CL_SUCCESS;
        if (code != CL_SUCCESS && status == CLXENT_OK)
            status = clx_fail_cl(&ctx->error, code, "clWaitForEvents(%s)", all[i].name);
        code = all[i].queue ? ctx->cl.Finish(all[i].queue) : CL_SUCCESS;
        if (code != CL_SUCCESS && status == CLXENT_OK)
            status = clx_fail_cl(&ctx->error, code, "clFinish(%s)", all[i].name);
        replace(&ctx->cl, all[i].last, NULL);
    }
    clx_held_release_completed(&ctx->held, &ctx->cl);
    return status;
}

/* ---------------------------------------------------------------- arrays ------------------------------ */

static clxent_status make_buffer(clxent_ctx *ctx, clx_staged *staged, size_t bytes) {
    const bool in_place = !staged->is_copied && staged->host;
    cl_int code = CL_SUCCESS;
    if (bytes > ctx->info.largest_buffer_bytes)
        return clx_fail(&ctx->error, CLXENT_ERR_MEMORY,
                        "%s needs a buffer of %zu bytes, the device's largest is %llu", staged->name, bytes,
                        (unsigned long long)ctx->info.largest_buffer_bytes);
    staged->mem = ctx->cl.CreateBuffer(ctx->context,
                                       (staged->is_output ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY) |
                                           (in_place ? CL_MEM_USE_HOST_PTR : 0),
                                       bytes, in_place ? staged->host : NULL, &code);
    if (code == CL_SUCCESS) return CLXENT_OK;
    staged->mem = NULL;
    return clx_fail_cl(&ctx->error, code, "clCreateBuffer(%s, %zu bytes)", staged->name, bytes);
}

static clxent_status upload(clxent_ctx *ctx, clx_transfers *transfers, const clx_staged *staged) {
    const size_t start[] = {0, 0, 0};
    cl_event event = NULL;
    cl_int code = CL_SUCCESS;
    const clxent_status status = make_queue(ctx, &ctx->uploads);
    if (status != CLXENT_OK) return status;
    if (staged->runs > 1) {
        const size_t run_bytes = staged->bytes / staged->runs, region[] = {run_bytes, staged->runs, 1};
        code = ctx->cl.EnqueueWriteBufferRect(ctx->uploads, staged->mem, CL_FALSE, start, start, region,
                                              run_bytes, 0, staged->apart, 0, staged->host, 0, NULL, &event);
    } else {
        code = ctx->cl.EnqueueWriteBuffer(ctx->uploads, staged->mem, CL_FALSE, 0, staged->bytes, staged->host,
                                          0, NULL, &event);
    }
    if (code != CL_SUCCESS)
        return clx_fail_cl(&ctx->error, code, "clEnqueueWriteBuffer%s(%s, %zu bytes)",
                           staged->runs > 1 ? "Rect" : "", staged->name, staged->bytes);
    replace(&ctx->cl, &transfers->uploaded, event);
    return CLXENT_OK;
}

clxent_status clx_stage(clxent_ctx *ctx, clx_transfers *transfers, clx_staged *staged, size_t room) {
    const bool copied = staged->is_copied;
    clxent_status status = CLXENT_OK;
    if (!copied) clx_stage_release(ctx, staged); /* the old buffer is of other host memory */
    if (staged->mem == NULL) status = make_buffer(ctx, staged, copied ? room : staged->bytes);
    return status == CLXENT_OK && copied && staged->is_read ? upload(ctx, transfers, staged) : status;
}

/* A map makes the device's writes visible in the host's memory, which the buffer uses. The map blocks:
 * rusticl (Mesa 22.3) refuses to unmap the result of a map that does not block, and there is no copy to
 * overlap. */
static clxent_status map_and_unmap(clxent_ctx *ctx, clx_transfers *transfers, const clx_staged *staged) {
    const clx_cl *cl = &ctx->cl;
    const cl_event *after = transfers->computed ? &transfers->computed : NULL;
    cl_event event = NULL;
    cl_int code = CL_SUCCESS;
    void *host = cl->EnqueueMapBuffer(ctx->queue, staged->mem, CL_TRUE, CL_MAP_READ, 0, staged->bytes,
                                      after ? 1 : 0, after, NULL, &code);
    if (code != CL_SUCCESS)
        return clx_fail_cl(&ctx->error, code, "clEnqueueMapBuffer(%s, %zu bytes)", staged->name,
                           staged->bytes);
    code = cl->EnqueueUnmapMemObject(ctx->queue, staged->mem, host, 0, NULL, &event);
    if (code != CL_SUCCESS)
        return clx_fail_cl(&ctx->error, code, "clEnqueueUnmapMemObject(%s)", staged->name);
    replace(cl, &transfers->downloaded, event);
    return CLXENT_OK;
}

static clxent_status download(clxent_ctx *ctx, clx_transfers *transfers, const clx_staged *staged) {
    const size_t start[] = {0, 0, 0};
    const cl_event *after = transfers->computed ? &transfers->computed : NULL;
    cl_event event = NULL;
    cl_int code = CL_SUCCESS;
    const clxent_status status = make_queue(ctx, &ctx->downloads);
    if (status != CLXENT_OK) return status;
    if (staged->runs > 1) {
        const size_t run_bytes = staged->bytes / staged->runs, region[] = {run_bytes, staged->runs, 1};
        code = ctx->cl.EnqueueReadBufferRect(ctx->downloads, staged->mem, CL_FALSE, start, start, region,
                                             run_bytes, 0, staged->apart, 0, staged->host, after ? 1 : 0,
                                             after, &event);
    } else {
        code = ctx->cl.EnqueueReadBuffer(ctx->downloads, staged->mem, CL_FALSE, 0, staged->bytes,
                                         staged->host, after ? 1 : 0, after, &event);
    }
    if (code != CL_SUCCESS)
        return clx_fail_cl(&ctx->error, code, "clEnqueueReadBuffer%s(%s, %zu bytes)",
                           staged->runs > 1 ? "Rect" : "", staged->name, staged->bytes);
    replace(&ctx->cl, &transfers->downloaded, event);
    code = ctx->cl.Flush(ctx->downloads);
    return code == CL_SUCCESS ? CLXENT_OK : clx_fail_cl(&ctx->error, code, "clFlush(downloads)");
}

clxent_status clx_stage_collect(clxent_ctx *ctx, clx_transfers *transfers, const clx_staged *staged) {
    if (staged->mem == NULL || !staged->is_output) return CLXENT_OK;
    return staged->is_copied ? download(ctx, transfers, staged) : map_and_unmap(ctx, transfers, staged);
}

void clx_stage_release(clxent_ctx *ctx, clx_staged *staged) {
    if (staged->mem) ctx->cl.ReleaseMemObject(staged->mem);
    staged->mem = NULL;
}
