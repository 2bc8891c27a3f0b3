/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss in plain double precision: what clxent is checked against, by the tests and by the tool. It
 * shares no code and no header with the library and its kernels. Beside each value it gives the error bound
 * within which a device's f32 (or f64) result must lie; how a result was stored (16 bits, 32, 64) is
 * reference_agrees()'s part.
 *
 * Rows N, classes C, logits x. z = logit_scale * x, then z = softcap * tanh(z / softcap) when softcap
 * is not 0; x = -inf stays -inf ("masked"). m = max z, S = sum_c exp(z_c - m), lse = m + log S,
 * p_c = exp(z_c - m) / S, d_c = m - z_c.
 *
 * Cross entropy of a counted row with row weight r, class weights w and smoothing e:
 *     q_c      = r ((1-e) w_y [c = y] + (e/C) w_c)        class targets
 *     q_c      = r w_c ((1-e) t_c + e/C)                   probability targets t
 *     row_loss = sum_c q_c (lse - z_c) + r z_loss lse^2
 *     D        = sum r w_y (probability targets: sum r),  Dz = sum r, over counted rows; 1 unless mean
 *     loss     = sum_rows sum_c q_c (lse - z_c) / D + sum_rows r z_loss lse^2 / Dz
 *     grad_c   = g dz_c/dx_c ((p_c sum_k q_k - q_c) / D + 2 z_loss r lse p_c / Dz)
 *
 * The gradient by a class target's own logit is held to a bound relative to 1 - p_y, which for a confident
 * row is far smaller than that of the other classes.
 *
 * Two ways to call it: reference_run() on whole arrays of double, or row by row in a memory of a few
 * times C (reference_count(), reference_row_compute(), reference_loss_add(), reference_loss_finish()).
 * No call fails, allocates more than 9 C doubles, or keeps a pointer; shapes are the caller's to check.
 */
#ifndef CLXENT_REFERENCE_H
#define CLXENT_REFERENCE_H

#include <stdint.h>

typedef enum reference_op {
    REFERENCE_CROSS_ENTROPY,
    REFERENCE_NLL,        /* logits are log-probabilities; loss -w_y x_y, gradient of x_y -w_y / D
                           * whatever x is, of all others 0 even where D is 0 */
    REFERENCE_SOFTMAX,    /* grad_c = g dz_c/dx_c p_c (g_c - sum_k g_k p_k) */
    REFERENCE_LOG_SOFTMAX /* grad_c = g dz_c/dx_c (g_c - p_c sum_k g_k) */
} reference_op;

typedef enum reference_reduction { REFERENCE_MEAN, REFERENCE_SUM, REFERENCE_NONE } reference_reduction;

typedef enum reference_targets {
    REFERENCE_TARGETS_CLASS,
    REFERENCE_TARGETS_PROBABILITY,
    REFERENCE_TARGETS_NEXT_TOKEN /* row (b,t) is scored against token (b,t+1), if there is one and it is
                                  * of the same segment; else the row is ignored */
} reference_targets;

/* Start from REFERENCE_PROBLEM_INIT. The pointers stay the caller's. */
typedef struct reference_problem {
    reference_op op;
    reference_reduction reduction;
    reference_targets targets_kind;
    int empty_mean_zero;   /* mean over no counted row: 0 rather than NaN */
    int double_arithmetic; /* the result to be checked was computed in f64: the bounds shrink by 2^-29 */

    int64_t rows, classes;
    /* Element (row, c) stands at reference_index(inner, stride, row, c). A stride of 0 is dense:
     * classes * inner. */
    int64_t inner;
    int64_t row_stride;             /* of logits */
    int64_t targets_row_stride;     /* of target_probs */
    int64_t grad_output_row_stride; /* of an (N,C) grad_output */
    int64_t sequence_length;        /* next token: T */
    int64_t tokens_per_sequence;    /* next token: T + 1 or T */

    int use_ignore_index;
    int64_t ignore_index;
    double label_smoothing, z_loss, softcap, logit_scale;
    double grad_scale; /* g: multiplies every gradient, and grad_output where that is given */

    const double *logits;       /* (N,C); not read by the row calls, which are given the row */
    const int64_t *targets;     /* (N), or the tokens */
    const double *target_probs; /* (N,C), probability targets; likewise */
    const double *class_weight; /* (C) or NULL */
    const double *row_weight;   /* (N) or NULL; cross entropy only */
    const int64_t *segment;     /* the tokens' shape or NULL */
    const double *grad_output;  /* NULL, or 1 element (mean, sum), (N) (none), (N,C) (softmax ops) */
} reference_problem;

#define REFERENCE_PROBLEM_INIT \
    { .inner = 1, .logit_scale = 1.0, .grad_scale = 1.0 }

/* (row / inner) * stride + c * inner + row % inner */
int64_t reference_index(int64_t inner, int64_t stride, int64_t row, int64_t c);

/* ------------------------------------------------------------------------ whole arrays ----------- */

/* What to compute: every pointer may be NULL. (N,C) results are dense: element (row, c) stands at
 * reference_index(inner, classes * inner, row, c). A *_bound array is the greatest error allowed. */
typedef struct reference_result {
    double *row_loss, *row_loss_bound; /* (N); the loss itself for reduction none */
    double *log_prob, *log_prob_bound; /* (N); class and next-token targets */
    double *lse, *lse_bound;           /* (N) */
    double *entropy, *entropy_bound;   /* (N) */
    int64_t *argmax, *rank;            /* (N) */
    double *log_probs, *log_probs_bound, *probs, *probs_bound, *grad, *grad_bound; /* (N,C) */
    /* always set; for none, softmax and log-softmax the loss is 0 */
    double loss, loss_bound;
    int64_t counts[4]; /* counted, ignored, bad rows; first bad row or -1 */
} reference_result;

/* 0, or -1 when there is no memory for a row. */
int reference_run(const reference_problem *problem, reference_result *result);

/* ---------------------------------------------------------------------------- row by row --------- */

typedef enum reference_row_state {
    REFERENCE_ROW_COUNTED,
    REFERENCE_ROW_IGNORED, /* ignore_index, no next token, or another segment's */
    REFERENCE_ROW_BAD      /* the target is no class */
} reference_row_state;

/* The row's target, or -1 where it has none (probability targets, softmax, no next token). */
reference_row_state reference_row_target(const reference_problem *problem, int64_t row, int64_t *target);

/* What the targets and weights alone decide. */
typedef struct reference_counts {
    int64_t counted, ignored, bad, first_bad;
    double divisor, z_divisor; /* D and Dz */
    int divisor_is_zero;       /* rows are counted, and a divisor that is used is 0: all is NaN */
} reference_counts;
reference_counts reference_count(const reference_problem *problem);

/* One row. Set the pointers (each NULL or C elements) before the call; the rest is written. row_loss,
 * log_prob and rank are 0 in a row that is not counted; what describes the logits is given always. */
typedef struct reference_row {
    double *log_probs, *log_probs_bound, *probs, *probs_bound, *grad, *grad_bound;
    double grad_any_bound; /* cross entropy: of any class; a target's own is smaller */
    reference_row_state state;
    int64_t target, argmax, rank;
    double row_loss, row_loss_bound;
    double log_prob, log_prob_bound;
    double lse, lse_bound;
    double entropy, entropy_bound;
    /* row_loss and its bound as the mean divides them: by D, by Dz */
    double loss_part, loss_part_bound, z_part, z_part_bound;
    double log_sum; /* log S: lse is max + log S */
} reference_row;

/* x, t and g are the row's C logits, target probabilities (probability targets, else NULL) and
 * grad_output (softmax and log-softmax with grad, else NULL). */
void reference_row_compute(const reference_problem *problem, const reference_counts *counts, int64_t row,
                           const double *x, const double *t, const double *g, reference_row *out);

/* A sum that loses nothing to its length (Neumaier 1974). Start from zero. */
typedef struct reference_sum {
    double sum, correction;
} reference_sum;
void reference_sum_add(reference_sum *s, double term);
double reference_sum_value(const reference_sum *s);

/* The scalar loss of mean and sum. Start from zero. */
typedef struct reference_loss {
    reference_sum loss, z, loss_bound, z_bound;
} reference_loss;
void reference_loss_add(reference_loss *loss, const reference_row *row);
void reference_loss_finish(const reference_loss *loss, const reference_problem *problem,
                           const reference_counts *counts, double *value, double *bound);

/* -------------------------------------------------------------------------------- bounds --------- */

/* The bounds, for f32 arithmetic (u = 1e-6; for f64 all of it times 2^-29), c the softcap or 0:
 *   lse          u max(1, |m| + log S) + 2u c
 *   log_prob(s)  u max(1, d_c + log S) + 2u c
 *   row_loss     u max(k, sum_c |q_c| (d_c + log S) + |r| z_loss lse^2) + 2u c k, k = max(1, sum_c |q_c|):
 *                weights beyond 1 magnify the error of a log_prob with the log_prob
 *   loss         the rows' bounds, each part over |D| or |Dz|, plus 1 unit in the last place
 *   entropy      u max(1, H) + 0.1u sum_c p_c d_c^2 + c (2u + 0.3u H), H = log S + sum_c p_c d_c: the
 *                rounding of an exponent by d_c / 2^24 moves p_c d_c by p_c d_c^2 / 2^24
 *   probs        u p_c (1 + d_c + log S + 2c) + the smallest normal number
 *   grad         (3u + 0.1u c) f, f = |g logit_scale| F, with F, the same for a whole row,
 *                  sum |q_c| / |D| + 2 z_loss |r| max(|lse|, max(1, |m| + log S) / 3) / |Dz|
 *                                                                             for cross entropy, NLL
 *                  p_c ((1 + d_c)(|g_c| + A) + B), A = sum |g_k| p_k, B = sum |g_k| p_k (1 + d_k)
 *                                                                                          for softmax
 *                  |g_c| + p_c (1 + d_c) sum |g_k|                                      for log-softmax
 *                plus the smallest normal number, as devices may flush what is below it
 * Where a value is NaN or infinite the bound says nothing: the result must be the same. */

typedef enum reference_storage {
    REFERENCE_F32,
    REFERENCE_F64,
    REFERENCE_F16, /* IEEE binary16 */
    REFERENCE_BF16 /* the upper half of a binary32 */
} reference_storage;

/* Half a unit in the last place that the type has at this magnitude; 0 for NaN and infinity. */
double reference_half_unit(reference_storage storage, double value);

/* Whether `got`, read from that storage, is within `bound` of `expected`: NaN only for NaN, infinity
 * for itself or for what the type cannot hold; a 16-bit type may be half a unit further off. */
int reference_agrees(double got, double expected, double bound, reference_storage storage);

#endif
