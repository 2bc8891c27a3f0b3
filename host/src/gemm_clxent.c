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
    while (side > 1 && ((size_t)side * (size_t)side > kernel->work_group_limit ||
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

/* A driver may leave loops early (facts.h). Then a kernel takes so many indices of k at most. An item has
 * these loops at each step along k: the step itself, the step's indices, and the elements of two blocks that
 * the item copies. The driver also counts the pass in which a loop ends. The kernel takes half of what is
 * allowed, in case another version of the driver counts more. */
static int64_t most_indices(const own *o) {
    const uint64_t limit = o->ctx->facts.loop_limit / 2;
    if (limit == 0 || o->side == 0) return INT64_MAX;
    const uint64_t copies = 1 + CLX_PRODUCT_EACH * CLX_PRODUCT_DEPTH / (uint64_t)o->side;
    const uint64_t in_step = 1 + (1 + CLX_PRODUCT_DEPTH) + 2 * copies;
    return limit < in_step ? CLX_PRODUCT_DEPTH : (int64_t)(limit / in_step) * CLX_PRODUCT_DEPTH;
}

/* Enqueues a product whose k one kernel can take. */
static clxent_status enqueue_slice(const own *o, cl_command_queue queue, const clxent_product *product,
                                   const clx_product_params *params, cl_uint n_wait, const cl_event *wait,
                                   cl_event *event) {
    const clx_cl *cl = &o->ctx->cl;
    clxent_error *err = &o->ctx->error;
    const cl_mem *count = product->counted ? &product->row_count.mem : &product->a.buffer.mem;
    cl_kernel kernel = o->kernel->kernel;
    cl_int code = cl->SetKernelArg(kernel, CLX_PRODUCT_PARAMS, sizeof *params, params);
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
    const size_t local_size = o->side ? (size_t)o->side * (size_t)o->side : 1;
    const size_t global_size = (size_t)groups * local_size;
    code = cl->EnqueueNDRangeKernel(queue, kernel, 1, NULL, &global_size, &local_size, n_wait,
                                    n_wait ? wait : NULL, event);
    if (code == CL_SUCCESS) return CLXENT_OK;
    return clx_fail_cl(err, code, "clEnqueueNDRangeKernel(product, %zu work-items in groups of %zu)",
                       global_size, local_size);
}

/* The slices of k come one after the other: each adds to what the slice before it has left in c. After a
 * failure *event is that of the last kernel that was enqueued, if that kernel has an event. (No driver that
 * loses events leaves loops, so nobody need hold the events between the slices.) */
static clxent_status enqueue(void *user, cl_command_queue queue, const clxent_product *product,
                             cl_uint n_wait, const cl_event *wait, cl_event *event) {
    const own *o = user;
    const int64_t k = product->k, most = most_indices(o);
    clx_product_params params = params_of(o, product);
    cl_event previous = NULL; /* out of order, the next slice waits for it */
    clxent_status status = CLXENT_OK;
    for (int64_t at = 0; at < k && status == CLXENT_OK; at += params.k) {
        const bool chained = at > 0 && o->ctx->out_of_order;
        cl_event done = NULL;
        params.k = k - at < most ? k - at : most;
        const bool tells = at + params.k < k ? o->ctx->out_of_order : event != NULL;
        status = enqueue_slice(o, queue, product, &params,
                               chained   ? 1
                               : at == 0 ? n_wait
                                         : 0,
                               chained ? &previous : wait, tells ? &done : NULL);
        if (status != CLXENT_OK) break;
        if (previous) o->ctx->cl.ReleaseEvent(previous);
        previous = done;
        params.a_at += params.k * params.a_column;
        params.b_at += params.k * params.b_row;
        if (params.counted == CLX_COUNTED_K) params.first_row += params.k;
        params.add = 1;
    }
    if (event)
        *event = previous;
    else if (previous)
        o->ctx->cl.ReleaseEvent(previous);
    return status;
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
