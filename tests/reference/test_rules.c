/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference where options meet. Each rule is compared with values worked out by hand.
 */
#include "expect.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MOST = 16 };

static struct outputs {
    double row_loss[MOST], log_prob[MOST], lse[MOST], entropy[MOST], log_probs[MOST], probs[MOST], grad[MOST];
    int64_t argmax[MOST], rank[MOST];
} out;

static reference_result run(const reference_problem *p) {
    reference_result r = {.row_loss = out.row_loss,
                          .log_prob = out.log_prob,
                          .lse = out.lse,
                          .entropy = out.entropy,
                          .log_probs = out.log_probs,
                          .probs = out.probs,
                          .grad = out.grad,
                          .argmax = out.argmax,
                          .rank = out.rank};
    assert_true(p->rows * p->classes <= MOST);
    assert_int_equal(reference_run(p, &r), 0);
    return r;
}

static reference_problem problem(int64_t rows, int64_t classes, const double *logits,
                                 const int64_t *targets) {
    reference_problem p = REFERENCE_PROBLEM_INIT;
    p.rows = rows;
    p.classes = classes;
    p.logits = logits;
    p.targets = targets;
    return p;
}

#define NEAR(got, expected) expect_near(#got, __LINE__, CLXENT_F64, (got), (expected), 1e-14)
#define EACH(array, count, expected) \
    for (int i_ = 0; i_ < (count); i_++) expect_near(#array, i_, CLXENT_F64, (array)[i_], (expected), 1e-14)

static void plain_row(void **state) {
    (void)state;
    const double x[] = {log(1.0), log(2.0), log(5.0)};
    const int64_t y[] = {1};
    reference_problem p = problem(1, 3, x, y);
    const reference_result r = run(&p);
    NEAR(r.loss, log(4.0));
    NEAR(out.log_prob[0], -log(4.0));
    NEAR(out.lse[0], log(8.0));
    NEAR(out.entropy[0], log(8.0) - 0.25 * log(2.0) - 0.625 * log(5.0));
    NEAR(out.probs[2], 0.625);
    NEAR(out.log_probs[0], -log(8.0));
    NEAR(out.grad[0], 0.125);
    NEAR(out.grad[1], -0.75);
    assert_int_equal(out.argmax[0], 2);
    assert_int_equal(out.rank[0], 1);
    assert_int_equal(r.counts[0], 1);
    assert_int_equal(r.counts[3], -1);
}

static void undefined_rows(void **state) {
    (void)state;
    const double x[] = {0, NAN, 1, NAN, INFINITY, 0, 1, INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY};
    const int64_t y[] = {0, 1, 3};
    reference_problem p = problem(3, 4, x, y);
    p.reduction = REFERENCE_NONE;
    run(&p);
    EACH(out.row_loss, 3, NAN);
    EACH(out.grad, 12, NAN);
    EACH(out.log_probs, 12, NAN);
    EACH(out.probs, 12, NAN);
    EACH(out.entropy, 3, NAN);
    NEAR(out.lse[0], NAN);
    NEAR(out.lse[1], INFINITY);
    NEAR(out.lse[2], -INFINITY);
    assert_int_equal(out.argmax[0], 1);
    assert_int_equal(out.argmax[1], 0);
    assert_int_equal(out.argmax[2], 0);
    assert_int_equal(out.rank[0], 3); /* 1 and both NaNs */
    assert_int_equal(out.rank[1], 3);
    assert_int_equal(out.rank[2], 3); /* the equal classes before it */
    /* Undefined rows that do not count leak nothing, and still have their lse. */
    p.use_ignore_index = 1;
    p.ignore_index = 1;
    const int64_t none[] = {1, 4, -7};
    p.targets = none;
    const reference_result r = run(&p);
    EACH(out.row_loss, 3, 0.0);
    EACH(out.log_prob, 3, 0.0);
    EACH(out.grad, 12, 0.0);
    NEAR(out.lse[1], INFINITY);
    const int64_t counts[] = {0, 1, 2, 1};
    for (int i = 0; i < 4; i++) assert_int_equal(r.counts[i], counts[i]);
    for (int i = 0; i < 3; i++) assert_int_equal(out.rank[i], 0);
    /* A weight of 0 does not hide a NaN. */
    const double zero[] = {0, 0, 0};
    p.targets = y;
    p.row_weight = zero;
    run(&p);
    NEAR(out.row_loss[0], NAN);
}

static void masked_classes(void **state) {
    (void)state;
    const double x[] = {-INFINITY, 0, 0, -INFINITY, 0, 0}, w[] = {0, 1, 1};
    const int64_t y[] = {1, 0};
    reference_problem p = problem(2, 3, x, y);
    p.reduction = REFERENCE_NONE;
    run(&p);
    NEAR(out.row_loss[0], log(2.0));
    NEAR(out.row_loss[1], INFINITY);
    const double grad[] = {0, -0.5, 0.5, 0, 0.5, 0.5};
    for (int i = 0; i < 6; i++) NEAR(out.grad[i], grad[i]);
    NEAR(out.entropy[0], log(2.0));
    NEAR(out.log_probs[0], -INFINITY);
    NEAR(out.probs[0], 0.0);
    /* Smoothing over a masked class makes the loss infinite, unless the weight of the class is 0. */
    p.label_smoothing = 0.3;
    run(&p);
    NEAR(out.row_loss[0], INFINITY);
    NEAR(out.grad[0], 0.0);
    NEAR(out.grad[1], 0.5 - 0.7 - 0.1);
    p.class_weight = w;
    run(&p);
    NEAR(out.row_loss[0], 0.9 * log(2.0));
    /* The softcap keeps the mask, and makes +inf finite. */
    const double capped[] = {-INFINITY, INFINITY, 0};
    p = problem(1, 3, capped, y);
    p.softcap = 2.0;
    NEAR(run(&p).loss, log1p(exp(-2.0)));
    NEAR(out.grad[0], 0.0);
    NEAR(out.grad[1], 0.0);
    NEAR(out.grad[2], 1.0 / (1.0 + exp(2.0)));
    NEAR(out.lse[0], 2.0 + log1p(exp(-2.0)));
    /* Probability targets: a probability of 0 at a masked class adds 0. */
    const double t[] = {0.0, 0.5, 0.5};
    p = problem(1, 3, x, NULL);
    p.targets_kind = REFERENCE_TARGETS_PROBABILITY;
    p.target_probs = t;
    NEAR(run(&p).loss, log(2.0));
}

static void divisors(void **state) {
    (void)state;
    const double x[] = {0, 0, 0, 0}, w[] = {1, -1}, r2[] = {1, 3};
    const int64_t y[] = {0, 1}, nobody[] = {5, 5};
    reference_problem p = problem(2, 2, x, y);
    p.class_weight = w;
    NEAR(run(&p).loss, NAN); /* the divisor is 1 - 1 */
    EACH(out.grad, 4, NAN);
    p.reduction = REFERENCE_SUM;
    NEAR(run(&p).loss, 0.0);
    p.reduction = REFERENCE_MEAN;
    p.row_weight = r2;
    NEAR(run(&p).loss, log(2.0)); /* (1 - 3) log 2 / (1 - 3) */
    NEAR(out.row_loss[1], -3 * log(2.0));
    NEAR(out.grad[0], (0.5 - 1) / -2);
    p.z_loss = 0.5;
    NEAR(run(&p).loss, log(2.0) + 0.5 * log(2.0) * log(2.0));
    p.targets = nobody;
    NEAR(run(&p).loss, NAN);
    EACH(out.grad, 4, 0.0);
    p.empty_mean_zero = 1;
    NEAR(run(&p).loss, 0.0);
    p.reduction = REFERENCE_SUM;
    NEAR(run(&p).loss, 0.0);
    /* Probability targets: the divisor is the number of rows, whatever the class weights. */
    const double t[] = {1, 0, 0, 1};
    p = problem(2, 2, x, NULL);
    p.targets_kind = REFERENCE_TARGETS_PROBABILITY;
    p.target_probs = t;
    p.class_weight = r2;
    NEAR(run(&p).loss, (1 + 3) * log(2.0) / 2);
    p = problem(0, 2, x, y);
    NEAR(run(&p).loss, NAN);
}

static void negative_log_likelihood(void **state) {
    (void)state;
    const double x[] = {-1, -INFINITY, -2, NAN}, w[] = {2, 0};
    const int64_t y[] = {0, 1};
    reference_problem p = problem(2, 2, x, y);
    p.op = REFERENCE_NLL;
    p.reduction = REFERENCE_NONE;
    run(&p);
    NEAR(out.row_loss[0], 1.0);
    NEAR(out.row_loss[1], NAN);
    const double grad[] = {-1, 0, 0, -1}; /* whatever the input is */
    for (int i = 0; i < 4; i++) NEAR(out.grad[i], grad[i]);
    const int64_t masked[] = {1, 0};
    p.targets = masked;
    run(&p);
    NEAR(out.row_loss[0], INFINITY);
    p.class_weight = w;
    run(&p);
    NEAR(out.row_loss[0], 0.0); /* 0 times inf */
    NEAR(out.row_loss[1], 4.0);
    p.reduction = REFERENCE_MEAN;
    NEAR(run(&p).loss, 2.0);
    NEAR(out.grad[2], -1.0);
    const int64_t weightless[] = {1, 1};
    p.targets = weightless;
    NEAR(run(&p).loss, NAN); /* 0 / 0, as is the gradient at each target */
    const double divided[] = {0, NAN, 0, NAN};
    for (int i = 0; i < 4; i++) NEAR(out.grad[i], divided[i]);
}

static void next_token(void **state) {
    (void)state;
    const double x[12] = {0};
    const int64_t tokens[] = {0, 1, 0, 0, 7, 1}, segment[] = {0, 0, 1, 5, 5, 5};
    reference_problem p = problem(6, 2, x, tokens);
    p.targets_kind = REFERENCE_TARGETS_NEXT_TOKEN;
    p.sequence_length = 3;
    p.tokens_per_sequence = 3;
    p.segment = segment;
    const reference_result r = run(&p);
    /* (0,0) -> 1; (0,1) -> 0 is another segment's; (0,2) has none; (1,0) -> 7 is no class; (1,1) -> 1 */
    const int64_t counts[] = {2, 3, 1, 3};
    for (int i = 0; i < 4; i++) assert_int_equal(r.counts[i], counts[i]);
    NEAR(r.loss, log(2.0));
    NEAR(out.grad[1], -0.25);
    NEAR(out.grad[9], -0.25);
    NEAR(out.grad[2], 0.0);
}

static void layout(void **state) {
    (void)state;
    assert_int_equal(reference_index(1, 7, 2, 3), 17);
    assert_int_equal(reference_index(4, 40, 6, 3), 40 + 12 + 2);
    /* The classes are at axis 1. A NaN pads the rows; it is never read. */
    const double x[] = {0, 0, log(3.0), 0, NAN, 0, log(3.0), 0, 0, NAN};
    const int64_t y[] = {0, 1, 0, 1};
    reference_problem p = problem(4, 2, x, y);
    p.inner = 2;
    p.row_stride = 5;
    p.reduction = REFERENCE_NONE;
    run(&p);
    const double loss[] = {log(4.0), log(2.0), log(2.0), log(4.0)};
    for (int i = 0; i < 4; i++) NEAR(out.row_loss[i], loss[i]);
    NEAR(out.grad[0], -0.75); /* (0,0) of the first outer index */
    NEAR(out.grad[1], 0.5);
    NEAR(out.grad[2], 0.75);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_row),
        cmocka_unit_test(undefined_rows),
        cmocka_unit_test(masked_classes),
        cmocka_unit_test(divisors),
        cmocka_unit_test(negative_log_likelihood),
        cmocka_unit_test(next_token),
        cmocka_unit_test(layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
