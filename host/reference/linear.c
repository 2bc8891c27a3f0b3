/* SPDX-License-Identifier: Apache-2.0
 *
 * See reference_linear.h. Bounds of the sums:
 *
 * A sum of n products in f32, in any order, is off by at most g_n S, S being the sum of the products'
 * magnitudes and g_n = n u / (1 - n u), u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms,
 * 2nd edition, section 3.1). Rounding errors of both signs cancel: with a probability near 1 the factor is
 * some sqrt(n) u (Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019). The reference allows u times
 * min(n, 8 + 2 sqrt(n)). For random products of one sign, where the partial sums are largest, the errors'
 * standard deviation is about 0.25 sqrt(n) u S, so this is 8 deviations. It does not hold for numbers that
 * make all roundings go one way.
 *
 * A logit has H products, which are rounded too, and the bias: n = H + 2. A gradient's terms dx_k v_k have an
 * error of their own, B_k. So its bound is sum B_k |v_k|, and the sum's error over (|dx_k| + B_k) |v_k|. A
 * product below the normal numbers may be 0 on the device. If dx is rounded to bf16 before, B_k grows by
 * grad_rounding (|dx_k| + B_k), and by the smallest normal number, since a smaller dx_k may be 0.
 */
#include "reference_linear.h"

#include "row.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double reference_sum_unit(int64_t terms) {
    const double n = (double)terms;
    return 1.001 * 0x1p-24 * fmin(n, 8.0 + 2.0 * sqrt(n));
}

/* A gradient while it is summed up. A pointer to a result that is not wanted is NULL. */
typedef struct gradient {
    double *sum;   /* exact */
    double *bound; /* sum of B |v|; at the end the bound */
    double *size;  /* sum of (|dx| + B) |v| */
    int64_t count; /* elements */
    const double *before;
} gradient;

typedef struct work {
    const reference_linear *problem;
    double *logits, *error;    /* of a row, (C) */
    reference_row row;         /* with log_probs, grad and grad_share_bound of a row */
    gradient hidden;           /* of a row, (H) */
    gradient classifier, bias; /* (C,H), (C) */
    double *memory;
} work;

static double *take(double **memory, int64_t count) {
    double *part = *memory;
    *memory += count;
    return part;
}

static gradient gradient_in(double **memory, int64_t count, const double *before) {
    return (gradient){.sum = take(memory, count),
                      .bound = take(memory, count),
                      .size = take(memory, count),
                      .count = count,
                      .before = before};
}

static int work_open(work *w, const reference_linear *p) {
    const int64_t c = p->loss.classes, h = p->features;
    double *memory = calloc((size_t)(5 * c + 3 * h + 3 * c * h + 3 * c), sizeof *memory);
    if (!memory) return -1;
    memset(w, 0, sizeof *w);
    w->problem = p;
    w->memory = memory;
    w->logits = take(&memory, c);
    w->error = take(&memory, c);
    w->row.log_probs = take(&memory, c);
    w->row.grad = take(&memory, c);
    w->row.grad_share_bound = take(&memory, c);
    w->hidden = gradient_in(&memory, h, NULL);
    w->classifier = gradient_in(&memory, c * h, p->grad_classifier_before);
    w->bias = gradient_in(&memory, c, p->grad_bias_before);
    return 0;
}

/* The row's logits, and how far they may be off. */
static void compute_logits(work *w, const double *hidden) {
    const reference_linear *p = w->problem;
    const int64_t features = p->features;
    const double unit = reference_sum_unit(features + 2);
    for (int64_t c = 0; c < p->loss.classes; c++) {
        const double *const classifier = p->classifier + c * features;
        double x = p->bias ? p->bias[c] : 0.0, size = fabs(x);
        for (int64_t h = 0; h < features; h++) {
            x += hidden[h] * classifier[h];
            size += fabs(hidden[h] * classifier[h]);
        }
        w->logits[c] = x;
        w->error[c] = isinf(x) ? 0.0 : p->logit_error != 0.0 ? p->logit_error : unit * size;
    }
}

void reference_row_round(double rounding, int64_t classes, reference_row *row) {
    for (int64_t c = 0; c < classes; c++)
        row->grad_share_bound[c] +=
            rounding * (fabs(row->grad[c]) + row->grad_share_bound[c]) + (double)FLT_MIN;
}

/* to += dx v, for `count` elements from `at` on. */
static void add(gradient *to, int64_t at, double dx, double dx_bound, const double *v, int64_t count) {
    const double size = fabs(dx) + dx_bound;
    for (int64_t i = 0; i < count; i++) {
        to->sum[at + i] += dx * v[i];
        to->bound[at + i] += dx_bound * fabs(v[i]);
        to->size[at + i] += size * fabs(v[i]);
    }
}

/* Writes a sum of `terms` terms and what was there before. */
static void finish(const gradient *g, int64_t terms, double *value, double *bound) {
    const double unit = reference_sum_unit(terms + 3);
    for (int64_t i = 0; i < g->count; i++) {
        const double before = g->before ? g->before[i] : 0.0;
        if (value) value[i] = before + g->sum[i];
        if (bound)
            bound[i] =
                g->bound[i] + unit * (g->size[i] + fabs(before)) + (double)(terms + 1) * (double)FLT_MIN;
    }
}

static void add_gradients(work *w, const double *hidden) {
    const reference_linear *p = w->problem;
    const double one = 1.0;
    for (int64_t c = 0; c < p->loss.classes; c++) {
        const double dx = w->row.grad[c], bound = w->row.grad_share_bound[c];
        add(&w->hidden, 0, dx, bound, p->classifier + c * p->features, p->features);
        add(&w->classifier, c * p->features, dx, bound, hidden, p->features);
        add(&w->bias, c, dx, bound, &one, 1);
    }
}

static void put_row(const double *from, double *to, int64_t row, int64_t count) {
    if (to) memcpy(to + row * count, from, (size_t)count * sizeof *from);
}

static void run_row(work *w, const reference_counts *counts, int64_t row, reference_linear_result *result) {
    const reference_linear *p = w->problem;
    const int64_t features = p->features, classes = p->loss.classes;
    const double *const hidden = p->hidden + row * features;
    compute_logits(w, hidden);
    put_row(w->logits, result->logits, row, classes);
    put_row(w->error, result->logit_error, row, classes);
    reference_row_compute(&p->loss, counts, row, w->logits, NULL, NULL, &w->row);
    reference_row_widen(&p->loss, counts, row, w->logits, w->error, &w->row);
    if (p->grad_rounding != 0.0) reference_row_round(p->grad_rounding, p->loss.classes, &w->row);
    reference_result_put(&result->rows, row, &w->row);

    /* Classes that are masked add 0, and so do rows that do not count, whatever stands in them. */
    memset(w->hidden.sum, 0, (size_t)(3 * features) * sizeof *w->hidden.sum);
    const int counted = w->row.state == REFERENCE_ROW_COUNTED;
    if (counted) add_gradients(w, hidden);
    finish(&w->hidden, counted ? classes : 0,
           result->grad_hidden ? result->grad_hidden + row * features : NULL,
           result->grad_hidden_bound ? result->grad_hidden_bound + row * features : NULL);
}

int reference_linear_run(const reference_linear *problem, reference_linear_result *result) {
    work w;
    if (work_open(&w, problem)) return -1;
    const reference_counts counts = reference_count(&problem->loss);
    reference_loss loss;
    memset(&loss, 0, sizeof loss);
    for (int64_t row = 0; row < problem->loss.rows; row++) {
        run_row(&w, &counts, row, result);
        reference_loss_add(&loss, &w.row);
    }
    finish(&w.classifier, counts.counted, result->grad_classifier, result->grad_classifier_bound);
    finish(&w.bias, counts.counted, result->grad_bias, result->grad_bias_bound);
    free(w.memory);
    reference_result_finish(&result->rows, &problem->loss, &counts, &loss);
    return 0;
}
