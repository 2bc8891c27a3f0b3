/* SPDX-License-Identifier: Apache-2.0
 * A function of the host runs as a native kernel, in the order of the queue.
 *
 * A native kernel can ask the driver for the addresses of buffers. PoCL up to 6 gives them in the order in
 * which the buffers were created, each once, and a sub-buffer's address without its offset. So this file asks
 * for one buffer only. A kernel of the device stores the addresses of the product's buffers in that one
 * before: a CPU device that runs native kernels has the host's addresses. */
#include "gemm_native.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "launch.h"
#include "program.h"

enum { A, B, C, ROW_COUNT, ADDRESSES }; /* in the order of store_addresses (kernels/product.cl) */

typedef struct native {
    clxent_ctx *ctx;
    clx_native_multiply *multiply;
    clx_native_entry *entry;
    clx_native_refuse *refuse;
    clx_kernel *store_addresses; /* the context's list of programs owns it */
    cl_mem addresses;            /* on an in-order queue, of all products; else NULL: each product has one */
} native;

/* ---------------------------------------------------------------- the product ------------------------- */

/* The argument of run(); the driver copies it. */
typedef struct native_product {
    const uint64_t *addresses; /* the driver sets it */
    clx_native_multiply *multiply;
    clx_native_entry *entry;
    clxent_product product;
} native_product;

/* Of `all` indices, how many exist. */
static int64_t existing(const int32_t *row_count, int64_t first_row, int64_t all) {
    const int64_t rows = *row_count - first_row;
    return rows < 0 ? 0 : rows < all ? rows : all;
}

static void CL_CALLBACK run(void *argument) {
    const native_product *given = argument;
    const clxent_product *p = &given->product;
    const size_t offset[ADDRESSES] = {p->a.buffer.offset, p->b.buffer.offset, p->c.buffer.offset,
                                      p->row_count.offset};
    char *at[ADDRESSES];
    for (int i = 0; i < ADDRESSES; i++) {
        const uintptr_t address = (uintptr_t)given->addresses[i] + offset[i];
        memcpy(&at[i], &address, sizeof address);
    }
    const int32_t *row_count = (const int32_t *)(const void *)at[ROW_COUNT];
    const clx_native_factors factors = {
        .a = at[A],
        .b = at[B],
        .c = (float *)(void *)at[C],
        .m = p->counted == 'm' ? existing(row_count, p->first_row, p->m) : p->m,
        .n = p->n,
        .k = p->counted == 'k' ? existing(row_count, p->first_row, p->k) : p->k,
    };
    if (factors.k > 0 && factors.m > 0)
        given->multiply(given->entry, p, &factors);
    else if (p->beta == 0)
        for (int64_t row = 0; row < factors.m; row++)
            memset(factors.c + row * p->c.row_stride, 0, (size_t)p->n * sizeof *factors.c);
}

static clxent_status new_addresses(clxent_ctx *ctx, cl_mem *out) {
    cl_int code = CL_SUCCESS;
    const size_t bytes = ADDRESSES * sizeof(uint64_t);
    *out = ctx->cl.CreateBuffer(ctx->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (code == CL_SUCCESS) return CLXENT_OK;
    *out = NULL;
    return clx_fail_cl(&ctx->error, code, "clCreateBuffer(%zu bytes for a matrix product)", bytes);
}

/* Enqueues store_addresses. *event is set where the native kernel must wait for it. */
static clxent_status enqueue_addresses(const native *o, cl_command_queue queue, const clxent_product *product,
                                       const cl_mem *addresses, cl_uint n_wait, const cl_event *wait,
                                       cl_event *event) {
    clxent_ctx *ctx = o->ctx;
    const clx_cl *cl = &ctx->cl;
    const cl_mem *const arguments[] = {&product->a.buffer.mem, &product->b.buffer.mem, &product->c.buffer.mem,
                                       &product->row_count.mem, addresses};
    const size_t one = 1;
    cl_int code = CL_SUCCESS;
    for (cl_uint i = 0; i <= ADDRESSES && code == CL_SUCCESS; i++)
        code = cl->SetKernelArg(o->store_addresses->kernel, i, sizeof(cl_mem), arguments[i]);
    if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clSetKernelArg(store_addresses)");
    code = cl->EnqueueNDRangeKernel(queue, o->store_addresses->kernel, 1, NULL, &one, &one, n_wait,
                                    n_wait ? wait : NULL,
                                    ctx->out_of_order || ctx->facts.loses_events ? event : NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clEnqueueNDRangeKernel(store_addresses)");
    return ctx->facts.loses_events ? clx_hold(&ctx->held, *event, cl, &ctx->error) : CLXENT_OK;
}

static clxent_status enqueue(void *user, cl_command_queue queue, const clxent_product *product,
                             cl_uint n_wait, const cl_event *wait, cl_event *event) {
    const native *o = user;
    clxent_ctx *ctx = o->ctx;
    const clx_cl *cl = &ctx->cl;
    cl_mem addresses = o->addresses;
    cl_event stored = NULL;
    clxent_status status = o->refuse(ctx, product);
    /* A launch holds the events of its steps, and has made room for them; here is one more. */
    if (status == CLXENT_OK && ctx->facts.loses_events)
        status = clx_held_reserve(&ctx->held, CLX_MAX_STEPS + 1, cl, &ctx->error);
    if (status == CLXENT_OK && addresses == NULL) status = new_addresses(ctx, &addresses);
    if (status != CLXENT_OK) return status;

    status = enqueue_addresses(o, queue, product, &addresses, n_wait, wait, &stored);
    if (status == CLXENT_OK) {
        native_product argument = {NULL, o->multiply, o->entry, *product};
        const void *place = &argument.addresses;
        const cl_int code = cl->EnqueueNativeKernel(queue, run, &argument, sizeof argument, 1, &addresses,
                                                    &place, stored ? 1 : 0, stored ? &stored : NULL, event);
        if (code != CL_SUCCESS)
            status = clx_fail_cl(&ctx->error, code, "clEnqueueNativeKernel(a matrix product)");
    }
    if (stored) cl->ReleaseEvent(stored);
    if (addresses != o->addresses) cl->ReleaseMemObject(addresses); /* the commands retain it */
    return status;
}

/* ---------------------------------------------------------------- the provider ------------------------ */

static void close_native(clxent_ctx *ctx, void *user) {
    native *o = user;
    if (o->addresses && clx_can_release()) ctx->cl.ReleaseMemObject(o->addresses);
    free(o);
}

clxent_status clx_native_check(clxent_ctx *ctx, clx_gemm *out) {
    cl_device_exec_capabilities has = 0;
    const cl_int code =
        ctx->cl.GetDeviceInfo(ctx->device, CL_DEVICE_EXECUTION_CAPABILITIES, sizeof has, &has, NULL);
    if (code != CL_SUCCESS)
        return clx_fail_cl(&ctx->error, code, "clGetDeviceInfo(CL_DEVICE_EXECUTION_CAPABILITIES)");
    if (ctx->info.type == CLXENT_DEVICE_CPU && (has & CL_EXEC_NATIVE_KERNEL)) return CLXENT_OK;
    return clx_gemm_lacks(out, "\"%s\" is no CPU that runs native kernels (CL_EXEC_NATIVE_KERNEL)",
                          ctx->info.name);
}

clxent_status clx_native_open(clxent_ctx *ctx, clx_native_multiply *multiply, clx_native_entry *entry,
                              clx_native_refuse *refuse, clx_gemm *out) {
    clx_kernel *kernels = NULL;
    clxent_status status = clx_product_kernels(ctx, &kernels);
    if (status != CLXENT_OK) return status;
    native *o = malloc(sizeof *o);
    if (o == NULL) return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for a matrix product");
    *o = (native){ctx, multiply, entry, refuse, &kernels[CLX_STORE_ADDRESSES], NULL};
    if (!ctx->out_of_order) status = new_addresses(ctx, &o->addresses);
    if (status != CLXENT_OK) {
        free(o);
        return status;
    }
    out->gemm.enqueue = enqueue;
    out->gemm.user = o;
    out->gemm.heeds_row_count = 1;
    out->close = close_native;
    return CLXENT_OK;
}

/* ---------------------------------------------------------------- libraries --------------------------- */

bool clx_native_has_value(const char *variable) {
    const char *value = getenv(variable);
    return value != NULL && *value != '\0';
}

bool clx_native_is_loaded(const char *name) {
    void *loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (loaded) dlclose(loaded);
    return loaded != NULL;
}

bool clx_native_find(void *loaded, const char *const *names, size_t count, void *out) {
    for (size_t i = 0; i < count; i++) {
        void *entry = dlsym(loaded, names[i]);
        if (entry == NULL) return false;
        memcpy((char *)out + i * sizeof entry, &entry, sizeof entry);
    }
    return true;
}
