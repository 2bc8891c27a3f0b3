/* SPDX-License-Identifier: Apache-2.0
 *
 * What errors of a row's logits do to the row's results.
 *
 * Logit x_c may be off by e_c. Then z_c may be off by h_c = s_c e_c exp(2 k e_c), with s_c = dz/dx at x_c.
 * Here k = logit_scale / softcap: the slope is a multiple of 1 / cosh^2(k x), and the logarithm of that
 * changes by at most 2 k for each unit of x. Without a softcap k is 0.
 *
 * The bounds below are exact, not of first order. E[] is the mean under p:
 *
 *     lse       L = log E[exp(h)]
 *     log p_y   l_y = log1p(sum of p_c expm1(h_c + h_y) over the other classes), of the target y
 *     log p_c   l_c = h_c + L, of another class
 *     p_c       p_c expm1(l_c)
 *     row_loss  sum |q_c| l_c, and |r| z_loss (2 |lse| L + L^2)
 *     slope     a factor of exp(a_c), a_c = 2 k e_c (|tanh(k x_c)| + k e_c)
 *     gradient  expm1(a_c) of itself, and |g| s_c exp(a_c) times the sum of |Q / D| p_c expm1(l_c) and
 *               |2 z_loss r / Dz| p_c (|lse| expm1(l_c) + L exp(l_c)), Q = sum q_c
 *
 * lse cannot move up by more than L. It cannot move down by more either, since E[exp(-h)] >= 1 / E[exp(h)].
 * -log p_y is log(1 + sum of exp(z_c - z_y)), and each of these terms changes by a factor of at most
 * exp(h_c + h_y). So l_y is relative to 1 - p_y, and the loss of a confident row keeps its digits.
 *
 * Entropy alone has a bound from a Taylor series. Its derivative in a direction d is -Cov(log p, d); the next
 * one is Var(d) + E[(d - E d)^2 (log p - E log p)]. On the way from x to x + d, p_c changes by a factor of at
 * most exp(b_c), b_c = h_c + L. So the bound is sum p_c |log p_c + H| h_c plus half of the sum of
 * p_c exp(b_c) b_c^2 (2 + |log p_c + H|).
 */
#include "reference_linear.h"
#include "row.h"

#include <math.h>
#include <stddef.h>

static double capped_part(const reference_problem *problem) { /* k */
    return problem->softcap != 0.0 ? problem->logit_scale / problem->softcap : 0.0;
}

/* h_c. A masked logit is exact. */
static double z_error(const reference_problem *problem, double x, double error) {
    if (reference_masked(x)) return 0.0;
    return reference_slope(problem, x) * error * exp(2.0 * capped_part(problem) * error);
}

/* exp(log_p) expm1(change). It is 0 where the probability stays 0, however large the change. */
static double p_error(double log_p, double change) {
    return change < 1.0 ? exp(log_p) * expm1(change) : exp(log_p + change) - exp(log_p);
}

/* How far the row's sums may be off. */
typedef struct row_error {
    int64_t target;  /* y; -1 where the row does not count */
    double lse;      /* L */
    double log_prob; /* l_y */
    double entropy;
} row_error;

static row_error row_error_of(const reference_problem *problem, const double *x, const double *error,
                              const reference_row *row) {
    const double *const log_p = row->log_probs;
    row_error e = {.target = row->state == REFERENCE_ROW_COUNTED ? row->target : -1};
    const double target_error = e.target >= 0 ? z_error(problem, x[e.target], error[e.target]) : 0.0;
    reference_sum all = {0}, others = {0}, first = {0}, second = {0};
    for (int64_t c = 0; c < problem->classes; c++) {
        if (reference_masked(x[c])) continue;
        const double h = z_error(problem, x[c], error[c]);
        reference_sum_add(&all, p_error(log_p[c], h));
        if (c != e.target) reference_sum_add(&others, p_error(log_p[c], h + target_error));
    }
    e.lse = log1p(reference_sum_value(&all));
    e.log_prob = log1p(reference_sum_value(&others));
    for (int64_t c = 0; c < problem->classes; c++) {
        if (reference_masked(x[c]) || exp(log_p[c]) == 0.0) continue;
        const double h = z_error(problem, x[c], error[c]), b = h + e.lse;
        const double from_mean = fabs(log_p[c] + row->entropy);
        reference_sum_add(&first, exp(log_p[c]) * from_mean * h);
        reference_sum_add(&second, exp(log_p[c] + b) * b * b * (2.0 + from_mean));
    }
    e.entropy = reference_sum_value(&first) + reference_sum_value(&second) / 2.0;
    return e;
}

/* l_c */
static double log_p_error(const reference_problem *problem, const double *x, const double *error,
                          const row_error *e, int64_t c) {
    return c == e->target ? e->log_prob : z_error(problem, x[c], error[c]) + e->lse;
}

static void widen_loss(const reference_problem *problem, double r, const double *x, const double *error,
                       const row_error *e, reference_row *row) {
    reference_sum moved = {0};
    for (int64_t c = 0; c < problem->classes; c++) {
        const double q = reference_target_weight(problem, r, row->target, NULL, c);
        if (q != 0.0 && !reference_masked(x[c]))
            reference_sum_add(&moved, fabs(q) * log_p_error(problem, x, error, e, c));
    }
    row->loss_part_bound += reference_sum_value(&moved);
    row->z_part_bound += fabs(r * problem->z_loss) * (2.0 * fabs(row->lse) + e->lse) * e->lse;
    row->row_loss_bound = row->loss_part_bound + row->z_part_bound;
}

static void widen_grad(const reference_problem *problem, const reference_counts *counts, int64_t number,
                       double r, const double *x, const double *error, const row_error *e,
                       reference_row *row) {
    reference_sum q = {0};
    for (int64_t c = 0; c < problem->classes; c++)
        reference_sum_add(&q, reference_target_weight(problem, r, row->target, NULL, c));
    const double by_p = fabs(reference_sum_value(&q) / counts->divisor);
    const double by_z = problem->z_loss != 0.0 ? fabs(2.0 * problem->z_loss * r / counts->z_divisor) : 0.0;
    const double g = fabs(reference_grad_factor(problem, number)), k = capped_part(problem);
    for (int64_t c = 0; c < problem->classes; c++) {
        if (reference_masked(x[c])) continue;
        const double log_p = row->log_probs[c], l = log_p_error(problem, x, error, e, c);
        const double p = p_error(log_p, l);
        const double a = 2.0 * k * error[c] * (fabs(tanh(k * x[c])) + k * error[c]);
        row->grad_bound[c] += g * reference_slope(problem, x[c]) * exp(a) *
                                  (by_p * p + by_z * (fabs(row->lse) * p + e->lse * (exp(log_p) + p))) +
                              fabs(row->grad[c]) * expm1(a);
    }
}

void reference_row_widen(const reference_problem *problem, const reference_counts *counts, int64_t number,
                         const double *x, const double *error, reference_row *row) {
    if (!isfinite(row->lse)) return;
    const row_error e = row_error_of(problem, x, error, row);
    row->lse_bound += e.lse;
    row->entropy_bound += e.entropy;
    if (row->state != REFERENCE_ROW_COUNTED) return;
    const double r = problem->row_weight ? problem->row_weight[number] : 1.0;
    row->log_prob_bound += e.log_prob;
    widen_loss(problem, r, x, error, &e, row);
    if (row->grad && !counts->divisor_is_zero) widen_grad(problem, counts, number, r, x, error, &e, row);
}
