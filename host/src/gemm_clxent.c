/* SPDX-License-Identifier: Apache-2.0
 * Matrix products by the library's own kernel, kernels/product.cl: on any device, without another library. */
#include "gemm_provider.h"

#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "product.h"
#include "program.h"

typedef struct own {
    clxent_ctx *ctx;
    clx_kernel *kernel; /* the context's list of programs owns it */
    int side;           /* product.h; 0: a CPU device */
} own;

/* The largest work-groups that the device and the kernel allow. */
static int side_of(const clxent_ctx *ctx, const clx_kernel *kernel) {
    if (ctx->facts.runs_rows_in_vectors) return 0;
    int side = CLX_PRODUCT_MOST_SIDE;
    while (side > 1 && ((size_t)(side * side) > kernel->work_group_limit ||
                        (uint64_t)CLX_PRODUCT_SCRATCH_BYTES(side) > ctx->info.local_memory_bytes))
        side /= 2;
    return side;
}

static clx_product_params params_of(const own *o, const clxent_product *product) {
    const clxent_matrix *a = &product->a, *b = &product->b;
    return (clx_product_params){
        .m = product->m,
        .n = product->n,
        .k = product->k,
        .a_at = clx_first_element(&a->buffer),
        .a_row = a->transposed ? 1 : a->row_stride,
        .a_column = a->transposed ? a->row_stride : 1,
        .b_at = clx_first_element(&b->buffer),
        .b_row = b->transposed ? 1 : b->row_stride,
        .b_column = b->transposed ? b->row_stride : 1,
        .c_at = clx_first_element(&product->c.buffer),
        .c_row = product->c.row_stride,
        /* A number of a stands in for a count that the kernel has no use for. */
        .row_count_at = clx_first_element(product->counted ? &product->row_count : &a->buffer),
        .first_row = product->first_row,
        .counted = product->counted == 'm'   ? CLX_COUNTED_M
                   : product->counted == 'k' ? CLX_COUNTED_K
                                             : CLX_COUNTED_NONE,
        .add = product->beta != 0,
        .side = o->side,
    };
}

/* A driver may leave loops early (facts.h). An item has these loops at each step along k: the step itself,
 * the step's indices, and the elements of two blocks that the item copies. */
static clxent_status check_loops(const own *o, int64_t k, clxent_error *err) {
    const uint64_t limit = o->ctx->facts.loop_limit;
    if (limit == 0 || o->side == 0) return CLXENT_OK;
    const uint64_t steps = ((uint64_t)k + CLX_PRODUCT_DEPTH - 1) / CLX_PRODUCT_DEPTH;
    const uint64_t in_step = 1 + CLX_PRODUCT_DEPTH + 2 * CLX_PRODUCT_EACH * CLX_PRODUCT_DEPTH / o->side;
    if (steps * in_step <= limit) return CLXENT_OK;
    return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                    "a matrix product over %lld indices takes up to %llu loop iterations a work-item, and "
                    "\"%s\" leaves a loop after %llu",
                    (long long)k, (unsigned long long)(steps * in_step), o->ctx->info.name,
                    (unsigned long long)limit);
}

static clxent_status enqueue(void *user, cl_command_queue queue, const clxent_product *product,
                             cl_uint n_wait, const cl_event *wait, cl_event *event) {
    const own *o = user;
    const clx_cl *cl = &o->ctx->cl;
    clxent_error *err = &o->ctx->error;
    const clxent_status status = check_loops(o, product->k, err);
    if (status != CLXENT_OK) return status;

    const clx_product_params params = params_of(o, product);
    const cl_mem *count = product->counted ? &product->row_count.mem : &product->a.buffer.mem;
    cl_kernel kernel = o->kernel->kernel;
    cl_int code = cl->SetKernelArg(kernel, CLX_PRODUCT_PARAMS, sizeof params, &params);
    if (code == CL_SUCCESS)
        code = cl->SetKernelArg(kernel, CLX_PRODUCT_A, sizeof(cl_mem), &product->a.buffer.mem);
    if (code == CL_SUCCESS)
        code = cl->SetKernelArg(kernel, CLX_PRODUCT_B, sizeof(cl_mem), &product->b.buffer.mem);
    if (code == CL_SUCCESS)
        code = cl->SetKernelArg(kernel, CLX_PRODUCT_C, sizeof(cl_mem), &product->c.buffer.mem);
    if (code == CL_SUCCESS) code = cl->SetKernelArg(kernel, CLX_PRODUCT_ROW_COUNT, sizeof(cl_mem), count);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clSetKernelArg(product)");

    /* A group has more elements of c than items, so both sizes fit wherever c does. */
    const int64_t rows = o->side ? CLX_PRODUCT_EACH * o->side : CLX_PRODUCT_CPU_ROWS;
    const int64_t columns = o->side ? CLX_PRODUCT_EACH * o->side : CLX_PRODUCT_CPU_COLUMNS;
    const int64_t groups = ((product->m + rows - 1) / rows) * ((product->n + columns - 1) / columns);
    const size_t local_size = o->side ? (size_t)(o->side * o->side) : 1;
    const size_t global_size = (size_t)groups * local_size;
    code = cl->EnqueueNDRangeKernel(queue, kernel, 1, NULL, &global_size, &local_size, n_wait,
                                    n_wait ? wait : NULL, event);
    if (code == CL_SUCCESS) return CLXENT_OK;
    return clx_fail_cl(err, code, "clEnqueueNDRangeKernel(product, %zu work-items in groups of %zu)",
                       global_size, local_size);
}

static void close_own(clxent_ctx *ctx, void *user) {
    (void)ctx;
    free(user);
}

clxent_status clx_gemm_open_clxent(clxent_ctx *ctx, clx_gemm *out) {
    clx_kernel *kernels = NULL;
    const clxent_status status = clx_product_kernels(ctx, &kernels);
    if (status != CLXENT_OK) return status;
    own *o = malloc(sizeof *o);
    if (o == NULL) return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for a matrix product");
    *o = (own){ctx, &kernels[CLX_PRODUCT], side_of(ctx, &kernels[CLX_PRODUCT])};
    const size_t scratch = o->side ? (size_t)CLX_PRODUCT_SCRATCH_BYTES(o->side) : sizeof(float);
    const cl_int code = ctx->cl.SetKernelArg(o->kernel->kernel, CLX_PRODUCT_SCRATCH, scratch, NULL);
    if (code != CL_SUCCESS) {
        free(o);
        return clx_fail_cl(&ctx->error, code, "clSetKernelArg(product, %zu bytes of local memory)", scratch);
    }
    out->gemm.enqueue = enqueue;
    out->gemm.user = o;
    out->gemm.heeds_row_count = 1;
    out->close = close_own;
    snprintf(out->why, sizeof out->why, "the library's own kernel, on any device");
    return CLXENT_OK;
}
