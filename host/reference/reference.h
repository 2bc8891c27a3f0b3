/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss in plain double precision. The tests and the tool check clxent against it. It shares no code and
 * no header with the library and its kernels. Beside each value it gives an error bound; a device's f32 (or
 * f64) result must lie within it. reference_agrees() also allows for the type (16, 32 or 64 bits) in which a
 * result was stored.
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
 * The gradient by a class target's own logit has a bound that is relative to 1 - p_y. In a confident row this
 * bound is far smaller than the bound of the other classes.
 *
 * There are two ways to call it. reference_run() takes whole arrays of double. reference_count(),
 * reference_row_compute(), reference_loss_add() and reference_loss_finish() work row by row, in a memory of a
 * few times C. Only reference_run() allocates memory, 9 C doubles, and only it can fail. No call keeps a
 * pointer. The caller checks the shapes.
 */
#ifndef CLXENT_REFERENCE_H
#define CLXENT_REFERENCE_H

#include <stdint.h>

typedef enum reference_op {
    REFERENCE_CROSS_ENTROPY,
    REFERENCE_NLL,     /* logits are log-probabilities; loss -w_y x_y; the gradient by x_y is -g w_y / D for
                        * any x; by every other logit it is 0, even where D is 0 */
    REFERENCE_SOFTMAX, /* grad_c = g dz_c/dx_c p_c (g_c - sum_k g_k p_k) */
    REFERENCE_LOG_SOFTMAX /* grad_c = g dz_c/dx_c (g_c - p_c sum_k g_k) */
} reference_op;

typedef enum reference_reduction { REFERENCE_MEAN, REFERENCE_SUM, REFERENCE_NONE } reference_reduction;

typedef enum reference_targets {
    REFERENCE_TARGETS_CLASS,
    REFERENCE_TARGETS_PROBABILITY,
    REFERENCE_TARGETS_NEXT_TOKEN /* row (b,t) is scored against token (b,t+1); the row is ignored if
                                  * there is no such token or it is of another segment */
} reference_targets;

/* Start from REFERENCE_PROBLEM_INIT. The pointers stay the caller's. */
typedef struct reference_problem {
    reference_op op;
    reference_reduction reduction;
    reference_targets targets_kind;
    int empty_mean_zero;   /* the mean over no counted row is 0, not NaN */
    int double_arithmetic; /* the device computed in f64: the bounds' u is 2^-29 times as large */

    int64_t rows, classes;
    /* Element (row, c) is at reference_index(inner, stride, row, c). A stride of 0 means
     * classes * inner: dense. */
    int64_t inner;
    int64_t row_stride;             /* of logits */
    int64_t targets_row_stride;     /* of target_probs */
    int64_t grad_output_row_stride; /* of an (N,C) grad_output */
    int64_t sequence_length;        /* next token: T */
    int64_t tokens_per_sequence;    /* next token: T + 1 or T */

    int use_ignore_index;
    int64_t ignore_index;
    double label_smoothing, z_loss, softcap, logit_scale;
    double grad_scale; /* g is grad_scale, times grad_output where that is given */

    const double *logits;       /* (N,C); the row calls take the row as an argument instead */
    const int64_t *targets;     /* (N); next token: the tokens */
    const double *target_probs; /* (N,C), probability targets; the row calls: as for logits */
    const double *class_weight; /* (C) or NULL */
    const double *row_weight;   /* (N) or NULL; cross entropy only */
    const int64_t *segment;     /* in the tokens' shape, or NULL */
    const double *grad_output;  /* NULL, or 1 element (mean, sum), (N) (none), (N,C) (softmax ops) */
} reference_problem;

#define REFERENCE_PROBLEM_INIT \
    { .inner = 1, .logit_scale = 1.0, .grad_scale = 1.0 }

/* (row / inner) * stride + c * inner + row % inner */
int64_t reference_index(int64_t inner, int64_t stride, int64_t row, int64_t c);

/* ------------------------------------------------------------------------ whole arrays ----------- */

/* The results. A result is computed only if its pointer is not NULL. (N,C) results are dense: element (row,
 * c) is at reference_index(inner, classes * inner, row, c). A *_bound array has the greatest error
 * allowed. */
typedef struct reference_result {
    double *row_loss, *row_loss_bound; /* (N); the loss itself for reduction none */
    double *log_prob, *log_prob_bound; /* (N); class and next-token targets */
    double *lse, *lse_bound;           /* (N) */
    double *entropy, *entropy_bound;   /* (N) */
    int64_t *argmax, *rank;            /* (N) */
    double *log_probs, *log_probs_bound, *probs, *probs_bound, *grad, *grad_bound; /* (N,C) */
    /* always set; the loss is 0 for reduction none, softmax and log-softmax */
    double loss, loss_bound;
    int64_t counts[4]; /* counted, ignored, bad rows; first bad row or -1 */
} reference_result;

/* Returns 0, or -1 if there is no memory for a row. */
int reference_run(const reference_problem *problem, reference_result *result);

/* ---------------------------------------------------------------------------- row by row --------- */

typedef enum reference_row_state {
    REFERENCE_ROW_COUNTED,
    REFERENCE_ROW_IGNORED, /* ignore_index, no next token, or a token of another segment */
    REFERENCE_ROW_BAD      /* the target is no class */
} reference_row_state;

/* Returns the row's state. Sets *target to the row's target, or to -1 if it has none (probability targets,
 * softmax, no next token). */
reference_row_state reference_row_target(const reference_problem *problem, int64_t row, int64_t *target);

/* The values that depend on targets and weights alone. */
typedef struct reference_counts {
    int64_t counted, ignored, bad, first_bad;
    double divisor, z_divisor; /* D and Dz */
    int divisor_is_zero;       /* a row counts, and a divisor in use is 0: loss and gradient are NaN */
} reference_counts;
reference_counts reference_count(const reference_problem *problem);

/* One row. The caller sets the pointers (each NULL, or to C elements) before the call; the call writes the
 * rest. row_loss, log_prob and rank are 0 in a row that does not count. The call always gives the values that
 * describe the logits. */
typedef struct reference_row {
    double *log_probs, *log_probs_bound, *probs, *probs_bound, *grad, *grad_bound;
    /* Cross entropy: a bound in proportion to the class's own p_c and q_c, for sums over classes. */
    double *grad_share_bound;
    double grad_any_bound; /* cross entropy: for any class; a target's own bound is smaller */
    reference_row_state state;
    int64_t target, argmax, rank;
    double row_loss, row_loss_bound;
    double log_prob, log_prob_bound;
    double lse, lse_bound;
    double entropy, entropy_bound;
    /* row_loss in two parts, and their bounds: the mean divides loss_part by D and z_part by Dz */
    double loss_part, loss_part_bound, z_part, z_part_bound;
    double log_sum; /* log S: lse is max + log S */
} reference_row;

/* x: the row's C logits. t: its C target probabilities, or NULL for other targets. g: the row's C elements of
 * grad_output for the gradient of softmax and log-softmax, else NULL. */
void reference_row_compute(const reference_problem *problem, const reference_counts *counts, int64_t row,
                           const double *x, const double *t, const double *g, reference_row *out);

/* A compensated sum: its error does not grow with its length (Neumaier 1974). Start from zero. */
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

/* The bounds for f32 arithmetic; u = 1e-6, c the softcap or 0. For f64, u is 1e-6 * 2^-29.
 *   lse          u max(1, |m| + log S) + 2u c
 *   log_prob(s)  u max(1, d_c + log S) + 2u c
 *   row_loss     u max(k, sum_c |q_c| (d_c + log S) + |r| z_loss lse^2) + 2u c k, k = max(1, sum_c |q_c|):
 *                a weight above 1 multiplies the log_prob and its error
 *   loss         the sum of the rows' bounds, each part divided by |D| or |Dz|, plus 1 unit in the last place
 *   entropy      u max(1, H) + 0.1u sum_c p_c d_c^2 + c (2u + 0.3u H), H = log S + sum_c p_c d_c:
 *                rounding an exponent by d_c / 2^24 moves p_c d_c by p_c d_c^2 / 2^24
 *   probs        u p_c (1 + d_c + log S + 2c) + the smallest normal number
 *   grad         (3u + 0.1u c) |g logit_scale| F. F is
 *                  for cross entropy and NLL, the same for a whole row:
 *                      sum |q_c| / |D| + 2 z_loss |r| max(|lse|, max(1, |m| + log S) / 3) / |Dz|
 *                  for softmax:
 *                      p_c ((1 + d_c)(|g_c| + A) + B), A = sum |g_k| p_k, B = sum |g_k| p_k (1 + d_k)
 *                  for log-softmax:
 *                      |g_c| + p_c (1 + d_c) sum |g_k|
 *                plus a multiple of the smallest normal number (row.c): a device may flush smaller numbers
 *   grad, share  for cross entropy: u |g logit_scale| ((3 + c/2 + 0.3 d_c) p_c F + 3 |q_c| / |D|): an
 *                exponential is off by 0.16u (1 + d_c), and its argument twice by 0.06u d_c
 * The bounds do not apply to a value that is NaN or infinite: the result must be equal to it. */

typedef enum reference_storage {
    REFERENCE_F32,
    REFERENCE_F64,
    REFERENCE_F16, /* IEEE binary16 */
    REFERENCE_BF16 /* the upper half of a binary32 */
} reference_storage;

/* Half a unit in the last place of the type at this magnitude; 0 for NaN and infinity. */
double reference_half_unit(reference_storage storage, double value);

/* Whether `got`, read from this storage, is within `bound` of `expected`. NaN agrees with NaN only. Infinity
 * agrees with itself, and with a value that overflows the type. A 16-bit result may be half a unit further
 * off. */
int reference_agrees(double got, double expected, double bound, reference_storage storage);

#endif
