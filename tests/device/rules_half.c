/* SPDX-License-Identifier: Apache-2.0
 *
 * 16-bit storage. The kernels read every f16 and bf16 value exactly. They round a gradient to nearest even,
 * and an overflow becomes inf. AUTO tries all values, the forced schedules try a sample. */
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The step from value to value. It is odd, so the sample has all exponents. */
static size_t stride_of_sample(void) {
    if (expect_effort() == EFFORT_TINY) return 509;
    return test_schedule() == CLXENT_SCHEDULE_AUTO ? 1 : 61;
}

static double value_of(clxent_dtype dtype, uint16_t bits) {
    return dtype == CLXENT_F16 ? f16_value(bits) : bf16_value(bits);
}

/* The bits of infinity. Greater bits are NaNs. */
static uint16_t infinity_of(clxent_dtype dtype) {
    return dtype == CLXENT_F16 ? 0x7C00 : 0x7F80;
}

/* A device may flush the subnormals of f32. The subnormals of bf16 are subnormals of f32 too. */
static bool device_may_flush(double value) {
    return value != 0 && fabs(value) < 0x1p-126;
}

static void run_or_fail(const clxent_desc *desc, const clxent_arrays *arrays) {
    clxent_plan *plan = NULL;
    if (clxent_plan_create_scheduled(&plan, test_ctx(), desc, test_schedule()) != CLXENT_OK ||
        clxent_run(plan, arrays) != CLXENT_OK) {
        fail_msg("%s", clxent_ctx_last_error(test_ctx()));
    }
    clxent_plan_destroy(plan);
}

/* The value stands in class 0. The row has no other class, or so many that kernels use a whole vector. */
enum { CLASSES_OF_VECTOR = 19 };

/* If only one class of a row is not masked, lse is its logit. */
static void every_value_is_read_among(clxent_dtype dtype, size_t classes) {
    const size_t step = stride_of_sample(), n = 65536 / step;
    uint16_t *logits = calloc(n * classes, sizeof *logits);
    float *lse = calloc(n, sizeof *lse);
    int64_t *targets = calloc(n, sizeof *targets);
    assert_true(logits && lse && targets);
    const uint16_t masked = (uint16_t)(infinity_of(dtype) | 0x8000); /* -inf, for the other classes */
    for (size_t k = 0; k < n * classes; k++) logits[k] = masked;
    for (size_t i = 0; i < n; i++) logits[i * classes] = (uint16_t)(i * step);
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = (int64_t)n;
    desc.classes = (int64_t)classes;
    desc.logits_dtype = dtype;
    clxent_arrays arrays = CLXENT_ARRAYS_INIT;
    arrays.logits = CLXENT_ARRAY(logits, n * classes * sizeof *logits);
    arrays.targets = CLXENT_ARRAY(targets, n * sizeof *targets);
    arrays.lse = CLXENT_ARRAY(lse, n * sizeof *lse);
    run_or_fail(&desc, &arrays);
    for (size_t i = 0; i < n; i++) {
        const double value = value_of(dtype, logits[i * classes]);
        if (!device_may_flush(value)) assert_same(lse[i], value);
    }
    free(targets);
    free(lse);
    free(logits);
}

static void every_value_is_read(clxent_dtype dtype) {
    every_value_is_read_among(dtype, 1);
    every_value_is_read_among(dtype, CLASSES_OF_VECTOR);
}

static void every_f16_is_read(void) {
    every_value_is_read(CLXENT_F16);
}

static void every_bf16_is_read(void) {
    every_value_is_read(CLXENT_BF16);
}

/* A row {0, -inf, ...} with target 1 has exactly the gradient grad_output at class 0. grad_output is the
 * midpoint of two neighbours, or the next float on either side of it. */
static void stores_round_to_nearest_even_among(clxent_dtype dtype, size_t classes) {
    const size_t step = stride_of_sample(), last = infinity_of(dtype), n = 3 * (last / step);
    float *logits = calloc(classes * n, sizeof *logits), *g = calloc(n, sizeof *g);
    uint16_t *grad = calloc(classes * n, sizeof *grad), *expected = calloc(n, sizeof *expected);
    int64_t *targets = calloc(n, sizeof *targets);
    assert_true(logits && g && grad && expected && targets);
    for (size_t i = 0; i < n; i++) {
        const uint16_t low = (uint16_t)(i / 3 * step), high = (uint16_t)(low + 1);
        /* If high is inf, the midpoint is between low and the number that would follow low. */
        const double bottom = value_of(dtype, low);
        const double top = high < last ? value_of(dtype, high) : 2 * bottom - value_of(dtype, low - 1);
        const float middle = (float)((bottom + top) / 2);
        const uint16_t even = low % 2 ? high : low;
        const uint16_t negative = (uint16_t)(i % 2 << 15);
        g[i] = i % 3 == 0 ? middle : nextafterf(middle, i % 3 == 1 ? 0 : INFINITY);
        expected[i] = (i % 3 == 0 ? even : i % 3 == 1 ? low : high) | negative;
        if (negative) g[i] = -g[i];
        for (size_t c = 1; c < classes; c++) logits[classes * i + c] = -INFINITY;
        targets[i] = 1;
    }
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = (int64_t)n;
    desc.classes = (int64_t)classes;
    desc.grad_dtype = dtype;
    desc.reduction = CLXENT_NONE;
    clxent_arrays arrays = CLXENT_ARRAYS_INIT;
    arrays.logits = CLXENT_ARRAY(logits, classes * n * sizeof *logits);
    arrays.targets = CLXENT_ARRAY(targets, n * sizeof *targets);
    arrays.grad_output = CLXENT_ARRAY(g, n * sizeof *g);
    arrays.grad = CLXENT_ARRAY(grad, classes * n * sizeof *grad);
    run_or_fail(&desc, &arrays);
    for (size_t i = 0; i < n; i++) {
        if (device_may_flush((double)g[i]) || device_may_flush(value_of(dtype, expected[i]))) continue;
        const uint16_t got = grad[classes * i];
        if (got == expected[i] || !((got | expected[i]) & 0x7FFF)) continue; /* 0 and -0 are equal */
        fail_msg("%.9g is stored as 0x%04X, expected 0x%04X", (double)g[i], got, expected[i]);
    }
    free(targets);
    free(expected);
    free(grad);
    free(g);
    free(logits);
}

static void stores_round_to_nearest_even(clxent_dtype dtype) {
    stores_round_to_nearest_even_among(dtype, 2);
    stores_round_to_nearest_even_among(dtype, CLASSES_OF_VECTOR);
}

static void f16_stores_round_to_nearest_even(void) {
    stores_round_to_nearest_even(CLXENT_F16);
}

static void bf16_stores_round_to_nearest_even(void) {
    stores_round_to_nearest_even(CLXENT_BF16);
}

/* A NaN stays a NaN: rounding must not turn its bits into inf or a number. A too large number becomes inf. */
static void nan_and_overflow_are_stored(void) {
    static const clxent_dtype dtypes[] = {CLXENT_F16, CLXENT_BF16};
    for (int i = 0; i < 2; i++) {
        const float logits[] = {0, NAN, 0, -INFINITY};
        uint16_t grad[4] = {0};
        clxent_desc desc = CLXENT_DESC_INIT;
        desc.rows = desc.classes = 2;
        desc.reduction = CLXENT_SUM;
        desc.grad_dtype = dtypes[i];
        desc.grad_output = -3.4028234e38;
        clxent_arrays arrays = CLXENT_ARRAYS_INIT;
        arrays.logits = CLXENT_ARRAY(logits, sizeof logits);
        arrays.targets = CLXENT_ARRAY(((const int64_t[]){0, 1}), 2 * sizeof(int64_t));
        arrays.grad = CLXENT_ARRAY(grad, sizeof grad);
        run_or_fail(&desc, &arrays);
        assert_same(value_of(dtypes[i], grad[0]), NAN);
        assert_same(value_of(dtypes[i], grad[1]), NAN);
        assert_same(value_of(dtypes[i], grad[2]), -INFINITY);
        assert_same(value_of(dtypes[i], grad[3]), 0);
    }
}

int main(void) {
    static const rule rules[] = {
        RULE(every_f16_is_read),
        RULE(every_bf16_is_read),
        RULE(f16_stores_round_to_nearest_even),
        RULE(bf16_stores_round_to_nearest_even),
        RULE(nan_and_overflow_are_stored),
    };
    return check_rules("half", rules, sizeof rules / sizeof *rules);
}
