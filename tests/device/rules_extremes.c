/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers near the largest number. If a result fits its type, the kernels' intermediate results must fit too.
 * There are also rows in which one class has nearly all of the probability, with options that can easily lose
 * its gradient. The expected values are computed in double, where these numbers are ordinary. */
#include "support/problem.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MASK (-FLT_MAX)

static void assert_close(double got, double expected, double relative) {
    assert_near(got, expected, relative * fabs(expected));
}

/* ------------------------------------------------------------------------ sums over the classes */

/* Label smoothing over masks. The loss is e / C times the classes' distances, which do not fit alone. */
static void smoothing_over_masks(void) {
    static const double scales[] = {1, 1.0001, 2, 0.25};
    for (int i = 0; i < 4; i++) {
        problem p;
        begin(&p, 2, 4, (const float[]){1, 2, MASK, MASK, MASK, MASK, MASK, 3e38F}, (const int64_t[]){0, 3});
        p.desc.label_smoothing = 0.1;
        p.desc.logit_scale = scales[i];
        p.desc.reduction = CLXENT_NONE;
        p.want = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD;
        solve(&p);
        const double largest = (double)FLT_MAX, share = 0.1 / 4 * scales[i];
        assert_close(p.loss[0], share * 2 * largest, 1e-6);
        assert_close(p.loss[1], share * 3 * (largest + 3e38), 1e-6);
        assert_each(&p.grad[2], 5, -share, grad_bound(share));
    }
}

/* The same, but the kernel sums most classes before it reads the largest logit. */
static void smoothing_over_masks_met_first(void) {
    enum { C = 2500 };
    static float logits[C];
    for (int c = 0; c < C; c++) logits[c] = MASK;
    logits[C - 5] = 3e38F;
    problem p;
    begin(&p, 1, C, logits, (const int64_t[]){C - 5});
    p.desc.label_smoothing = 0.1;
    p.want = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD;
    solve(&p);
    assert_close(p.loss[0], 0.1 / C * (C - 1) * ((double)FLT_MAX + 3e38), 1e-5);
}

static void probabilities_of_masks(void) {
    problem p;
    begin(&p, 2, 4, (const float[]){1, 2, MASK, MASK, MASK, MASK, MASK, 3e38F}, NULL);
    const float targets[] = {0.4F, 0.4F, 0.1F, 0.1F, 0.05F, 0.05F, 0.1F, 0.8F};
    p.desc.targets = CLXENT_TARGETS_PROBABILITY;
    p.arrays.targets = CLXENT_ARRAY(targets, sizeof targets);
    p.desc.logit_scale = 2;
    p.desc.reduction = CLXENT_NONE;
    p.want = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD;
    solve(&p);
    assert_close(p.loss[0], 2 * 0.2 * (double)FLT_MAX, 1e-6);
    assert_close(p.loss[1], 2 * 0.2 * ((double)FLT_MAX + 3e38), 1e-6);
}

/* log p of a target so far away fits because the scale is small. */
static void far_target_of_a_small_scale(void) {
    problem p;
    begin(&p, 1, 2, (const float[]){MASK, 3e38F}, (const int64_t[]){0});
    p.desc.logit_scale = 0.25;
    p.desc.label_smoothing = 0.1;
    p.want = CLXENT_OUT_LOSS | CLXENT_OUT_LOG_PROB;
    solve(&p);
    const double far = 0.25 * ((double)FLT_MAX + 3e38);
    assert_close(p.log_prob[0], -far, 1e-6);
    assert_close(p.loss[0], (0.9 + 0.1 / 2) * far, 1e-6);
}

/* --------------------------------------------------------------------------- sums over the rows */

/* So many rows need two steps of summation. */
enum { MANY = 2500 };

static void solve_many(clxent_desc *desc, clxent_arrays *arrays, const float *logits, float *loss) {
    static int64_t targets[MANY];
    desc->rows = MANY;
    desc->classes = 4;
    desc->outputs |= CLXENT_OUT_LOSS;
    arrays->logits = CLXENT_ARRAY(logits, MANY * 4 * sizeof(float));
    arrays->targets = CLXENT_ARRAY(targets, sizeof targets);
    arrays->loss = CLXENT_ARRAY(loss, sizeof *loss);
    clxent_plan *plan = make_plan(desc, test_schedule());
    expect_status("run", test_ctx(), clxent_run(plan, arrays), CLXENT_OK);
    clxent_plan_destroy(plan);
}

/* The mean of rows near the largest number and of ordinary rows, in one step of summation and in two. */
static void mean_of_large_rows(void) {
    static float logits[MANY * 4];
    const double large = 0.1 / 4 * 2 * (double)FLT_MAX;
    for (int r = 0; r < MANY; r++) {
        const float masked[] = {1, 2, MASK, MASK}, plain[] = {0, 0, 0, 0};
        memcpy(logits + (size_t)r * 4, r % 5 ? masked : plain, sizeof masked);
    }
    problem p;
    begin(&p, PROBLEM_ROWS, 4, logits, (const int64_t[PROBLEM_ROWS]){0});
    p.desc.label_smoothing = 0.1;
    p.want = CLXENT_OUT_LOSS;
    solve(&p);
    assert_close(p.loss[0], large * 51 / 64, 1e-6);

    clxent_desc desc;
    clxent_arrays arrays;
    clxent_desc_init(&desc);
    clxent_arrays_init(&arrays);
    desc.label_smoothing = 0.1;
    float loss = 0;
    solve_many(&desc, &arrays, logits, &loss);
    assert_close(loss, large * 4 / 5, 1e-6);
    desc.reduction = CLXENT_SUM;
    solve_many(&desc, &arrays, logits, &loss);
    assert_same(loss, INFINITY);
}

/* The weights of classes or rows are near the largest number. Their sum, the mean's divisor, does not fit. */
static void mean_of_large_weights(void) {
    static float weights[MANY], logits[MANY * 4], grad[MANY * 4];
    for (int i = 0; i < MANY; i++) weights[i] = 3e38F;
    for (int k = 0; k < MANY * 4; k++) logits[k] = k % 4 ? -1 : 0;
    const double sum = 1 + 3 * exp(-1), loss = log(sum);
    for (int of_rows = 0; of_rows < 2; of_rows++) {
        problem p;
        begin(&p, 64, 4, logits, (const int64_t[64]){0});
        if (of_rows) set_row_weight(&p, weights);
        if (!of_rows) set_class_weight(&p, weights);
        p.desc.z_loss = 1e-3;
        p.want = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD;
        solve(&p);
        assert_close(p.loss[0], loss + 1e-3 * loss * loss, 1e-6);
        for (int c = 0; c < 4; c++) {
            const double prob = (c ? exp(-1) : 1) / sum;
            assert_near(p.grad[c], (prob * (1 + 2e-3 * loss) - !c) / 64, grad_bound(1.0 / 64));
        }
    }

    clxent_desc desc;
    clxent_arrays arrays;
    clxent_desc_init(&desc);
    clxent_arrays_init(&arrays);
    desc.outputs = CLXENT_OUT_GRAD;
    arrays.row_weight = CLXENT_ARRAY(weights, sizeof weights);
    arrays.grad = CLXENT_ARRAY(grad, sizeof grad);
    float mean = 0;
    solve_many(&desc, &arrays, logits, &mean);
    assert_close(mean, loss, 1e-6);
    assert_near(grad[MANY * 4 - 4], (1 / sum - 1) / MANY, grad_bound(1.0 / MANY));

    arrays.row_weight = CLXENT_ARRAY(NULL, 0);
    arrays.class_weight = CLXENT_ARRAY(weights, 4 * sizeof(float));
    desc.label_smoothing = 0.1;
    solve_many(&desc, &arrays, logits, &mean);
    assert_close(mean, loss + 0.1 * 3 / 4, 1e-6);
    assert_close(grad[MANY * 4 - 4], (1 / sum - 0.9 - 0.1 / 4) / MANY, 1e-5);
    assert_close(grad[MANY * 4 - 1], (exp(-1) / sum - 0.1 / 4) / MANY, 1e-5);
}

/* ---------------------------------------------------------------------------------------- z-loss */

/* 2 s lse p_c fits although 2 s lse does not fit. It is 0 when p_c is 0. */
static void gradient_of_a_huge_z_loss(void) {
    problem p;
    const float logits[] = {50, 40, 0, MASK, 1, 0, 0, 0, 1, 0, 0, -INFINITY};
    static const double z_losses[] = {1e37, 3e38, 3e38};
    for (int r = 0; r < 3; r++) {
        begin(&p, 1, 4, logits + (size_t)r * 4, (const int64_t[]){0});
        p.desc.z_loss = z_losses[r];
        p.desc.grad_output = r ? 0.5 : 1;
        p.want = CLXENT_OUT_GRAD;
        solve(&p);
        const double lse = lse_of(logits + (size_t)r * 4, 4);
        for (int c = 0; c < 4; c++) {
            const double prob = exp((double)logits[r * 4 + c] - lse);
            const double g = p.desc.grad_output * 2 * z_losses[r] * lse * prob;
            assert_close(p.grad[c], g > (double)FLT_MAX ? (double)INFINITY : g, 1e-5);
        }
    }
}

/* -------------------------------------------------------------------------------- confident rows */

/* Label smoothing with class weights. Only one class has a weight that is not 0. */
static void confident_target_of_the_only_weight(void) {
    enum { C = 70 };
    static float logits[C], weight[C];
    memset(logits, 0, sizeof logits);
    memset(weight, 0, sizeof weight);
    logits[33] = 20;
    weight[33] = 2;
    const double less_p = (C - 1) * exp(-20) / (1 + (C - 1) * exp(-20));
    static const double smoothings[] = {0.1, 1};
    for (int i = 0; i < 4; i++) {
        const double smoothing = smoothings[i / 2], is_target = i % 2 == 0;
        problem p;
        begin(&p, 1, C, logits, (const int64_t[]){i % 2 ? 1 : 33});
        set_class_weight(&p, weight);
        p.desc.label_smoothing = smoothing;
        p.desc.reduction = CLXENT_SUM;
        p.want = CLXENT_OUT_GRAD;
        solve(&p);
        assert_close(p.grad[33], -2 * (is_target * (1 - smoothing) + smoothing / C) * less_p, 1e-5);
    }
}

/* A probability target of one class, with the gradient from a saved lse. */
static void confident_probability_from_lse(void) {
    enum { C = 70 };
    static float logits[C], one[C];
    float lse = 0, residual = 0;
    memset(logits, 0, sizeof logits);
    memset(one, 0, sizeof one);
    logits[33] = 20;
    one[33] = 1;
    problem p;
    for (int later = 0; later < 2; later++) {
        begin(&p, 1, C, logits, NULL);
        p.desc.targets = CLXENT_TARGETS_PROBABILITY;
        p.arrays.targets = CLXENT_ARRAY(one, sizeof one);
        p.want = later ? CLXENT_OUT_GRAD : CLXENT_OUT_LSE | CLXENT_OUT_LSE_RESIDUAL;
        if (later) {
            p.desc.flags = CLXENT_GRAD_FROM_LSE;
            p.arrays.lse = CLXENT_ARRAY(&lse, sizeof lse);
            p.arrays.lse_residual = CLXENT_ARRAY(&residual, sizeof residual);
        }
        solve(&p);
        if (!later) lse = p.lse[0];
        if (!later) residual = p.lse_residual[0];
    }
    const double others = (C - 1) * exp(-20);
    assert_close(p.grad[33], -others / (1 + others), 1e-5);
    assert_close(p.grad[0], exp(-20) / (1 + others), 1e-5);
}

/* Softmax's backward pass with a grad_output of one class, and of a second class beside it. */
static void confident_softmax(void) {
    enum { C = 70 };
    static float logits[C], u[C];
    memset(logits, 0, sizeof logits);
    logits[33] = 20;
    const double sum = 1 + (C - 1) * exp(-20), rest = (C - 1) * exp(-20) / sum;
    for (int beside = 0; beside < 2; beside++) {
        memset(u, 0, sizeof u);
        u[33] = 3;
        u[0] = (float)beside;
        problem p;
        begin(&p, 1, C, logits, NULL);
        p.desc.op = CLXENT_SOFTMAX;
        p.arrays.targets = CLXENT_ARRAY(NULL, 0);
        p.want = CLXENT_OUT_GRAD;
        set_grad_output(&p, u, C);
        solve(&p);
        const double of_others = beside * exp(-20) / sum;
        assert_close(p.grad[33], (3 * rest - of_others) / sum, 1e-5);
        assert_close(p.grad[1], exp(-20) / sum * (0 - 3 / sum - of_others), 1e-5);
        assert_close(p.grad[0], exp(-20) / sum * (beside - 3 / sum - of_others), 1e-5);
    }
}

/* ------------------------------------------------------------------------------------------- f64 */

/* One problem of each kind in f64, which has another largest number. */
static void in_f64(void) {
    if (test_schedule() != CLXENT_SCHEDULE_AUTO) return;
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    expect_status("device", test_ctx(), clxent_ctx_device(test_ctx(), &info), CLXENT_OK);
    if (!info.fp64) skip();
    const double logits[] = {1, 2, -DBL_MAX, -DBL_MAX}, weights[] = {1e308};
    const int64_t targets[] = {0};
    double loss = 0, grad[4];
    clxent_desc desc;
    clxent_arrays arrays;
    clxent_desc_init(&desc);
    clxent_arrays_init(&arrays);
    desc.rows = 1;
    desc.classes = 4;
    desc.logits_dtype = desc.grad_dtype = CLXENT_F64;
    desc.label_smoothing = 0.1;
    desc.logit_scale = 2;
    desc.outputs = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD;
    arrays.logits = CLXENT_ARRAY(logits, sizeof logits);
    arrays.targets = CLXENT_ARRAY(targets, sizeof targets);
    arrays.loss = CLXENT_ARRAY(&loss, sizeof loss);
    arrays.grad = CLXENT_ARRAY(grad, sizeof grad);
    clxent_plan *plan = make_plan(&desc, test_schedule());
    expect_status("run", test_ctx(), clxent_run(plan, &arrays), CLXENT_OK);
    assert_close(loss, 0.1 * DBL_MAX, 1e-14);
    arrays.row_weight = CLXENT_ARRAY(weights, sizeof weights);
    clxent_plan_destroy(plan);

    desc.label_smoothing = 0;
    desc.z_loss = 1e308;
    plan = make_plan(&desc, test_schedule());
    expect_status("run", test_ctx(), clxent_run(plan, &arrays), CLXENT_OK);
    const double lse = log(exp(2) + exp(4));
    assert_same(grad[1], INFINITY);
    assert_same(grad[2], 0);
    assert_close(grad[0], 1e308 * (exp(2 - lse) * 4 * lse), 1e-12);
    clxent_plan_destroy(plan);
}

int main(void) {
    static const rule rules[] = {
        RULE(smoothing_over_masks),
        RULE(smoothing_over_masks_met_first),
        RULE(probabilities_of_masks),
        RULE(far_target_of_a_small_scale),
        RULE(mean_of_large_rows),
        RULE(mean_of_large_weights),
        RULE(gradient_of_a_huge_z_loss),
        RULE(confident_target_of_the_only_weight),
        RULE(confident_softmax),
        RULE(in_f64),
        RULE(confident_probability_from_lse),
    };
    return check_rules("extremes", rules, sizeof rules / sizeof *rules);
}
