/* SPDX-License-Identifier: Apache-2.0
 *
 * The matrix product c = a b + beta c in f32, for where no library computes it. Of the dimension `counted`
 * only so many indices exist as a number in device memory says. The kernels neither read nor write a row that
 * does not exist.
 *
 * An element's sum runs over k in ascending order, so its bits are the same in every run.
 *
 * Launch rule of `product`: one group for each tile of c; the tiles of a column of tiles come one after the
 * other. On CPU devices a group is one work-item. It copies CPU_DEPTH rows of b, as many columns as the tile
 * has, and multiplies them by MICRO_ROWS rows of a at a time. On other devices a group is side * side items
 * (product.h). The items share a block of a and one of b in local memory.
 *
 * `store_addresses` has one work-item. It stores where buffers are in memory, for a function of the host that
 * runs as a native kernel (host/src/gemm_native.c).
 *
 * Pieces: params.h product.h.
 * Options:
 *     CPU          1: for CPU devices */
#include "product.h"

#ifndef CPU
#define CPU 0
#endif

/* A product and a sum may be fused: the bound of a sum's error covers both forms. */
#pragma OPENCL FP_CONTRACT ON

/* The kernel reads each field of the argument at once, outside of all branches (call.cl says why). */
#define FIELD_OF(type, name) given.name,
#define PARAMS_INIT \
    { CLX_PRODUCT_MAP(FIELD_OF) }

/* Of a dimension of `all` indices, how many exist. */
static long existing(const clx_product_params *p, int dimension, long all, int row_count) {
    return p->counted == dimension ? clamp((long)row_count - p->first_row, 0L, all) : all;
}

static void store(__global float *c, const clx_product_params *p, long row, long column, float sum) {
    __global float *at = c + p->c_at + row * p->c_row + column;
    *at = p->add ? *at + sum : sum;
}

#if CPU

enum { ROWS = CLX_PRODUCT_CPU_ROWS, COLUMNS = CLX_PRODUCT_CPU_COLUMNS, DEPTH = 128 };
/* What add_micro_tile() computes. The columns of a tile are parts of MICRO_COLUMNS, one behind the other. */
enum { MICRO_ROWS = 8, MICRO_COLUMNS = 32 };

/* Copies `lines` lines of `length` elements, `stride` elements apart, to lines of `to_stride` elements. */
static void copy_lines(float *to, int to_stride, __global const float *from, long stride, int lines,
                       int length) {
    for (int i = 0; i < lines; i++, to += to_stride, from += stride) {
        int j = 0;
        for (; j + 16 <= length; j += 16) vstore16(vload16(0, from + j), 0, to + j);
        for (; j < length; j++) to[j] = from[j];
    }
}

/* Copies a part of b: to[i * MICRO_COLUMNS + j] becomes element (i, j). */
static void copy_panel(float *to, const clx_product_params *p, __global const float *b, int depth,
                       int columns) {
    if (p->b_column == 1) {
        copy_lines(to, MICRO_COLUMNS, b, p->b_row, depth, columns);
        return;
    }
    for (int j = 0; j < columns; j++)
        for (int i = 0; i < depth; i++) to[i * MICRO_COLUMNS + j] = b[i * p->b_row + j * p->b_column];
}

/* Adds to MICRO_ROWS rows of sums, of COLUMNS each. Element (r, i) of a is a[r * across + i * along]. */
static void add_micro_tile(float *sums, const float *a, int across, int along, const float *panel,
                           int depth) {
    float16 low[MICRO_ROWS], high[MICRO_ROWS];
#pragma unroll
    for (int r = 0; r < MICRO_ROWS; r++) {
        low[r] = vload16(0, sums + r * COLUMNS);
        high[r] = vload16(1, sums + r * COLUMNS);
    }
    for (int i = 0; i < depth; i++, a += along, panel += MICRO_COLUMNS) {
        const float16 b_low = vload16(0, panel), b_high = vload16(1, panel);
#pragma unroll
        for (int r = 0; r < MICRO_ROWS; r++) {
            const float16 x = a[r * across];
            low[r] += x * b_low;
            high[r] += x * b_high;
        }
    }
#pragma unroll
    for (int r = 0; r < MICRO_ROWS; r++) {
        vstore16(low[r], 0, sums + r * COLUMNS);
        vstore16(high[r], 1, sums + r * COLUMNS);
    }
}

/* Adds to sums. Rows and columns that c does not have get sums of what the private memory holds. */
static void add_tile(float *sums, const clx_product_params *p, __global const float *a,
                     __global const float *b, int depth, int rows, int columns) {
    float block[ROWS * DEPTH], panel[DEPTH * MICRO_COLUMNS];
    const bool lines_are_rows = p->a_column == 1;
    if (lines_are_rows)
        copy_lines(block, DEPTH, a, p->a_row, rows, depth);
    else
        copy_lines(block, ROWS, a, p->a_column, depth, rows);
    const int across = lines_are_rows ? DEPTH : 1, along = lines_are_rows ? 1 : ROWS;
    for (int j = 0; j < columns; j += MICRO_COLUMNS) {
        copy_panel(panel, p, b + j * p->b_column, depth, min(columns - j, (int)MICRO_COLUMNS));
        for (int r = 0; r < rows; r += MICRO_ROWS)
            add_micro_tile(sums + r * COLUMNS + j, block + r * across, across, along, panel, depth);
    }
}

__kernel void product(const clx_product_params given, __global const float *a, __global const float *b,
                      __global float *c, __global const int *row_count, __local float *scratch) {
    const clx_product_params p = PARAMS_INIT;
    const int count = row_count[p.row_count_at];
    const long m = existing(&p, CLX_COUNTED_M, p.m, count), k = existing(&p, CLX_COUNTED_K, p.k, count);
    const long tiles = (p.m + ROWS - 1) / ROWS, tile = (long)get_group_id(0);
    const long first_row = tile % tiles * ROWS, first_column = tile / tiles * COLUMNS;
    if (first_row >= m) return;
    const int rows = (int)min(m - first_row, (long)ROWS);
    const int columns = (int)min(p.n - first_column, (long)COLUMNS);

    float sums[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * COLUMNS; i++) sums[i] = 0;
    for (long at = 0; at < k; at += DEPTH)
        add_tile(sums, &p, a + p.a_at + first_row * p.a_row + at * p.a_column,
                 b + p.b_at + at * p.b_row + first_column * p.b_column, (int)min(k - at, (long)DEPTH), rows,
                 columns);
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < columns; j++)
            store(c, &p, first_row + r, first_column + j, sums[r * COLUMNS + j]);
}

#else

enum { EACH = CLX_PRODUCT_EACH, DEPTH = CLX_PRODUCT_DEPTH };

/* Copies a block of a factor to local memory: `width` rows of a, or columns of b, from `first` on, at DEPTH
 * indices of k from `at` on. `across` and `along` are the factor's strides. Elements that do not exist are 0.
 * Neighbouring items read neighbouring elements. */
static void copy_block(__local float *block, __global const float *from, long first, long end, long across,
                       long at, long k, long along, int width) {
    const int items = (int)get_local_size(0);
    for (int e = (int)get_local_id(0); e < width * DEPTH; e += items) {
        const int i = along == 1 ? e / DEPTH : e % width, d = along == 1 ? e % DEPTH : e / width;
        const bool exists = first + i < end && at + d < k;
        block[d * (width + 1) + i] = exists ? from[(first + i) * across + (at + d) * along] : 0.0f;
    }
}

__kernel void product(const clx_product_params given, __global const float *a, __global const float *b,
                      __global float *c, __global const int *row_count, __local float *scratch) {
    const clx_product_params p = PARAMS_INIT;
    const int count = row_count[p.row_count_at];
    const int side = p.side, width = EACH * side, stride = width + 1;
    const long m = existing(&p, CLX_COUNTED_M, p.m, count), k = existing(&p, CLX_COUNTED_K, p.k, count);
    const long tiles = (p.m + width - 1) / width, tile = (long)get_group_id(0);
    const long first_row = tile % tiles * width, first_column = tile / tiles * width;
    const int item = (int)get_local_id(0), x = item % side, y = item / side;
    if (first_row >= m) return; /* all items of the group */

    __local float *a_block = scratch, *b_block = scratch + DEPTH * stride;
    float sums[EACH][EACH];
#pragma unroll
    for (int r = 0; r < EACH; r++)
#pragma unroll
        for (int j = 0; j < EACH; j++) sums[r][j] = 0;
    for (long at = 0; at < k; at += DEPTH) {
        copy_block(a_block, a + p.a_at, first_row, m, p.a_row, at, k, p.a_column, width);
        copy_block(b_block, b + p.b_at, first_column, p.n, p.b_column, at, k, p.b_row, width);
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (int d = 0; d < DEPTH; d++) {
            float a_of[EACH], b_of[EACH];
#pragma unroll
            for (int r = 0; r < EACH; r++) {
                a_of[r] = a_block[d * stride + y + r * side];
                b_of[r] = b_block[d * stride + x + r * side];
            }
#pragma unroll
            for (int r = 0; r < EACH; r++)
#pragma unroll
                for (int j = 0; j < EACH; j++) sums[r][j] += a_of[r] * b_of[j];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#pragma unroll
    for (int r = 0; r < EACH; r++)
#pragma unroll
        for (int j = 0; j < EACH; j++) {
            const long row = first_row + y + r * side, column = first_column + x + j * side;
            if (row < m && column < p.n) store(c, &p, row, column, sums[r][j]);
        }
}

#endif

__kernel void store_addresses(__global const float *a, __global const float *b, __global const float *c,
                              __global const int *row_count, __global ulong *out) {
    out[0] = (ulong)a;
    out[1] = (ulong)b;
    out[2] = (ulong)c;
    out[3] = (ulong)row_count;
}
