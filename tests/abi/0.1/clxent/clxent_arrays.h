/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of a call's arrays, one line for each array. clxent.h explains the arrays to callers. The
 * library, its kernels and its tests take from this table: the order of the members of clxent_arrays and
 * clxent_buffers, their initial values, the bits of clxent_desc.outputs, the arguments of the kernels,
 * shapes, types, and which operation takes or gives which array.
 *
 * C, C++ and OpenCL C include this file. */
#ifndef CLXENT_CLXENT_ARRAYS_H
#define CLXENT_CLXENT_ARRAYS_H

/* clang-format off */
/* X(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin)
 *
 * number  of the array; the bit of an output is 1 << number. A new array takes the next number, at the end.
 * side    INPUT, or OUTPUT: the kernels may write it, and clxent_desc.outputs can name it.
 * shape   CLASSES (classes_total), ROWS (N), MATRIX (N,C), PADDED (N, classes_padded), COUNTS 4 numbers,
 *         STATES (N, CLXENT_STATE_COLUMNS), HIDDEN (N,H), CLASSIFIER (C,H), TOKENS the tokens' shape; TARGETS
 *         by clxent_desc.targets; LOSS (N) for reduction none, else 1 element; GRADS likewise, for a softmax
 *         (N,C).
 * type    LOGITS, GRAD, TARGETS, SEGMENT, HIDDEN, CLASSIFIER, BIAS, GRAD_HIDDEN, GRAD_CLASSIFIER, GRAD_BIAS:
 *         the desc's type of that name; REAL f32, or f64 with f64 logits; I64.
 *
 * Each further column is an operation: cross-entropy; cross-entropy with probability targets; cross-entropy
 * from a saved lse; nll; softmax; log-softmax; linear cross-entropy. TAKE: it needs the array. GRAD: it needs
 * the array for `grad`. MAY: it takes the array if there is one. GIVE: it computes the array. NO: it refuses
 * the array. (With CLXENT_FROM_STATE cross-entropy takes the state.) */
#define CLXENT_ARRAY_MAP(X) \
    /*  name                  NAME                  side    shape       type             ce    soft  saved nll   sm    lsm   lin */ \
    X(0,  logits,               LOGITS,               INPUT,  MATRIX,     LOGITS,          TAKE, TAKE, TAKE, NO,   TAKE, TAKE, NO)   \
    X(1,  targets,              TARGETS,              INPUT,  TARGETS,    TARGETS,         TAKE, TAKE, TAKE, TAKE, NO,   NO,   TAKE) \
    X(2,  class_weight,         CLASS_WEIGHT,         INPUT,  CLASSES,    REAL,            MAY,  MAY,  MAY,  MAY,  NO,   NO,   MAY)  \
    X(3,  row_weight,           ROW_WEIGHT,           INPUT,  ROWS,       REAL,            MAY,  MAY,  MAY,  NO,   NO,   NO,   MAY)  \
    X(4,  segment,              SEGMENT,              INPUT,  TOKENS,     SEGMENT,         MAY,  MAY,  MAY,  MAY,  NO,   NO,   MAY)  \
    X(5,  grad_output,          GRAD_OUTPUT,          INPUT,  GRADS,      REAL,            MAY,  MAY,  MAY,  MAY,  GRAD, GRAD, MAY)  \
    X(6,  loss,                 LOSS,                 OUTPUT, LOSS,       REAL,            GIVE, GIVE, NO,   GIVE, NO,   NO,   GIVE) \
    X(7,  row_loss,             ROW_LOSS,             OUTPUT, ROWS,       REAL,            GIVE, GIVE, NO,   GIVE, NO,   NO,   GIVE) \
    X(8,  log_prob,             LOG_PROB,             OUTPUT, ROWS,       REAL,            GIVE, NO,   NO,   GIVE, NO,   NO,   GIVE) \
    X(9,  lse,                  LSE,                  OUTPUT, ROWS,       REAL,            GIVE, GIVE, TAKE, NO,   GIVE, GIVE, GIVE) \
    X(10, lse_residual,         LSE_RESIDUAL,         OUTPUT, ROWS,       REAL,            GIVE, GIVE, MAY,  NO,   GIVE, GIVE, GIVE) \
    X(11, argmax,               ARGMAX,               OUTPUT, ROWS,       I64,             GIVE, GIVE, NO,   NO,   GIVE, GIVE, GIVE) \
    X(12, rank,                 RANK,                 OUTPUT, ROWS,       I64,             GIVE, NO,   NO,   NO,   NO,   NO,   GIVE) \
    X(13, entropy,              ENTROPY,              OUTPUT, ROWS,       REAL,            GIVE, GIVE, NO,   NO,   GIVE, GIVE, GIVE) \
    X(14, log_probs,            LOG_PROBS,            OUTPUT, MATRIX,     REAL,            GIVE, GIVE, NO,   TAKE, GIVE, GIVE, NO)   \
    X(15, probs,                PROBS,                OUTPUT, MATRIX,     REAL,            NO,   NO,   NO,   NO,   GIVE, NO,   NO)   \
    X(16, grad,                 GRAD,                 OUTPUT, PADDED,     GRAD,            GIVE, GIVE, GIVE, GIVE, GIVE, GIVE, NO)   \
    X(17, counts,               COUNTS,               OUTPUT, COUNTS,     I64,             GIVE, GIVE, GIVE, GIVE, NO,   NO,   GIVE) \
    X(18, state,                STATE,                OUTPUT, STATES,     REAL,            GIVE, GIVE, NO,   NO,   NO,   NO,   NO)   \
    X(19, hidden,               HIDDEN,               INPUT,  HIDDEN,     HIDDEN,          NO,   NO,   NO,   NO,   NO,   NO,   TAKE) \
    X(20, classifier,           CLASSIFIER,           INPUT,  CLASSIFIER, CLASSIFIER,      NO,   NO,   NO,   NO,   NO,   NO,   TAKE) \
    X(21, classifier_bias,      CLASSIFIER_BIAS,      INPUT,  CLASSES,    BIAS,            NO,   NO,   NO,   NO,   NO,   NO,   MAY)  \
    X(22, grad_hidden,          GRAD_HIDDEN,          OUTPUT, HIDDEN,     GRAD_HIDDEN,     NO,   NO,   NO,   NO,   NO,   NO,   GIVE) \
    X(23, grad_classifier,      GRAD_CLASSIFIER,      OUTPUT, CLASSIFIER, GRAD_CLASSIFIER, NO,   NO,   NO,   NO,   NO,   NO,   GIVE) \
    X(24, grad_classifier_bias, GRAD_CLASSIFIER_BIAS, OUTPUT, CLASSES,    GRAD_BIAS,       NO,   NO,   NO,   NO,   NO,   NO,   GIVE)
/* clang-format on */

/* The numbers of the arrays, CLXENT_A_logits and so on, and how many there are. */
#define CLXENT_NUMBER_(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin) \
    CLXENT_A_##name = number,
enum { CLXENT_ARRAY_MAP(CLXENT_NUMBER_) CLXENT_A_COUNT };

/* The state of a row: a summary of the row over some of its classes, a slice [begin, end) of all. X(column,
 * name). An integer that one f32 may not hold has two columns: 65536 HIGH + LOW. z is logit_scale x, or the
 * capped logit; w is the smoothing's weights (class_weight, or 1), or the weighted, smoothed probability
 * targets; unit is the largest power of two below 1 / (2 classes_total).
 *
 * Two states of neighbouring slices merge into one. Its reference R is the larger of their two references.
 * The state with the smaller reference r changes its sums first. With d = z(R) - z(r) and f = exp(-d):
 *
 *     OTHERS' = f (OTHERS + OWN)    OWN' = 0    ENTROPY' = f ENTROPY + d OTHERS'    DOT' = DOT + (R - r) U
 *
 * Then OWN, OTHERS, U, DOT and ENTROPY are added. BEST is the larger of the two; of equal ones it is that of
 * the smaller class. After all slices: S = OWN + OTHERS, lse = z(R) + log S, entropy = log S + ENTROPY / S,
 * and sum_c w_c (lse - z_c) = (U log S + logit_scale DOT) / unit. (This is the online softmax of Milakov and
 * Gimelshein, 2018, with more sums.) */
#define CLXENT_STATE_MAP(X)                                                                                 \
    X(0, KIND)       /* 64 times the version, 1; plus what U sums: 0 nothing, 1 weights, 2 probabilities */ \
    X(1, BEGIN_HIGH) /* the slice's first class */                                                          \
    X(2, BEGIN_LOW)                                                                                         \
    X(3, END_HIGH) /* the class behind the slice's last */                                                  \
    X(4, END_LOW)                                                                                           \
    X(5, REFERENCE)  /* a logit or a capped logit, about the largest; -inf: all classes are masked */       \
    X(6, OWN)        /* how many classes at the reference's logit are counted here, not in OTHERS */        \
    X(7, OTHERS)     /* sum of exp(z_c - z(REFERENCE)) over the classes not counted in OWN */               \
    X(8, U)          /* sum of unit w_c */                                                                  \
    X(9, DOT)        /* sum of unit w_c (REFERENCE - x_c); with a softcap x_c is the capped logit */        \
    X(10, ENTROPY)   /* sum of exp(z_c - z(REFERENCE)) (z(REFERENCE) - z_c) */                              \
    X(11, NANS)      /* 1: the reference is +inf, and a logit is a NaN */                                   \
    X(12, BEST)      /* the largest logit; a NaN if there is one */                                         \
    X(13, BEST_HIGH) /* the first class with that logit */                                                  \
    X(14, BEST_LOW)                                                                                         \
    X(15, TARGET) /* the target's logit, where HERE is 1, else 0 */                                         \
    X(16, HERE)   /* 1: the target's class is in the slice; 0: it is not, or the row has no target class */
#define CLXENT_STATE_COLUMN_(column, name) CLXENT_STATE_##name = column,
enum { CLXENT_STATE_MAP(CLXENT_STATE_COLUMN_) CLXENT_STATE_COLUMNS };
/* Values of KIND. */
enum { CLXENT_STATE_PLAIN = 64, CLXENT_STATE_OF_WEIGHTS = 65, CLXENT_STATE_OF_PROBABILITIES = 66 };

#endif
