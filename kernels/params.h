/* SPDX-License-Identifier: Apache-2.0
 *
 * The host and the kernels share this file: the arguments of every kernel, the layout of the scratch, the
 * numbers of the options. C and OpenCL C compile it. 8-byte fields come first, so both lay it out alike. */
#ifndef CLX_PARAMS_H
#define CLX_PARAMS_H

#if defined(__OPENCL_VERSION__) || defined(__OPENCL_C_VERSION__)
typedef long clx_i64;
typedef int clx_i32;
typedef ulong clx_bits; /* a real: the bits of an f64, or of an f32 in the lower half */
#else
#include <stdint.h>
typedef int64_t clx_i64;
typedef int32_t clx_i32;
typedef uint64_t clx_bits;
#endif

#include "../host/include/clxent/clxent_arrays.h"

/* The numbers of a kernel's arguments: the params, the arrays in the order of CLXENT_ARRAY_MAP, the
 * workspace, the local scratch. */
enum { CLX_ARG_PARAMS = 0, CLX_ARG_ARRAYS = 1, CLX_ARG_WORKSPACE = 1 + CLXENT_A_COUNT, CLX_ARG_SCRATCH };

/* Bytes of local scratch for each work-item, in the row kernels and in reduce.cl: the size of the largest
 * type that their teams fold, which team.cl checks. */
enum { CLX_ROW_SCRATCH_BYTES = 48, CLX_ROW_SCRATCH_BYTES_F64 = 80, CLX_REDUCE_SCRATCH_BYTES = 96 };

enum { CLX_MEAN = 0, CLX_SUM = 1, CLX_NONE = 2 };                           /* clxent_reduction */
enum { CLX_CLASS = 0, CLX_PROBABILITY = 1, CLX_NEXT_TOKEN = 2 };            /* clxent_targets */
enum { CLX_INT_I64 = 5, CLX_INT_I32 = 6, CLX_INT_U16 = 7, CLX_INT_U8 = 8 }; /* clxent_dtype */

enum {                 /* bits of clx_params.flags */
       CLX_IGNORE = 1, /* ignore_index is on */
       CLX_EMPTY_ZERO = 2,
       CLX_ATOMIC = 4,     /* each row adds to the loss by itself */
       CLX_KEEP_ROWS = 8,  /* each row stores its loss in the workspace; sum_losses adds them up */
       CLX_NO_LOGITS = 16, /* rows that do not count have no logits */
       CLX_NO_GRAD = 32,   /* rows that do not count have no gradient */
       CLX_ADD_RANK = 64   /* rank is added to what the array holds */
};

/* The fields of every kernel's first argument, except `at`: X(type, name). */
#define CLX_PARAMS_MAP(X)                                                                                  \
    X(clx_i64, rows)      /* of the call */                                                                \
    X(clx_i64, first_row) /* of this launch: work-item 0 has it; in reduce.cl team 0 has its chunk */      \
    X(clx_i64, end_row)                                                                                    \
    X(clx_i64, classes)                                                                                    \
    X(clx_i64, classes_padded)                                                                             \
    X(clx_i64, class_begin)   /* the call has the classes from class_begin on */                           \
    X(clx_i64, classes_total) /* of so many classes */                                                     \
    X(clx_i64, inner)                                                                                      \
    X(clx_i64, logits_stride) /* elements from an outer index to the next, of each (N,C) array */          \
    X(clx_i64, grad_stride)                                                                                \
    X(clx_i64, targets_stride)                                                                             \
    X(clx_i64, log_probs_stride)                                                                           \
    X(clx_i64, grad_output_stride)                                                                         \
    X(clx_i64, sequence_length)                                                                            \
    X(clx_i64, tokens_per_sequence)                                                                        \
    X(clx_i64, ignore_index)                                                                               \
    X(clx_i64, totals_at) /* byte offsets in the workspace (workspace.h) */                                \
    X(clx_i64, count_partials_at)                                                                          \
    X(clx_i64, loss_partials_at)                                                                           \
    X(clx_i64, row_ce_at) /* offset of row 0, in reals; may be negative */                                 \
    X(clx_i64, row_z_at)                                                                                   \
    X(clx_i64, row_parts_at) /* offset of row 0, in bytes; may be negative */                              \
    X(clx_i64, parts)        /* split: teams of a row, */                                                  \
    X(clx_i64, part_classes) /* and the classes of each but the last */                                    \
    X(clx_i64, order_at)     /* the rows in order (order.cl), a byte offset in the workspace */            \
    X(clx_bits, label_smoothing)                                                                           \
    X(clx_bits, z_loss)                                                                                    \
    X(clx_bits, softcap)                                                                                   \
    X(clx_bits, logit_scale)                                                                               \
    X(clx_bits, grad_output)                                                                               \
    X(clx_bits, class_unit) /* a power of two, at most 1 / (2 classes_total) */                            \
    X(clx_i32, present)     /* bit i: the call has array i */                                              \
    X(clx_i32, flags)                                                                                      \
    X(clx_i32, reduction)                                                                                  \
    X(clx_i32, targets)                                                                                    \
    X(clx_i32, targets_int) /* the integer type of targets */                                              \
    X(clx_i32, segment_int)                                                                                \
    X(clx_i32, held_at)      /* local memory for the second pass: its bytes behind the scratch's start, */ \
    X(clx_i32, held_vectors) /* and the vectors that it holds; scan_item.cl, scan_team.cl */
#define CLX_PARAMS_FIELD(type, name) type name;

typedef struct clx_params {
    clx_i64 at[CLXENT_A_COUNT]; /* where each array starts in its buffer, in elements; may be negative */
    CLX_PARAMS_MAP(CLX_PARAMS_FIELD)
} clx_params;

/* The reals that split.cl keeps of a part of a row: a state's columns from REFERENCE on, and the number of
 * classes before the target, in two reals. */
enum {
    CLX_PART_BEFORE_HIGH = CLXENT_STATE_COLUMNS - CLXENT_STATE_REFERENCE,
    CLX_PART_BEFORE_LOW,
    CLX_PART_REALS
};

/* Rows that one team of reduce.cl counts or adds up. The number is fixed, so that the order of sums depends
 * on N alone. */
enum { CLX_CHUNK_ROWS = 1024 };

/* Rows of a work-item of order.cl. */
enum { CLX_ORDER_ROWS = 64 };

/* Rows of a work-item of lane.cl, if it has rows side by side. */
enum { CLX_ITEM_ROWS = 128 };

/* The fields of a copy of rows, or of a sum over them (copy.cl): X(type, name). Places are in elements. */
#define CLX_COPY_MAP(X)                                                                            \
    X(clx_i64, rows)                                                                               \
    X(clx_i64, columns)                                                                            \
    X(clx_i64, from_at)     /* of row 0 */                                                         \
    X(clx_i64, from_stride) /* elements from a row to the next; 0: all rows are row 0 */           \
    X(clx_i64, to_at)                                                                              \
    X(clx_i64, to_stride)                                                                          \
    X(clx_i64, order_at)   /* the rows in order, a byte offset in the workspace, */                \
    X(clx_i64, order_rows) /* and how many they are */                                             \
    X(clx_i64, first)      /* row 0 is the one at this place of the order */                       \
    X(clx_i64, items)      /* work-items of a row */                                               \
    X(clx_i32, from_order) /* 1: row i of the source is the row at place first + i of the order */ \
    X(clx_i32, to_order)   /* 1: row i of the destination is that row */                           \
    X(clx_i32, counted)    /* 1: rows that do not count are 0 */                                   \
    X(clx_i32, add)        /* 1: the destination is added to */

typedef struct clx_copy {
    CLX_COPY_MAP(CLX_PARAMS_FIELD)
} clx_copy;

/* A wide_sum of sums.cl. */
typedef struct clx_wide_sum {
    clx_bits sum, low, large, large_low;
} clx_wide_sum;

typedef struct clx_row_counts {
    clx_i64 counted, ignored, bad, first_bad; /* first_bad: -1 for none */
} clx_row_counts;

/* The tally of a chunk of rows. */
typedef struct clx_counts {
    clx_row_counts rows;
    clx_wide_sum divisor;   /* of cross entropy: sum of r w_y (probabilities: of r) */
    clx_wide_sum z_divisor; /* of z-loss: sum of r */
} clx_counts;

/* The tally of all rows of a call. */
typedef struct clx_totals {
    clx_row_counts rows;
    clx_bits divisor, divisor_unit; /* the divisor is their product; NaN in place of 0 */
    clx_bits z_divisor, z_divisor_unit;
} clx_totals;

/* Sums of row losses of a chunk. */
typedef struct clx_loss_sums {
    clx_wide_sum ce, z;
} clx_loss_sums;

#endif
