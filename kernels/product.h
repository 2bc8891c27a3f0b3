/* SPDX-License-Identifier: Apache-2.0
 *
 * The host and product.cl share this file: the argument of a matrix product, and how the product is cut. C
 * and OpenCL C compile it. */
#ifndef CLX_PRODUCT_H
#define CLX_PRODUCT_H
#include "params.h"

/* The numbers of the arguments of the kernel product. */
enum {
    CLX_PRODUCT_PARAMS,
    CLX_PRODUCT_A,
    CLX_PRODUCT_B,
    CLX_PRODUCT_C,
    CLX_PRODUCT_ROW_COUNT,
    CLX_PRODUCT_SCRATCH
};

/* On CPU devices a work-item computes a tile of so many rows and columns. */
enum { CLX_PRODUCT_CPU_ROWS = 128, CLX_PRODUCT_CPU_COLUMNS = 64 };

/* On other devices a work-group of side * side items computes a tile of CLX_PRODUCT_EACH * side rows and as
 * many columns. It holds CLX_PRODUCT_DEPTH indices of k of both factors in local memory. */
enum { CLX_PRODUCT_EACH = 4, CLX_PRODUCT_DEPTH = 16, CLX_PRODUCT_MOST_SIDE = 16 };

/* Bytes of local memory of a work-group. One float more a row spreads a column over the memory's banks. */
#define CLX_PRODUCT_SCRATCH_BYTES(side) \
    (2 * CLX_PRODUCT_DEPTH * (CLX_PRODUCT_EACH * (side) + 1) * (int)sizeof(float))

enum { CLX_COUNTED_NONE = 0, CLX_COUNTED_M = 1, CLX_COUNTED_K = 2 };

/* Element (i, p) of a is at a_at + i * a_row + p * a_column in its buffer, and so on; a transpose has its
 * strides swapped. X(type, name). */
#define CLX_PRODUCT_MAP(X)                                                             \
    X(clx_i64, m)                                                                      \
    X(clx_i64, n)                                                                      \
    X(clx_i64, k)                                                                      \
    X(clx_i64, a_at)                                                                   \
    X(clx_i64, a_row)                                                                  \
    X(clx_i64, a_column)                                                               \
    X(clx_i64, b_at)                                                                   \
    X(clx_i64, b_row)                                                                  \
    X(clx_i64, b_column)                                                               \
    X(clx_i64, c_at)                                                                   \
    X(clx_i64, c_row)                                                                  \
    X(clx_i64, row_count_at) /* a number that the kernel may read, whatever counted */ \
    X(clx_i64, first_row)                                                              \
    X(clx_i32, counted)                                                                \
    X(clx_i32, add)  /* 1: adds to c; 0: only writes it */                             \
    X(clx_i32, side) /* not for CPU devices */                                         \
    X(clx_i32, reserved)

typedef struct clx_product_params {
    CLX_PRODUCT_MAP(CLX_PARAMS_FIELD)
} clx_product_params;

#endif
