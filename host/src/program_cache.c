/* SPDX-License-Identifier: Apache-2.0 */
#include "program_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "kernel_sources.h"
#include "program.h"

/* The identity of this context's binaries: these kernels, compiled by this driver for this device. */
typedef struct identity {
    char text[1024];
} identity;

static clxent_status identify(const clxent_ctx *ctx, identity *out, clxent_error *err) {
    cl_platform_id platform = NULL;
    char version[256] = ""; /* of the platform: PoCL tells there which LLVM it has */
    const clxent_status status = clx_check_process(err);
    if (status != CLXENT_OK) return status;
    cl_int code = ctx->cl.GetDeviceInfo(ctx->device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetDeviceInfo(CL_DEVICE_PLATFORM)");
    code = ctx->cl.GetPlatformInfo(platform, CL_PLATFORM_VERSION, sizeof version - 1, version, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetPlatformInfo(CL_PLATFORM_VERSION)");
    snprintf(out->text, sizeof out->text, "clxent %s\nkernels %s\n%zu bits\n%s\n%s\n%s\n%s\n%s\n%s",
             clxent_version(), clx_kernel_sources_hash, 8 * sizeof(void *), ctx->info.platform, version,
             ctx->info.name, ctx->info.driver, ctx->info.opencl_version, ctx->info.opencl_c_version);
    return CLXENT_OK;
}

static bool has_key(const clx_blob_entry *entry, const char *key) {
    return entry->key_bytes == strlen(key) && memcmp(entry->key, key, entry->key_bytes) == 0;
}

bool clx_imported_program(const clxent_ctx *ctx, const char *key, clx_blob_entry *out) {
    clx_blob rest = ctx->imported;
    while (clx_blob_next(&rest, out))
        if (has_key(out, key)) return true;
    return false;
}

void clx_import_release(clxent_ctx *ctx) {
    free(ctx->imported_bytes);
    ctx->imported_bytes = NULL;
    ctx->imported = (clx_blob){0};
}

clxent_status clxent_ctx_import_programs(clxent_ctx *ctx, const void *data, size_t bytes) {
    identity own;
    clx_blob blob;
    if (ctx == NULL) return CLXENT_ERR_ARGUMENT;
    if (data == NULL && bytes > 0)
        return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT, "data is NULL and bytes is %zu", bytes);
    clx_import_release(ctx);
    if (bytes == 0) return CLXENT_OK;
    const clxent_status status = identify(ctx, &own, &ctx->error);
    if (status != CLXENT_OK) return status;
    /* Check the copy, not the original: that may be a file to which somebody still writes. */
    unsigned char *copy = malloc(bytes);
    if (copy == NULL)
        return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for programs of %zu bytes", bytes);
    memcpy(copy, data, bytes);
    if (!clx_blob_open(&blob, copy, bytes) || blob.identity_bytes != strlen(own.text) ||
        memcmp(blob.identity, own.text, blob.identity_bytes) != 0) {
        free(copy); /* damaged, or made for another device, driver or version: ignore it */
        return CLXENT_OK;
    }
    ctx->imported = blob;
    ctx->imported_bytes = copy;
    return CLXENT_OK;
}

/* The program was built for one device alone, though a caller's cl_context may have several. OpenCL lists a
 * binary for each device; only that of our device has a size. (CL_PROGRAM_DEVICES does not help: PoCL lists
 * the context's devices there, but has sizes only of those that it built for.) */
static clxent_status add_program(clxent_ctx *ctx, const clx_program *program, clx_blob_writer *writer) {
    enum { MAX_DEVICES = 128 };
    size_t sizes[MAX_DEVICES] = {0}, bytes = 0, index = 0;
    unsigned char *binaries[MAX_DEVICES] = {NULL}; /* NULL: this one is not asked for */
    cl_int code =
        ctx->cl.GetProgramInfo(program->program, CL_PROGRAM_BINARY_SIZES, sizeof sizes, sizes, &bytes);
    if (code != CL_SUCCESS)
        return clx_fail_cl(&ctx->error, code, "clGetProgramInfo(CL_PROGRAM_BINARY_SIZES, %s)", program->key);
    const size_t count = bytes / sizeof sizes[0];
    while (index < count && sizes[index] == 0) index++;
    if (index == count) return CLXENT_OK; /* the driver has no binary to give */

    clxent_status status = CLXENT_OK;
    if (writer->data) {
        binaries[index] = malloc(sizes[index]);
        if (binaries[index] == NULL)
            return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for a program of %zu bytes",
                            sizes[index]);
        code = ctx->cl.GetProgramInfo(program->program, CL_PROGRAM_BINARIES, count * sizeof binaries[0],
                                      binaries, NULL);
        if (code != CL_SUCCESS)
            status =
                clx_fail_cl(&ctx->error, code, "clGetProgramInfo(CL_PROGRAM_BINARIES, %s)", program->key);
    }
    const clx_blob_entry entry = {program->key, strlen(program->key), binaries[index], sizes[index]};
    if (status == CLXENT_OK) clx_blob_add(writer, &entry);
    free(binaries[index]);
    return status;
}

/* Whether the driver refused this imported program, so that it was compiled anew. */
static bool is_replaced(const clxent_ctx *ctx, const clx_blob_entry *entry) {
    for (const clx_program *p = ctx->programs; p; p = p->next)
        if (p->compiled && has_key(entry, p->key)) return true;
    return false;
}

clxent_status clxent_ctx_export_programs(clxent_ctx *ctx, void *data, size_t capacity, size_t *bytes) {
    identity own;
    if (bytes) *bytes = 0;
    if (ctx == NULL) return CLXENT_ERR_ARGUMENT;
    if (bytes == NULL) return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT, "bytes is NULL");
    if (data == NULL && capacity > 0)
        return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT, "data is NULL and capacity is %zu", capacity);
    clxent_status status = identify(ctx, &own, &ctx->error);
    if (status != CLXENT_OK) return status;

    clx_blob_writer writer = {.data = data, .capacity = capacity};
    clx_blob_begin(&writer, own.text);
    clx_blob rest = ctx->imported;
    clx_blob_entry entry;
    while (clx_blob_next(&rest, &entry))
        if (!is_replaced(ctx, &entry)) clx_blob_add(&writer, &entry);
    for (const clx_program *p = ctx->programs; p; p = p->next) {
        if (!p->compiled && clx_imported_program(ctx, p->key, &entry)) continue; /* the import above has it */
        status = add_program(ctx, p, &writer);
        if (status != CLXENT_OK) return status;
    }
    clx_blob_end(&writer);
    *bytes = writer.bytes;
    if (data && writer.bytes > capacity)
        return clx_fail(&ctx->error, CLXENT_ERR_BUFFER, "capacity is %zu bytes, the programs have %zu",
                        capacity, writer.bytes);
    return CLXENT_OK;
}

size_t clxent_ctx_programs_compiled(const clxent_ctx *ctx) {
    return ctx ? ctx->programs_compiled : 0;
}
