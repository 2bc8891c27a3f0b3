/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounds of linear cross entropy. Logits that are moved by as much as is allowed move no result by more
 * than its bound, and some results by nearly as much. Products in f32, in three orders, stay within the
 * bounds, and the bounds are not far above what they do. (test_cases.c checks the values.) */
#include "expect.h"
#include "linear_expected.h"
#include "rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_ROWS = 40, MOST_FEATURES = 130, MOST_CLASSES = 300 };

/* A problem with all its memory. */
static struct {
    double hidden[MOST_ROWS * MOST_FEATURES], classifier[MOST_CLASSES * MOST_FEATURES];
    double bias[MOST_CLASSES], class_weight[MOST_CLASSES], row_weight[MOST_ROWS];
    double classifier_before[MOST_CLASSES * MOST_FEATURES], bias_before[MOST_CLASSES];
    int64_t targets[MOST_ROWS];
} m;

static void draw(double *values, int64_t count, double scale, rng *r) {
    for (int64_t i = 0; i < count; i++) values[i] = (double)(float)(scale * rng_normal(r));
}

static reference_linear draw_problem(rng *r) {
    reference_linear p = {.loss = REFERENCE_PROBLEM_INIT};
    p.loss.rows = rng_integer(r, 1, MOST_ROWS);
    p.loss.classes = rng_integer(r, 1, MOST_CLASSES);
    p.features = rng_integer(r, 1, MOST_FEATURES);
    const int64_t n = p.loss.rows, c = p.loss.classes, h = p.features;
    p.loss.reduction = (reference_reduction)rng_integer(r, 0, 2);
    if (rng_chance(r, 0.5)) p.loss.label_smoothing = rng_uniform(r, 0.0, 0.5);
    if (rng_chance(r, 0.5)) p.loss.z_loss = rng_uniform(r, 0.0, 0.01);
    if (rng_chance(r, 0.5)) p.loss.softcap = rng_uniform(r, 1.0, 50.0);
    if (rng_chance(r, 0.5)) p.loss.logit_scale = rng_uniform(r, 0.3, 2.0);
    draw(m.hidden, n * h, 1.0, r);
    draw(m.classifier, c * h, rng_uniform(r, 0.1, 3.0) / sqrt((double)h), r);
    p.hidden = m.hidden;
    p.classifier = m.classifier;
    if (rng_chance(r, 0.5)) {
        draw(m.bias, c, rng_chance(r, 0.5) ? 100.0 : 1.0, r);
        if (rng_chance(r, 0.5)) m.bias[rng_integer(r, 0, c - 1)] = -INFINITY;
        p.bias = m.bias;
    }
    if (rng_chance(r, 0.5)) {
        draw(m.class_weight, c, 1.0, r);
        for (int64_t i = 0; i < c; i++) m.class_weight[i] = fabs(m.class_weight[i]);
        p.loss.class_weight = m.class_weight;
    }
    if (rng_chance(r, 0.5)) {
        draw(m.row_weight, n, 1.0, r);
        for (int64_t i = 0; i < n; i++) m.row_weight[i] = fabs(m.row_weight[i]);
        p.loss.row_weight = m.row_weight;
    }
    if (rng_chance(r, 0.5)) {
        draw(m.classifier_before, c * h, 0.1, r);
        draw(m.bias_before, c, 0.1, r);
        p.grad_classifier_before = m.classifier_before;
        p.grad_bias_before = m.bias_before;
    }
    for (int64_t i = 0; i < n; i++) m.targets[i] = rng_chance(r, 0.1) ? -1 : rng_integer(r, 0, c - 1);
    p.loss.targets = m.targets;
    p.loss.use_ignore_index = 1;
    p.loss.ignore_index = -1;
    return p;
}

/* ------------------------------------------------------------------------ logits that are off ----- */

/* The largest part of a bound that was met. */
static double met_lse, met_log_prob, met_entropy, met_loss, met_grad;

static void within(const char *what, int64_t index, double got, double from, double bound, double *met) {
    if (!isfinite(from)) return;
    const double moved = fabs(got - from), lost = 1e-13 * fmax(1.0, fabs(from)); /* what double loses */
    if (moved > bound + lost)
        fail_msg("%s[%lld] moves by %.9g, allowed %.9g", what, (long long)index, moved, bound);
    if (bound > 1e3 * lost) *met = fmax(*met, moved / bound);
}

typedef struct row_memory {
    double x[MOST_CLASSES], error[MOST_CLASSES], log_probs[MOST_CLASSES], grad[MOST_CLASSES],
        grad_bound[MOST_CLASSES];
    reference_row row;
} row_memory;

static void compute(const reference_problem *p, const reference_counts *counts, int64_t number,
                    row_memory *w) {
    w->row.log_probs = w->log_probs;
    w->row.grad = w->grad;
    w->row.grad_share_bound = w->grad_bound;
    reference_row_compute(p, counts, number, w->x, NULL, NULL, &w->row);
}

/* Which logits go up: all, the target's alone, those that the gradient says, or any. */
static double direction(int way, const row_memory *from, int64_t c, rng *r) {
    switch (way) {
    case 0:
        return 1.0;
    case 1:
        return c == from->row.target ? 1.0 : -1.0;
    case 2:
        return from->grad[c] < 0.0 ? -1.0 : 1.0;
    case 3: /* towards one class: entropy falls */
        return from->log_probs[c] > -from->row.entropy ? 1.0 : -1.0;
    default:
        return rng_chance(r, 0.5) ? 1.0 : -1.0;
    }
}

static void move_row(const reference_problem *p, const reference_counts *counts, int64_t number, int way,
                     double size, const row_memory *exact, rng *r) {
    static row_memory wide, moved;
    wide = *exact;
    compute(p, counts, number, &wide);
    moved = wide;
    const reference_row own = wide.row;
    static double own_grad[MOST_CLASSES];
    memcpy(own_grad, wide.grad_bound, sizeof own_grad);
    for (int64_t c = 0; c < p->classes; c++) {
        wide.error[c] = rng_chance(r, 0.1) ? 0.0 : size * rng_uniform(r, 0.5, 1.0);
        moved.x[c] += direction(way, &wide, c, r) * wide.error[c];
    }
    reference_row_widen(p, counts, number, wide.x, wide.error, &wide.row);
    compute(p, counts, number, &moved);
    within("lse", number, moved.row.lse, wide.row.lse, wide.row.lse_bound - own.lse_bound, &met_lse);
    within("entropy", number, moved.row.entropy, wide.row.entropy, wide.row.entropy_bound - own.entropy_bound,
           &met_entropy);
    within("log_prob", number, moved.row.log_prob, wide.row.log_prob,
           wide.row.log_prob_bound - own.log_prob_bound, &met_log_prob);
    within("row_loss", number, moved.row.row_loss, wide.row.row_loss,
           wide.row.row_loss_bound - own.row_loss_bound, &met_loss);
    for (int64_t c = 0; c < p->classes; c++)
        within("grad", c, moved.grad[c], wide.grad[c], wide.grad_bound[c] - own_grad[c], &met_grad);
}

static void logits_that_are_off(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(1));
    static row_memory exact;
    for (int i = 0; i < 60; i++) {
        const reference_linear p = draw_problem(&r);
        linear_expected e = linear_expected_new(&p);
        const reference_counts counts = reference_count(&p.loss);
        for (int64_t row = 0; row < p.loss.rows; row++) {
            memcpy(exact.x, e.r.logits + row * p.loss.classes, (size_t)p.loss.classes * sizeof *exact.x);
            for (int way = 0; way < 5; way++)
                move_row(&p.loss, &counts, row, way, pow(10.0, rng_uniform(&r, -6.0, -0.5)), &exact, &r);
        }
        linear_expected_free(&e);
    }
    print_message(
        "largest part of a bound: lse %.2f, log_prob %.2f, entropy %.2f, loss %.2f, gradient %.2f\n", met_lse,
        met_log_prob, met_entropy, met_loss, met_grad);
    assert_true(met_lse > 0.9 && met_log_prob > 0.9 && met_entropy > 0.5 && met_loss > 0.9 && met_grad > 0.5);
}

/* ------------------------------------------------------------------------ products in f32 ---------- */

/* A sum of products in f32: one chain, one chain from the end, or 8 chains. */
static float dot(int order, const double *a, int64_t a_step, const double *b, int64_t b_step, int64_t count,
                 float first) {
    float sums[8] = {first};
    const int64_t chains = order == 2 ? 8 : 1;
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = order == 1 ? count - 1 - i : i;
        const float product = (float)a[at * a_step] * (float)b[at * b_step];
        sums[i % chains] += product;
    }
    float sum = 0;
    for (int k = 0; k < 8; k++) sum += sums[k];
    return sum;
}

/* How much of the bounds the products meet, by result. */
static double met_products[5];

static void close_to(const char *what, int64_t i, double got, double expected, double bound, double *met) {
    expect_near(what, i, CLXENT_F32, got, expected, bound);
    if (isfinite(expected) && bound > 0.0) *met = fmax(*met, fabs(got - expected) / bound);
}

static void multiply(const reference_linear *p, const linear_expected *e, int order) {
    static double logits[MOST_ROWS * MOST_CLASSES], grad[MOST_ROWS * MOST_CLASSES], loss[MOST_ROWS];
    const int64_t n = p->loss.rows, c = p->loss.classes, h = p->features;
    for (int64_t i = 0; i < n * c; i++) {
        const float x = dot(order, p->hidden + i / c * h, 1, p->classifier + i % c * h, 1, h, 0.0F);
        logits[i] = (double)(p->bias ? x + (float)p->bias[i % c] : x);
        close_to("logit", i, logits[i], e->r.logits[i], e->r.logit_error[i], &met_products[0]);
    }
    reference_problem of_logits = p->loss;
    of_logits.logits = logits;
    reference_result result = {.grad = grad, .row_loss = loss};
    assert_int_equal(reference_run(&of_logits, &result), 0);
    for (int64_t i = 0; i < n * c; i++) grad[i] = (double)(float)grad[i];
    for (int64_t i = 0; i < n; i++)
        close_to("row_loss", i, (double)(float)loss[i], e->r.rows.row_loss[i], e->r.rows.row_loss_bound[i],
                 &met_products[1]);
    for (int64_t i = 0; i < n * h; i++)
        close_to("grad_hidden", i, (double)dot(order, grad + i / h * c, 1, p->classifier + i % h, h, c, 0.0F),
                 e->r.grad_hidden[i], e->r.grad_hidden_bound[i], &met_products[2]);
    const double *const before = p->grad_classifier_before, *const bias_before = p->grad_bias_before;
    const double one = 1.0;
    for (int64_t i = 0; i < c * h; i++)
        close_to(
            "grad_classifier", i,
            (double)dot(order, grad + i / h, c, p->hidden + i % h, h, n, before ? (float)before[i] : 0.0F),
            e->r.grad_classifier[i], e->r.grad_classifier_bound[i], &met_products[3]);
    for (int64_t i = 0; i < c; i++)
        close_to("grad_bias", i,
                 (double)dot(order, grad + i, c, &one, 0, n, bias_before ? (float)bias_before[i] : 0.0F),
                 e->r.grad_bias[i], e->r.grad_bias_bound[i], &met_products[4]);
}

static void products_in_f32(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(2));
    for (int i = 0; i < 12; i++) {
        const reference_linear p = draw_problem(&r);
        linear_expected e = linear_expected_new(&p);
        expect_about("problem %d: rows %lld, classes %lld, features %lld", i, (long long)p.loss.rows,
                     (long long)p.loss.classes, (long long)p.features);
        for (int order = 0; order < 3; order++) multiply(&p, &e, order);
        linear_expected_free(&e);
    }
    print_message("largest part of a bound: logit %.2f, loss %.2f, grad_hidden %.2f, grad_classifier %.2f, "
                  "grad_bias %.2f\n",
                  met_products[0], met_products[1], met_products[2], met_products[3], met_products[4]);
    for (int k = 0; k < 5; k++) assert_true(met_products[k] > 0.02);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(logits_that_are_off),
                                       cmocka_unit_test(products_in_f32)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
