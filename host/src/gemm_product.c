/* SPDX-License-Identifier: Apache-2.0
 * A product that a program enqueues by itself: its checks. */
#include <inttypes.h>

#include "call.h"
#include "error.h"
#include "gemm.h"
#include "launch.h"
#include "structs.h"

/* The bytes from the first to the last element of `lines` lines. Too many for any buffer become UINT64_MAX.
 */
static uint64_t bytes_of(int64_t lines, int64_t line, int64_t stride, size_t element) {
    const uint64_t most = UINT64_MAX / element / 2;
    const uint64_t before = (uint64_t)(lines - 1);
    if (before > 0 && (uint64_t)stride > most / before) return UINT64_MAX;
    const uint64_t elements = before * (uint64_t)stride + (uint64_t)line;
    return elements > most ? UINT64_MAX : elements * element;
}

static clxent_dtype type_of(const clxent_matrix *x) {
    return x->dtype == CLXENT_DTYPE_DEFAULT ? CLXENT_F32 : x->dtype;
}

static clxent_status check_types(clxent_error *err, const clxent_gemm *gemm, const clxent_product *p) {
    const clxent_dtype a = type_of(&p->a), b = type_of(&p->b), c = type_of(&p->c);
    if (clx_gemm_takes(gemm, a) && b == a && c == CLXENT_F32) return CLXENT_OK;
    return clx_fail(err, CLXENT_ERR_DTYPE,
                    "a product of %s and %s in %s: gemm %s takes two factors in f32%s, and gives f32",
                    clxent_dtype_name(a), clxent_dtype_name(b), clxent_dtype_name(c), gemm->name,
                    gemm->dtypes ? " or in a type of its dtypes" : "");
}

static clxent_status check_sizes(clxent_error *err, const clxent_product *p) {
    const struct {
        const char *name;
        int64_t value;
    } sizes[] = {{"m", p->m}, {"n", p->n}, {"k", p->k}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].value < 1)
            return clx_fail(err, CLXENT_ERR_SHAPE, "product.%s is %" PRId64 ", must be at least 1",
                            sizes[i].name, sizes[i].value);
    if (p->beta != 0 && p->beta != 1)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "product.beta is %g, must be 0 or 1",
                        clx_shown((double)p->beta));
    if (p->counted != 0 && p->counted != 'm' && p->counted != 'k')
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "product.counted is %d, must be 0, 'm' or 'k'", p->counted);
    if (p->first_row < 0)
        return clx_fail(err, CLXENT_ERR_SHAPE, "product.first_row is %" PRId64 ", must be at least 0",
                        p->first_row);
    return CLXENT_OK;
}

/* Checks a matrix of so many rows and columns, and sets `out` to where it is. */
static clxent_status check_matrix(clxent_ctx *ctx, const char *name, const clxent_matrix *x, int64_t rows,
                                  int64_t columns, clx_slot *out) {
    const int64_t lines = x->transposed ? columns : rows, line = x->transposed ? rows : columns;
    if (x->transposed != 0 && x->transposed != 1)
        return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT, "%s.transposed is %d, must be 0 or 1", name,
                        x->transposed);
    if (x->row_stride < line)
        return clx_fail(&ctx->error, CLXENT_ERR_SHAPE,
                        "%s.row_stride is %" PRId64 ", must be at least %" PRId64 ", the elements of a row",
                        name, x->row_stride, line);
    const size_t element = clxent_dtype_size(type_of(x));
    return clx_find_range(ctx, name, &x->buffer, element, bytes_of(lines, line, x->row_stride, element), "",
                          out);
}

static clxent_status check_matrices(clxent_ctx *ctx, const clxent_product *p) {
    clx_slot a, b, c, count = {.present = false};
    clxent_status status = check_matrix(ctx, "product.a", &p->a, p->m, p->k, &a);
    if (status == CLXENT_OK) status = check_matrix(ctx, "product.b", &p->b, p->k, p->n, &b);
    if (status == CLXENT_OK && p->c.transposed)
        status = clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT, "product.c.transposed is %d, must be 0",
                          p->c.transposed);
    if (status == CLXENT_OK) status = check_matrix(ctx, "product.c", &p->c, p->m, p->n, &c);
    if (status == CLXENT_OK && p->counted)
        status = clx_find_range(ctx, "product.row_count", &p->row_count, sizeof(int32_t), sizeof(int32_t), "",
                                &count);
    if (status != CLXENT_OK) return status;
    const struct {
        const char *name;
        const clx_slot *slot;
    } inputs[] = {{"a", &a}, {"b", &b}, {"row_count", &count}};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        if (clx_overlap(&c, inputs[i].slot))
            return clx_fail(&ctx->error, CLXENT_ERR_BUFFER,
                            "product.c (%zu bytes at offset %zu) overlaps product.%s (%zu bytes at offset "
                            "%zu) in one buffer",
                            c.bytes, c.offset, inputs[i].name, inputs[i].slot->bytes, inputs[i].slot->offset);
    return CLXENT_OK;
}

/* Enqueues the product, and holds its event where the driver needs that. After a failure there is no event.
 */
static clxent_status enqueue(clxent_ctx *ctx, const clxent_gemm *gemm, const clxent_product *product,
                             cl_uint n_wait, const cl_event *wait, cl_event *event) {
    cl_event done = NULL;
    const bool tells = event || ctx->facts.loses_events;
    clxent_status status = clx_reserve_events(ctx, 1);
    if (status != CLXENT_OK) return status;
    status = clx_gemm_enqueue(ctx, gemm, product, n_wait, wait, tells ? &done : NULL);
    if (status == CLXENT_OK) status = clx_hold_event(ctx, done);
    if (status == CLXENT_OK && event)
        *event = done;
    else if (done)
        ctx->cl.ReleaseEvent(done);
    return status;
}

clxent_status clxent_ctx_enqueue_product(clxent_ctx *ctx, const clxent_product *product, cl_uint n_wait,
                                         const cl_event *wait, cl_event *event) {
    clxent_product p;
    clxent_gemm gemm;
    if (event) *event = NULL;
    if (ctx == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_status status = clx_check_waits(ctx, n_wait, wait, event);
    if (status != CLXENT_OK) return status;
    if (product == NULL) return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT, "product is NULL");
    status = clx_read_struct(&ctx->error, &clx_product_struct, product, &p);
    if (status == CLXENT_OK) status = check_sizes(&ctx->error, &p);
    if (status == CLXENT_OK) status = clx_gemm_of(ctx, p.a.dtype, &gemm);
    if (status == CLXENT_OK) status = check_types(&ctx->error, &gemm, &p);
    if (status == CLXENT_OK) status = check_matrices(ctx, &p);
    if (status != CLXENT_OK) return status;
    if (p.counted && !gemm.heeds_row_count)
        return clx_fail(&ctx->error, CLXENT_ERR_UNSUPPORTED,
                        "product.counted is '%c', and gemm %s does not heed row_count: give 0", p.counted,
                        gemm.name);
    return enqueue(ctx, &gemm, &p, n_wait, wait, event);
}
