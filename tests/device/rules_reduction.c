/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules for sums and their divisors: reductions, ignored rows, empty batches, class and row weights, label
 * smoothing, z-loss, and the factors of the gradient. */
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const float zeros[PROBLEM_ELEMENTS];

/* The loss of uniform logits is ln C for every C. */
static void uniform_logits(void) {
    static const int64_t classes[] = {1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 255, 256, 257, 1000};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const int64_t c = classes[i];
        const double uniform = log((double)c);
        problem p;
        begin(&p, 4, c, zeros, (const int64_t[]){0, c / 2, c - 1, c / 3});
        solve(&p);
        assert_near(p.loss[0], uniform, loss_bound(uniform));
        assert_each(p.row_loss, 4, uniform, loss_bound(uniform));
        assert_each(p.lse, 4, uniform, loss_bound(uniform));
        assert_each(p.entropy, 4, uniform, 2 * loss_bound(uniform));
        assert_each(p.log_probs, (size_t)(4 * c), -uniform, loss_bound(uniform));
        const int64_t *targets = p.arrays.targets.data;
        for (int64_t k = 0; k < 4 * c; k++) {
            assert_near(p.grad[k], (1 / (double)c - (k % c == targets[k / c])) / 4, grad_bound(0.5));
        }
    }
}

/* Over 8 classes, three rows have the losses ln 2, ln 4 and ln 8, and one row is ignored. */
static const float steps[4 * 8] = {
    0, 0,         -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, /* ln 2 */
    0, 0,         0,         0,         -INFINITY, -INFINITY, -INFINITY, -INFINITY, /* ln 4 */
    9, -INFINITY, 3,         1,         -INFINITY, -INFINITY, -INFINITY, -INFINITY, /* ignored */
    0, 0,         0,         0,         0,         0,         0,         0          /* ln 8 */
};
static const int64_t step_targets[] = {0, 3, -100, 5};

static void reductions(void) {
    const double ln2 = log(2);
    problem p;
    begin(&p, 4, 8, steps, step_targets);
    set_ignore_index(&p, -100);

    p.desc.reduction = CLXENT_MEAN;
    solve(&p);
    assert_near(p.loss[0], 2 * ln2, loss_bound(2 * ln2));
    assert_near(p.grad[0], -0.5 / 3, grad_bound(2.0 / 3));
    assert_near(p.grad[24], 0.125 / 3, grad_bound(2.0 / 3));

    p.desc.reduction = CLXENT_SUM;
    solve(&p);
    assert_near(p.loss[0], 6 * ln2, 3 * loss_bound(2 * ln2));
    assert_near(p.grad[0], -0.5, grad_bound(2));

    p.desc.reduction = CLXENT_NONE;
    solve(&p);
    const double expected[] = {ln2, 2 * ln2, 0, 3 * ln2};
    for (int r = 0; r < 4; r++) assert_near(p.loss[r], expected[r], loss_bound(expected[r]));
    assert_memory_equal(p.loss, p.row_loss, 4 * sizeof(float));
    assert_near(p.grad[24], 0.125, grad_bound(2));
    assert_each(&p.grad[16], 8, 0, 0);
    assert_counts(&p, 3, 1, 0, -1);
}

static void all_rows_ignored(void) {
    static const struct {
        clxent_reduction reduction;
        clxent_empty_mean empty;
        double loss;
    } cases[] = {{CLXENT_MEAN, CLXENT_EMPTY_MEAN_NAN, NAN},
                 {CLXENT_MEAN, CLXENT_EMPTY_MEAN_ZERO, 0},
                 {CLXENT_SUM, CLXENT_EMPTY_MEAN_NAN, 0},
                 {CLXENT_NONE, CLXENT_EMPTY_MEAN_NAN, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        problem p;
        begin(&p, 4, 8, steps, (const int64_t[]){7, 7, 7, 7});
        set_ignore_index(&p, 7);
        p.desc.reduction = cases[i].reduction;
        p.desc.empty_mean = cases[i].empty;
        p.desc.z_loss = 1;
        solve(&p);
        assert_each(p.loss, cases[i].reduction == CLXENT_NONE ? 4 : 1, cases[i].loss, 0);
        assert_each(p.grad, 32, 0, 0);
        assert_each(p.row_loss, 4, 0, 0);
        assert_counts(&p, 0, 4, 0, -1);
    }
}

/* The plan has zero rows, or the call has. */
static void zero_rows(void) {
    static const struct {
        clxent_reduction reduction;
        clxent_empty_mean empty;
        double loss;
    } cases[] = {{CLXENT_MEAN, CLXENT_EMPTY_MEAN_NAN, NAN},
                 {CLXENT_MEAN, CLXENT_EMPTY_MEAN_ZERO, 0},
                 {CLXENT_SUM, CLXENT_EMPTY_MEAN_NAN, 0}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        problem p;
        begin(&p, 4, 8, steps, step_targets);
        if (i % 2)
            p.desc.rows = 0;
        else
            p.arrays.rows = 0;
        p.desc.reduction = cases[i / 2].reduction;
        p.desc.empty_mean = cases[i / 2].empty;
        solve(&p);
        assert_same(p.loss[0], cases[i / 2].loss);
        assert_counts(&p, 0, 0, 0, -1);
    }
    problem p; /* reduction NONE: the call has no loss to write, and the library accepts it */
    begin(&p, 0, 8, steps, step_targets);
    p.desc.reduction = CLXENT_NONE;
    solve(&p);
    assert_counts(&p, 0, 0, 0, -1);
}

static void mean_divides_by_target_weights(void) {
    const float weight[] = {2, 1, 1, 0.5F, 1, -1.25F, 1, 1};
    const double ln2 = log(2), sum = 2 * ln2 + 0.5 * 2 * ln2 - 1.25 * 3 * ln2, divisor = 2 + 0.5 - 1.25;
    problem p;
    begin(&p, 4, 8, steps, step_targets); /* targets 0, 3, ignored, 5 */
    set_ignore_index(&p, -100);
    set_class_weight(&p, weight);
    solve(&p);
    assert_near(p.loss[0], sum / divisor, 3 * loss_bound(4 * ln2) / divisor);
    assert_near(p.row_loss[3], -1.25 * 3 * ln2, loss_bound(1.25 * 3 * ln2));
    assert_near(p.log_prob[3], -3 * ln2, loss_bound(3 * ln2)); /* has no weight */
    assert_near(p.grad[0], 2 * (0.5 - 1) / divisor, grad_bound(2 * 2 / divisor));
    assert_near(p.grad[24], -1.25 * 0.125 / divisor, grad_bound(2 * 1.25 / divisor));
}

/* All weights are 0, or the weights cancel. Then the mean and the gradients of counted rows are NaN, and
 * nothing else is. */
static void divisor_of_zero(void) {
    static const float weights[2][8] = {{0}, {1, 1, 1, 1, 1, -2, 1, 1}};
    for (int i = 0; i < 2; i++) {
        problem p;
        begin(&p, 4, 8, steps, step_targets);
        set_ignore_index(&p, -100);
        set_class_weight(&p, weights[i]);
        p.desc.empty_mean = CLXENT_EMPTY_MEAN_ZERO; /* applies only when no row counts */
        solve(&p);
        assert_same(p.loss[0], NAN);
        assert_each(&p.grad[0], 16, NAN, 0);
        assert_each(&p.grad[16], 8, 0, 0);
        assert_each(&p.grad[24], 8, NAN, 0);
        p.desc.reduction = CLXENT_SUM;
        solve(&p);
        const double sum = i == 0 ? 0 : (1 + 2 - 6) * log(2);
        assert_near(p.loss[0], sum, 3 * loss_bound(6 * log(2)));
    }
}

/* A row weight multiplies the row's loss, its z-loss, and its part of the divisor of each. */
static void row_weights_of_mean(void) {
    const float row_weight[] = {2, 0.5F, 7, 0.25F}, weight[] = {3, 1, 1, 2, 1, 0.5F, 1, 1};
    const double ln2 = log(2), s = 0.01;
    const double r[] = {2, 0.5, 0.25}, w[] = {3, 2, 0.5}, lse[] = {ln2, 2 * ln2, 3 * ln2};
    double sum = 0, z = 0, divisor = 0, z_divisor = 0;
    for (int i = 0; i < 3; i++) {
        sum += r[i] * w[i] * lse[i];
        divisor += r[i] * w[i];
        z += r[i] * s * lse[i] * lse[i];
        z_divisor += r[i];
    }
    problem p;
    begin(&p, 4, 8, steps, step_targets);
    set_ignore_index(&p, -100);
    set_row_weight(&p, row_weight);
    set_class_weight(&p, weight);
    p.desc.z_loss = s;
    solve(&p);
    assert_near(p.loss[0], sum / divisor + z / z_divisor, 1.2e-6);
    assert_near(p.row_loss[0], 2 * (3 * ln2 + s * ln2 * ln2), loss_bound(6));
    assert_each(&p.row_loss[2], 1, 0, 0);
    const double grad = r[2] * (w[2] * 0.125 / divisor + 2 * s * lse[2] * 0.125 / z_divisor);
    assert_near(p.grad[24], grad, grad_bound(0.25 * (0.5 / divisor + 2 * s * lse[2] / z_divisor)));

    p.desc.reduction = CLXENT_SUM;
    solve(&p);
    assert_near(p.loss[0], sum + z, 3 * loss_bound(6));

    set_row_weight(&p, zeros);
    solve(&p);
    assert_same(p.loss[0], 0);
    p.desc.reduction = CLXENT_MEAN;
    solve(&p);
    assert_same(p.loss[0], NAN);
}

/* A row of weight 0 adds 0, even if its loss is infinite. */
static void row_weight_zero_times_infinity(void) {
    problem p;
    begin(&p, 2, 2, (const float[]){0, -INFINITY, 0, 0}, (const int64_t[]){1, 1});
    set_row_weight(&p, (const float[]){0, 1});
    solve(&p);
    assert_same(p.row_loss[0], 0);
    assert_near(p.loss[0], log(2), loss_bound(1));
    assert_each(p.grad, 2, 0, 0);
    assert_near(p.grad[2], 0.5, grad_bound(2));
}

/* The mean of z-loss divides by the number of counted rows, even if class weights give another divisor. */
static void z_loss(void) {
    const double s = 0.125, lse[] = {log(2), log(4), log(8)};
    const float weight[] = {4, 1, 1, 4, 1, 4, 1, 1};
    double mean_lse = 0, mean_square = 0;
    for (int i = 0; i < 3; i++) {
        mean_lse += lse[i] / 3;
        mean_square += lse[i] * lse[i] / 3;
    }
    problem p;
    begin(&p, 4, 8, steps, step_targets);
    set_ignore_index(&p, -100);
    set_class_weight(&p, weight);
    p.desc.z_loss = s;
    solve(&p);
    assert_near(p.loss[0], mean_lse + s * mean_square, loss_bound(mean_lse + s * mean_square));
    assert_near(p.row_loss[1], 4 * lse[1] + s * lse[1] * lse[1], loss_bound(4 * lse[1] + 1));
    const double factor = 1.0 / 3 + 2 * s * lse[2] / 3;
    assert_near(p.grad[24], 0.125 * factor, grad_bound(factor + 1.0 / 3));
}

/* (1-e) w_y (lse - z_y) + (e/C) sum_c w_c (lse - z_c). The mean's divisor is the same as for e = 0. */
static void label_smoothing(void) {
    const float x[] = {0.5F, -1, 2}, weight[] = {1, 0.5F, 2};
    const double e = 0.3, lse = lse_of(x, 3), w[] = {1, 0.5, 2};
    problem p;
    begin(&p, 1, 3, x, (const int64_t[]){1});
    set_class_weight(&p, weight);
    p.desc.label_smoothing = e;
    double q[3], loss = 0, mass = 0;
    for (int c = 0; c < 3; c++) {
        q[c] = e / 3 * w[c] + (c == 1 ? (1 - e) * w[c] : 0);
        loss += q[c] * (lse - (double)x[c]);
        mass += q[c];
    }
    solve(&p);
    assert_near(p.row_loss[0], loss, loss_bound(loss));
    assert_near(p.loss[0], loss / 0.5, loss_bound(loss) / 0.5);
    for (int c = 0; c < 3; c++) {
        assert_near(p.grad[c], (mass * exp((double)x[c] - lse) - q[c]) / 0.5, grad_bound(2 * mass / 0.5));
    }
    p.desc.label_smoothing = 1; /* the largest e */
    solve(&p);
    assert_near(p.row_loss[0], 0.5 / 3 * (lse + 1) + (lse - 0.5) / 3 + 2 * (lse - 2) / 3, loss_bound(3));
}

static void grad_output_scalar_and_array(void) {
    const double g = 0.5 / 3; /* |p - 1| of row 0 over three rows */
    problem p;
    begin(&p, 4, 8, steps, step_targets);
    set_ignore_index(&p, -100);
    p.desc.grad_output = -2;
    solve(&p);
    assert_near(p.grad[0], 2 * g, grad_bound(4 * g));
    assert_near(p.loss[0], 2 * log(2), loss_bound(1.4)); /* grad_output does not change the loss */
    set_grad_output(&p, (const float[]){8}, 1);
    solve(&p);
    assert_near(p.grad[0], 16 * g, grad_bound(32 * g));

    p.desc.reduction = CLXENT_NONE;
    set_grad_output(&p, (const float[]){1, 0, NAN, -3}, 4);
    solve(&p);
    assert_near(p.grad[0], 1, grad_bound(4));
    assert_each(&p.grad[8], 8, 0, 0);
    assert_each(&p.grad[16], 8, 0, 0); /* the row is ignored, so its NaN factor has no effect */
    assert_near(p.grad[24], 6 * 0.125, grad_bound(12));
    assert_near(p.row_loss[3], log(8), loss_bound(log(8)));
}

static void scalars_of_one_call(void) {
    clxent_scalars scalars = CLXENT_SCALARS_INIT;
    problem p;
    begin(&p, 1, 2, (const float[]){1, 0}, (const int64_t[]){1});
    p.desc.logit_scale = 9;
    p.desc.z_loss = 1;
    p.arrays.scalars = &scalars;
    scalars.logit_scale = 2;
    scalars.grad_output = 10;
    solve(&p);
    const double lse = 2 + log1p(exp(-2)), p1 = exp(-lse);
    assert_near(p.loss[0], lse, loss_bound(lse));
    assert_near(p.grad[1], 20 * (p1 - 1), grad_bound(40));

    scalars.z_loss = 0.5;
    scalars.label_smoothing = 0.5; /* q = .25 .75 */
    solve(&p);
    const double loss = 0.25 * (lse - 2) + 0.75 * lse + 0.5 * lse * lse;
    assert_near(p.loss[0], loss, loss_bound(loss));
    assert_near(p.grad[1], 20 * (p1 * (1 + lse) - 0.75), grad_bound(20 * (1 + lse)));

    p.desc.softcap = 4;
    scalars = (clxent_scalars)CLXENT_SCALARS_INIT;
    scalars.softcap = 0.5;
    solve(&p);
    const double z = 0.5 * tanh(1 / 0.5), capped = z + log1p(exp(-z));
    assert_near(p.loss[0], capped, loss_bound(1) + 2e-6 * 0.5);
}

int main(void) {
    static const rule rules[] = {
        RULE(uniform_logits),
        RULE(reductions),
        RULE(all_rows_ignored),
        RULE(zero_rows),
        RULE(mean_divides_by_target_weights),
        RULE(divisor_of_zero),
        RULE(row_weights_of_mean),
        RULE(row_weight_zero_times_infinity),
        RULE(z_loss),
        RULE(label_smoothing),
        RULE(grad_output_scalar_and_array),
        RULE(scalars_of_one_call),
    };
    return check_rules("reduction", rules, sizeof rules / sizeof *rules);
}
