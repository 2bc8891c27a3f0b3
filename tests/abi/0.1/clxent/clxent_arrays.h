/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of a call's arrays: one line an array. clxent.h explains the arrays to callers. All that the
 * library, its kernels and its tests know of an array they take from here: the order of the members of
 * clxent_arrays and clxent_buffers, their initial values, the bits of clxent_desc.outputs, the arguments of
 * the kernels, shapes, types, and which operation takes or gives which array.
 *
 * C, C++ and OpenCL C include this file. */
#ifndef CLXENT_CLXENT_ARRAYS_H
#define CLXENT_CLXENT_ARRAYS_H

/* X(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm)
 *
 * number  of the array; the bit of an output is 1 << number. A new array takes the next number, at the end.
 * side    INPUT, or OUTPUT: the kernels may write it, and clxent_desc.outputs can name it.
 * shape   CLASSES (C), ROWS (N), MATRIX (N,C), PADDED (N, classes_padded), COUNTS 4 numbers, TOKENS the
 *         tokens' shape; TARGETS by clxent_desc.targets; LOSS (N) for reduction none, else 1 element;
 *         GRADS likewise, for a softmax (N,C).
 * type    LOGITS, GRAD, TARGETS, SEGMENT: the desc's type of that name; REAL f32, or f64 with f64 logits;
 * I64. the rest, a column an operation: cross-entropy; with probability targets; from a saved lse; nll;
 * softmax; log-softmax. TAKE: it needs the array; GRAD: it needs it for `grad`; MAY: it takes the array where
 *         there is one; GIVE: it computes the array; NO: the array is refused. */
/* clang-format off */
#define CLXENT_ARRAY_MAP(X) \
    /*  name          NAME          side    shape    type     ce    soft  saved nll   sm    lsm */ \
    X(0,  logits,       LOGITS,       INPUT,  MATRIX,  LOGITS,  TAKE, TAKE, TAKE, NO,   TAKE, TAKE) \
    X(1,  targets,      TARGETS,      INPUT,  TARGETS, TARGETS, TAKE, TAKE, TAKE, TAKE, NO,   NO)   \
    X(2,  class_weight, CLASS_WEIGHT, INPUT,  CLASSES, REAL,    MAY,  MAY,  MAY,  MAY,  NO,   NO)   \
    X(3,  row_weight,   ROW_WEIGHT,   INPUT,  ROWS,    REAL,    MAY,  MAY,  MAY,  NO,   NO,   NO)   \
    X(4,  segment,      SEGMENT,      INPUT,  TOKENS,  SEGMENT, MAY,  MAY,  MAY,  MAY,  NO,   NO)   \
    X(5,  grad_output,  GRAD_OUTPUT,  INPUT,  GRADS,   REAL,    MAY,  MAY,  MAY,  MAY,  GRAD, GRAD) \
    X(6,  loss,         LOSS,         OUTPUT, LOSS,    REAL,    GIVE, GIVE, NO,   GIVE, NO,   NO)   \
    X(7,  row_loss,     ROW_LOSS,     OUTPUT, ROWS,    REAL,    GIVE, GIVE, NO,   GIVE, NO,   NO)   \
    X(8,  log_prob,     LOG_PROB,     OUTPUT, ROWS,    REAL,    GIVE, NO,   NO,   GIVE, NO,   NO)   \
    X(9,  lse,          LSE,          OUTPUT, ROWS,    REAL,    GIVE, GIVE, TAKE, NO,   GIVE, GIVE) \
    X(10, lse_residual, LSE_RESIDUAL, OUTPUT, ROWS,    REAL,    GIVE, GIVE, MAY,  NO,   GIVE, GIVE) \
    X(11, argmax,       ARGMAX,       OUTPUT, ROWS,    I64,     GIVE, GIVE, NO,   NO,   GIVE, GIVE) \
    X(12, rank,         RANK,         OUTPUT, ROWS,    I64,     GIVE, NO,   NO,   NO,   NO,   NO)   \
    X(13, entropy,      ENTROPY,      OUTPUT, ROWS,    REAL,    GIVE, GIVE, NO,   NO,   GIVE, GIVE) \
    X(14, log_probs,    LOG_PROBS,    OUTPUT, MATRIX,  REAL,    GIVE, GIVE, NO,   TAKE, GIVE, GIVE) \
    X(15, probs,        PROBS,        OUTPUT, MATRIX,  REAL,    NO,   NO,   NO,   NO,   GIVE, NO)   \
    X(16, grad,         GRAD,         OUTPUT, PADDED,  GRAD,    GIVE, GIVE, GIVE, GIVE, GIVE, GIVE) \
    X(17, counts,       COUNTS,       OUTPUT, COUNTS,  I64,     GIVE, GIVE, GIVE, GIVE, NO,   NO)
/* clang-format on */

/* The numbers: CLXENT_A_logits, ...; and how many there are. */
#define CLXENT_NUMBER_(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm) \
    CLXENT_A_##name = number,
enum { CLXENT_ARRAY_MAP(CLXENT_NUMBER_) CLXENT_A_COUNT };

#endif
