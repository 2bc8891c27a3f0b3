/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <clxent/clxent_opencl.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "error.h"
#include "facts.h"
#include "gemm.h"
#include "program.h"
#include "program_cache.h"
#include "structs.h"
#include "tuning.h"

static clxent_status read_options(const clxent_ctx_options *given, clxent_ctx_options *out,
                                  clxent_error *err) {
    const clxent_ctx_options usual = CLXENT_CTX_OPTIONS_INIT;
    return clx_read_struct(err, &clx_ctx_options_struct, given ? given : &usual, out);
}

/* A context with its options and its OpenCL table, and nothing else yet. */
static clxent_status new_ctx(clxent_ctx **out, const clxent_ctx_options *options, clxent_error *err) {
    clxent_ctx *ctx = calloc(1, sizeof *ctx);
    if (ctx == NULL) return clx_fail(err, CLXENT_ERR_MEMORY, "no host memory for a context");
    ctx->references = 1;
    ctx->memory_bytes = options->memory_bytes;
    clxent_status status = clx_gemm_number_of(options->gemm, &ctx->gemm_wanted, err);
    if (status == CLXENT_OK) status = clx_cl_load(&ctx->cl, err);
    if (status != CLXENT_OK) {
        free(ctx);
        return status;
    }
    *out = ctx;
    return CLXENT_OK;
}

/* Sets what follows from the context's device. */
static void take_device(clxent_ctx *ctx) {
    ctx->facts = clx_facts_of(&ctx->info);
    ctx->tuning = clx_tuning_of(&ctx->info);
}

clxent_status clxent_ctx_create(clxent_ctx **out, const clxent_ctx_options *options, clxent_error *err) {
    clxent_ctx *ctx = NULL;
    cl_int code = CL_SUCCESS;
    if (out == NULL) return clx_fail(err, CLXENT_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    clxent_ctx_options o;
    clxent_status status = read_options(options, &o, err);
    if (status == CLXENT_OK) status = new_ctx(&ctx, &o, err);
    if (status != CLXENT_OK) return status;

    status = clx_device_choose(&ctx->cl, o.device, &ctx->device, &ctx->info, err);
    if (status != CLXENT_OK) goto fail;
    ctx->context = ctx->cl.CreateContext(NULL, 1, &ctx->device, NULL, NULL, &code);
    if (code != CL_SUCCESS) {
        status = clx_fail_cl(err, code, "clCreateContext(%s)", ctx->info.name);
        ctx->context = NULL;
        goto fail;
    }
    ctx->queue = ctx->cl.CreateCommandQueue(ctx->context, ctx->device, 0, &code);
    if (code != CL_SUCCESS) {
        status = clx_fail_cl(err, code, "clCreateCommandQueue(%s)", ctx->info.name);
        ctx->queue = NULL;
        goto fail;
    }
    take_device(ctx);
    *out = ctx;
    return CLXENT_OK;
fail:
    clx_ctx_release(ctx);
    return status;
}

clxent_status clxent_ctx_create_from_queue(clxent_ctx **out, cl_command_queue queue,
                                           const clxent_ctx_options *options, clxent_error *err) {
    clxent_ctx *ctx = NULL;
    cl_command_queue_properties properties = 0;
    cl_context context = NULL;
    if (out == NULL) return clx_fail(err, CLXENT_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    if (queue == NULL) return clx_fail(err, CLXENT_ERR_ARGUMENT, "queue is NULL");
    clxent_ctx_options o;
    clxent_status status = read_options(options, &o, err);
    if (status == CLXENT_OK) status = new_ctx(&ctx, &o, err);
    if (status != CLXENT_OK) return status;

    const clx_cl *cl = &ctx->cl;
    cl_int code = cl->GetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL);
    if (code == CL_SUCCESS)
        code = cl->GetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof ctx->device, &ctx->device, NULL);
    if (code == CL_SUCCESS)
        code = cl->GetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
    if (code != CL_SUCCESS) {
        status = clx_fail_cl(err, code, "clGetCommandQueueInfo(queue)");
        goto fail;
    }
    ctx->out_of_order = (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
    status = clx_device_describe(cl, ctx->device, &ctx->info, err);
    if (status != CLXENT_OK) goto fail;
    if (clx_device_lacks(&ctx->info)) {
        status =
            clx_fail(err, CLXENT_ERR_NO_DEVICE, "the queue's device, \"%s\" (%s), lacks %s, which is needed",
                     ctx->info.name, ctx->info.opencl_version, clx_device_lacks(&ctx->info));
        goto fail;
    }
    code = cl->RetainContext(context);
    if (code != CL_SUCCESS) {
        status = clx_fail_cl(err, code, "clRetainContext");
        goto fail;
    }
    ctx->context = context;
    code = cl->RetainCommandQueue(queue);
    if (code != CL_SUCCESS) {
        status = clx_fail_cl(err, code, "clRetainCommandQueue");
        goto fail;
    }
    ctx->queue = queue;
    take_device(ctx);
    *out = ctx;
    return CLXENT_OK;
fail:
    clx_ctx_release(ctx);
    return status;
}

void clx_ctx_release(clxent_ctx *ctx) {
    if (--ctx->references > 0) return;
    clx_gemm_release(ctx);
    clx_programs_release(ctx);
    clx_import_release(ctx);
    if (clx_can_release()) {
        clx_held_release(&ctx->held, &ctx->cl);
        if (ctx->queue) ctx->cl.ReleaseCommandQueue(ctx->queue);
        if (ctx->uploads) ctx->cl.ReleaseCommandQueue(ctx->uploads);
        if (ctx->downloads) ctx->cl.ReleaseCommandQueue(ctx->downloads);
        if (ctx->context) ctx->cl.ReleaseContext(ctx->context);
    }
    free(ctx->held.events);
    free(ctx->build_log);
    free(ctx);
}

void clxent_ctx_destroy(clxent_ctx *ctx) {
    if (ctx) clx_ctx_release(ctx);
}

const char *clxent_ctx_last_error(const clxent_ctx *ctx) {
    return ctx ? ctx->error.message : "";
}

const clxent_error *clxent_ctx_error(const clxent_ctx *ctx) {
    return ctx ? &ctx->error : NULL;
}

const char *clxent_ctx_build_log(const clxent_ctx *ctx) {
    return ctx && ctx->build_log ? ctx->build_log : "";
}

cl_command_queue clxent_ctx_queue(const clxent_ctx *ctx) {
    return ctx ? ctx->queue : NULL;
}

clxent_status clxent_ctx_device(const clxent_ctx *ctx, clxent_device_info *out) {
    if (ctx == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_error *err = clx_error_of(ctx);
    if (out == NULL) return clx_fail(err, CLXENT_ERR_ARGUMENT, "out is NULL");
    return clx_write_struct(err, &clx_device_info_struct, out, &ctx->info);
}
