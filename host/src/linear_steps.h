/* SPDX-License-Identifier: Apache-2.0
 * The steps of linear cross entropy beside those of the loss: copies of rows, sums over rows, and products of
 * matrices. */
#ifndef CLX_LINEAR_STEPS_H
#define CLX_LINEAR_STEPS_H

#include "launch.h"

/* Rows of elements on the device. */
typedef struct clx_rows {
    cl_mem mem;
    int64_t at, stride; /* in elements; stride 0: all rows are the first */
    clxent_dtype dtype;
} clx_rows;

/* Rows or columns further on. */
static inline clx_rows clx_rows_from(clx_rows m, int64_t row, int64_t column) {
    m.at += row * m.stride + column;
    return m;
}

/* Adds a copy of params->rows rows of params->columns elements. The caller sets the other fields of params
 * but those of the two places and `items`. */
clxent_status clx_add_copy(clx_launch *launch, clx_rows from, clx_rows to, const clx_copy *params);

/* Adds the sum over params->rows rows, which goes to one row. */
clxent_status clx_add_sum(clx_launch *launch, clx_rows from, clx_rows to, const clx_copy *params);

/* Adds c = a b + beta c. c is f32. `product` has the sizes, the transposes, beta and the rows that count. */
void clx_add_product(clx_launch *launch, const clxent_gemm *gemm, clx_rows a, clx_rows b, clx_rows c,
                     const clxent_product *product);

#endif
