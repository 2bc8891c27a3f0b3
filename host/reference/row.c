/* SPDX-License-Identifier: Apache-2.0
 *
 * One row: its softmax, loss and gradient, by the formulas of reference.h.
 */
#include "row.h"

#include <float.h>
#include <math.h>

/* ------------------------------------------------------------------------------ the logits ------- */

static double cap(const reference_problem *problem, double x) {
    if (isinf(x) && x < 0) return x; /* a masked logit stays masked */
    const double z = problem->logit_scale * x;
    return problem->softcap != 0.0 ? problem->softcap * tanh(z / problem->softcap) : z;
}

double reference_slope(const reference_problem *problem, double x) {
    if (problem->softcap == 0.0) return problem->logit_scale;
    const double h = cosh(problem->logit_scale * x / problem->softcap); /* 1 - tanh^2 = 1 / cosh^2 */
    return problem->logit_scale / h / h;
}

int reference_masked(double x) {
    return isinf(x) && x < 0;
}

typedef struct softmax {
    double max_x, max; /* the largest logit, and its z */
    double log_sum, lse;
    double entropy, spread; /* sum p d^2 */
    int64_t argmax;
    int undefined; /* no probabilities: a NaN, a +inf, or nothing but -inf */
} softmax;

/* d_c. Without a softcap it is the difference of the two logits times the scale. This difference keeps its
 * digits however far from 0 the two logits are. */
static double distance(const reference_problem *problem, const softmax *s, double x) {
    if (reference_masked(x)) return INFINITY;
    return problem->softcap != 0.0 ? s->max - cap(problem, x) : problem->logit_scale * (s->max_x - x);
}

static softmax softmax_of(const reference_problem *problem, const double *x) {
    softmax s = {.max = -INFINITY};
    int nan = 0;
    for (int64_t c = 0; c < problem->classes; c++) {
        const double z = cap(problem, x[c]);
        if (isnan(z)) nan = 1;
        /* compares x, since two z may be equal where the x differ */
        if (!isnan(x[s.argmax]) && (isnan(x[c]) || x[c] > x[s.argmax])) s.argmax = c;
        if (z > s.max) s.max = z;
    }
    s.max_x = x[s.argmax];
    s.undefined = nan || isinf(s.max);
    if (s.undefined) {
        s.lse = nan ? (double)NAN : s.max;
        s.log_sum = s.entropy = s.spread = NAN;
        return s;
    }
    /* The sum without the maximum's own 1, for log1p. */
    reference_sum rest = {0};
    int seen = 0;
    for (int64_t c = 0; c < problem->classes; c++) {
        if (!seen && x[c] == s.max_x)
            seen = 1;
        else
            reference_sum_add(&rest, exp(-distance(problem, &s, x[c])));
    }
    s.log_sum = log1p(reference_sum_value(&rest));
    s.lse = s.max + s.log_sum;

    reference_sum mean = {0}, spread = {0};
    for (int64_t c = 0; c < problem->classes; c++) {
        if (reference_masked(x[c])) continue;
        const double d = distance(problem, &s, x[c]), p = exp(-d - s.log_sum);
        reference_sum_add(&mean, p * d);
        reference_sum_add(&spread, p * d * d);
    }
    s.entropy = s.log_sum + reference_sum_value(&mean);
    s.spread = reference_sum_value(&spread);
    return s;
}

static double probability(const reference_problem *problem, const softmax *s, double x) {
    return s->undefined ? (double)NAN : exp(-distance(problem, s, x) - s->log_sum);
}

static double log_probability(const reference_problem *problem, const softmax *s, double x) {
    return s->undefined ? (double)NAN : -(distance(problem, s, x) + s->log_sum);
}

/* ------------------------------------------------------------------------------ bounds ----------- */

static double unit(const reference_problem *problem) {
    return problem->double_arithmetic ? 1e-6 * 0x1p-29 : 1e-6;
}

/* The smallest normal number: a device may flush smaller numbers. */
static double smallest(const reference_problem *problem) {
    return problem->double_arithmetic ? DBL_MIN : (double)FLT_MIN;
}

static double log_probability_bound(const reference_problem *problem, const softmax *s, double x) {
    return unit(problem) * (fmax(1.0, distance(problem, s, x) + s->log_sum) + 2.0 * problem->softcap);
}

/* ---------------------------------------------------------------------------- cross entropy ------ */

double reference_target_weight(const reference_problem *problem, double row_weight, int64_t target,
                               const double *t, int64_t c) {
    const double e = problem->label_smoothing, classes = (double)problem->classes;
    const double w = problem->class_weight ? problem->class_weight[c] : 1.0;
    if (t) return row_weight * w * (t[c] * (1.0 - e) + e / classes);
    return row_weight * w * ((c == target ? 1.0 - e : 0.0) + e / classes);
}

double reference_grad_factor(const reference_problem *problem, int64_t row) {
    if (!problem->grad_output) return problem->grad_scale;
    return problem->grad_scale * problem->grad_output[problem->reduction == REFERENCE_NONE ? row : 0];
}

static void fill_grad(const reference_problem *problem, reference_row *out, double value, double bound) {
    for (int64_t c = 0; c < problem->classes; c++) {
        if (out->grad) out->grad[c] = value;
        if (out->grad_bound) out->grad_bound[c] = bound;
    }
}

static void set_undefined_loss(const reference_problem *problem, reference_row *out) {
    out->row_loss = out->loss_part = out->z_part = NAN;
    fill_grad(problem, out, NAN, 0.0);
}

/* The terms of the gradient by the target's own logit. 1 - p is computed as the sum of the other p_c: in a
 * confident row the subtraction from 1 would leave no digit. */
typedef struct target_part {
    double q;                    /* r (1-e) w_y */
    double smoothed;             /* r (e/C) w_y */
    double weights, abs_weights; /* r sum w_c, and the sum of |r w_c| */
    double less_p, less_p_far;   /* sums of p_c and of p_c d_c over the other classes */
} target_part;

static target_part target_part_of(const reference_problem *problem, const softmax *s, const double *x,
                                  double r, int64_t target) {
    const double e = problem->label_smoothing;
    reference_sum weights = {0}, abs_weights = {0}, less_p = {0}, far = {0};
    for (int64_t c = 0; c < problem->classes; c++) {
        const double w = r * (problem->class_weight ? problem->class_weight[c] : 1.0);
        reference_sum_add(&weights, w);
        reference_sum_add(&abs_weights, fabs(w));
        if (c == target || reference_masked(x[c])) continue;
        const double p = probability(problem, s, x[c]);
        reference_sum_add(&less_p, p);
        reference_sum_add(&far, p * distance(problem, s, x[c]));
    }
    const double w = r * (problem->class_weight ? problem->class_weight[target] : 1.0);
    return (target_part){.q = (1.0 - e) * w,
                         .smoothed = e / (double)problem->classes * w,
                         .weights = reference_sum_value(&weights),
                         .abs_weights = reference_sum_value(&abs_weights),
                         .less_p = reference_sum_value(&less_p),
                         .less_p_far = reference_sum_value(&far)};
}

static void cross_entropy(const reference_problem *problem, const reference_counts *counts, int64_t row,
                          const double *x, const double *t, const softmax *s, reference_row *out) {
    if (s->undefined) {
        set_undefined_loss(problem, out);
        return;
    }
    const double u = unit(problem), softcap = problem->softcap;
    const double r = problem->row_weight ? problem->row_weight[row] : 1.0;
    reference_sum loss = {0}, magnitude = {0}, q_sum = {0}, q_magnitude = {0};
    for (int64_t c = 0; c < problem->classes; c++) {
        const double q = reference_target_weight(problem, r, out->target, t, c);
        if (q == 0.0) continue; /* 0 times inf is 0 */
        const double term = q * (distance(problem, s, x[c]) + s->log_sum);
        reference_sum_add(&loss, term);
        reference_sum_add(&magnitude, fabs(term));
        reference_sum_add(&q_sum, q);
        reference_sum_add(&q_magnitude, fabs(q));
    }
    const double total_q = reference_sum_value(&q_sum), total_abs_q = reference_sum_value(&q_magnitude);
    const double abs_loss = reference_sum_value(&magnitude);
    out->loss_part = reference_sum_value(&loss);
    out->z_part = r * problem->z_loss * s->lse * s->lse;
    out->row_loss = out->loss_part + out->z_part;
    /* u max(scale, abs_loss + |z|), split in two for the two divisors */
    const double scale = fmax(1.0, total_abs_q);
    out->z_part_bound = u * fabs(out->z_part);
    out->loss_part_bound = u * (fmax(abs_loss, scale - fabs(out->z_part)) + 2.0 * softcap * scale);
    out->row_loss_bound = out->loss_part_bound + out->z_part_bound;

    if (!out->grad && !out->grad_bound) return;
    if (counts->divisor_is_zero) {
        fill_grad(problem, out, NAN, 0.0);
        return;
    }
    const double g = reference_grad_factor(problem, row),
                 dz = problem->z_loss != 0.0 ? counts->z_divisor : 1.0;
    const double z_slope = 2.0 * problem->z_loss * r * s->lse / dz;
    /* The error of lse is lse_bound, which does not shrink with |lse|. The gradient's unit is 3u, hence the
     * 3. */
    const double lse = fmax(fabs(s->lse), fmax(1.0, fabs(s->max) + s->log_sum) / 3.0);
    const double z_magnitude = fabs(2.0 * problem->z_loss * r * lse / dz);
    const double k = fabs(g * problem->logit_scale);
    const double f = k * (total_abs_q / fabs(counts->divisor) + z_magnitude);
    out->grad_any_bound = (3.0 * u + 0.1 * u * softcap) * f + smallest(problem) * (1.0 + f);
    for (int64_t c = 0; c < problem->classes; c++) {
        const double p = probability(problem, s, x[c]),
                     q = reference_target_weight(problem, r, out->target, t, c);
        double by_z = (p * total_q - q) / counts->divisor + z_slope * p;
        double bound = out->grad_any_bound;
        if (!t && c == out->target) {
            const target_part own = target_part_of(problem, s, x, r, c);
            const double sum_q = problem->label_smoothing / (double)problem->classes * own.weights;
            by_z = (p * sum_q - own.smoothed - own.q * own.less_p) / counts->divisor + z_slope * p;
            /* The error of an exponential is 3 u, plus the rounding error of its argument. */
            const double unit_of_e = 3.0 + 0.5 * softcap, divisor = fabs(counts->divisor);
            const double others = unit_of_e * own.less_p + own.less_p_far / 8.0;
            const double own_p =
                reference_masked(x[c]) ? 0.0 : p * (unit_of_e + distance(problem, s, x[c]) / 8.0);
            const double abs_q = problem->label_smoothing / (double)problem->classes * own.abs_weights;
            bound = k * u *
                        ((fabs(own.q) * others + own_p * abs_q + 3.0 * fabs(own.smoothed)) / divisor +
                         own_p * z_magnitude) +
                    smallest(problem) * (1.0 + f * (double)problem->classes); /* each class may be flushed */
        }
        if (out->grad)
            out->grad[c] = reference_masked(x[c]) ? 0.0 : g * by_z * reference_slope(problem, x[c]);
        if (out->grad_bound) out->grad_bound[c] = bound;
    }
}

/* ------------------------------------------------------------------------------------- nll ------- */

/* The input is the log-probability itself: there is nothing to sum up, and no class is masked. */
static void nll(const reference_problem *problem, const reference_counts *counts, int64_t row,
                const double *x, reference_row *out) {
    const double u = unit(problem), x_y = x[out->target];
    const double w = problem->class_weight ? problem->class_weight[out->target] : 1.0;
    out->log_prob = x_y;
    out->log_prob_bound = u * fmax(1.0, fabs(x_y));
    out->row_loss = out->loss_part = w == 0.0 && isinf(x_y) ? 0.0 : -w * x_y;
    out->row_loss_bound = out->loss_part_bound = u * fmax(1.0, fabs(out->row_loss));

    fill_grad(problem, out, 0.0, 0.0);
    const double by_x =
        counts->divisor_is_zero ? (double)NAN : -reference_grad_factor(problem, row) * w / counts->divisor;
    if (out->grad) out->grad[out->target] = by_x;
    if (out->grad_bound) out->grad_bound[out->target] = 3.0 * u * fabs(by_x) + smallest(problem);
}

/* --------------------------------------------------------------------- softmax, log-softmax ------ */

static void softmax_backward(const reference_problem *problem, const double *x, const double *g,
                             const softmax *s, reference_row *out) {
    if (s->undefined) {
        fill_grad(problem, out, NAN, 0.0);
        return;
    }
    const double u = 3.0 * unit(problem) + 0.1 * unit(problem) * problem->softcap;
    reference_sum g_sum = {0}, g_abs = {0}, gp_sum = {0}, gp_abs = {0}, gp_far = {0};
    for (int64_t c = 0; c < problem->classes; c++) {
        reference_sum_add(&g_sum, g[c]);
        reference_sum_add(&g_abs, fabs(g[c]));
        if (reference_masked(x[c])) continue;
        const double p = probability(problem, s, x[c]), d = distance(problem, s, x[c]);
        reference_sum_add(&gp_sum, g[c] * p);
        reference_sum_add(&gp_abs, fabs(g[c]) * p);
        reference_sum_add(&gp_far, fabs(g[c]) * p * (1.0 + d));
    }
    const double total_g = reference_sum_value(&g_sum), total_abs_g = reference_sum_value(&g_abs);
    const double mean_g = reference_sum_value(&gp_sum), mean_abs_g = reference_sum_value(&gp_abs);
    const double far_g = reference_sum_value(&gp_far);
    for (int64_t c = 0; c < problem->classes; c++) {
        if (reference_masked(x[c])) {
            if (out->grad) out->grad[c] = 0.0;
            if (out->grad_bound) out->grad_bound[c] = 0.0;
            continue;
        }
        const double p = probability(problem, s, x[c]), d = distance(problem, s, x[c]);
        const int log = problem->op == REFERENCE_LOG_SOFTMAX;
        const double by_z = log ? g[c] - p * total_g : p * (g[c] - mean_g);
        const double f = log ? fabs(g[c]) + p * (1.0 + d) * total_abs_g
                             : p * ((1.0 + d) * (fabs(g[c]) + mean_abs_g) + far_g);
        if (out->grad) out->grad[c] = problem->grad_scale * by_z * reference_slope(problem, x[c]);
        const double k = fabs(problem->grad_scale * problem->logit_scale);
        if (out->grad_bound) /* a flushed probability loses its share of every g */
            out->grad_bound[c] = u * k * f + smallest(problem) * (1.0 + k * (fabs(g[c]) + total_abs_g));
    }
}

/* ------------------------------------------------------------------------------- the row --------- */

/* The values that describe the logits, whether the row counts or not. */
static void describe(const reference_problem *problem, const double *x, const softmax *s,
                     reference_row *out) {
    const double u = unit(problem), softcap = problem->softcap;
    out->argmax = s->argmax;
    out->lse = s->lse;
    out->log_sum = s->log_sum;
    out->entropy = s->entropy;
    out->lse_bound = u * (fmax(1.0, fabs(s->max) + s->log_sum) + 2.0 * softcap);
    out->entropy_bound = u * (fmax(1.0, s->entropy) + 0.1 * s->spread + softcap * (2.0 + 0.3 * s->entropy));
    for (int64_t c = 0; c < problem->classes; c++) {
        if (out->log_probs) out->log_probs[c] = log_probability(problem, s, x[c]);
        if (out->log_probs_bound) out->log_probs_bound[c] = log_probability_bound(problem, s, x[c]);
        const double p = out->probs || out->probs_bound ? probability(problem, s, x[c]) : 0.0;
        if (out->probs) out->probs[c] = p;
        if (out->probs_bound) {
            const double d = reference_masked(x[c]) ? 0.0 : distance(problem, s, x[c]);
            out->probs_bound[c] = u * p * (1.0 + d + s->log_sum + 2.0 * softcap) + smallest(problem);
        }
    }
}

/* How many classes come before the target in argmax's order: larger x first, a NaN before every number, of
 * equals the smaller class first. */
static int64_t rank_of(const reference_problem *problem, const double *x, int64_t target) {
    int64_t rank = 0;
    for (int64_t c = 0; c < problem->classes; c++)
        if (isnan(x[c]) != isnan(x[target]) ? isnan(x[c])
            : x[c] > x[target]              ? 1
                                            : !(x[c] < x[target]) && c < target)
            rank++;
    return rank;
}

void reference_row_compute(const reference_problem *problem, const reference_counts *counts, int64_t row,
                           const double *x, const double *t, const double *g, reference_row *out) {
    *out = (reference_row){.log_probs = out->log_probs,
                           .log_probs_bound = out->log_probs_bound,
                           .probs = out->probs,
                           .probs_bound = out->probs_bound,
                           .grad = out->grad,
                           .grad_bound = out->grad_bound};
    out->state = reference_row_target(problem, row, &out->target);
    const softmax s = softmax_of(problem, x);
    describe(problem, x, &s, out);

    if (problem->op == REFERENCE_SOFTMAX || problem->op == REFERENCE_LOG_SOFTMAX) {
        if (g) softmax_backward(problem, x, g, &s, out);
        return;
    }
    if (out->state != REFERENCE_ROW_COUNTED) {
        fill_grad(problem, out, 0.0, 0.0);
        return;
    }
    if (out->target >= 0) out->rank = rank_of(problem, x, out->target);
    if (problem->op == REFERENCE_NLL) {
        nll(problem, counts, row, x, out);
        return;
    }
    if (out->target >= 0) {
        out->log_prob = log_probability(problem, &s, x[out->target]);
        out->log_prob_bound = log_probability_bound(problem, &s, x[out->target]);
    }
    cross_entropy(problem, counts, row, x, t, &s, out);
}
