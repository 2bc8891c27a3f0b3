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

/* The arrays of a call, in the order of the kernels' arguments. X(index, name in clxent_arrays) */
#define CLX_ARRAY_MAP(X) \
    X(0, logits)         \
    X(1, targets)        \
    X(2, class_weight)   \
    X(3, row_weight)     \
    X(4, segment)        \
    X(5, grad_output)    \
    X(6, loss)           \
    X(7, row_loss)       \
    X(8, log_prob)       \
    X(9, lse)            \
    X(10, lse_residual)  \
    X(11, argmax)        \
    X(12, rank)          \
    X(13, entropy)       \
    X(14, log_probs)     \
    X(15, probs)         \
    X(16, grad)          \
    X(17, counts)
#define CLX_ARRAY_ENUM(index, name) CLX_A_##name = index,
enum { CLX_ARRAY_MAP(CLX_ARRAY_ENUM) CLX_ARRAYS = 18 };

/* Arguments after params (0) and the arrays (1 to 18). */
enum { CLX_ARG_ARRAYS = 1, CLX_ARG_WORKSPACE = 19, CLX_ARG_SCRATCH = 20 };

/* Local scratch, bytes a work-item, of the row kernels and of reduce.cl: the largest type that their teams
 * reduce. */
enum { CLX_ROW_SCRATCH_BYTES = 48, CLX_ROW_SCRATCH_BYTES_F64 = 80, CLX_REDUCE_SCRATCH_BYTES = 64 };

enum { CLX_MEAN = 0, CLX_SUM = 1, CLX_NONE = 2 };                           /* clxent_reduction */
enum { CLX_CLASS = 0, CLX_PROBABILITY = 1, CLX_NEXT_TOKEN = 2 };            /* clxent_targets */
enum { CLX_INT_I64 = 5, CLX_INT_I32 = 6, CLX_INT_U16 = 7, CLX_INT_U8 = 8 }; /* clxent_dtype */

enum {                 /* bits of clx_params.flags */
       CLX_IGNORE = 1, /* ignore_index is on */
       CLX_EMPTY_ZERO = 2,
       CLX_ATOMIC = 4,   /* rows add to the loss themselves */
       CLX_KEEP_ROWS = 8 /* rows store their loss in the scratch, to be reduced after them */
};

typedef struct clx_params {
    clx_i64 rows;      /* of the call */
    clx_i64 first_row; /* of this launch; the work-items count from it, teams of reduce.cl in chunks */
    clx_i64 end_row;
    clx_i64 classes, classes_padded, inner;
    /* elements from one outer index to the next of each (N,C) array */
    clx_i64 logits_stride, grad_stride, targets_stride, log_probs_stride, grad_output_stride;
    clx_i64 sequence_length, tokens_per_sequence;
    clx_i64 ignore_index;
    clx_i64 at[CLX_ARRAYS]; /* where each array starts in its buffer, in its elements; may be negative */
    /* Where things are in the workspace (plan.c), in bytes. What is kept of a row is there for some rows at a
     * time alone: these say where row 0's would be, in reals and in bytes, and may be negative. */
    clx_i64 totals_at, count_partials_at, loss_partials_at;
    clx_i64 row_ce_at, row_z_at, row_parts_at;
    clx_i64 parts, part_classes; /* split: teams a row, and the classes of each but the last */
    clx_bits label_smoothing, z_loss, softcap, logit_scale, grad_output;
    clx_bits class_unit; /* the least power of two above classes, its inverse */
    clx_i32 present;     /* bit i: array i is there */
    clx_i32 flags;
    clx_i32 reduction, targets;
    clx_i32 targets_int, segment_int; /* the integer type of targets and segment */
    /* Where local memory has a place for what a row's second pass needs, bytes behind the scratch's start,
     * and for how many vectors; see scan_item.cl, scan_team.cl. */
    clx_i32 held_at, held_vectors;
} clx_params;

/* Bytes of what split.cl keeps of a part of a row, at most. */
enum { CLX_SPLIT_PART_BYTES = 88 };

/* Rows that one work-group counts or adds up. Fixed, so that the order of sums depends on N alone. */
enum { CLX_CHUNK_ROWS = 1024 };

/* Rows of a work-item that has rows side by side, of lane.cl. */
enum { CLX_ITEM_ROWS = 128 };

/* What the rows of a call, or of a chunk, amount to. The divisors are sums in two parts, sum + low. */
typedef struct clx_counts {
    clx_i64 counted, ignored, bad, first_bad; /* first_bad: -1 for none */
    clx_bits divisor, divisor_low;            /* of cross entropy: sum of r w_y (probabilities: of r) */
    clx_bits z_divisor, z_divisor_low;        /* of z-loss: sum of r */
} clx_counts;

/* Sums of row losses of a chunk. */
typedef struct clx_loss_sums {
    clx_bits ce, ce_low, z, z_low;
} clx_loss_sums;

#endif
