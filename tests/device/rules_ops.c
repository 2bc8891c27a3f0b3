/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of the other operations: softmax and log-softmax forward and backward, and NLL on given
 * log-probabilities. The expected values are closed forms. */
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void begin_softmax(problem *p, clxent_op op, int64_t rows, int64_t classes, const float *logits) {
    begin(p, rows, classes, logits, NULL);
    p->desc.op = op;
    p->want = op == CLXENT_SOFTMAX ? CLXENT_OUT_PROBS : CLXENT_OUT_LOG_PROBS;
}

static void softmax_and_its_log(void) {
    static const int64_t classes[] = {1, 2, 3, 31, 64, 257, 1000};
    static float logits[2 * 1000];
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const int64_t c = classes[i];
        for (int64_t k = 0; k < 2 * c; k++) logits[k] = 0.25F * (float)(k * 13 % 41) - 50;
        problem p, q;
        begin_softmax(&p, CLXENT_SOFTMAX, 2, c, logits);
        solve(&p);
        begin_softmax(&q, CLXENT_LOG_SOFTMAX, 2, c, logits);
        solve(&q);
        for (int64_t k = 0; k < 2 * c; k++) {
            const double lse = lse_of(logits + k / c * c, (size_t)c), log_p = (double)logits[k] - lse;
            assert_near(p.probs[k], exp(log_p), grad_bound(1));
            assert_near(q.log_probs[k], log_p, loss_bound(fabs((double)logits[k]) + fabs(lse)));
        }
    }
}

/* Small probabilities keep their relative accuracy. */
static void softmax_of_the_tail(void) {
    problem p;
    begin_softmax(&p, CLXENT_SOFTMAX, 1, 3, (const float[]){0, -30, -80});
    solve(&p);
    assert_near(p.probs[1], exp(-30), 1e-5 * exp(-30));
    assert_near(p.probs[2], exp(-80), 2e-5 * exp(-80));
}

static void softmax_of_odd_rows(void) {
    const float logits[] = {0, -INFINITY, 0, -INFINITY, -INFINITY, -INFINITY, 0, NAN, 0, 0, INFINITY, 0};
    problem p;
    begin_softmax(&p, CLXENT_SOFTMAX, 4, 3, logits);
    solve(&p);
    assert_same(p.probs[1], 0);
    assert_near(p.probs[0], 0.5, grad_bound(1));
    assert_each(&p.probs[3], 9, NAN, 0);
    begin_softmax(&p, CLXENT_LOG_SOFTMAX, 4, 3, logits);
    solve(&p);
    assert_same(p.log_probs[1], -INFINITY);
    assert_near(p.log_probs[0], -log(2), loss_bound(1));
    assert_each(&p.log_probs[3], 9, NAN, 0);
}

/* softmax: p_c (g_c - sum_k g_k p_k); log-softmax: g_c - p_c sum_k g_k. A masked class has the gradient 0. */
static void backward(void) {
    enum { N = 2, C = 300 };
    static float logits[N * C], g[N * C];
    for (int k = 0; k < N * C; k++) {
        logits[k] = 0.125F * (float)(k * 17 % 37);
        g[k] = 0.5F * (float)(k * 11 % 13) - 3;
    }
    logits[10] = -INFINITY;
    problem soft, logs;
    begin_softmax(&soft, CLXENT_SOFTMAX, N, C, logits);
    begin_softmax(&logs, CLXENT_LOG_SOFTMAX, N, C, logits);
    soft.want |= CLXENT_OUT_GRAD;
    logs.want |= CLXENT_OUT_GRAD;
    soft.desc.grad_output = logs.desc.grad_output = 2;
    set_grad_output(&soft, g, N * C);
    set_grad_output(&logs, g, N * C);
    solve(&soft);
    solve(&logs);
    for (int r = 0; r < N; r++) {
        const double lse = lse_of(logits + r * C, C);
        double dot = 0, sum = 0, magnitude = 0;
        for (int c = 0; c < C; c++) {
            const double prob = exp((double)logits[r * C + c] - lse), gc = 2 * (double)g[r * C + c];
            dot += gc * prob;
            sum += gc;
            magnitude += fabs(gc);
        }
        for (int c = 0; c < C; c++) {
            const int k = r * C + c;
            const double prob = exp((double)logits[k] - lse), gc = 2 * (double)g[k];
            const bool masked = k == 10;
            assert_near(soft.grad[k], prob * (gc - dot), grad_bound(prob * 12));
            assert_near(logs.grad[k], masked ? 0 : gc - prob * sum,
                        masked ? 0 : grad_bound(fabs(gc) + prob * magnitude));
        }
    }
}

/* The gradient alone, without the probabilities. */
static void backward_alone(void) {
    const float g[] = {1, 0, 0, 0};
    problem p;
    begin_softmax(&p, CLXENT_SOFTMAX, 1, 4, (const float[]){3, 3, 3, 3});
    p.want = CLXENT_OUT_GRAD;
    set_grad_output(&p, g, 4);
    solve(&p);
    assert_near(p.grad[0], 0.25 * 0.75, grad_bound(1));
    assert_near(p.grad[3], -0.25 * 0.25, grad_bound(1));
    p.desc.op = CLXENT_LOG_SOFTMAX;
    solve(&p);
    assert_near(p.grad[0], 0.75, grad_bound(1));
    assert_near(p.grad[3], -0.25, grad_bound(1));
}

static void begin_nll(problem *p, int64_t rows, int64_t classes, const float *log_probs,
                      const int64_t *targets) {
    begin(p, rows, classes, log_probs, targets);
    p->desc.op = CLXENT_NLL;
    p->arrays.log_probs = p->arrays.logits;
    p->arrays.logits = CLXENT_ARRAY(NULL, 0);
    p->want = WANT_LEAN | CLXENT_OUT_ROW_LOSS;
}

static const float log_probs[] = {-0.5F, -1.5F, -3, -4, -0.25F, -2, NAN, 0, 0, -1, -INFINITY, -8};

static void nll_reductions(void) {
    const float weight[] = {2, 1, 0.5F};
    problem p;
    begin_nll(&p, 4, 3, log_probs, (const int64_t[]){1, 0, -1, 2});
    set_ignore_index(&p, -1);
    set_class_weight(&p, weight);
    p.desc.grad_output = 4;
    solve(&p); /* (1.5 + 8 + 4) / (1 + 2 + .5) */
    assert_near(p.loss[0], 13.5 / 3.5, loss_bound(4));
    assert_near(p.grad[1], -4 / 3.5, grad_bound(4 / 3.5));
    assert_near(p.grad[3], -8 / 3.5, grad_bound(8 / 3.5));
    assert_near(p.grad[11], -2 / 3.5, grad_bound(2 / 3.5));
    p.grad[1] = p.grad[3] = p.grad[11] = 0;
    assert_each(p.grad, 12, 0, 0);
    assert_counts(&p, 3, 1, 0, -1);

    p.desc.reduction = CLXENT_SUM;
    solve(&p);
    assert_near(p.loss[0], 13.5, loss_bound(13.5));

    p.desc.reduction = CLXENT_NONE;
    set_grad_output(&p, (const float[]){1, 2, 3, 4}, 4);
    solve(&p);
    const double losses[] = {1.5, 8, 0, 4}, grads[] = {-4, -16, 0, -8};
    for (int r = 0; r < 4; r++) {
        assert_near(p.loss[r], losses[r], loss_bound(losses[r]));
        assert_same(p.row_loss[r], p.loss[r]);
    }
    assert_near(p.grad[1], grads[0], grad_bound(4));
    assert_near(p.grad[3], grads[1], grad_bound(16));
    assert_near(p.grad[11], grads[3], grad_bound(8));
}

/* NLL reads the target's element alone. The gradient does not depend on this element. */
static void nll_of_odd_values(void) {
    problem p;
    begin_nll(&p, 4, 3, log_probs, (const int64_t[]){0, 1, 1, 1});
    p.desc.reduction = CLXENT_NONE;
    solve(&p);
    assert_near(p.loss[0], 0.5, loss_bound(1));
    assert_same(p.loss[2], 0);
    assert_same(p.loss[3], INFINITY);
    assert_near(p.grad[10], -1, grad_bound(1));
    set_class_weight(&p, (const float[]){1, 0, 1});
    solve(&p);
    assert_same(p.loss[3], 0); /* weight 0 times inf */
    assert_same(p.grad[10], 0);
    p.arrays.class_weight = CLXENT_ARRAY(NULL, 0);
    p.arrays.targets = CLXENT_ARRAY(((const int64_t[]){0, 1, 0, 1}), 4 * sizeof(int64_t));
    solve(&p);
    assert_same(p.loss[2], NAN);
}

static void nll_empty_and_bad(void) {
    problem p;
    begin_nll(&p, 2, 3, log_probs, (const int64_t[]){5, 5});
    set_ignore_index(&p, 5);
    solve(&p);
    assert_same(p.loss[0], NAN);
    assert_each(p.grad, 6, 0, 0);
    p.desc.empty_mean = CLXENT_EMPTY_MEAN_ZERO;
    solve(&p);
    assert_same(p.loss[0], 0);
    p.desc.use_ignore_index = 0;
    p.expect = CLXENT_ERR_TARGET;
    solve(&p);
    assert_non_null(strstr(clxent_ctx_last_error(test_ctx()), "row 0: target 5 is not in [0, 3)"));
    assert_same(p.loss[0], 0);
    assert_counts(&p, 0, 0, 2, 0);
}

int main(void) {
    static const rule rules[] = {
        RULE(softmax_and_its_log), RULE(softmax_of_the_tail),
        RULE(softmax_of_odd_rows), RULE(backward),
        RULE(backward_alone),      RULE(nll_reductions),
        RULE(nll_of_odd_values),   RULE(nll_empty_and_bad),
    };
    return check_rules("ops", rules, sizeof rules / sizeof *rules);
}
