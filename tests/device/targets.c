/* SPDX-License-Identifier: Apache-2.0
 *
 * Targets: each integer type, values of ignore_index that a type can hold and that it cannot hold, targets
 * that are not classes, and probabilities of each floating type. targets_next_token.c tests next tokens. */
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const clxent_dtype integer_types[] = {CLXENT_I64, CLXENT_I32, CLXENT_U16, CLXENT_U8};

/* Class c of every row has the logit c / 8. */
static float ramp[PROBLEM_ELEMENTS];
static double ramp_lse(int64_t classes) {
    return lse_of(ramp, (size_t)classes);
}

static void begin_ramp(problem *p, packed *store, clxent_dtype dtype, int64_t rows, int64_t classes,
                       const int64_t *targets) {
    for (int64_t k = 0; k < rows * classes; k++) ramp[k] = 0.125F * (float)(k % classes);
    begin(p, rows, classes, ramp, NULL);
    p->desc.targets_dtype = dtype;
    p->arrays.targets = pack(store, dtype, targets, (size_t)rows);
    p->desc.reduction = CLXENT_NONE;
}

static void assert_row_scored(const problem *p, int row, int64_t target) {
    const double lse = ramp_lse(p->desc.classes), loss = lse - 0.125 * (double)target;
    assert_near(p->loss[row], loss, loss_bound(lse + loss));
    assert_near(p->log_prob[row], -loss, loss_bound(lse + loss));
    assert_int_equal(p->rank[row], p->desc.classes - 1 - target);
    for (int64_t c = 0; c < p->desc.classes; c++) {
        assert_near(p->grad[row * p->desc.classes + c], exp(0.125 * (double)c - lse) - (c == target),
                    grad_bound(2));
    }
}

static void assert_row_not_scored(const problem *p, int row) {
    assert_same(p->loss[row], 0);
    assert_same(p->row_loss[row], 0);
    assert_same(p->log_prob[row], 0);
    assert_int_equal(p->rank[row], 0);
    assert_each(&p->grad[row * p->desc.classes], (size_t)p->desc.classes, 0, 0);
    assert_near(p->lse[row], ramp_lse(p->desc.classes), loss_bound(2 * ramp_lse(p->desc.classes)));
}

static void each_integer_type(void) {
    static const int64_t targets[] = {0, 1, 127, 128, 199};
    for (int t = 0; t < 4; t++) {
        packed store;
        problem p;
        begin_ramp(&p, &store, integer_types[t], 5, 200, targets);
        solve(&p);
        for (int r = 0; r < 5; r++) assert_row_scored(&p, r, targets[r]);
        assert_counts(&p, 5, 0, 0, -1);
    }
}

/* A u16 target can be a class whose bits would be negative in a signed type. */
static void upper_half_of_unsigned(void) {
    enum { C = 40000 };
    static float logits[C], row_loss[1];
    const uint16_t target = 39999;
    logits[target] = 10;
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = 1;
    desc.classes = C;
    desc.targets_dtype = CLXENT_U16;
    clxent_arrays arrays = CLXENT_ARRAYS_INIT;
    arrays.logits = CLXENT_ARRAY(logits, sizeof logits);
    arrays.targets = CLXENT_ARRAY(&target, sizeof target);
    arrays.row_loss = CLXENT_ARRAY(row_loss, sizeof row_loss);
    clxent_plan *plan = make_plan(&desc, test_schedule());
    assert_int_equal(clxent_run(plan, &arrays), CLXENT_OK);
    clxent_plan_destroy(plan);
    const double loss = log1p((C - 1) * exp(-10));
    assert_near(row_loss[0], loss, loss_bound(loss));
}

/* The library compares ignore_index as a number, never as the bits of the target's type. */
static void ignore_index_of_each_type(void) {
    static const struct {
        int64_t ignore;
        int64_t target;
        unsigned types; /* bit t: integer_types[t] can hold the target */
        bool ignored;
    } cases[] = {
        {-100, 156, 0xF, false},        /* 156 has the u8 bits of -100 */
        {-1, 255, 0xF, false},          /* 255 has the u8 bits of -1 */
        {255, 255, 0xF, true},          /* a class may be ignored */
        {300 - 65536, 300, 0x7, false}, /* both have the same u16 bits */
        {(INT64_C(1) << 32) + 7, 7, 0xF, false},
        {65536 + 7, 7, 0xF, false},
        {256 + 7, 7, 0xF, false},
        {INT64_MIN, 0, 0xF, false},
        {INT64_MAX, 0, 0xF, false},
        {-100, -100, 0x3, true}, /* out of [0, classes) but ignored, so not bad */
        {INT64_MIN, INT64_MIN, 0x1, true},
        {INT64_MAX, INT64_MAX, 0x1, true},
        {INT32_MIN, INT32_MIN, 0x3, true},
        {65535, 65535, 0x7, true},
        {0, 0, 0xF, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int t = 0; t < 4; t++) {
            if (!(cases[i].types >> t & 1)) continue;
            const int64_t other = cases[i].ignore == 1 ? 2 : 1;
            packed store;
            problem p;
            begin_ramp(&p, &store, integer_types[t], 2, 400, (const int64_t[]){cases[i].target, other});
            set_ignore_index(&p, cases[i].ignore);
            solve(&p);
            if (cases[i].ignored)
                assert_row_not_scored(&p, 0);
            else
                assert_row_scored(&p, 0, cases[i].target);
            assert_row_scored(&p, 1, other);
            assert_counts(&p, 2 - cases[i].ignored, cases[i].ignored, 0, -1);
        }
    }
}

/* While use_ignore_index is 0, ignore_index has no effect. */
static void ignore_index_is_off_unless_set(void) {
    packed store;
    problem p;
    begin_ramp(&p, &store, CLXENT_I64, 2, 10, (const int64_t[]){3, 4});
    p.desc.ignore_index = 3;
    solve(&p);
    assert_row_scored(&p, 0, 3);
    begin_ramp(&p, &store, CLXENT_I64, 2, 10, (const int64_t[]){-100, 4});
    p.desc.ignore_index = -100;
    p.expect = CLXENT_ERR_TARGET;
    solve(&p);
    assert_counts(&p, 1, 0, 1, 0);
}

/* Targets out of range, in every way that a type allows. The library counts them as bad and scores the other
 * rows. The message names the row and the value. */
static void targets_that_are_no_class(void) {
    static const struct {
        clxent_dtype dtype;
        int64_t target;
        const char *says;
    } cases[] = {
        {CLXENT_I64, 10, "row 2: target 10 is not in [0, 10)"},
        {CLXENT_I64, -1, "row 2: target -1 is not in [0, 10)"},
        {CLXENT_I64, (INT64_C(1) << 32) + 1, "row 2: target 4294967297 is not in [0, 10)"},
        {CLXENT_I64, INT64_MIN, "row 2: target -9223372036854775808 is not in [0, 10)"},
        {CLXENT_I64, INT64_MAX, "row 2: target 9223372036854775807 is not in [0, 10)"},
        {CLXENT_I32, INT32_MIN, "row 2: target -2147483648 is not in [0, 10)"},
        {CLXENT_I32, INT32_MAX, "row 2: target 2147483647 is not in [0, 10)"},
        {CLXENT_U16, 65535, "row 2: target 65535 is not in [0, 10)"},
        {CLXENT_U8, 255, "row 2: target 255 is not in [0, 10)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t targets[] = {9, 77, cases[i].target, 0, cases[i].target};
        packed store;
        problem p;
        begin_ramp(&p, &store, cases[i].dtype, 5, 10, targets);
        set_ignore_index(&p, 77);
        p.expect = CLXENT_ERR_TARGET;
        solve(&p);
        assert_memory_equal(clxent_ctx_last_error(test_ctx()), cases[i].says, strlen(cases[i].says));
        assert_row_scored(&p, 0, 9);
        assert_row_scored(&p, 3, 0);
        for (int r = 1; r < 5; r += r) assert_row_not_scored(&p, r);
        assert_counts(&p, 2, 1, 2, 2);

        p.desc.reduction = CLXENT_MEAN; /* without counts and gradient the status is the same */
        p.want = CLXENT_OUT_LOSS;
        solve(&p);
        const double mean = (2 * ramp_lse(10) - 0.125 * 9) / 2;
        assert_near(p.loss[0], mean, loss_bound(5));
    }
}

/* The message must be exactly this text. */
static void message_of_a_bad_target(void) {
    enum { N = 18, C = 50257 };
    static float logits[N * C], lse[N];
    static int32_t targets[N];
    targets[17] = 50257;
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = N;
    desc.classes = C;
    desc.targets_dtype = CLXENT_I32;
    clxent_arrays arrays = CLXENT_ARRAYS_INIT;
    float loss = 0;
    arrays.logits = CLXENT_ARRAY(logits, sizeof logits);
    arrays.targets = CLXENT_ARRAY(targets, sizeof targets);
    arrays.loss = CLXENT_ARRAY(&loss, sizeof loss);
    arrays.lse = CLXENT_ARRAY(lse, sizeof lse);
    clxent_plan *plan = make_plan(&desc, test_schedule());
    assert_int_equal(clxent_run(plan, &arrays), CLXENT_ERR_TARGET);
    assert_string_equal(clxent_ctx_last_error(test_ctx()), "row 17: target 50257 is not in [0, 50257)");
    clxent_plan_destroy(plan);
    assert_near(loss, log(C), loss_bound(log(C)));
    assert_each(lse, N, log(C), loss_bound(log(C)));
}

/* The loss does not depend on a bad row's logits, even if they are NaN. If all are bad, no row counts. */
static void bad_rows_do_not_leak(void) {
    problem p;
    begin(&p, 2, 2, (const float[]){NAN, INFINITY, 0, 0}, (const int64_t[]){2, 1});
    set_class_weight(&p, (const float[]){1, 3});
    p.desc.z_loss = 1;
    p.expect = CLXENT_ERR_TARGET;
    solve(&p);
    const double ln2 = log(2);
    assert_near(p.loss[0], ln2 + ln2 * ln2, loss_bound(2));
    assert_each(p.grad, 2, 0, 0);
    assert_counts(&p, 1, 0, 1, 0);
    p.arrays.targets = CLXENT_ARRAY(((const int64_t[]){-5, 2}), 2 * sizeof(int64_t));
    solve(&p);
    assert_same(p.loss[0], NAN);
    assert_each(p.grad, 4, 0, 0);
    p.desc.empty_mean = CLXENT_EMPTY_MEAN_ZERO;
    solve(&p);
    assert_same(p.loss[0], 0);
    assert_counts(&p, 0, 0, 2, 0);
}

/* ------------------------------------------------------------------------------ probabilities */

/* The rows {0.5, 0.25, 0, 2} and {0, 1, 0, 0} in each type. */
static const float t_f32[] = {0.5F, 0.25F, 0, 2, 0, 1, 0, 0};
static const uint16_t t_f16[] = {0x3800, 0x3400, 0, 0x4000, 0, 0x3C00, 0, 0};
static const uint16_t t_bf16[] = {0x3F00, 0x3E80, 0, 0x4000, 0, 0x3F80, 0, 0};
static const float t_logits[] = {1, 0, -INFINITY, 2, -INFINITY, 0, 3, 0};
enum { WANT_PROBABILITY = WANT_ALL & ~(CLXENT_OUT_LOG_PROB | CLXENT_OUT_RANK) };

static void probabilities_of_each_type(void) {
    static const struct {
        clxent_dtype dtype;
        const void *data;
        size_t bytes;
    } types[] = {{CLXENT_DTYPE_DEFAULT, t_f32, sizeof t_f32},
                 {CLXENT_F32, t_f32, sizeof t_f32},
                 {CLXENT_F16, t_f16, sizeof t_f16},
                 {CLXENT_BF16, t_bf16, sizeof t_bf16}};
    const double lse0 = lse_of(t_logits, 4), lse1 = lse_of(t_logits + 4, 4);
    const double row0 = 0.5 * (lse0 - 1) + 0.25 * lse0 + 2 * (lse0 - 2); /* the masked class adds 0 */
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        problem p;
        begin(&p, 2, 4, t_logits, NULL);
        p.desc.targets = CLXENT_TARGETS_PROBABILITY;
        p.desc.targets_dtype = types[i].dtype;
        p.arrays.targets = CLXENT_ARRAY(types[i].data, types[i].bytes);
        p.want = WANT_PROBABILITY;
        solve(&p);
        assert_near(p.row_loss[0], row0, loss_bound(2.75 * lse0 + 4.5));
        assert_near(p.row_loss[1], lse1, loss_bound(lse1));
        assert_near(p.loss[0], (row0 + lse1) / 2, loss_bound(8));
        for (int c = 0; c < 4; c++) {
            const double share = exp((double)t_logits[c] - lse0);
            const double grad = c == 2 ? 0 : (2.75 * share - (double)t_f32[c]) / 2;
            assert_near(p.grad[c], grad, c == 2 ? 0 : grad_bound(2.75));
        }
        assert_counts(&p, 2, 0, 0, -1);
    }
}

/* Class weights multiply the terms, but do not change the divisor. Smoothing makes t into t (1-e) + e/C. */
static void probabilities_weighted_and_smoothed(void) {
    const float x[] = {1, 0, -1}, t[] = {0.2F, 0.5F, 0}, w[] = {2, 1, 4};
    const double e = 0.3, lse = lse_of(x, 3);
    double q[3], mass = 0, loss = 0;
    for (int c = 0; c < 3; c++) {
        q[c] = (double)w[c] * ((double)t[c] * (1 - e) + e / 3);
        mass += q[c];
        loss += q[c] * (lse - (double)x[c]);
    }
    problem p;
    begin(&p, 1, 3, x, NULL);
    p.desc.targets = CLXENT_TARGETS_PROBABILITY;
    p.desc.label_smoothing = e;
    p.arrays.targets = CLXENT_ARRAY(t, sizeof t);
    set_class_weight(&p, w);
    p.want = WANT_PROBABILITY;
    solve(&p);
    assert_near(p.loss[0], loss, loss_bound(loss));
    for (int c = 0; c < 3; c++) {
        assert_near(p.grad[c], mass * exp((double)x[c] - lse) - q[c], grad_bound(2 * mass));
    }
    set_row_weight(&p, (const float[]){3}); /* the divisor is the sum of the row weights */
    solve(&p);
    assert_near(p.loss[0], loss, loss_bound(loss));
    assert_near(p.row_loss[0], 3 * loss, loss_bound(3 * loss));
}

static void probability_of_a_masked_class(void) {
    problem p;
    begin(&p, 1, 3, (const float[]){0, -INFINITY, 0}, NULL);
    p.desc.targets = CLXENT_TARGETS_PROBABILITY;
    p.arrays.targets = CLXENT_ARRAY(((const float[]){0.5F, 0.25F, 0.25F}), 3 * sizeof(float));
    p.want = WANT_PROBABILITY;
    solve(&p);
    assert_same(p.loss[0], INFINITY);
    assert_near(p.grad[0], 0, grad_bound(2));
    assert_same(p.grad[1], 0);
    assert_near(p.grad[2], 0.25, grad_bound(2));
}

int main(void) {
    static const rule rules[] = {
        RULE(each_integer_type),
        RULE(upper_half_of_unsigned),
        RULE(ignore_index_of_each_type),
        RULE(ignore_index_is_off_unless_set),
        RULE(targets_that_are_no_class),
        RULE(message_of_a_bad_target),
        RULE(bad_rows_do_not_leak),
        RULE(probabilities_of_each_type),
        RULE(probabilities_weighted_and_smoothed),
        RULE(probability_of_a_masked_class),
    };
    return check_rules("targets", rules, sizeof rules / sizeof *rules);
}
