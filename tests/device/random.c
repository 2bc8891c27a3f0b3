/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares the device with the reference. The test draws shapes, layouts, values and options for each kind of
 * kernel, on every schedule. Every output must be within the bounds of reference.h. The test prints the seed;
 * a failure prints the whole problem and the element.
 *
 * test_random [NAME]   runs one kind alone ("f16", "soft*").
 * CLXENT_TEST_LONG=1   runs every kind, and draws the scale and the layout anew for each problem.
 */
#include "leave.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The default is cross entropy, class targets, f32. The test runs the first VARIANTS_FULL variants; with a
 * slow compiler, the first VARIANTS_SMALL; on an interpreter, the first VARIANTS_TINY. The long form,
 * ci/random, runs all of them. (combinations.c has the combinations of the others too, in small problems.) */
static const variant variants[] = {
    {"plain", .op = CLXENT_CROSS_ENTROPY, .saved = 1},
    {"smoothing_stats", .smoothing = 1, .stats = 1},
    {"softcap_next_token", .targets = CLXENT_TARGETS_NEXT_TOKEN, .softcap = 1, .saved = 1},
    {"softmax", .op = CLXENT_SOFTMAX},
    {"bf16_stats", .logits = CLXENT_BF16, .stats = 1},
    {"probabilities", .targets = CLXENT_TARGETS_PROBABILITY},
    {"f16", .logits = CLXENT_F16, .saved = 1},
    {"nll", .op = CLXENT_NLL},
    {"f64_smoothing_stats", .logits = CLXENT_F64, .smoothing = 1, .stats = 1, .saved = 1},
    {"log_softmax", .op = CLXENT_LOG_SOFTMAX},
    {"next_token_stats", .targets = CLXENT_TARGETS_NEXT_TOKEN, .stats = 1},
    {"softcap_smoothing_stats", .softcap = 1, .smoothing = 1, .stats = 1},
    {"softcap_probabilities", .targets = CLXENT_TARGETS_PROBABILITY, .probabilities = CLXENT_F16,
     .softcap = 1, .smoothing = 1, .stats = 1},
    {"smoothed_probabilities", .targets = CLXENT_TARGETS_PROBABILITY, .grad = CLXENT_F16,
     .probabilities = CLXENT_BF16, .smoothing = 1, .saved = 1},
    {"f16_to_f32_smoothing", .logits = CLXENT_F16, .grad = CLXENT_F32, .smoothing = 1},
    {"bf16_to_f16_softcap", .targets = CLXENT_TARGETS_NEXT_TOKEN, .logits = CLXENT_BF16, .grad = CLXENT_F16,
     .softcap = 1},
    {"f32_to_bf16", .grad = CLXENT_BF16},
    {"bf16_probabilities", .targets = CLXENT_TARGETS_PROBABILITY, .logits = CLXENT_BF16,
     .probabilities = CLXENT_F32},
    {"f64_softcap", .targets = CLXENT_TARGETS_NEXT_TOKEN, .logits = CLXENT_F64, .softcap = 1},
    {"f64_probabilities", .targets = CLXENT_TARGETS_PROBABILITY, .logits = CLXENT_F64, .smoothing = 1},
    {"nll_f16", .op = CLXENT_NLL, .logits = CLXENT_F16},
    {"nll_f64", .op = CLXENT_NLL, .logits = CLXENT_F64},
    {"softmax_softcap", .op = CLXENT_SOFTMAX, .softcap = 1},
    {"softmax_bf16", .op = CLXENT_SOFTMAX, .logits = CLXENT_BF16, .grad = CLXENT_F32},
    {"log_softmax_softcap_f16", .op = CLXENT_LOG_SOFTMAX, .logits = CLXENT_F16, .softcap = 1},
    {"log_softmax_f64", .op = CLXENT_LOG_SOFTMAX, .logits = CLXENT_F64},
};
enum {
    VARIANTS = sizeof variants / sizeof variants[0],
    VARIANTS_TINY = 3,
    VARIANTS_SMALL = 5,
    VARIANTS_FULL = 10
};

static const int64_t class_counts[] = {1,  2,  3,   7,   31,   32,   33,    63,
                                       64, 65, 255, 257, 1000, 4097, 50257, 262144};
enum { CLASS_COUNTS = sizeof class_counts / sizeof class_counts[0] };

static clxent_ctx *ctx;
static long trials;
static clxent_device_info device = CLXENT_DEVICE_INFO_INIT;
static uint64_t seed;

static void run_trial(const variant *v, const trial_limits *limits, rng *r) {
    if (trial_run(ctx, v, limits, r)) trials++;
}

/* Runs each number of classes once, on one schedule. `scale` and `strided` are those of trial_limits. */
static void run_class_counts(const variant *v, clxent_schedule schedule, trial_choice scale,
                             trial_choice strided, rng *r) {
    const test_effort effort = expect_effort();
    const int64_t most_elements[] = {[EFFORT_TINY] = 600, [EFFORT_SMALL] = 1 << 14, [EFFORT_FULL] = 1 << 17};
    for (int i = 0; i < CLASS_COUNTS; i++) {
        /* An interpreter takes a second a trial, so it runs a third of them, other ones on each schedule. */
        if (effort == EFFORT_TINY && (class_counts[i] > 257 || i % 3 != (int)schedule % 3)) continue;
        if (effort == EFFORT_SMALL && class_counts[i] > 50257) break;
        const trial_limits limits = {.classes = class_counts[i],
                                     .rows = 5000,
                                     .elements = most_elements[effort] >> rng_integer(r, 0, 4),
                                     .schedule = schedule,
                                     .device = &device,
                                     .scale = scale,
                                     .strided = strided};
        run_trial(v, &limits, r);
    }
}

/* Chooses whether a kind has an option that needs another program. The test draws it once a kind, because
 * compiling takes nearly all of the time. combinations.c combines the option with all others. */
static trial_choice choose_once(double probability, rng *r) {
    const bool drawn = rng_chance(r, probability);
    return expect_long() ? DRAWN : drawn ? ALWAYS : NEVER;
}

/* GROUP and SPLIT take longest to compile on a device that does not choose them. So each kind runs one of the
 * two in turn; only the first kind runs both. */
static bool has_turn(int64_t kind, clxent_schedule schedule) {
    if (expect_effort() != EFFORT_FULL || expect_long() || kind == 0) return true;
    return kind % 2 ? schedule != CLXENT_SCHEDULE_GROUP : schedule != CLXENT_SCHEDULE_SPLIT;
}

static void check_variant(void **state) {
    const variant *v = *state;
    if (v->logits == CLXENT_F64 && !device.fp64) skip();
    rng r = rng_start(seed + (uint64_t)(v - variants) * 1000003u);
    const trial_choice scale = choose_once(0.5, &r), strided = choose_once(0.3, &r);
    for (int schedule = CLXENT_SCHEDULE_AUTO; schedule <= CLXENT_SCHEDULE_SPLIT; schedule++) {
        /* With a slow compiler, a vector kernel takes a minute. So WIDE does not run, and only the first
         * variant runs SPLIT. */
        if (schedule >= CLXENT_SCHEDULE_WIDE && expect_effort() == EFFORT_SMALL &&
            (schedule == CLXENT_SCHEDULE_WIDE || v != variants))
            continue;
        if (!has_turn(v - variants, (clxent_schedule)schedule)) continue;
        run_class_counts(v, (clxent_schedule)schedule, scale, strided, &r);
    }
}

/* The largest problems that one test computes: the most elements, with the most rows or the most classes. */
static void largest(void **state) {
    (void)state;
    if (expect_effort() != EFFORT_FULL) skip();
    static const struct {
        int variant;
        int64_t rows, classes;
    } shapes[] = {{0, 256, 262144}, {1, 5000, 4097}, {2, 200, 50257}, {4, 5000, 1000}};
    rng r = rng_start(seed);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const trial_limits limits = {.classes = shapes[i].classes,
                                     .rows = shapes[i].rows,
                                     .fewest = shapes[i].rows,
                                     .elements = (int64_t)1 << 26,
                                     .schedule = CLXENT_SCHEDULE_AUTO,
                                     .device = &device};
        run_trial(&variants[shapes[i].variant], &limits, &r);
    }
}

static int open_device(void **state) {
    (void)state;
    seed = rng_seed(1);
    ctx = expect_ctx();
    expect_status("clxent_ctx_device", ctx, clxent_ctx_device(ctx, &device), CLXENT_OK);
    print_message("%s / %s\n", device.platform, device.name);
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
    const int counts[] = {
        [EFFORT_TINY] = VARIANTS_TINY, [EFFORT_SMALL] = VARIANTS_SMALL, [EFFORT_FULL] = VARIANTS_FULL};
    struct CMUnitTest tests[VARIANTS + 1];
    const int count = expect_long() ? VARIANTS : counts[expect_effort()];
    for (int i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){variants[i].name, check_variant, NULL, NULL, (void *)&variants[i]};
    tests[count] = (struct CMUnitTest){"largest", largest, NULL, NULL, NULL};
    return leave(_cmocka_run_group_tests("random", tests, (size_t)count + 1, open_device, close_device));
}
