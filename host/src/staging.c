/* SPDX-License-Identifier: Apache-2.0 */
#include "staging.h"

#include "error.h"

clxent_status clx_stage(clxent_ctx *ctx, const char *name, void *host, size_t bytes, bool is_output,
                        bool keep, clx_staged *out) {
    const clx_cl *cl = &ctx->cl;
    const bool unified = ctx->info.unified_memory;
    cl_int code = CL_SUCCESS;
    *out = (clx_staged){.host = host, .bytes = bytes, .is_output = is_output};
    if (bytes > ctx->info.largest_buffer_bytes)
        return clx_fail(&ctx->error, CLXENT_ERR_MEMORY,
                        "%s needs a buffer of %zu bytes, the device's largest is %llu", name, bytes,
                        (unsigned long long)ctx->info.largest_buffer_bytes);
    out->mem = cl->CreateBuffer(ctx->context,
                                (is_output ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY) |
                                    (unified ? CL_MEM_USE_HOST_PTR : 0),
                                bytes, unified ? host : NULL, &code);
    if (code != CL_SUCCESS) {
        out->mem = NULL;
        return clx_fail_cl(&ctx->error, code, "clCreateBuffer(%s, %zu bytes)", name, bytes);
    }
    if (unified || (is_output && !keep)) return CLXENT_OK;
    code = cl->EnqueueWriteBuffer(ctx->queue, out->mem, CL_TRUE, 0, bytes, host, 0, NULL, NULL);
    if (code == CL_SUCCESS) return CLXENT_OK;
    const clxent_status status =
        clx_fail_cl(&ctx->error, code, "clEnqueueWriteBuffer(%s, %zu bytes)", name, bytes);
    clx_stage_release(ctx, out);
    return status;
}

clxent_status clx_stage_collect(clxent_ctx *ctx, const char *name, const clx_staged *staged) {
    const clx_cl *cl = &ctx->cl;
    cl_int code = CL_SUCCESS;
    if (staged->mem == NULL || !staged->is_output) return CLXENT_OK;
    if (!ctx->info.unified_memory) {
        code = cl->EnqueueReadBuffer(ctx->queue, staged->mem, CL_TRUE, 0, staged->bytes, staged->host, 0,
                                     NULL, NULL);
        if (code != CL_SUCCESS)
            return clx_fail_cl(&ctx->error, code, "clEnqueueReadBuffer(%s, %zu bytes)", name, staged->bytes);
        return CLXENT_OK;
    }
    /* A map makes the device's writes visible in the host's memory, which is the buffer's own. */
    void *mapped = cl->EnqueueMapBuffer(ctx->queue, staged->mem, CL_TRUE, CL_MAP_READ, 0, staged->bytes, 0,
                                        NULL, NULL, &code);
    if (code != CL_SUCCESS)
        return clx_fail_cl(&ctx->error, code, "clEnqueueMapBuffer(%s, %zu bytes)", name, staged->bytes);
    code = cl->EnqueueUnmapMemObject(ctx->queue, staged->mem, mapped, 0, NULL, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clEnqueueUnmapMemObject(%s)", name);
    return CLXENT_OK;
}

void clx_stage_release(clxent_ctx *ctx, clx_staged *staged) {
    if (staged->mem) ctx->cl.ReleaseMemObject(staged->mem);
    staged->mem = NULL;
}
