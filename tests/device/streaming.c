/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_run() in blocks of rows under a byte budget: the same bits as in one piece, whatever the block, for
 * every layout of the (N,C) arrays and every array beside them; a budget is kept to the byte, and one that no
 * row fits is refused; logits larger than any buffer of the device, in memory that cannot be written. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "expect.h"
#include "leave.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

enum { ROWS = 60, CLASSES = 37, STRIDE = 301, INNER = 6, LENGTH = 5 };
enum { ELEMENTS = ROWS * STRIDE, TOKENS = ROWS / LENGTH * (LENGTH + 1) };

typedef struct outputs {
    float loss, row_loss[ROWS], log_prob[ROWS], lse[ROWS], log_probs[ELEMENTS], probs[ELEMENTS],
        grad[ELEMENTS];
    int64_t argmax[ROWS], counts[4];
} outputs;

static int compared; /* calls in blocks with a call in one piece */

static float logits[ELEMENTS], probabilities[ELEMENTS], class_weight[CLASSES], row_weight[ROWS];
static uint16_t logits_bf16[ELEMENTS];
static int64_t targets[TOKENS], segment[TOKENS];

/* What is computed, beside the desc. */
typedef struct variant {
    clxent_desc desc;
    bool in_place; /* the gradient replaces a copy of the logits */
    bool weighted;
} variant;

static void bind_loss(clxent_arrays *a, const variant *v, outputs *out) {
    const bool probability = v->desc.targets == CLXENT_TARGETS_PROBABILITY;
    a->targets = probability ? CLXENT_ARRAY(probabilities, sizeof probabilities)
                             : CLXENT_ARRAY(targets, sizeof targets);
    a->loss = CLXENT_ARRAY(&out->loss, sizeof out->loss);
    a->row_loss = CLXENT_ARRAY(out->row_loss, sizeof out->row_loss);
    a->counts = CLXENT_ARRAY(out->counts, sizeof out->counts);
    if (!probability) a->log_prob = CLXENT_ARRAY(out->log_prob, sizeof out->log_prob);
    if (v->desc.targets == CLXENT_TARGETS_NEXT_TOKEN) a->segment = CLXENT_ARRAY(segment, sizeof segment);
    if (!v->weighted) return;
    a->class_weight = CLXENT_ARRAY(class_weight, sizeof class_weight);
    a->row_weight = CLXENT_ARRAY(row_weight, sizeof row_weight);
}

static clxent_status run(const variant *v, uint64_t memory_bytes, outputs *out, char *message, size_t size) {
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    clxent_error err = {0};
    clxent_ctx *ctx = NULL;
    clxent_plan *plan = NULL;
    options.memory_bytes = memory_bytes;
    if (clxent_ctx_create(&ctx, &options, &err) != CLXENT_OK) fail_msg("%s", err.message);
    expect_status("clxent_plan_create", ctx, clxent_plan_create(&plan, ctx, &v->desc), CLXENT_OK);

    const bool narrow = v->desc.logits_dtype == CLXENT_BF16;
    void *input = narrow ? (void *)logits_bf16 : logits;
    const size_t bytes = narrow ? sizeof logits_bf16 : sizeof logits;
    memset(out, 0x5a, sizeof *out);
    if (v->in_place) memcpy(out->grad, input, bytes);
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(v->in_place ? out->grad : input, bytes);
    a.lse = CLXENT_ARRAY(out->lse, sizeof out->lse);
    a.argmax = CLXENT_ARRAY(out->argmax, sizeof out->argmax);
    a.log_probs = CLXENT_ARRAY(out->log_probs, sizeof out->log_probs);
    a.grad = CLXENT_ARRAY(out->grad, sizeof out->grad);
    if (v->desc.op == CLXENT_SOFTMAX) {
        a.grad_output = CLXENT_ARRAY(probabilities, sizeof probabilities);
        a.probs = CLXENT_ARRAY(out->probs, sizeof out->probs);
    } else {
        bind_loss(&a, v, out);
    }
    const clxent_status status = clxent_run(plan, &a);
    snprintf(message, size, "%s", clxent_ctx_last_error(ctx));
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    return status;
}

static void check(clxent_desc desc, bool in_place, bool weighted) {
    static outputs whole, blocks;
    const variant v = {desc, in_place, weighted};
    const int64_t outer = desc.rows / desc.inner;
    unsigned long long an_outer = 0, rest = 0, limit = 0;
    char message[2048];
    assert_int_equal(run(&v, 0, &whole, message, sizeof message), CLXENT_OK);

    /* The least that is needed is what the refusal says, to the byte. */
    assert_int_equal(run(&v, 1, &blocks, message, sizeof message), CLXENT_ERR_MEMORY);
    const char *numbers = strstr(message, "needs ");
    if (!numbers || sscanf(numbers, "needs %llu bytes beside %llu for the other arrays; there are %llu",
                           &an_outer, &rest, &limit) != 3)
        fail_msg("%s", message);
    assert_int_equal(limit, 1);
    assert_int_equal(run(&v, rest + an_outer - 1, &blocks, message, sizeof message), CLXENT_ERR_MEMORY);
    assert_non_null(strstr(message, "memory_bytes"));

    const int64_t counts[] = {1, 2, 3, 7, outer, 2 * outer};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        expect_about("with %d times the room of one row or outer index", (int)counts[i]);
        assert_int_equal(run(&v, rest + (uint64_t)counts[i] * an_outer, &blocks, message, sizeof message),
                         CLXENT_OK);
        assert_memory_equal(&whole, &blocks, sizeof whole);
        compared++;
    }
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
    check(desc, false, false);
    check(desc, true, false);
}

static void dense_rows(void **state) {
    (void)state;
    const clxent_desc desc = small_desc();
    check(desc, false, false);
    check(desc, true, false);
}

static void sixteen_bits(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.logits_dtype = CLXENT_BF16;
    check(desc, false, false);
    check(desc, true, false);
}

static void weighted_rows(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.label_smoothing = 0.1;
    desc.z_loss = 1e-3;
    check(desc, false, true);
    check(desc, true, true);
}

static void next_tokens(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.targets = CLXENT_TARGETS_NEXT_TOKEN;
    desc.sequence_length = LENGTH;
    desc.tokens_per_sequence = LENGTH + 1;
    check(desc, false, false);
}

static void classes_at_axis_1(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.inner = INNER;
    check(desc, false, false);
    check(desc, true, true);
}

static void probability_targets(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.targets = CLXENT_TARGETS_PROBABILITY;
    desc.targets_row_stride = STRIDE - 1;
    check(desc, false, false);
}

static void softmax_backward(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.op = CLXENT_SOFTMAX;
    desc.grad_output_row_stride = STRIDE - 2;
    check(desc, false, false);
    check(desc, true, false);
}

/* Pages of zeros that are nowhere in memory, and that nothing may write, half as many again as a buffer of
 * the device holds, where there is time for that: a row's loss is log C. */
static void logits_larger_than_a_buffer(void **state) {
    (void)state;
    enum { MANY = 50257 };
    clxent_ctx *ctx = expect_ctx();
    clxent_device_info device = CLXENT_DEVICE_INFO_INIT;
    clxent_plan *plan = NULL;
    clxent_desc desc = CLXENT_DESC_INIT;
    assert_int_equal(clxent_ctx_device(ctx, &device), CLXENT_OK);
    const uint64_t row_bytes = MANY * sizeof(float);
    uint64_t rows = device.largest_buffer_bytes / row_bytes * 3 / 2;
    if (expect_effort() != EFFORT_FULL || rows > ((uint64_t)6 << 30) / row_bytes) rows = 100;
    const uint64_t bytes = rows * row_bytes;
    void *zeros = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(zeros != MAP_FAILED);
    uint8_t *target = calloc((size_t)rows, 1);
    assert_non_null(target);
    desc.rows = (int64_t)rows;
    desc.classes = MANY;
    desc.targets_dtype = CLXENT_U8;
    expect_status("plan", ctx, clxent_plan_create(&plan, ctx, &desc), CLXENT_OK);
    float loss = 0;
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(zeros, (size_t)bytes);
    a.targets = CLXENT_ARRAY(target, (size_t)rows);
    a.loss = CLXENT_ARRAY(&loss, sizeof loss);
    expect_about("%llu bytes of logits", (unsigned long long)bytes);
    expect_status("run", ctx, clxent_run(plan, &a), CLXENT_OK);
    expect_near("loss", 0, CLXENT_F32, (double)loss, 10.824905119702, 1e-6 * 10.8 * 2);
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    free(target);
    munmap(zeros, (size_t)bytes);
}

static int print_count(void **state) {
    (void)state;
    print_message("%d calls in blocks of rows, each with the bits of one call\n", compared);
    return 0;
}

static int fill(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(7));
    for (int i = 0; i < ELEMENTS; i++) {
        logits[i] = (float)rng_integer(&r, -900, 900) / 100;
        logits_bf16[i] = bf16_bits((double)logits[i]);
        probabilities[i] = (float)rng_integer(&r, 0, 100) / 100;
    }
    for (int i = 0; i < CLASSES; i++) class_weight[i] = (float)rng_integer(&r, 1, 20) / 10;
    for (int i = 0; i < ROWS; i++) row_weight[i] = (float)rng_integer(&r, 0, 20) / 10;
    for (int i = 0; i < TOKENS; i++) {
        targets[i] = rng_integer(&r, 0, CLASSES - 1);
        segment[i] = i / 8;
    }
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_with_gaps),
        cmocka_unit_test(dense_rows),
        cmocka_unit_test(sixteen_bits),
        cmocka_unit_test(weighted_rows),
        cmocka_unit_test(next_tokens),
        cmocka_unit_test(classes_at_axis_1),
        cmocka_unit_test(probability_targets),
        cmocka_unit_test(softmax_backward),
        cmocka_unit_test(logits_larger_than_a_buffer),
    };
    return leave(cmocka_run_group_tests(tests, fill, print_count));
}
