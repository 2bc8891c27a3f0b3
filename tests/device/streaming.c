/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_run() in blocks of rows under a byte budget: the same bits as in one piece, whatever the block, for
 * every layout of the (N,C) arrays, and a clear refusal of a budget that no row fits. */
#include "expect.h"
#include "leave.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 60, CLASSES = 37, STRIDE = 301, INNER = 6 };
enum { ELEMENTS = ROWS * STRIDE };

typedef struct outputs {
    float loss, row_loss[ROWS], lse[ROWS], log_probs[ELEMENTS], grad[ELEMENTS];
    int64_t counts[4];
} outputs;

static float logits[ELEMENTS], probabilities[ELEMENTS];
static int64_t targets[ROWS];

/* Runs the same problem with a budget; in_place: the gradient replaces a copy of the logits. */
static clxent_status run(const clxent_desc *desc, uint64_t memory_bytes, bool in_place, outputs *out) {
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    clxent_error err = {0};
    clxent_ctx *ctx = NULL;
    clxent_plan *plan = NULL;
    options.memory_bytes = memory_bytes;
    if (clxent_ctx_create(&ctx, &options, &err) != CLXENT_OK) fail_msg("%s", err.message);
    expect_status("clxent_plan_create", ctx, clxent_plan_create(&plan, ctx, desc), CLXENT_OK);

    memset(out, 0x5a, sizeof *out);
    if (in_place) memcpy(out->grad, logits, sizeof logits);
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(in_place ? out->grad : logits, sizeof logits);
    a.targets = desc->targets == CLXENT_TARGETS_PROBABILITY
                    ? CLXENT_ARRAY(probabilities, sizeof probabilities)
                    : CLXENT_ARRAY(targets, sizeof targets);
    a.loss = CLXENT_ARRAY(&out->loss, sizeof out->loss);
    a.row_loss = CLXENT_ARRAY(out->row_loss, sizeof out->row_loss);
    a.lse = CLXENT_ARRAY(out->lse, sizeof out->lse);
    a.log_probs = CLXENT_ARRAY(out->log_probs, sizeof out->log_probs);
    a.grad = CLXENT_ARRAY(out->grad, sizeof out->grad);
    a.counts = CLXENT_ARRAY(out->counts, sizeof out->counts);
    const clxent_status status = clxent_run(plan, &a);
    if (status != CLXENT_OK) assert_non_null(strstr(clxent_ctx_last_error(ctx), "memory_bytes"));
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    return status;
}

static void check(const clxent_desc *desc, bool in_place) {
    static outputs whole, blocks;
    const int64_t outer = desc->rows / desc->inner;
    /* Bytes that one outer index takes in the three or four (N,C) arrays, and all that is not (N,C). */
    const uint64_t an_outer = (in_place ? 2 : 3) * STRIDE * INNER * sizeof(float), rest = 16384;
    assert_int_equal(run(desc, 0, in_place, &whole), CLXENT_OK);
    for (int64_t count = 1; count <= outer; count += count < 3 ? 1 : 5) {
        expect_about("in blocks of about %d", (int)count);
        assert_int_equal(run(desc, rest + (uint64_t)count * an_outer, in_place, &blocks), CLXENT_OK);
        assert_memory_equal(&whole, &blocks, sizeof whole);
    }
    assert_int_equal(run(desc, 100, in_place, &blocks), CLXENT_ERR_MEMORY);
}

static clxent_desc small_desc(void) {
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = ROWS;
    desc.classes = CLASSES;
    desc.classes_padded = CLASSES + 2;
    return desc;
}

static void rows_with_gaps(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.row_stride = desc.grad_row_stride = desc.log_probs_row_stride = STRIDE;
    check(&desc, false);
    check(&desc, true);
}

static void dense_rows(void **state) {
    (void)state;
    const clxent_desc desc = small_desc();
    check(&desc, false);
    check(&desc, true);
}

static void classes_at_axis_1(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.inner = INNER;
    check(&desc, false);
    check(&desc, true);
}

static void probability_targets(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.targets = CLXENT_TARGETS_PROBABILITY;
    desc.targets_row_stride = STRIDE - 1;
    check(&desc, false);
}

static int fill(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(7));
    for (int i = 0; i < ELEMENTS; i++) {
        logits[i] = (float)rng_integer(&r, -900, 900) / 100;
        probabilities[i] = (float)rng_integer(&r, 0, 100) / 100;
    }
    for (int i = 0; i < ROWS; i++) targets[i] = rng_integer(&r, 0, CLASSES - 1);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_with_gaps),
        cmocka_unit_test(dense_rows),
        cmocka_unit_test(classes_at_axis_1),
        cmocka_unit_test(probability_targets),
    };
    return leave(cmocka_run_group_tests(tests, fill, NULL));
}
