/* SPDX-License-Identifier: Apache-2.0
 *
 * What host and kernels must agree on: the arguments of every kernel, the scratch layout, the numbers that
 * stand for options. Compiled as C and as OpenCL C; 8-byte fields first, so both lay it out alike. */
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

/* A kernel's arguments: the params, the arrays in the table's order, and these. */
enum { CLX_ARG_PARAMS = 0, CLX_ARG_ARRAYS = 1, CLX_ARG_WORKSPACE = 1 + CLXENT_A_COUNT, CLX_ARG_SCRATCH };

/* Local scratch, bytes a work-item, of the row kernels and of reduce.cl: the largest type that their teams
 * reduce. */
enum { CLX_ROW_SCRATCH_BYTES = 48, CLX_ROW_SCRATCH_BYTES_F64 = 80, CLX_REDUCE_SCRATCH_BYTES = 96 };

enum { CLX_MEAN = 0, CLX_SUM = 1, CLX_NONE = 2 };                           /* clxent_reduction */
enum { CLX_CLASS = 0, CLX_PROBABILITY = 1, CLX_NEXT_TOKEN = 2 };            /* clxent_targets */
enum { CLX_INT_I64 = 5, CLX_INT_I32 = 6, CLX_INT_U16 = 7, CLX_INT_U8 = 8 }; /* clxent_dtype */

enum {                 /* bits of clx_params.flags */
       CLX_IGNORE = 1, /* ignore_index is on */
       CLX_EMPTY_ZERO = 2,
       CLX_ATOMIC = 4,   /* rows add to the loss themselves */
       CLX_KEEP_ROWS = 8 /* rows store their loss in the scratch, to be reduced after them */
};

/* The first argument of every kernel. X(type, name), but for the places of the arrays. */
#define CLX_PARAMS_MAP(X)                                                                                  \
    X(clx_i64, rows)      /* of the call */                                                                \
    X(clx_i64, first_row) /* of this launch; the work-items count from it, teams of reduce.cl in chunks */ \
    X(clx_i64, end_row)                                                                                    \
    X(clx_i64, classes)                                                                                    \
    X(clx_i64, classes_padded)                                                                             \
    X(clx_i64, class_begin)   /* these are the classes from class_begin on, */                             \
    X(clx_i64, classes_total) /* of so many */                                                             \
    X(clx_i64, inner)                                                                                      \
    X(clx_i64, logits_stride) /* elements from one outer index to the next of each (N,C) array */          \
    X(clx_i64, grad_stride)                                                                                \
    X(clx_i64, targets_stride)                                                                             \
    X(clx_i64, log_probs_stride)                                                                           \
    X(clx_i64, grad_output_stride)                                                                         \
    X(clx_i64, sequence_length)                                                                            \
    X(clx_i64, tokens_per_sequence)                                                                        \
    X(clx_i64, ignore_index)                                                                               \
    X(clx_i64, totals_at) /* in the workspace (workspace.h), in bytes */                                   \
    X(clx_i64, count_partials_at)                                                                          \
    X(clx_i64, loss_partials_at)                                                                           \
    X(clx_i64, row_ce_at) /* where row 0's would be, in reals; may be negative */                          \
    X(clx_i64, row_z_at)                                                                                   \
    X(clx_i64, row_parts_at)                                                                               \
    X(clx_i64, parts)        /* split: teams a row, */                                                     \
    X(clx_i64, part_classes) /* and the classes of each but the last */                                    \
    X(clx_bits, label_smoothing)                                                                           \
    X(clx_bits, z_loss)                                                                                    \
    X(clx_bits, softcap)                                                                                   \
    X(clx_bits, logit_scale)                                                                               \
    X(clx_bits, grad_output)                                                                               \
    X(clx_bits, class_unit) /* a power of two, 1 / (2 classes) at most */                                  \
    X(clx_i32, present)     /* bit i: array i is there */                                                  \
    X(clx_i32, flags)                                                                                      \
    X(clx_i32, reduction)                                                                                  \
    X(clx_i32, targets)                                                                                    \
    X(clx_i32, targets_int) /* the integer type of targets */                                              \
    X(clx_i32, segment_int)                                                                                \
    X(clx_i32, held_at)      /* local memory for the second pass: bytes behind the scratch's start, */     \
    X(clx_i32, held_vectors) /* and for how many vectors; scan_item.cl, scan_team.cl */
#define CLX_PARAMS_FIELD(type, name) type name;

typedef struct clx_params {
    clx_i64 at[CLXENT_A_COUNT]; /* where each array starts in its buffer, in its elements; may be negative */
    CLX_PARAMS_MAP(CLX_PARAMS_FIELD)
} clx_params;

/* Reals of what split.cl keeps of a part of a row: a state's columns from REFERENCE on, and how many classes
 * stand before the target, in two. */
enum {
    CLX_PART_BEFORE_HIGH = CLXENT_STATE_COLUMNS - CLXENT_STATE_REFERENCE,
    CLX_PART_BEFORE_LOW,
    CLX_PART_REALS
};

/* Rows that one work-group counts or adds up. Fixed, so that the order of sums depends on N alone. */
enum { CLX_CHUNK_ROWS = 1024 };

/* Rows of a work-item that has rows side by side, of lane.cl. */
enum { CLX_ITEM_ROWS = 128 };

/* A wide_sum of sums.cl. */
typedef struct clx_wide_sum {
    clx_bits sum, low, large, large_low;
} clx_wide_sum;

/* What the rows of a chunk amount to. */
typedef struct clx_counts {
    clx_i64 counted, ignored, bad, first_bad; /* first_bad: -1 for none */
    clx_wide_sum divisor;                     /* of cross entropy: sum of r w_y (probabilities: of r) */
    clx_wide_sum z_divisor;                   /* of z-loss: sum of r */
} clx_counts;

/* What the rows of a call amount to. */
typedef struct clx_totals {
    clx_i64 counted, ignored, bad, first_bad;
    clx_bits divisor, divisor_unit; /* the product of both; NaN in place of 0 */
    clx_bits z_divisor, z_divisor_unit;
} clx_totals;

/* Sums of row losses of a chunk. */
typedef struct clx_loss_sums {
    clx_wide_sum ce, z;
} clx_loss_sums;

#endif
