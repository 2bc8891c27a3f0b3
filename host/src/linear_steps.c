/* SPDX-License-Identifier: Apache-2.0 */
#include "linear_steps.h"

#include "error.h"
#include "gemm.h"
#include "sizes.h"

/* ---------------------------------------------------------------- copies and sums --------------------- */

static clxent_status enqueue_copy(clx_launch *launch, const clx_step *step, cl_uint n_wait,
                                  const cl_event *wait, cl_event *event) {
    const clx_cl *cl = &launch->plan->ctx->cl;
    cl_kernel kernel = step->kernel->kernel;
    cl_int code = cl->SetKernelArg(kernel, 0, sizeof step->of.copy.params, &step->of.copy.params);
    if (code == CL_SUCCESS) code = cl->SetKernelArg(kernel, 1, sizeof(cl_mem), &step->of.copy.from);
    if (code == CL_SUCCESS) code = cl->SetKernelArg(kernel, 2, sizeof(cl_mem), &step->of.copy.to);
    if (code == CL_SUCCESS) code = cl->SetKernelArg(kernel, 3, sizeof(cl_mem), &launch->workspace);
    if (code != CL_SUCCESS)
        return clx_fail_cl(&launch->plan->ctx->error, code, "clSetKernelArg(%s)", step->kernel->name);
    return clx_enqueue_range(launch, step, n_wait, wait, event);
}

/* Adds a kernel of copy.cl with rows * items work-items. */
static clxent_status add(clx_launch *launch, int kernel, clx_rows from, clx_rows to, const clx_copy *params,
                         int64_t rows, int64_t items) {
    enum { LOCAL_SIZE = 64 };
    clx_kernel *kernels = NULL;
    const clxent_status status = clx_copy_kernels(launch->plan->ctx, from.dtype, to.dtype, &kernels);
    if (status != CLXENT_OK || rows == 0) return status;
    const size_t limit = kernels[kernel].work_group_limit;
    const size_t local_size = limit < LOCAL_SIZE ? limit : LOCAL_SIZE;
    clx_step *step = &launch->steps[launch->count++];
    *step = (clx_step){.enqueue = enqueue_copy,
                       .kernel = &kernels[kernel],
                       .groups = (size_t)clx_divided_up(rows * items, (int64_t)local_size),
                       .local_size = local_size};
    clx_copy *p = &step->of.copy.params;
    *p = *params;
    p->from_at = from.at;
    p->from_stride = from.stride;
    p->to_at = to.at;
    p->to_stride = to.stride;
    p->items = items;
    step->of.copy.from = from.mem;
    step->of.copy.to = to.mem;
    return CLXENT_OK;
}

clxent_status clx_add_copy(clx_launch *launch, clx_rows from, clx_rows to, const clx_copy *params) {
    /* A CPU runs items in turn, and each has some work to begin; a GPU's neighbours read neighbouring
     * memory. */
    const clx_facts *facts = &launch->plan->ctx->facts;
    const int64_t columns = facts->runs_items_in_turn ? 1024 : clx_copy_width(facts);
    return add(launch, CLX_COPY_ROWS, from, to, params, params->rows,
               clx_divided_up(params->columns, columns));
}

clxent_status clx_add_sum(clx_launch *launch, clx_rows from, clx_rows to, const clx_copy *params) {
    const int64_t columns = 8 * clx_copy_width(&launch->plan->ctx->facts); /* TILE vectors */
    return add(launch, CLX_ADD_ROWS, from, to, params, 1, clx_divided_up(params->columns, columns));
}

/* ---------------------------------------------------------------- products ---------------------------- */

static clxent_status enqueue_product(clx_launch *launch, const clx_step *step, cl_uint n_wait,
                                     const cl_event *wait, cl_event *event) {
    return clx_gemm_enqueue(launch->plan->ctx, step->of.gemm.gemm, &step->of.gemm.product, n_wait, wait,
                            event);
}

static clxent_buffer place_of(clx_rows m) {
    return (clxent_buffer){m.mem, (size_t)m.at * clxent_dtype_size(m.dtype)};
}

void clx_add_product(clx_launch *launch, const clxent_gemm *gemm, clx_rows a, clx_rows b, clx_rows c,
                     const clxent_product *product) {
    clx_step *step = &launch->steps[launch->count++];
    *step = (clx_step){.enqueue = enqueue_product};
    step->of.gemm.gemm = gemm;
    clxent_product *p = &step->of.gemm.product;
    *p = *product;
    p->struct_size = sizeof *p;
    p->a.buffer = place_of(a);
    p->a.row_stride = a.stride;
    p->a.dtype = a.dtype;
    p->b.buffer = place_of(b);
    p->b.row_stride = b.stride;
    p->b.dtype = b.dtype;
    p->c.buffer = place_of(c);
    p->c.row_stride = c.stride;
    p->c.dtype = c.dtype;
    if (!gemm->heeds_row_count) p->counted = 0;
    if (p->counted == 0) p->row_count = (clxent_buffer){NULL, 0};
}
