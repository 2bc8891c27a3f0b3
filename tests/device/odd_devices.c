/* SPDX-License-Identifier: Apache-2.0
 *
 * A device that is odd in the way that CLXENT_ODD_DEVICE describes (layers/odd_device.c), or the device as it
 * is if the variable is not set. The test draws problems of several kinds and runs them on every schedule.
 * The results must be within the bounds of the reference, or the library must refuse the problem with a
 * message that names a limit of the device. CLXENT_ODD_REFUSES names the expected refusals: none (not set),
 * "f64", "some" (beyond the largest buffer) or "all" (the device itself). */
#include "leave.h"
#include "said.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The short form of the test runs the first VARIANTS_SHORT variants. A slow compiler runs only the first. */
static const variant variants[] = {
    {"plain", .op = CLXENT_CROSS_ENTROPY, .saved = 1},
    {"smoothing_stats", .smoothing = 1, .stats = 1},
    {"f64", .logits = CLXENT_F64, .smoothing = 1, .stats = 1},
    {"probabilities_f16", .targets = CLXENT_TARGETS_PROBABILITY, .logits = CLXENT_F16},
    {"softmax", .op = CLXENT_SOFTMAX},
    {"nll", .op = CLXENT_NLL},
    {"next_token_softcap_bf16", .targets = CLXENT_TARGETS_NEXT_TOKEN, .logits = CLXENT_BF16, .softcap = 1},
};
enum { VARIANTS = sizeof variants / sizeof *variants, VARIANTS_SHORT = 3 };

/* Short rows, rows of odd lengths, rows longer than 1 KiB, and in the last two shapes longer than 64 KiB. */
static const struct {
    int64_t classes, rows;
} shapes[] = {{1, 5}, {3, 5000}, {33, 70}, {257, 300}, {1000, 40}, {20000, 3}, {50257, 2}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static struct {
    clxent_ctx *ctx; /* NULL: the library refused the device */
    clxent_device_info device;
    const char *spec, *refuses;
    long solved, refused;
} odd;

static bool refuses(const char *what) {
    return strcmp(odd.refuses, what) == 0;
}

/* Checks that the message names the device's limit, and that the test expects the refusal. */
static void check_refusal(const trial *t, clxent_status status) {
    const char *message = clxent_ctx_last_error(odd.ctx);
    const bool f64 = t->real == CLXENT_F64 && status == CLXENT_ERR_UNSUPPORTED && strstr(message, "f64");
    const bool beyond = status == CLXENT_ERR_MEMORY && strstr(message, "65536");
    odd.refused++;
    said(message);
    if ((refuses("f64") && f64) || (refuses("some") && beyond)) return;
    expect_status("neither solved nor refused as it should be", odd.ctx, status, t->expect);
}

static void run_trial(const variant *v, const trial_limits *limits, rng *r) {
    trial t;
    trial_draw(&t, v, limits, r);
    clxent_plan *plan = NULL;
    clxent_status status = clxent_plan_create_scheduled(&plan, odd.ctx, &t.desc, t.schedule);
    if (!trial_is_too_long(odd.ctx, status)) { /* llvmpipe's own limit is not the imitated device's */
        if (status == CLXENT_OK) status = clxent_run(plan, &t.arrays);
        if (status != t.expect) {
            check_refusal(&t, status);
        } else {
            odd.solved++;
            trial_check(&t);
        }
    }
    clxent_plan_destroy(plan);
    trial_free(&t);
}

static void check_variant(void **state) {
    const variant *v = *state;
    if (v->logits == CLXENT_F64 && !expect_long() && !refuses("f64")) skip();
    if (odd.ctx == NULL || (v->logits == CLXENT_F64 && !odd.device.fp64 && !refuses("f64"))) skip();
    const int64_t number = v - variants;
    rng r = rng_start(7 + (uint64_t)number);
    for (int schedule = CLXENT_SCHEDULE_AUTO; schedule <= CLXENT_SCHEDULE_SPLIT; schedule++) {
        /* a slow compiler needs a minute for a vector kernel */
        if (schedule >= CLXENT_SCHEDULE_WIDE && expect_effort() != EFFORT_FULL) continue;
        for (int i = 0; i < SHAPES; i++) {
            const trial_limits limits = {.classes = shapes[i].classes,
                                         .rows = shapes[i].rows,
                                         .fewest = shapes[i].rows,
                                         .elements = (int64_t)1 << 17,
                                         .schedule = (clxent_schedule)schedule,
                                         .device = &odd.device,
                                         /* each of the two options needs another program */
                                         .scale = number % 2 ? ALWAYS : NEVER,
                                         .strided = number % 3 == 1 ? ALWAYS : NEVER};
            run_trial(v, &limits, &r);
        }
    }
}

/* Checks that the library solved some problems, and refused some exactly if the test expects refusals. */
static void check_counts(void **state) {
    (void)state;
    print_message("%s: %ld problems solved, %ld refused%s\n", odd.spec, odd.solved, odd.refused,
                  odd.ctx ? "" : ", the device with them");
    if (odd.ctx == NULL) return;
    assert_true(odd.solved > 0);
    if (expect_effort() == EFFORT_FULL) assert_int_equal(odd.refused > 0, *odd.refuses != '\0');
}

static int open_device(void **state) {
    (void)state;
    const char *spec = getenv("CLXENT_ODD_DEVICE"), *expected = getenv("CLXENT_ODD_REFUSES");
    clxent_error err;
    odd.spec = spec ? spec : "as it is";
    odd.refuses = expected ? expected : "";
    odd.device = (clxent_device_info)CLXENT_DEVICE_INFO_INIT;
    if (!refuses("all")) {
        odd.ctx = expect_ctx();
        expect_status("clxent_ctx_device", odd.ctx, clxent_ctx_device(odd.ctx, &odd.device), CLXENT_OK);
        return 0;
    }
    assert_int_equal(clxent_ctx_create(&odd.ctx, NULL, &err), CLXENT_ERR_NO_DEVICE);
    assert_null(odd.ctx);
    assert_non_null(strstr(err.message, strstr(odd.spec, "compiler") ? "compiler" : "OpenCL 1.2"));
    said(err.message);
    odd.refused = 1;
    return 0;
}

static int close_device(void **state) {
    (void)state;
    clxent_ctx_destroy(odd.ctx);
    return 0;
}

int main(void) {
    struct CMUnitTest tests[VARIANTS + 1];
    const int count = expect_effort() != EFFORT_FULL ? 1 : expect_long() ? VARIANTS : VARIANTS_SHORT;
    for (int i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){variants[i].name, check_variant, NULL, NULL, (void *)&variants[i]};
    tests[count] = (struct CMUnitTest){"counts", check_counts, NULL, NULL, NULL};
    return leave(_cmocka_run_group_tests("odd device", tests, (size_t)count + 1, open_device, close_device));
}
