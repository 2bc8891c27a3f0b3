/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of rows from one type to another, and the sum over rows, beside the products of linear cross
 * entropy.
 *
 * copy_rows copies `rows` rows of `columns` elements. The rows of the source or of the destination may stand
 * in the order of order.cl; the other side then has them one behind the other, from the place `first` on.
 * add_rows adds up rows into one.
 *
 * Launch rule: copy_rows has at least rows * items work-items, each with a run of vectors; add_rows has at
 * least `items`. Bytes: each element is read once and written once.
 *
 * Pieces: params.h number.cl type_f32.cl type_f16.cl type_bf16.cl type_f64.cl storage.cl.
 * Options:
 *     LOGITS     the type of the source
 *     GRAD       the type of the destination
 *     WIDTH      elements of a vector
 *     FMA, LANES_IN_MEMORY, BARRIERS_INLINE    as in row.cl */
#ifndef WIDTH
#define WIDTH 4
#endif
#include "storage.cl"

#define COPY_ARGUMENTS \
    const clx_copy given, __global const LOGITS_T *from, __global GRAD_T *to, __global const uchar *workspace

/* As in call.cl, a kernel reads all fields of its argument at its top. */
#define FIELD_OF(type, name) given.name,
#define OPEN_COPY(p)                             \
    const clx_copy p = {CLX_COPY_MAP(FIELD_OF)}; \
    __global const int *order = (__global const int *)(workspace + p.order_at)

/* How many of the rows count. */
static long counted_rows(const clx_copy *p, __global const int *order) {
    return p->counted ? max(0L, min(p->rows, (long)order[p->order_rows] - p->first)) : p->rows;
}

__kernel void copy_rows(COPY_ARGUMENTS) {
    OPEN_COPY(p);
    const long row = (long)get_global_id(0) / p.items, item = (long)get_global_id(0) % p.items;
    if (row >= p.rows) return;
    const long vectors = (p.columns + WIDTH - 1) / WIDTH, each = (vectors + p.items - 1) / p.items;
    const long end = min(vectors, (item + 1) * each);
    const bool is_zero = row >= counted_rows(&p, order);
    const long in_order = p.from_order || p.to_order ? order[p.first + row] : row;
    const long from_at = p.from_at + (p.from_order ? in_order : row) * p.from_stride;
    const long to_at = p.to_at + (p.to_order ? in_order : row) * p.to_stride;
    for (long v = item * each; v < end; v++) {
        const int lanes = (int)min((long)WIDTH, p.columns - v * WIDTH);
        realv x = REALV(0);
        if (!is_zero) x = load_logits(from, from_at + v * WIDTH, 1, lanes, REAL(0));
        if (p.add) x += load_grad(to, to_at + v * WIDTH, 1, lanes, REAL(0));
        store_grad(x, to, to_at + v * WIDTH, 1, lanes);
    }
}

/* A work-item adds up the rows in TILE vectors of columns. */
#define TILE 8
__kernel void add_rows(COPY_ARGUMENTS) {
    OPEN_COPY(p);
    const long first = (long)get_global_id(0) * TILE * WIDTH;
    const long rows = counted_rows(&p, order);
    if (first >= p.columns) return;
    realv sum[TILE];
    for (int v = 0; v < TILE; v++) sum[v] = REALV(0);
    for (long row = 0; row < rows; row++)
        for (int v = 0; v < TILE; v++) {
            const long c = first + v * WIDTH;
            const int lanes = (int)min((long)WIDTH, p.columns - c);
            if (lanes > 0)
                sum[v] += load_logits(from, p.from_at + row * p.from_stride + c, 1, lanes, REAL(0));
        }
    for (int v = 0; v < TILE; v++) {
        const long c = first + v * WIDTH;
        const int lanes = (int)min((long)WIDTH, p.columns - c);
        if (lanes <= 0) break;
        if (p.add) sum[v] += load_grad(to, p.to_at + c, 1, lanes, REAL(0));
        store_grad(sum[v], to, p.to_at + c, 1, lanes);
    }
}
