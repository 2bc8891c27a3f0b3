/* SPDX-License-Identifier: Apache-2.0 */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "sliced.h"

#include <clxent/clxent_opencl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"

/* Bytes of an element, by array. */
typedef struct types {
    size_t logits, grad, targets, real;
} types;

static types types_of(const clxent_desc *d) {
    const clxent_dtype logits = d->logits_dtype ? d->logits_dtype : CLXENT_F32;
    return (types){.logits = clxent_dtype_size(logits),
                   .grad = clxent_dtype_size(d->grad_dtype ? d->grad_dtype : logits),
                   .targets = clxent_dtype_size(d->targets_dtype ? d->targets_dtype : logits),
                   .real = logits == CLXENT_F64 ? 8 : 4};
}

static int64_t or_dense(int64_t stride, int64_t dense) {
    return stride ? stride : dense;
}

/* The desc of a plan for the classes [begin, end). Its strides are those of the whole arrays. */
static clxent_desc desc_of(const clxent_desc *whole, int64_t begin, int64_t end) {
    clxent_desc d = *whole;
    const int64_t padded = or_dense(whole->classes_padded, whole->classes);
    d.classes = end - begin;
    d.class_begin = begin;
    d.classes_total = whole->classes;
    d.classes_padded = end == whole->classes ? padded - begin : 0; /* the last slice has the padding */
    d.row_stride = or_dense(whole->row_stride, padded * whole->inner);
    d.grad_row_stride = or_dense(whole->grad_row_stride, padded * whole->inner);
    d.targets_row_stride = or_dense(whole->targets_row_stride, whole->classes * whole->inner);
    d.log_probs_row_stride = or_dense(whole->log_probs_row_stride, whole->classes * whole->inner);
    d.grad_output_row_stride = 0;
    return d;
}

/* The (N,C) array from class `begin` on. */
static clxent_array from_class(clxent_array a, int64_t begin, int64_t inner, size_t size) {
    const size_t bytes = (size_t)(begin * inner) * size;
    if (a.data == NULL || a.bytes == 0) return a;
    return CLXENT_ARRAY((char *)a.data + bytes, a.bytes - bytes);
}

static clxent_arrays arrays_of(const clxent_desc *whole, const clxent_arrays *all, int64_t begin) {
    const types t = types_of(whole);
    clxent_arrays a = *all;
    a.logits = from_class(a.logits, begin, whole->inner, t.logits);
    a.grad = from_class(a.grad, begin, whole->inner, t.grad);
    a.log_probs = from_class(a.log_probs, begin, whole->inner, t.real);
    if (whole->targets == CLXENT_TARGETS_PROBABILITY)
        a.targets = from_class(a.targets, begin, whole->inner, t.targets);
    return a;
}

static clxent_plan *plan_of(clxent_ctx *ctx, const clxent_desc *d) {
    clxent_plan *plan = NULL;
    expect_status("plan of a slice", ctx, clxent_plan_create(&plan, ctx, d), CLXENT_OK);
    return plan;
}

/* Computes the state of the rows in one slice. */
static clxent_status find_state(clxent_ctx *ctx, const clxent_desc *whole, const clxent_arrays *all,
                                int64_t begin, int64_t end, clxent_array state) {
    clxent_desc d = desc_of(whole, begin, end);
    clxent_arrays given = arrays_of(whole, all, begin), a = CLXENT_ARRAYS_INIT;
    d.outputs = CLXENT_OUT_STATE;
    a.rows = given.rows;
    a.scalars = given.scalars;
    a.logits = given.logits;
    a.targets = given.targets;
    a.class_weight = given.class_weight;
    a.row_weight = given.row_weight;
    a.segment = given.segment;
    a.state = state;
    clxent_plan *plan = plan_of(ctx, &d);
    const clxent_status status = clxent_run(plan, &a);
    clxent_plan_destroy(plan);
    return status;
}

static void merge_on_device(clxent_ctx *ctx, clxent_plan *plan, const clxent_scalars *scalars, int64_t rows,
                            int count, clxent_array states, clxent_array out) {
    cl_command_queue queue = clxent_ctx_queue(ctx);
    cl_context context = NULL;
    cl_event done = NULL;
    assert_int_equal(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL),
                     CL_SUCCESS);
    clxent_buffer from = {
        clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, states.bytes, states.data, NULL),
        0};
    clxent_buffer to = {clCreateBuffer(context, CL_MEM_READ_WRITE, out.bytes + 64, NULL, NULL), 64};
    assert_true(from.mem && to.mem);
    expect_status("clxent_enqueue_merge_states", ctx,
                  clxent_enqueue_merge_states(plan, scalars, rows, (size_t)count, from, to, 0, NULL, &done),
                  CLXENT_OK);
    assert_int_equal(clEnqueueReadBuffer(queue, to.mem, CL_TRUE, 64, out.bytes, out.data, 1, &done, NULL),
                     CL_SUCCESS);
    clReleaseEvent(done);
    clReleaseMemObject(from.mem);
    clReleaseMemObject(to.mem);
}

clxent_status run_in_slices(clxent_ctx *ctx, const clxent_desc *desc, const clxent_arrays *arrays,
                            const int64_t *cuts, const int *order, int slices, int on_device) {
    const int64_t rows = arrays->rows == CLXENT_ALL_ROWS ? desc->rows : arrays->rows;
    const size_t bytes = (size_t)(rows * clxent_state_columns(desc)) * types_of(desc).real;
    char *states = malloc((size_t)slices * bytes + 1), *one = malloc(bytes + 1);
    int64_t *ranks = calloc((size_t)rows + 1, sizeof *ranks), *rank = calloc((size_t)rows + 1, sizeof *rank);
    clxent_status status = CLXENT_OK;
    assert_true(states && one && ranks && rank);
    for (int i = 0; i < slices; i++) {
        const int s = order[i];
        const clxent_status got = find_state(ctx, desc, arrays, cuts[s], cuts[s + 1],
                                             CLXENT_ARRAY(states + (size_t)i * bytes, bytes));
        if (i > 0) expect_status("the state of a slice", ctx, got, status);
        status = got;
    }
    for (int s = 0; s < slices; s++) {
        clxent_desc d = desc_of(desc, cuts[s], cuts[s + 1]);
        clxent_arrays a = arrays_of(desc, arrays, cuts[s]);
        d.flags |= CLXENT_FROM_STATE;
        clxent_plan *plan = plan_of(ctx, &d);
        const clxent_array all = CLXENT_ARRAY(states, (size_t)slices * bytes),
                           merged = CLXENT_ARRAY(one, bytes);
        if (s == 0 && on_device && bytes)
            merge_on_device(ctx, plan, a.scalars, rows, slices, all, merged);
        else if (s == 0)
            expect_status("clxent_merge_states", ctx,
                          clxent_merge_states(plan, a.scalars, rows, (size_t)slices, all, merged), CLXENT_OK);
        a.state = merged;
        if (a.rank.data) a.rank = CLXENT_ARRAY(rank, (size_t)rows * sizeof *rank);
        expect_status("from the state", ctx, clxent_run(plan, &a), status);
        for (int64_t r = 0; r < rows; r++) ranks[r] += rank[r];
        clxent_plan_destroy(plan);
    }
    if (arrays->rank.data && rows) memcpy(arrays->rank.data, ranks, (size_t)rows * sizeof *ranks);
    free(states);
    free(one);
    free(ranks);
    free(rank);
    return status;
}
