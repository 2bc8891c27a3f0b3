/* SPDX-License-Identifier: Apache-2.0
 *
 * Linear cross entropy against the reference: random problems for sets of options, mixes of types, and the
 * cases that are easily wrong. Every output must be within the bounds of reference_linear.h. The test prints
 * the seed; a failure prints the whole problem and the element.
 *
 * test_linear [NAME]   runs some tests alone ("types", "plain*").
 * CLXENT_TEST_LONG=1   runs ten times as many problems. */
#include "asked.h"
#include "leave.h"
#include "support/linear_trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const linear_options options[] = {
    {"plain", .reduction = CLXENT_MEAN},
    {"none_stats", .reduction = CLXENT_NONE, .stats = 1},
    {"next_token_z_loss", .reduction = CLXENT_MEAN, .next_token = 1, .z_loss = 1},
    {"smoothing", .reduction = CLXENT_MEAN, .smoothing = 1, .z_loss = 1},
    {"softcap", .reduction = CLXENT_SUM, .softcap = 1, .scale = 1},
    {"scale_none", .reduction = CLXENT_NONE, .scale = 1, .z_loss = 1},
    {"all_of_them", .reduction = CLXENT_MEAN, .softcap = 1, .smoothing = 1, .scale = 1, .z_loss = 1,
     .stats = 1},
    {"next_token_none", .reduction = CLXENT_NONE, .next_token = 1, .smoothing = 1, .scale = 1},
};
enum { OPTIONS = sizeof options / sizeof options[0], PLAIN = 0, STATS = 1, SMOOTHING = 3 };
enum { BF16_FACTORS = 8 }; /* linear_limits.types: hidden and classifier are bf16 */

static clxent_ctx *ctx;
static uint64_t seed;
static long trials;

/* How many problems a test runs: `full`, fewer on a slow device, more in the long form. */
static int times(int full) {
    const int count = full * (int[]){1, 3, 6}[expect_effort()] / 6;
    return (count ? count : 1) * (expect_long() ? 10 : 1);
}

static void run(const linear_options *o, const linear_limits *limits, rng *r) {
    linear_trial t;
    linear_trial_draw(&t, o, limits, r);
    linear_trial_run(&t, ctx);
    linear_trial_check(&t);
    linear_trial_free(&t);
    trials++;
}

static int64_t log_uniform(rng *r, int64_t least, int64_t most) {
    const double at = exp(rng_uniform(r, log((double)least), log((double)most + 1.0)));
    return at > (double)most ? most : (int64_t)at;
}

/* Draws limits with small and large shapes. */
static linear_limits draw_limits(rng *r) {
    static const double ignored[] = {-1.0, 0.0, 0.5, 0.9, 1.0};
    const bool tiny = expect_effort() == EFFORT_TINY;
    return (linear_limits){.rows = log_uniform(r, 1, tiny ? 12 : 300),
                           .classes = log_uniform(r, 1, tiny ? 40 : 700),
                           .features = log_uniform(r, 1, tiny ? 20 : 130),
                           .types = rng_chance(r, 0.5) ? 0 : (int)rng_integer(r, 0, LINEAR_ALL_TYPES - 1),
                           .grads = rng_chance(r, 0.7) ? LINEAR_ALL_GRADS : (int)rng_integer(r, 0, 7),
                           .ignored = ignored[rng_integer(r, 0, 4)],
                           .strides = rng_chance(r, 0.5),
                           .add = rng_chance(r, 0.3),
                           .bad = rng_chance(r, 0.15)};
}

/* ------------------------------------------------------------------------------- options --------- */

static void random_problems(void **state) {
    const linear_options *o = *state;
    rng r = rng_start(seed + (uint64_t)(o - options) * 1000003u);
    for (int i = times(12); i > 0; i--) {
        const linear_limits limits = draw_limits(&r);
        run(o, &limits, &r);
    }
}

/* The largest shape of this test, and shapes that are no multiple of anything. */
static void shapes(void **state) {
    (void)state;
    static const int64_t all[][3] = {/* rows, classes, features */
                                     {300, 700, 130}, {1, 1, 1},   {1, 700, 130}, {0, 5, 3},
                                     {2, 1, 7},       {257, 2, 1}, {13, 691, 1},  {1, 3, 2},
                                     {17, 64, 64},    {64, 17, 31}};
    rng r = rng_start(seed);
    const int first = expect_effort() == EFFORT_TINY ? 2 : 0;
    for (int i = first; i < (int)(sizeof all / sizeof all[0]); i++) {
        if (expect_effort() == EFFORT_TINY && all[i][0] * all[i][1] * all[i][2] > 2000) continue;
        const linear_limits limits = {.rows = all[i][0],
                                      .classes = all[i][1],
                                      .features = all[i][2],
                                      .grads = LINEAR_ALL_GRADS,
                                      .ignored = -1.0};
        run(&options[PLAIN], &limits, &r);
    }
}

static void types(void **state) {
    (void)state;
    rng r = rng_start(seed);
    const int step = expect_effort() == EFFORT_TINY ? 9 : 1;
    for (int i = 0; i < LINEAR_ALL_TYPES; i += step) {
        const linear_limits limits = {.rows = rng_integer(&r, 1, 20),
                                      .classes = rng_integer(&r, 1, 40),
                                      .features = rng_integer(&r, 1, 20),
                                      .types = i,
                                      .grads = LINEAR_ALL_GRADS,
                                      .bias = BIAS_SMALL,
                                      .ignored = 0.2,
                                      .strides = i % 2,
                                      .add = i / 3 % 2};
        run(&options[PLAIN], &limits, &r);
    }
}

/* ------------------------------------------------------------------------------- values ---------- */

/* A large bias, which a test with a small one would not miss, and a bias that masks classes. */
static void biases(void **state) {
    (void)state;
    static const int sets[] = {PLAIN, STATS, SMOOTHING};
    rng r = rng_start(seed);
    for (int i = times(12); i > 0; i--) {
        linear_limits limits = draw_limits(&r);
        limits.bias = i % 2 ? BIAS_LARGE : BIAS_MASKS;
        run(&options[sets[i % 3]], &limits, &r);
    }
}

/* A NaN or an infinity in one row. If the row counts, its results and the classifier's gradients are NaN;
 * if it is ignored, it leaks into nothing. The other rows' results are right either way. */
static void poisoned_rows(void **state) {
    (void)state;
    rng r = rng_start(seed);
    for (int i = 0; i < 8; i++) {
        if (expect_effort() == EFFORT_TINY && i % 4 != 0) continue;
        const linear_limits limits = {.rows = rng_integer(&r, 3, 30),
                                      .classes = rng_integer(&r, 2, 60),
                                      .features = rng_integer(&r, 2, 30),
                                      .grads = LINEAR_ALL_GRADS,
                                      .poison = i % 2 ? POISON_NAN : POISON_INFINITE,
                                      .poison_ignored = i / 2 % 2,
                                      .ignored = 0.1,
                                      .add = i / 4};
        run(&options[i % 4 ? PLAIN : STATS], &limits, &r);
    }
}

/* No row counts, in a mean and in a sum; and half, 90 % and all rows are ignored. */
static void ignored_rows(void **state) {
    (void)state;
    static const double parts[] = {0.5, 0.9, 1.0};
    rng r = rng_start(seed);
    for (int i = 0; i < 9; i++) {
        if (expect_effort() == EFFORT_TINY && i % 4 != 0) continue;
        linear_limits limits = draw_limits(&r);
        limits.rows = 40;
        limits.ignored = parts[i % 3];
        limits.add = i / 3 == 1;
        limits.grads = LINEAR_ALL_GRADS;
        run(&options[i / 3 == 2 ? STATS : PLAIN], &limits, &r);
    }
}

/* ------------------------------------------------------------------------------- workspaces ------ */

/* The least workspace, some between, the default, and one that is larger than the problem: all results are
 * within the bounds. The same size gives the same bits twice. */
static void workspaces(void **state) {
    (void)state;
    rng r = rng_start(seed);
    for (int i = 0; i < times(6); i++) {
        linear_limits limits = draw_limits(&r);
        limits.grads = i % 3 ? LINEAR_ALL_GRADS : 0;
        if (limits.rows < 40) limits.rows += 40;
        if (i % 2) limits.types = BF16_FACTORS;
        linear_trial t;
        linear_trial_draw(&t, &options[i % 2 ? PLAIN : STATS], &limits, &r);
        const uint64_t least = linear_least_workspace(ctx, &t.desc);
        const uint64_t sizes[] = {least, least + 1, 2 * least, 5 * least, 0, (uint64_t)1 << 30};
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            t.desc.workspace_bytes = sizes[k];
            clxent_plan *plan = linear_trial_plan(&t, ctx);
            linear_trial_run_plan(&t, ctx, plan);
            linear_trial_check(&t);
            unsigned char *first = malloc(t.outputs.used);
            assert_non_null(first);
            memcpy(first, t.outputs.memory, t.outputs.used);
            linear_trial_run_plan(&t, ctx, plan);
            assert_memory_equal(first, t.outputs.memory, t.outputs.used);
            free(first);
            clxent_plan_destroy(plan);
        }
        linear_trial_free(&t);
        trials++;
    }
}

/* A workspace of a byte less than the least is refused, whatever the gradients. */
static void least_workspace(void **state) {
    (void)state;
    rng r = rng_start(seed);
    for (int i = 0; i < times(6); i++) {
        const linear_limits limits = draw_limits(&r);
        linear_trial t;
        linear_trial_draw(&t, &options[PLAIN], &limits, &r);
        clxent_plan *plan = NULL;
        t.desc.workspace_bytes = linear_least_workspace(ctx, &t.desc) - 1;
        if (t.desc.workspace_bytes)
            expect_status("a byte less", ctx, clxent_plan_create(&plan, ctx, &t.desc), CLXENT_ERR_ARGUMENT);
        linear_trial_free(&t);
    }
}

/* ------------------------------------------------------------------------------- outputs --------- */

/* Whether the outputs that `arrays` has are the same bits as in a copy of the outputs' memory. */
static bool same_bits(const linear_trial *t, const unsigned char *copy) {
    const clxent_array *arrays = &t->arrays.logits; /* all arrays, by their numbers */
    const uint32_t outputs = asked_outputs(&t->desc, &t->arrays);
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if ((outputs >> i & 1) &&
            memcmp(arrays[i].data, copy + ((unsigned char *)arrays[i].data - t->outputs.memory),
                   arrays[i].bytes) != 0)
            return false;
    return true;
}

/* Each subset of the gradients, with and without the outputs of rows. The call writes nothing else. */
static void subsets_of_outputs(void **state) {
    (void)state;
    rng r = rng_start(seed);
    const linear_limits limits = {.rows = 33,
                                  .classes = 57,
                                  .features = 19,
                                  .grads = LINEAR_ALL_GRADS,
                                  .bias = BIAS_SMALL,
                                  .ignored = 0.2};
    linear_trial t;
    linear_trial_draw(&t, &options[STATS], &limits, &r);
    linear_trial_run(&t, ctx);
    linear_trial_check(&t);
    const clxent_arrays all = t.arrays;
    const clxent_array none = {NULL, 0};
    unsigned char *bits = malloc(t.outputs.used);
    assert_non_null(bits);
    memcpy(bits, t.outputs.memory, t.outputs.used);
    int tried = 0, same = 0;
    for (int subset = 0; subset < 16; subset++) {
        if (expect_effort() != EFFORT_FULL && subset % 5 != 0) continue;
        t.arrays = all;
        if (!(subset & LINEAR_GRAD_HIDDEN)) t.arrays.grad_hidden = none;
        if (!(subset & LINEAR_GRAD_CLASSIFIER)) t.arrays.grad_classifier = none;
        if (!(subset & LINEAR_GRAD_BIAS)) t.arrays.grad_classifier_bias = none;
        if (subset & 8)
            t.arrays.row_loss = t.arrays.log_prob = t.arrays.lse = t.arrays.lse_residual = t.arrays.argmax =
                t.arrays.rank = t.arrays.entropy = none;
        linear_trial_run(&t, ctx);
        linear_trial_check(&t);
        tried++;
        same += same_bits(&t, bits);
    }
    print_message("%d of %d subsets of the outputs have the bits of all outputs\n", same, tried);
    t.arrays = all;
    free(bits);
    linear_trial_free(&t);
}

/* A plan that does not know its outputs beforehand (outputs 0) computes the same. */
static void outputs_unknown(void **state) {
    (void)state;
    rng r = rng_start(seed);
    const linear_limits limits = {
        .rows = 20, .classes = 30, .features = 10, .grads = LINEAR_ALL_GRADS, .ignored = 0.2};
    linear_trial t;
    linear_trial_draw(&t, &options[PLAIN], &limits, &r);
    clxent_plan *plan = NULL;
    expect_status("clxent_plan_create", ctx, clxent_plan_create(&plan, ctx, &t.desc), CLXENT_OK);
    linear_trial_run_plan(&t, ctx, plan);
    linear_trial_check(&t);
    clxent_plan_destroy(plan);
    linear_trial_free(&t);
}

/* ------------------------------------------------------------------------------- runner ---------- */

static int open_device(void **state) {
    (void)state;
    seed = rng_seed(1);
    ctx = expect_ctx();
    return 0;
}

static int close_device(void **state) {
    (void)state;
    clxent_ctx_destroy(ctx);
    print_message("%ld trials\n", trials);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest others[] = {
        cmocka_unit_test(shapes),          cmocka_unit_test(types),
        cmocka_unit_test(biases),          cmocka_unit_test(poisoned_rows),
        cmocka_unit_test(ignored_rows),    cmocka_unit_test(workspaces),
        cmocka_unit_test(least_workspace), cmocka_unit_test(subsets_of_outputs),
        cmocka_unit_test(outputs_unknown),
    };
    enum { OTHERS = sizeof others / sizeof others[0] };
    /* An interpreter runs the first two sets, a slow compiler the first three. */
    const int sets = (int[]){2, 3, OPTIONS}[expect_effort()];
    struct CMUnitTest tests[OPTIONS + OTHERS];
    for (int i = 0; i < sets; i++)
        tests[i] = (struct CMUnitTest){options[i].name, random_problems, NULL, NULL, (void *)&options[i]};
    memcpy(tests + sets, others, sizeof others);
    return leave(
        _cmocka_run_group_tests("linear", tests, (size_t)(sets + OTHERS), open_device, close_device));
}
