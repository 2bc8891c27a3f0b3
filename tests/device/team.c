/* SPDX-License-Identifier: Apache-2.0
 *
 * The items of a work-group share a row. The test has numbers of classes around the capacity of registers and
 * local memory. It also has rows of 16 bits, each for one work-item, whose exponentials stand in local
 * memory. Every output must be within the bounds of reference.h. With the layer local_bytes, the test also
 * checks that the library keeps a row in local memory exactly when it fits. CLXENT_ODD_DEVICE can make local
 * memory small or take sub-groups away.
 */
#include "leave.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The variants cover every way in which kernels load and keep a logit, and every kind of sum. */
static const variant variants[] = {
    {"f32", .saved = 1},
    {"f32_smoothing_stats", .smoothing = 1, .stats = 1},
    {"f16", .logits = CLXENT_F16},
    {"bf16_stats", .logits = CLXENT_BF16, .stats = 1},
    {"softmax", .op = CLXENT_SOFTMAX},
    {"bf16_softcap_to_f32", .logits = CLXENT_BF16, .grad = CLXENT_F32, .softcap = 1},
    {"probabilities", .targets = CLXENT_TARGETS_PROBABILITY, .stats = 1},
    {"f64_smoothing_stats", .logits = CLXENT_F64, .smoothing = 1, .stats = 1},
};
enum { VARIANTS = sizeof variants / sizeof variants[0], VARIANTS_TINY = 3, VARIANTS_SMALL = 5 };

/* The numbers stand around the capacities of groups of 64 and of 32 items. First comes what their registers
 * hold, 16 classes an item; then what half of 32 KiB holds in addition, in elements of 4, 2 and 8 bytes. */
static const int64_t class_counts[] = {255,  511,  512,  513,  641,  1023, 1024, 1025, 1281, 2047,
                                       2049, 2303, 2304, 2305, 2306, 4223, 4224, 4225, 4351, 4352,
                                       4353, 4354, 7679, 7680, 7681, 7935, 7936, 7937, 50257};
enum { CLASS_COUNTS = sizeof class_counts / sizeof class_counts[0] };

static clxent_ctx *ctx;
static clxent_device_info device = CLXENT_DEVICE_INFO_INIT;
static uint64_t seed;

static void run_trial(const variant *v, int64_t classes, clxent_schedule schedule, rng *r) {
    /* Each of the two options needs another program, so only some variants have it. combinations.c has all.
     */
    const int64_t number = v - variants;
    const trial_limits limits = {.classes = classes,
                                 .rows = 40,
                                 .elements = 30000,
                                 .schedule = schedule,
                                 .device = &device,
                                 .scale = number % 2 ? ALWAYS : NEVER,
                                 .strided = number == 3 ? ALWAYS : NEVER};
    assert_true(trial_run(ctx, v, &limits, r));
}

static void check_variant(void **state) {
    const variant *v = *state;
    if (v->logits == CLXENT_F64 && !device.fp64) skip();
    rng r = rng_start(seed + (uint64_t)(v - variants) * 1000003u);
    for (int i = 0; i < CLASS_COUNTS; i++) {
        /* An interpreter takes seconds for a row, so it runs a part of a tile, one tile, and two tiles. */
        if (expect_effort() == EFFORT_TINY && class_counts[i] != 511 && class_counts[i] != 1024 &&
            class_counts[i] != 1281)
            continue;
        run_trial(v, class_counts[i], CLXENT_SCHEDULE_GROUP, &r);
        /* SPLIT has teams too on such a device. */
        if (expect_effort() == EFFORT_FULL && clxent_device_schedule(&device) == CLXENT_SCHEDULE_GROUP)
            run_trial(v, class_counts[i], CLXENT_SCHEDULE_SPLIT, &r);
        /* WIDE keeps exponentials in local memory. */
        if (expect_effort() == EFFORT_FULL && clxent_device_schedule(&device) == CLXENT_SCHEDULE_WIDE &&
            (v->logits == CLXENT_F16 || v->logits == CLXENT_BF16))
            run_trial(v, class_counts[i], CLXENT_SCHEDULE_WIDE, &r);
    }
}

/* The local memory of the group that runs one row, for lse alone or with a second pass for log_probs. */
static size_t local_bytes(int64_t classes, clxent_dtype dtype, int second_pass) {
    clxent_desc desc = CLXENT_DESC_INIT;
    clxent_arrays arrays = CLXENT_ARRAYS_INIT;
    desc.op = CLXENT_LOG_SOFTMAX;
    desc.rows = 1;
    desc.classes = classes;
    desc.logits_dtype = dtype;
    const size_t bytes = (size_t)classes * clxent_dtype_size(dtype);
    void *logits = calloc((size_t)classes, clxent_dtype_size(dtype));
    float *log_probs = calloc((size_t)classes, sizeof *log_probs);
    float lse = 0;
    clxent_plan *plan = NULL;
    assert_true(logits && log_probs);
    arrays.logits = CLXENT_ARRAY(logits, bytes);
    arrays.lse = CLXENT_ARRAY(&lse, sizeof lse);
    if (second_pass) arrays.log_probs = CLXENT_ARRAY(log_probs, (size_t)classes * sizeof *log_probs);
    expect_status("clxent_plan_create", ctx,
                  clxent_plan_create_scheduled(&plan, ctx, &desc, CLXENT_SCHEDULE_GROUP), CLXENT_OK);
    expect_status("clxent_run", ctx, clxent_run(plan, &arrays), CLXENT_OK);
    clxent_plan_destroy(plan);
    free(log_probs);
    free(logits);
    const char *text = getenv("CLXENT_LOCAL_BYTES");
    if (text == NULL) fail_msg("CLXENT_LOCAL_BYTES is not set: the layer local_bytes saw no kernel");
    return (size_t)strtoul(text, NULL, 10);
}

/* The local memory for the row alone, without the sums. */
static size_t row_bytes(int64_t classes, clxent_dtype dtype) {
    return local_bytes(classes, dtype, 1) - local_bytes(classes, dtype, 0);
}

/* A short row stands in registers alone. Local memory holds the rest of a longer row, but nothing of a row
 * that does not fit. */
static void held_where_it_fits(void **state) {
    (void)state;
    if (getenv("CLXENT_LOCAL_BYTES") == NULL) skip(); /* the layer is not loaded; see CMakeLists.txt */
    static const clxent_dtype dtypes[] = {CLXENT_F32, CLXENT_F16, CLXENT_BF16};
    for (int i = 0; i < 3; i++) {
        const size_t size = clxent_dtype_size(dtypes[i]), half = (size_t)device.local_memory_bytes / 2;
        assert_int_equal(row_bytes(200, dtypes[i]), 0);
        const size_t sums = local_bytes(200, dtypes[i], 0);
        int64_t fits = 200, too_many = 64 + (int64_t)(device.local_memory_bytes / size);
        assert_int_equal(row_bytes(too_many, dtypes[i]), 0);
        /* Finds the largest row that the group keeps. The kept part is at most the row, and must fit. */
        for (int64_t classes = fits; classes < too_many; classes += 64) {
            const size_t held = row_bytes(classes, dtypes[i]);
            assert_true(held <= (size_t)classes * size);
            assert_true(held == 0 || sums + held <= half);
            if (held) fits = classes;
        }
        if (sums + 128 * 16 * size <= half) assert_true(fits > 200);
    }
}

static int open_device(void **state) {
    (void)state;
    seed = rng_seed(1);
    ctx = expect_ctx();
    expect_status("clxent_ctx_device", ctx, clxent_ctx_device(ctx, &device), CLXENT_OK);
    if (expect_effort() == EFFORT_TINY) {
        /* the registers of larger groups would hold every row here */
        clxent_tuning tuning = CLXENT_TUNING_INIT;
        tuning.group_size = tuning.group_size_short = 64;
        expect_status("clxent_ctx_set_tuning", ctx, clxent_ctx_set_tuning(ctx, &tuning), CLXENT_OK);
    }
    print_message("%s / %s, local memory %llu bytes, folds %s\n", device.platform, device.name,
                  (unsigned long long)device.local_memory_bytes,
                  device.subgroups ? "by sub-groups" : "through local memory: the device has no sub-groups");
    return 0;
}

static int close_device(void **state) {
    (void)state;
    clxent_ctx_destroy(ctx);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const int counts[] = {
        [EFFORT_TINY] = VARIANTS_TINY, [EFFORT_SMALL] = VARIANTS_SMALL, [EFFORT_FULL] = VARIANTS};
    struct CMUnitTest tests[VARIANTS + 1];
    const int count = counts[expect_effort()];
    for (int i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){variants[i].name, check_variant, NULL, NULL, (void *)&variants[i]};
    tests[count] = (struct CMUnitTest){"held_where_it_fits", held_where_it_fits, NULL, NULL, NULL};
    return leave(_cmocka_run_group_tests("team", tests, (size_t)count + 1, open_device, close_device));
}
