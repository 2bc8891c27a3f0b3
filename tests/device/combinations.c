/* SPDX-License-Identifier: Apache-2.0
 *
 * Options together: a list of small problems. In it, any two options meet in every pair of their values that
 * the interface allows; with CLXENT_TEST_LONG=1, any three options meet in every triple. The options are
 * schedule, operation, kind of targets, types, softcap, scale, smoothing, statistics, gradient from a saved
 * lse, classes that are not adjacent, and row length. The rest of a problem is drawn. The test compares every
 * output with the reference. Oclgrind watches for races, reads of uninitialized memory and accesses out of
 * bounds.
 *
 * The test makes the list greedily. It draws some problems and runs the one that has the most new meetings.
 * It ends when many draws in a row have no new meeting. */
#include "leave.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum option {
    SCHEDULE,
    OP,
    TARGETS,
    LOGITS,
    GRAD,
    PROBABILITIES,
    SOFTCAP,
    SCALE,
    SMOOTHING,
    STATS,
    SAVED,
    STRIDED,
    CLASSES,
    OPTIONS
};
static const int values_of[OPTIONS] = {4, 4, 3, 4, 4, 4, 2, 2, 2, 2, 2, 2, 4};
/* Fewer classes than a vector; vectors and a rest; whole vectors; several tiles. */
static const int64_t class_counts[] = {3, 33, 64, 257};

enum { CELLS = OPTIONS * 4, CANDIDATES = 1000, FRUITLESS = 10 };

typedef struct problem {
    int value[OPTIONS];
} problem;

static struct {
    clxent_ctx *ctx;
    clxent_device_info device;
    uint64_t seed;
    /* The values of two or three options that have met. A pair is a triple whose last two are the same. */
    bool met[CELLS][CELLS][CELLS];
    long meetings, trials;
} run = {.device = CLXENT_DEVICE_INFO_INIT};

static const clxent_dtype dtypes[] = {CLXENT_F32, CLXENT_F16, CLXENT_BF16, CLXENT_F64};

/* True when clxent.h allows the problem, and when no other values describe the same problem. */
static bool is_sound(const problem *p) {
    const int *v = p->value;
    const clxent_op op = (clxent_op)v[OP];
    const bool cross_entropy = op == CLXENT_CROSS_ENTROPY, nll = op == CLXENT_NLL;
    const bool probabilities = v[TARGETS] == CLXENT_TARGETS_PROBABILITY;
    const bool f64 = dtypes[v[LOGITS]] == CLXENT_F64;
    if (f64 && !run.device.fp64) return false;
    if (f64 != (dtypes[v[GRAD]] == CLXENT_F64)) return false;
    if (v[TARGETS] && !cross_entropy) return false;
    if (!probabilities && v[PROBABILITIES]) return false;
    if (probabilities && dtypes[v[PROBABILITIES]] == CLXENT_F64 && !f64) return false;
    if ((v[SMOOTHING] || v[SAVED]) && !cross_entropy) return false;
    if (nll && (v[SOFTCAP] || v[SCALE] || v[STATS])) return false;
    return !(v[STRIDED] && v[TARGETS] == CLXENT_TARGETS_NEXT_TOKEN);
}

static problem draw(rng *r) {
    problem p;
    do {
        for (int i = 0; i < OPTIONS; i++) p.value[i] = (int)rng_integer(r, 0, values_of[i] - 1);
    } while (!is_sound(&p));
    return p;
}

static int meet(const problem *p, int i, int j, int k, bool mark) {
    bool *met = &run.met[i * 4 + p->value[i]][j * 4 + p->value[j]][k * 4 + p->value[k]];
    const int is_new = !*met;
    if (mark) *met = true;
    return is_new;
}

/* The number of new meetings. */
static int count_new(const problem *p, bool mark) {
    int count = 0;
    for (int i = 0; i < OPTIONS; i++)
        for (int j = i + 1; j < OPTIONS; j++) {
            count += meet(p, i, j, j, mark);
            for (int k = j + 1; k < OPTIONS && expect_long(); k++) count += meet(p, i, j, k, mark);
        }
    return count;
}

/* The next problem of the list; false at its end. */
static bool next(problem *best, rng *r) {
    int most = 0;
    for (int round = 0; round < FRUITLESS && most == 0; round++)
        for (int i = 0; i < CANDIDATES; i++) {
            const problem p = draw(r);
            const int count = count_new(&p, false);
            if (count <= most) continue;
            most = count;
            *best = p;
        }
    if (most > 0) run.meetings += count_new(best, true);
    return most > 0;
}

static void try(const problem *p, rng *r) {
    const int *v = p->value;
    const bool probabilities = v[TARGETS] == CLXENT_TARGETS_PROBABILITY;
    const variant kind = {.name = "combination",
                          .op = (clxent_op)v[OP],
                          .targets = (clxent_targets)v[TARGETS],
                          .logits = dtypes[v[LOGITS]],
                          .grad = dtypes[v[GRAD]],
                          .probabilities = probabilities ? dtypes[v[PROBABILITIES]] : CLXENT_DTYPE_DEFAULT,
                          .softcap = v[SOFTCAP],
                          .smoothing = v[SMOOTHING],
                          .stats = v[STATS],
                          .saved = v[SAVED]};
    const int64_t classes = class_counts[v[CLASSES]];
    const trial_limits limits = {.classes = classes,
                                 .rows = 40,
                                 .elements = expect_effort() == EFFORT_TINY ? 300 : 600,
                                 .schedule = (clxent_schedule)(CLXENT_SCHEDULE_AUTO + 1 + v[SCHEDULE]),
                                 .device = &run.device,
                                 .scale = v[SCALE] ? ALWAYS : NEVER,
                                 .strided = v[STRIDED] ? ALWAYS : NEVER,
                                 .saved = v[SAVED]};
    assert_true(trial_run(run.ctx, &kind, &limits, r));
    run.trials++;
}

static void every_two_or_three(void **state) {
    (void)state;
    rng r = rng_start(run.seed);
    problem p;
    while (next(&p, &r)) try(&p, &r);
    print_message("%ld trials, in which %s options meet in %ld ways\n", run.trials,
                  expect_long() ? "two and three" : "two", run.meetings);
}

static int open_device(void **state) {
    (void)state;
    run.seed = rng_seed(1);
    run.ctx = expect_ctx();
    expect_status("clxent_ctx_device", run.ctx, clxent_ctx_device(run.ctx, &run.device), CLXENT_OK);
    return 0;
}

static int close_device(void **state) {
    (void)state;
    clxent_ctx_destroy(run.ctx);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_two_or_three)};
    return leave(cmocka_run_group_tests_name("combinations", tests, open_device, close_device));
}
