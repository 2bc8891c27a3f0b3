/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_run() in blocks of rows under a byte budget. The bits are the same as in one piece, for every size
 * of a block, every layout of the (N,C) arrays and every other array. The library keeps the budget to the
 * byte; layers/watch_calls.c records its calls. The library refuses a budget that is too small for any block,
 * and the message names the smallest budget. One test has logits that are larger than any buffer of the
 * device, in memory that nobody may write. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <clxent/clxent_experimental.h>

#include "asked.h"
#include "expect.h"
#include "leave.h"
#include "rng.h"
#include "said.h"
#include "support/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* A few rows of some classes, and many short rows, which fill several chunks of the sums over rows. */
enum { ROWS = 60, CLASSES = 37, STRIDE = 301, INNER = 6, LENGTH = 5 };
enum { MANY_ROWS = 5040, FEW_CLASSES = 3, MANY_INNER = 7 };
enum { ELEMENTS = ROWS * STRIDE, TOKENS = MANY_ROWS / LENGTH * (LENGTH + 1) };
_Static_assert(ELEMENTS >= MANY_ROWS * FEW_CLASSES, "arrays are for either");

typedef struct outputs {
    float loss[MANY_ROWS], row_loss[MANY_ROWS], log_prob[MANY_ROWS], lse[MANY_ROWS], lse_residual[MANY_ROWS],
        entropy[MANY_ROWS], log_probs[ELEMENTS], probs[ELEMENTS], grad[ELEMENTS];
    int64_t argmax[MANY_ROWS], rank[MANY_ROWS], counts[4];
} outputs;

static int compared; /* calls in blocks that the tests compared with a call in one piece */

static float logits[ELEMENTS], probabilities[ELEMENTS], class_weight[CLASSES], row_weight[MANY_ROWS];
static uint16_t logits_bf16[ELEMENTS], logits_f16[ELEMENTS];
static int64_t targets[TOKENS], few_targets[TOKENS], segment[TOKENS];
static outputs saved; /* lse and lse_residual, for CLXENT_GRAD_FROM_LSE */

/* A desc and the other options of a call. */
typedef struct variant {
    clxent_desc desc;
    clxent_schedule schedule;
    bool in_place; /* the gradient replaces a copy of the logits */
    bool weighted;
    bool only_counts;
    clxent_status expect;
} variant;

static void bind_loss(clxent_arrays *a, const variant *v, outputs *out) {
    const bool probability = v->desc.targets == CLXENT_TARGETS_PROBABILITY;
    int64_t *numbers = v->desc.classes == CLASSES ? targets : few_targets;
    a->targets = probability ? CLXENT_ARRAY(probabilities, sizeof probabilities)
                             : CLXENT_ARRAY(numbers, sizeof targets);
    if (v->desc.targets == CLXENT_TARGETS_NEXT_TOKEN) a->segment = CLXENT_ARRAY(segment, sizeof segment);
    if (v->desc.reduction == CLXENT_NONE) a->grad_output = CLXENT_ARRAY(logits, sizeof logits);
    if (v->weighted) {
        a->class_weight = CLXENT_ARRAY(class_weight, sizeof class_weight);
        a->row_weight = CLXENT_ARRAY(row_weight, sizeof row_weight);
    }
    a->counts = CLXENT_ARRAY(out->counts, sizeof out->counts);
    if (v->only_counts || (v->desc.flags & CLXENT_GRAD_FROM_LSE)) return;
    a->loss = CLXENT_ARRAY(out->loss, sizeof out->loss);
    a->row_loss = CLXENT_ARRAY(out->row_loss, sizeof out->row_loss);
    if (probability) return;
    a->log_prob = CLXENT_ARRAY(out->log_prob, sizeof out->log_prob);
    a->rank = CLXENT_ARRAY(out->rank, sizeof out->rank);
}

static void bind_description(clxent_arrays *a, const variant *v, outputs *out) {
    if (v->desc.flags & CLXENT_GRAD_FROM_LSE) {
        a->lse = CLXENT_ARRAY(saved.lse, sizeof saved.lse);
        a->lse_residual = CLXENT_ARRAY(saved.lse_residual, sizeof saved.lse_residual);
        return;
    }
    a->lse = CLXENT_ARRAY(out->lse, sizeof out->lse);
    a->lse_residual = CLXENT_ARRAY(out->lse_residual, sizeof out->lse_residual);
    a->argmax = CLXENT_ARRAY(out->argmax, sizeof out->argmax);
    a->entropy = CLXENT_ARRAY(out->entropy, sizeof out->entropy);
    a->log_probs = CLXENT_ARRAY(out->log_probs, sizeof out->log_probs);
}

static void bind(clxent_arrays *a, const variant *v, outputs *out) {
    const clxent_dtype dtype = v->desc.logits_dtype;
    void *input = dtype == CLXENT_BF16  ? (void *)logits_bf16
                  : dtype == CLXENT_F16 ? logits_f16
                                        : (void *)logits;
    const size_t bytes = ELEMENTS * (dtype == CLXENT_BF16 || dtype == CLXENT_F16 ? 2 : sizeof(float));
    if (v->in_place) memcpy(out->grad, input, bytes);
    a->logits = CLXENT_ARRAY(v->in_place ? out->grad : input, bytes);
    if (!v->only_counts) {
        bind_description(a, v, out);
        a->grad = CLXENT_ARRAY(out->grad, sizeof out->grad);
    }
    if (v->desc.op == CLXENT_SOFTMAX) {
        a->grad_output = CLXENT_ARRAY(probabilities, sizeof probabilities);
        a->probs = CLXENT_ARRAY(out->probs, sizeof out->probs);
    } else {
        bind_loss(a, v, out);
    }
}

/* How a run used the device. */
typedef struct use {
    clxent_status status;
    uint64_t most_bytes; /* the largest total size of the buffers */
    int kernels;
    int in_runs; /* copies of rectangles: a run of adjacent rows for each class */
    char message[2048];
} use;

/* The programs of the last run, for the context of the next run. Only a slow compiler needs this, and its
 * driver exports programs without compiling them again. */
static struct {
    void *data;
    size_t bytes;
} programs;

static void import_programs(clxent_ctx *ctx) {
    if (programs.data == NULL) return;
    expect_status("import", ctx, clxent_ctx_import_programs(ctx, programs.data, programs.bytes), CLXENT_OK);
}

static void export_programs(clxent_ctx *ctx) {
    if (expect_effort() != EFFORT_SMALL || clxent_ctx_programs_compiled(ctx) == 0) return;
    size_t bytes = 0;
    expect_status("size of programs", ctx, clxent_ctx_export_programs(ctx, NULL, 0, &bytes), CLXENT_OK);
    free(programs.data);
    programs.data = malloc(bytes);
    assert_non_null(programs.data);
    programs.bytes = bytes;
    expect_status("export", ctx, clxent_ctx_export_programs(ctx, programs.data, bytes, &bytes), CLXENT_OK);
}

static use run(const variant *v, uint64_t memory_bytes, outputs *out) {
    static use u;
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    clxent_error err = {0};
    clxent_ctx *ctx = NULL;
    clxent_plan *plan = NULL;
    options.memory_bytes = memory_bytes;
    if (clxent_ctx_create(&ctx, &options, &err) != CLXENT_OK) fail_msg("%s", err.message);
    import_programs(ctx);
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    memset(out, 0x5a, sizeof *out);
    bind(&a, v, out);
    clxent_desc desc = v->desc;
    desc.outputs = asked_outputs(&desc, &a);
    expect_status("clxent_plan_create", ctx, clxent_plan_create_scheduled(&plan, ctx, &desc, v->schedule),
                  CLXENT_OK);
    start_recording();
    u.status = clxent_run(plan, &a);
    stop_recording();
    u.most_bytes = most_buffer_bytes();
    u.kernels = count("clEnqueueNDRangeKernel");
    u.in_runs = count("clEnqueueWriteBufferRect") + count("clEnqueueReadBufferRect");
    snprintf(u.message, sizeof u.message, "%s", clxent_ctx_last_error(ctx));
    if (u.status != CLXENT_OK) said(u.message);
    export_programs(ctx);
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    if (memory_bytes) assert_in_range(u.most_bytes, 0, memory_bytes);
    return u;
}

static void check(variant v) {
    static outputs whole, blocks;
    unsigned long long limit = 0, needed = 0, to_give = 0;
    use u = run(&v, 0, &whole);
    const uint64_t all = u.most_bytes;
    const int kernels = u.kernels;
    if (u.status != v.expect) fail_msg("%s", u.message);

    /* The refusal names the smallest budget, to the byte. */
    u = run(&v, 1, &blocks);
    assert_int_equal(u.status, CLXENT_ERR_MEMORY);
    const char *advice = strstr(u.message, "give at least ");
    if (sscanf(u.message, "memory_bytes %llu is too little: this call takes %llu bytes", &limit, &needed) !=
            2 ||
        advice == NULL || sscanf(advice, "give at least %llu", &to_give) != 1)
        fail_msg("%s", u.message);
    assert_int_equal(limit, 1);
    if (!v.only_counts) assert_non_null(strstr(u.message, " with blocks of 1 row;"));
    assert_int_equal(needed, to_give);
    assert_int_equal(run(&v, needed - 1, &blocks).status, CLXENT_ERR_MEMORY);

    /* Blocks of one row would take too long for many rows. */
    const int64_t shares[] = {v.desc.rows > ROWS ? 40 : INT64_MAX, 4, 1};
    const bool few = expect_effort() != EFFORT_FULL; /* a new context takes long on a slow device */
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        const uint64_t budget = needed + (all - needed) / (uint64_t)shares[i];
        if (few && i % 2 == 0) continue;
        expect_about("with %llu bytes, of %llu that are needed for all", (unsigned long long)budget,
                     (unsigned long long)all);
        u = run(&v, budget, &blocks);
        if (u.status != v.expect) fail_msg("%s", u.message);
        assert_memory_equal(&whole, &blocks, sizeof whole);
        if (shares[i] == 1)
            assert_int_equal(u.kernels, kernels);
        else
            assert_true(u.kernels > kernels);
        if (v.desc.inner == v.desc.rows && v.desc.classes > 1) assert_int_equal(u.in_runs > 0, shares[i] > 1);
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

static clxent_desc many_desc(void) {
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = MANY_ROWS;
    desc.classes = FEW_CLASSES;
    return desc;
}

/* Checks with the gradient in its own memory, and in place. */
static void check_both(clxent_desc desc, bool weighted) {
    check((variant){.desc = desc, .weighted = weighted});
    check((variant){.desc = desc, .weighted = weighted, .in_place = true});
}

static void rows_with_gaps(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.row_stride = desc.grad_row_stride = desc.log_probs_row_stride = STRIDE;
    check_both(desc, false);
}

static void dense_rows(void **state) {
    (void)state;
    check_both(small_desc(), false);
}

static void sixteen_bits(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.logits_dtype = CLXENT_BF16;
    check_both(desc, false);
}

static void weighted_rows(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.label_smoothing = 0.1;
    desc.z_loss = 1e-3;
    check_both(desc, true);
}

static void next_tokens(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.targets = CLXENT_TARGETS_NEXT_TOKEN;
    desc.sequence_length = LENGTH;
    desc.tokens_per_sequence = LENGTH + 1;
    check((variant){.desc = desc});
}

static void classes_at_axis_1(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.inner = INNER;
    check_both(desc, true);
}

static void probability_targets(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.targets = CLXENT_TARGETS_PROBABILITY;
    desc.targets_row_stride = STRIDE - 1;
    check((variant){.desc = desc, .weighted = true});
}

static void softmax_backward(void **state) {
    (void)state;
    clxent_desc desc = small_desc();
    desc.op = CLXENT_SOFTMAX;
    desc.grad_output_row_stride = STRIDE - 2;
    check_both(desc, false);
}

/* The workspace for the parts of rows holds only the rows of one block. */
static void rows_in_parts(void **state) {
    (void)state;
    if (expect_effort() != EFFORT_FULL) skip();
    clxent_desc desc = small_desc();
    check((variant){.desc = desc, .schedule = CLXENT_SCHEDULE_SPLIT, .weighted = true});
}

/* Blocks end inside chunks and at the ends of chunks. A window of losses is larger than a block, or smaller.
 */
static void many_short_rows(void **state) {
    (void)state;
    clxent_desc desc = many_desc();
    desc.z_loss = 1e-3;
    check((variant){.desc = desc, .weighted = true});
    desc.reduction = CLXENT_SUM;
    check((variant){.desc = desc});
    desc.logits_dtype = CLXENT_F16;
    check_both(desc, true);
}

/* Each row has its own loss and its own grad_output. */
static void many_losses(void **state) {
    (void)state;
    clxent_desc desc = many_desc();
    desc.reduction = CLXENT_NONE;
    check((variant){.desc = desc, .weighted = true});
}

static void many_rows_at_axis_1(void **state) {
    (void)state;
    clxent_desc desc = many_desc();
    desc.inner = MANY_INNER;
    check((variant){.desc = desc, .weighted = true});
    desc.inner = MANY_ROWS / 3; /* a block has more rows than a chunk */
    check((variant){.desc = desc, .weighted = true});
}

/* Blocks end inside sequences, so the last row of a block needs one more token. */
static void many_next_tokens(void **state) {
    (void)state;
    clxent_desc desc = many_desc();
    desc.targets = CLXENT_TARGETS_NEXT_TOKEN;
    desc.sequence_length = LENGTH;
    desc.use_ignore_index = 1;
    desc.ignore_index = 2;
    for (int more = 0; more <= 1; more++) {
        desc.tokens_per_sequence = LENGTH + more;
        check((variant){.desc = desc, .weighted = true});
    }
    desc.sequence_length = MANY_ROWS / 2; /* longer than a block */
    desc.tokens_per_sequence = MANY_ROWS / 2 + 1;
    check((variant){.desc = desc});
}

static void counts_alone(void **state) {
    (void)state;
    check((variant){.desc = many_desc(), .weighted = true, .only_counts = true});
}

static void bad_target_in_a_later_block(void **state) {
    (void)state;
    const int64_t good = few_targets[MANY_ROWS - 2];
    few_targets[MANY_ROWS - 2] = FEW_CLASSES;
    check((variant){.desc = many_desc(), .expect = CLXENT_ERR_TARGET});
    few_targets[MANY_ROWS - 2] = good;
}

static void gradient_from_saved_lse(void **state) {
    (void)state;
    variant v = {.desc = many_desc()};
    assert_int_equal(run(&v, 0, &saved).status, CLXENT_OK);
    v.desc.flags = CLXENT_GRAD_FROM_LSE;
    check(v);
}

/* A desc whose blocks are smaller than an outer index, and whose arrays have gaps between outer indices. */
static clxent_desc gaps_at_axis_1(int64_t inner) {
    clxent_desc desc = small_desc();
    desc.inner = inner;
    desc.row_stride = desc.grad_row_stride = desc.classes_padded * inner + 5;
    desc.log_probs_row_stride = desc.classes * inner + 1;
    desc.targets_row_stride = desc.grad_output_row_stride = desc.classes * inner + 2;
    return desc;
}

static void pieces_by_schedule(void **state) {
    (void)state;
    const clxent_schedule schedules[] = {CLXENT_SCHEDULE_LANE, CLXENT_SCHEDULE_GROUP, CLXENT_SCHEDULE_WIDE,
                                         CLXENT_SCHEDULE_SPLIT};
    for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++) {
        clxent_desc desc = gaps_at_axis_1(ROWS / 2);
        desc.use_ignore_index = 1;
        desc.ignore_index = 2;
        if (i > 0 && expect_effort() != EFFORT_FULL) continue;
        check((variant){.desc = desc, .schedule = schedules[i], .weighted = true});
        check((variant){.desc = desc, .schedule = schedules[i], .weighted = true, .in_place = true});
    }
}

static void pieces_by_option(void **state) {
    (void)state;
    clxent_desc desc = gaps_at_axis_1(ROWS);
    desc.targets = CLXENT_TARGETS_PROBABILITY;
    desc.label_smoothing = 0.1;
    check((variant){.desc = desc, .weighted = true});
    desc = gaps_at_axis_1(ROWS / 3);
    desc.op = CLXENT_SOFTMAX;
    check_both(desc, false);
    desc = gaps_at_axis_1(ROWS);
    desc.logits_dtype = CLXENT_BF16;
    desc.z_loss = 1e-3;
    check_both(desc, true);
    desc = gaps_at_axis_1(ROWS / 2);
    desc.grad_row_stride += 3;
    desc.reduction = CLXENT_NONE;
    desc.label_smoothing = 0.1;
    check((variant){.desc = desc, .weighted = true});
}

/* Outer indices have any number of rows. Outer indices and blocks begin and end inside chunks. */
static void pieces_of_any_shape(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(11));
    const int draws = expect_effort() == EFFORT_FULL ? 24 : 2;
    for (int i = 0; i < draws; i++) {
        clxent_desc desc = CLXENT_DESC_INIT;
        const int64_t outer = i % 3 == 0 ? 1 : rng_integer(&r, 2, 5);
        desc.classes = rng_integer(&r, 1, FEW_CLASSES);
        desc.classes_padded = desc.classes + rng_integer(&r, 0, 1);
        desc.inner = rng_integer(&r, ROWS + 1, MANY_ROWS / outer);
        desc.rows = outer * desc.inner;
        if (outer * (desc.classes_padded * desc.inner + 9) > ELEMENTS) desc.classes_padded = 0;
        const int64_t padded = desc.classes_padded ? desc.classes_padded : desc.classes;
        desc.row_stride = padded * desc.inner + rng_integer(&r, 0, 9);
        desc.grad_row_stride = padded * desc.inner + rng_integer(&r, 0, 9);
        desc.log_probs_row_stride = desc.classes * desc.inner + rng_integer(&r, 0, 9);
        desc.reduction = (clxent_reduction)rng_integer(&r, CLXENT_MEAN, CLXENT_SUM);
        desc.use_ignore_index = (int32_t)rng_integer(&r, 0, 1);
        expect_about("draw %d: %lld times %lld rows of %lld classes", i, (long long)outer,
                     (long long)desc.inner, (long long)desc.classes);
        check((variant){.desc = desc,
                        .weighted = rng_chance(&r, 0.5),
                        .expect = desc.classes < FEW_CLASSES ? CLXENT_ERR_TARGET : CLXENT_OK});
    }
}

static void pieces_with_saved_lse(void **state) {
    (void)state;
    variant v = {.desc = many_desc()};
    v.desc.inner = MANY_ROWS;
    assert_int_equal(run(&v, 0, &saved).status, CLXENT_OK);
    v.desc.flags = CLXENT_GRAD_FROM_LSE;
    check(v);
}

/* The logits are read-only pages of zeros, which take no memory, so a row's loss is log C. A fast device
 * gets 1.5 times as many bytes as its largest buffer has. */
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
    free(programs.data);
    return 0;
}

static int fill(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(7));
    for (int i = 0; i < ELEMENTS; i++) {
        logits[i] = (float)rng_integer(&r, -900, 900) / 100;
        logits_bf16[i] = bf16_bits((double)logits[i]);
        logits_f16[i] = f16_bits((double)logits[i]);
        probabilities[i] = (float)rng_integer(&r, 0, 100) / 100;
    }
    for (int i = 0; i < CLASSES; i++) class_weight[i] = (float)rng_integer(&r, 1, 20) / 10;
    for (int i = 0; i < MANY_ROWS; i++) row_weight[i] = (float)rng_integer(&r, 0, 20) / 10;
    for (int i = 0; i < TOKENS; i++) {
        targets[i] = rng_integer(&r, 0, CLASSES - 1);
        few_targets[i] = targets[i] % FEW_CLASSES;
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
        cmocka_unit_test(rows_in_parts),
        cmocka_unit_test(many_short_rows),
        cmocka_unit_test(many_losses),
        cmocka_unit_test(many_rows_at_axis_1),
        cmocka_unit_test(many_next_tokens),
        cmocka_unit_test(counts_alone),
        cmocka_unit_test(bad_target_in_a_later_block),
        cmocka_unit_test(gradient_from_saved_lse),
        cmocka_unit_test(pieces_by_schedule),
        cmocka_unit_test(pieces_by_option),
        cmocka_unit_test(pieces_of_any_shape),
        cmocka_unit_test(pieces_with_saved_lse),
        cmocka_unit_test(logits_larger_than_a_buffer),
    };
    return leave(cmocka_run_group_tests(tests, fill, print_count));
}
