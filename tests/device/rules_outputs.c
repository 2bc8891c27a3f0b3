/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules for the outputs beside the loss (argmax, rank, entropy, lse and its residual, log_prob), for the
 * accuracy of confident rows, and for the gradient from a saved lse. */
#include "support/problem.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void argmax_first_maximum_and_nan(void) {
    enum { N = 6, C = 5 };
    const float logits[N * C] = {1,         3, 3,   0,   3, /* ties: the first */
                                 0,         0, 0,   0,   0, /* all equal */
                                 9,         1, NAN, NAN, 2, /* the first NaN wins */
                                 1,         2, 3,   4,   5, /* the last */
                                 -INFINITY, 0, -1,  0,   0, /* the first after a masked class */
                                 0,         1, 2,   2,   INFINITY};
    static const int64_t expected[N] = {1, 0, 2, 4, 1, 4};
    problem p;
    begin(&p, N, C, logits, (const int64_t[N]){0});
    solve(&p);
    for (int r = 0; r < N; r++) assert_int_equal(p.argmax[r], expected[r]);
}

/* Two equal maxima stand in several pairs of places, over more classes than a vector or a group has. */
static void argmax_ties_at_a_distance(void) {
    enum { N = 6, C = 600 };
    static float logits[N * C];
    static const int64_t first[N] = {0, 15, 16, 255, 256, 300}, second[N] = {599, 16, 31, 256, 599, 556};
    memset(logits, 0, sizeof logits);
    for (int r = 0; r < N; r++) logits[r * C + first[r]] = logits[r * C + second[r]] = 2;
    problem p;
    begin(&p, N, C, logits, second);
    solve(&p);
    for (int r = 0; r < N; r++) {
        assert_int_equal(p.argmax[r], first[r]);
        assert_int_equal(p.rank[r], 1); /* the target is the second maximum; the first stands before it */
    }
    p.arrays.targets = CLXENT_ARRAY((void *)(uintptr_t)first, sizeof first);
    solve(&p);
    for (int r = 0; r < N; r++) assert_int_equal(p.rank[r], 0);
}

/* In rows of equal logits of any value, rank counts the equal logits before the target. So rank is 0 exactly
 * when argmax is the target. */
static void rank_of_equals(void) {
    enum { N = 4, C = 150 };
    static float logits[N * C];
    static const int64_t targets[N] = {0, 17, 64, 149};
    const float equals[] = {0, -INFINITY, INFINITY, NAN, -FLT_MAX};
    for (size_t i = 0; i < sizeof equals / sizeof *equals; i++) {
        for (int k = 0; k < N * C; k++) logits[k] = equals[i];
        problem p;
        begin(&p, N, C, logits, targets);
        solve(&p);
        for (int r = 0; r < N; r++) {
            assert_int_equal(p.rank[r], targets[r]);
            assert_int_equal(p.argmax[r], 0);
        }
    }
}

static void rank_counts_what_stands_before_the_target(void) {
    enum { C = 5 };
    const float logits[5 * C] = {5, 4,   3,   2, 1,   /* distinct: rank is the place */
                                 2, 2,   2,   2, 2,   /* equal: rank counts the two before the target */
                                 1, NAN, 0,   2, NAN, /* rank counts both NaNs and the greater logit */
                                 1, NAN, NAN, 2, 0,   /* a NaN target: rank counts the NaN before it */
                                 3, 3,   3,   0, 1};
    problem p;
    begin(&p, 5, C, logits, (const int64_t[]){3, 2, 0, 2, 4});
    solve(&p);
    static const int64_t expected[] = {3, 2, 3, 1, 3};
    for (int r = 0; r < 5; r++) assert_int_equal(p.rank[r], expected[r]);
}

static void rank_of_every_place(void) {
    enum { N = 9, C = 300 };
    static float logits[N * C];
    static const int64_t targets[N] = {0, 1, 15, 16, 17, 64, 255, 256, 299};
    for (int k = 0; k < N * C; k++) logits[k] = 0.125F * (float)(k % C * 7 % C); /* a permutation */
    problem p;
    begin(&p, N, C, logits, targets);
    solve(&p);
    for (int r = 0; r < N; r++) assert_int_equal(p.rank[r], C - 1 - targets[r] * 7 % C);
}

/* A row that does not count has 0 in the outputs of its target, and all outputs that describe its logits. */
static void outputs_of_uncounted_rows(void) {
    const float logits[] = {0, 1, 2, 2, 1, 0};
    problem p;
    begin(&p, 2, 3, logits, (const int64_t[]){-1, 2});
    set_ignore_index(&p, -1);
    solve(&p);
    const double lse = lse_of(logits, 3);
    assert_same(p.row_loss[0], 0);
    assert_same(p.log_prob[0], 0);
    assert_int_equal(p.rank[0], 0);
    assert_int_equal(p.rank[1], 2);
    assert_near(p.lse[0], lse, loss_bound(lse));
    assert_int_equal(p.argmax[0], 2);
    for (int k = 0; k < 6; k++) {
        assert_near(p.log_probs[k], (double)logits[k] - lse, loss_bound(lse + 2));
    }
    assert_near(p.entropy[0], p.entropy[1], loss_bound(2));
}

static void entropy(void) {
    const float logits[] = {0, 0, -INFINITY, 0, 1, -INFINITY, 0, 200, 0, -30, -30, 0};
    double expected[4] = {log(2), 0, 0, 0};
    for (int r = 1; r < 4; r++) {
        const double lse = lse_of(logits + 3 * r, 3);
        for (int c = 0; c < 3; c++) {
            const double log_p = (double)logits[3 * r + c] - lse;
            if (exp(log_p) > 0) expected[r] -= exp(log_p) * log_p;
        }
    }
    problem p;
    begin(&p, 4, 3, logits, (const int64_t[]){0, 0, 0, 0});
    solve(&p);
    for (int r = 0; r < 4; r++) assert_near(p.entropy[r], expected[r], 2 * loss_bound(expected[r]));
}

/* The loss of a confident row is far smaller than lse's rounding error. It must still have all its digits. */
static void confident_rows(void) {
    static const float gaps[] = {5, 10, 15, 17, 20, 40, 60, 80};
    enum { N = sizeof gaps / sizeof *gaps };
    for (int side = 0; side < 2; side++) { /* the confident class is the first, or the last */
        float logits[2 * N] = {0};
        int64_t targets[N];
        for (int r = 0; r < N; r++) {
            targets[r] = side;
            logits[2 * r + side] = gaps[r];
        }
        problem p;
        begin(&p, N, 2, logits, targets);
        p.desc.reduction = CLXENT_NONE;
        solve(&p);
        for (int r = 0; r < N; r++) {
            const double loss = log1p(exp(-(double)gaps[r]));
            assert_near(p.loss[r], loss, 1e-4 * loss);
            assert_near(p.log_prob[r], -loss, 1e-4 * loss);
            /* p - 1 = -1 / (e^gap + 1), with all digits, however small it is */
            const double less_p = 1 / (exp((double)gaps[r]) + 1);
            assert_near(p.grad[2 * r + side], -less_p, 1e-5 * less_p);
        }
    }
}

/* The gradient at a confident target keeps its relative accuracy, with each option that has its own code. */
static void confident_gradients(void) {
    enum { N = 3, C = 70, OPTIONS = 4 };
    static const float gaps[N] = {17, 20, 60};
    static const int64_t targets[N] = {0, 33, 69};
    static float logits[N * C];
    memset(logits, 0, sizeof logits);
    for (int r = 0; r < N; r++) logits[r * C + targets[r]] = gaps[r];
    const float grad_output = 1e6F; /* loss scaling makes small gradients matter */
    for (int option = 0; option < OPTIONS; option++) {
        problem p;
        begin(&p, N, C, logits, targets);
        p.desc.reduction = CLXENT_SUM;
        if (option == 1) p.desc.logit_scale = 0.75;
        if (option == 2) p.desc.softcap = 1000;
        if (option == 3) p.desc.z_loss = 0.5;
        set_grad_output(&p, &grad_output, 1);
        solve(&p);
        for (int r = 0; r < N; r++) {
            const double gap = (double)gaps[r], t = tanh(gap / 1000);
            const double z = option == 2 ? 1000 * t : p.desc.logit_scale * gap;
            const double others = (C - 1) * exp(-z), less_p = others / (1 + others);
            const double slope = option == 2 ? 1 - t * t : p.desc.logit_scale;
            const double by_lse = 2 * p.desc.z_loss * (z + log1p(others));
            const double expected = 1e6 * slope * (by_lse * (1 - less_p) - less_p);
            /* the softcap's z has an error of 2e-6 of the cap */
            assert_near(p.grad[r * C + targets[r]], expected, (option == 2 ? 2e-3 : 2e-5) * fabs(expected));
        }
    }
}

/* The same from a saved lse. Its residual has the digits. */
static void confident_gradient_from_lse(void) {
    enum { C = 70 };
    static float logits[C];
    memset(logits, 0, sizeof logits);
    logits[7] = 20;
    problem p;
    begin(&p, 1, C, logits, (const int64_t[]){7});
    solve(&p);
    const double others = (C - 1) * exp(-20), expected = -others / (1 + others);
    float lse = p.lse[0], residual = p.lse_residual[0];
    begin(&p, 1, C, logits, (const int64_t[]){7});
    p.desc.flags = CLXENT_GRAD_FROM_LSE;
    p.want = CLXENT_OUT_GRAD;
    p.arrays.lse = CLXENT_ARRAY(&lse, sizeof lse);
    p.arrays.lse_residual = CLXENT_ARRAY(&residual, sizeof residual);
    solve(&p);
    assert_near(p.grad[7], expected, 1e-5 * fabs(expected));
}

/* The same for a probability target of one class, and for log-softmax's grad_output of one class. */
static void confident_gradient_of_one_probability(void) {
    enum { C = 70 };
    static float logits[C], one[C];
    memset(logits, 0, sizeof logits);
    memset(one, 0, sizeof one);
    logits[33] = 20;
    one[33] = 1;
    const double others = (C - 1) * exp(-20), expected = -others / (1 + others);
    problem p;
    begin(&p, 1, C, logits, NULL);
    p.desc.targets = CLXENT_TARGETS_PROBABILITY;
    p.arrays.targets = CLXENT_ARRAY(one, sizeof one);
    p.want = CLXENT_OUT_GRAD;
    solve(&p);
    assert_near(p.grad[33], expected, 1e-5 * fabs(expected));

    begin(&p, 1, C, logits, NULL);
    p.desc.op = CLXENT_LOG_SOFTMAX;
    p.arrays.targets = CLXENT_ARRAY(NULL, 0);
    p.want = CLXENT_OUT_GRAD;
    set_grad_output(&p, one, C);
    solve(&p);
    assert_near(p.grad[33], -expected, 1e-5 * fabs(expected));
}

/* z_loss is near the largest number. 2 z_loss lse / N is beyond f32, but times p_c = 1/C it fits. */
static void gradient_of_the_largest_z_loss(void) {
    enum { N = 4, C = 33 };
    static float logits[N * C];
    for (int k = 0; k < N * C; k++) logits[k] = 10; /* makes lse large enough */
    problem p;
    begin(&p, N, C, logits, (const int64_t[N]){0, 1, 2, 3});
    p.desc.z_loss = 3e38;
    p.want = CLXENT_OUT_GRAD;
    solve(&p);
    const double lse = 10 + log(C), expected = 2 * 3e38 * lse / N / C;
    assert_each(p.grad, N * C, expected, 1e-5 * expected);
}

static void confident_row_of_many_classes(void) {
    enum { C = 1000 };
    static const int64_t places[] = {0, 63, 517, 999};
    static float logits[4 * C];
    memset(logits, 0, sizeof logits);
    for (int r = 0; r < 4; r++) logits[r * C + places[r]] = 30;
    problem p;
    begin(&p, 4, C, logits, places);
    p.desc.reduction = CLXENT_NONE;
    solve(&p);
    const double loss = log1p(999 * exp(-30));
    assert_each(p.loss, 4, loss, 1e-4 * loss);
}

/* The loss is lse - z_y, never -log of a probability that is 0 by underflow. */
static void far_targets_are_finite(void) {
    problem p;
    begin(&p, 3, 2, (const float[]){0, 1000, 0, -3e38F, 1e30F, -1e30F}, (const int64_t[]){0, 1, 1});
    p.desc.reduction = CLXENT_NONE;
    solve(&p);
    assert_near(p.loss[0], 1000, loss_bound(2000));
    assert_near(p.loss[1], 3e38, 1e-6 * 3e38);
    assert_near(p.loss[2], 2e30, 1e-6 * 2e30);
    assert_near(p.grad[0], -1, grad_bound(2));
    assert_near(p.grad[1], 1, grad_bound(2));
}

/* The lse of rows far from 0 loses digits by one rounding, for every scale. The residual holds them. */
static void lse_residual(void) {
    enum { N = 64, C = 40 };
    static const float scales[] = {1, 0.7F, 1.9419798F};
    static float logits[N * C], offsets[N];
    const int rows = expect_effort() == EFFORT_TINY ? 8 : N;
    for (int r = 1; r < N; r++) offsets[r] = (r % 2 ? 100.25F : -70.5F) * (float)(r * r % 331);
    for (int k = 0; k < N * C; k++) logits[k] = offsets[k / C] + 0.25F * (float)(k % C % 7);
    for (int i = 0; i < 3; i++) {
        const double scale = (double)scales[i];
        problem p;
        begin(&p, rows, C, logits, (const int64_t[N]){0});
        p.desc.logit_scale = scale;
        solve(&p);
        for (int r = 0; r < rows; r++) {
            double sum = 0;
            for (int c = 0; c < C; c++) sum += exp(scale * (double)(logits[r * C + c] - offsets[r]));
            const double exact = scale * (double)offsets[r] + log(sum);
            const double whole = (double)p.lse[r] + (double)p.lse_residual[r];
            assert_near(whole, exact, loss_bound(6)); /* the offset must not add an error */
            assert_near(p.lse_residual[r], 0, 0x1p-24 * fabs((double)p.lse[r]));
        }
    }
}

/* Compares the gradient from a saved lse with the gradient of the forward pass. */
static void grad_from_lse(void) {
    enum { N = 4, C = 33 };
    static float logits[N * C], weight[C];
    for (int c = 0; c < C; c++) weight[c] = 0.5F + 0.0625F * (float)c;
    for (int k = 0; k < N * C; k++) logits[k] = 100 + 0.5F * (float)(k * 37 % 23);
    logits[5] = -INFINITY;
    for (int option = 0; option < 4; option++) {
        problem whole;
        begin(&whole, N, C, logits, (const int64_t[]){3, -100, 32, 5});
        set_ignore_index(&whole, -100);
        set_class_weight(&whole, weight);
        whole.desc.grad_output = 3;
        if (option == 1) whole.desc.label_smoothing = 0.1;
        if (option == 2) whole.desc.z_loss = 0.001;
        if (option == 3) whole.desc.softcap = 30;
        solve(&whole);
        for (int with_residual = 0; with_residual < 2; with_residual++) {
            problem later = whole;
            later.desc.flags = CLXENT_GRAD_FROM_LSE;
            later.want = CLXENT_OUT_GRAD | CLXENT_OUT_COUNTS;
            later.arrays.lse = CLXENT_ARRAY(whole.lse, N * sizeof(float));
            later.arrays.lse_residual =
                with_residual ? CLXENT_ARRAY(whole.lse_residual, N * sizeof(float)) : CLXENT_ARRAY(NULL, 0);
            solve(&later);
            assert_counts(&later, 3, 1, 0, -1);
            /* the factor is grad_output / D * (2 w_y + z-loss); the divisor D is at least w_3 + w_32 */
            const double factor = 3 * (2 * 2.5 / 4 + (option == 2 ? 2 * 0.001 * 120 / 3 : 0));
            const double bound = 2 * grad_bound(factor) + (option == 3 ? 2 * 1e-7 * 30 * factor : 0);
            for (int k = 0; k < N * C; k++) {
                const double rounding = with_residual ? 0 : 6e-8 * fabs((double)whole.lse[k / C]) * factor;
                assert_near(later.grad[k], whole.grad[k], bound + rounding);
            }
            assert_each(&later.grad[C], C, 0, 0);
            assert_same(later.grad[5], 0);
        }
    }
}

/* The scaled logits are very large. So the digits that lse lost are too large a number for exp(), but the
 * residual still holds them. One class of such a row has all the probability. */
static void grad_from_a_huge_lse(void) {
    enum { N = 4, C = 33 };
    static float logits[N * C];
    static const int64_t targets[N] = {3, 32, 32, 0};
    static const float magnitudes[N] = {3e7F, 1.1e10F, 7.7e19F, 3.3e30F};
    for (int k = 0; k < N * C; k++) logits[k] = magnitudes[k / C] * (float)(k * 37 % 97 + 1) / 97;
    for (int option = 0; option < 2; option++) {
        problem whole;
        begin(&whole, N, C, logits, targets);
        whole.desc.logit_scale = 0.7;
        whole.desc.reduction = CLXENT_SUM;
        if (option == 1) whole.desc.label_smoothing = 0.1;
        solve(&whole);
        problem later = whole;
        later.desc.flags = CLXENT_GRAD_FROM_LSE;
        later.want = CLXENT_OUT_GRAD;
        later.arrays.lse = CLXENT_ARRAY(whole.lse, sizeof whole.lse);
        later.arrays.lse_residual = CLXENT_ARRAY(whole.lse_residual, sizeof whole.lse_residual);
        solve(&later);
        for (int k = 0; k < N * C; k++) {
            const double p = k % C == whole.argmax[k / C], q = k % C == targets[k / C];
            const double smoothing = option ? 0.1 : 0;
            const double expected = 0.7 * (p - (1 - smoothing) * q - smoothing / C);
            assert_near(whole.grad[k], expected, grad_bound(2));
            assert_near(later.grad[k], expected, grad_bound(2));
        }
    }
}

/* A call for a few outputs, or for the gradient alone, gives the same results as the full call. */
static void outputs_do_not_depend_on_each_other(void) {
    enum { N = 5, C = 70 };
    static float logits[N * C];
    for (int k = 0; k < N * C; k++) logits[k] = 0.375F * (float)(k * 29 % 31);
    problem full, part;
    begin(&full, N, C, logits, (const int64_t[]){0, 69, 5, -1, 33});
    set_ignore_index(&full, -1);
    solve(&full);
    static const uint32_t wants[] = {CLXENT_OUT_LOSS,
                                     CLXENT_OUT_GRAD,
                                     CLXENT_OUT_LSE,
                                     CLXENT_OUT_LOG_PROBS,
                                     CLXENT_OUT_ARGMAX | CLXENT_OUT_RANK,
                                     CLXENT_OUT_ENTROPY};
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        part = full;
        part.want = wants[i];
        part.desc.outputs = wants[i];
        solve(&part);
        if (wants[i] & CLXENT_OUT_LOSS) assert_near(part.loss[0], full.loss[0], 2 * loss_bound(12));
        for (int r = 0; r < N; r++) {
            if (wants[i] & CLXENT_OUT_LSE) assert_near(part.lse[r], full.lse[r], 2 * loss_bound(16));
            if (wants[i] & CLXENT_OUT_ENTROPY) assert_near(part.entropy[r], full.entropy[r], 1e-5);
            if (wants[i] & CLXENT_OUT_ARGMAX) assert_int_equal(part.argmax[r], full.argmax[r]);
            if (wants[i] & CLXENT_OUT_RANK) assert_int_equal(part.rank[r], full.rank[r]);
        }
        for (int k = 0; k < N * C; k++) {
            if (wants[i] & CLXENT_OUT_GRAD) assert_near(part.grad[k], full.grad[k], grad_bound(1));
            if (wants[i] & CLXENT_OUT_LOG_PROBS) {
                assert_near(part.log_probs[k], full.log_probs[k], 2 * loss_bound(16));
            }
        }
    }
}

int main(void) {
    static const rule rules[] = {
        RULE(argmax_first_maximum_and_nan),
        RULE(argmax_ties_at_a_distance),
        RULE(rank_of_equals),
        RULE(rank_counts_what_stands_before_the_target),
        RULE(rank_of_every_place),
        RULE(outputs_of_uncounted_rows),
        RULE(entropy),
        RULE(confident_rows),
        RULE(confident_row_of_many_classes),
        RULE(confident_gradients),
        RULE(confident_gradient_from_lse),
        RULE(confident_gradient_of_one_probability),
        RULE(gradient_of_the_largest_z_loss),
        RULE(far_targets_are_finite),
        RULE(lse_residual),
        RULE(grad_from_lse),
        RULE(grad_from_a_huge_lse),
        RULE(outputs_do_not_depend_on_each_other),
    };
    return check_rules("outputs", rules, sizeof rules / sizeof *rules);
}
