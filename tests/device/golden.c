/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs every case of tests/cases through clxent_run(), on the automatic schedule and on each forced one. The
 * results must be within the bounds of reference.h around the values in the case's output files. A file of
 * f32 holds rounded values, so half a unit of f32 is added to its bounds.
 */
#include <clxent/clxent_experimental.h>

#include "cases.h"
#include "leave.h"
#include "rng.h"
#include "support/case_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static clxent_ctx *ctx;

static void *room(int64_t count, size_t size) {
    void *memory = calloc((size_t)count + 1, size);
    assert_non_null(memory);
    return memory;
}

static void run_case(const test_case *c, clxent_schedule schedule) {
    expect_about("case %s, schedule %s", c->name, clxent_schedule_name(schedule));
    const clxent_desc desc = case_desc(&c->problem);
    clxent_plan *plan = NULL;
    expect_status("clxent_plan_create", ctx, clxent_plan_create_scheduled(&plan, ctx, &desc, schedule),
                  CLXENT_OK);
    case_results r = case_results_new(&c->problem);
    const clxent_arrays arrays = case_arrays(c, &r);
    expect_status("clxent_run", ctx, clxent_run(plan, &arrays), CLXENT_OK);
    case_check(c, &r);
    case_results_free(&r);
    clxent_plan_destroy(plan);
}

/* Scores the case's tokens twice, over drawn logits: by next-token targets, and by the class targets that the
 * case lists. Both results must agree with the reference for the class targets. */
static void run_next_token(const test_case *c, clxent_schedule schedule) {
    enum { CLASSES = 10 };
    const tensor *targets = case_output(c, "targets");
    assert_non_null(targets);
    expect_about("case %s, schedule %s", c->name, clxent_schedule_name(schedule));
    const int64_t t = targets->shape[1], rows = targets->count;
    double *logits = room(rows * CLASSES, sizeof *logits);
    float *stored = room(rows * CLASSES, sizeof *stored);
    rng random = rng_start(5);
    for (int64_t i = 0; i < rows * CLASSES; i++) logits[i] = (double)(stored[i] = (float)rng_normal(&random));
    reference_problem p = REFERENCE_PROBLEM_INIT;
    p.rows = rows;
    p.classes = CLASSES;
    p.logits = logits;
    p.targets = targets->data;
    case_results r = case_results_new(&p);
    double *row_loss = room(rows, sizeof *row_loss), *grad = room(rows * CLASSES, sizeof *grad);
    reference_result expected = {.row_loss = row_loss, .grad = grad};
    assert_int_equal(reference_run(&p, &expected), 0);

    for (int next_token = 0; next_token < 2; next_token++) {
        clxent_desc desc = case_desc(&p);
        if (next_token) {
            desc.targets = CLXENT_TARGETS_NEXT_TOKEN;
            desc.sequence_length = t;
            desc.tokens_per_sequence = c->tokens.shape[1];
        }
        clxent_plan *plan = NULL;
        expect_status("clxent_plan_create", ctx, clxent_plan_create_scheduled(&plan, ctx, &desc, schedule),
                      CLXENT_OK);
        clxent_arrays a = CLXENT_ARRAYS_INIT;
        a.logits = CLXENT_ARRAY(stored, (size_t)(rows * CLASSES) * sizeof *stored);
        a.targets = next_token ? case_array(&c->tokens) : case_array(targets);
        a.loss = CLXENT_ARRAY(&r.loss, sizeof r.loss);
        a.row_loss = CLXENT_ARRAY(r.row_loss, (size_t)rows * sizeof *r.row_loss);
        a.grad = CLXENT_ARRAY(r.grad, (size_t)(rows * CLASSES) * sizeof *r.grad);
        expect_status("clxent_run", ctx, clxent_run(plan, &a), CLXENT_OK);
        clxent_plan_destroy(plan);
        expect_near("loss", 0, CLXENT_F32, (double)r.loss, expected.loss, expected.loss_bound);
        for (int64_t i = 0; i < rows; i++)
            expect_near("row_loss", i, CLXENT_F32, (double)r.row_loss[i], row_loss[i],
                        r.bounds.row_loss_bound[i]);
        for (int64_t i = 0; i < rows * CLASSES; i++)
            expect_near("grad", i, CLXENT_F32, (double)r.grad[i], grad[i], r.bounds.grad_bound[i]);
    }
    case_results_free(&r);
    free(logits);
    free(stored);
    free(row_loss);
    free(grad);
}

/* Each case of grid/ has its own options, and so its own program on every schedule. So such a case runs on
 * one schedule (or AUTO), in turn; in the long form it runs on all of them. A slow compiler runs three
 * schedules and half of these cases. */
static bool has_turn(const char *name, int number, clxent_schedule schedule) {
    const bool of_grid = strncmp(name, "grid", 4) == 0;
    const int turns = expect_effort() == EFFORT_SMALL ? 6 : CLXENT_SCHEDULE_SPLIT + 1;
    return !of_grid || expect_long() || number % turns == (int)schedule;
}

/* Runs every `step`-th case, from number `first` on. */
static void cases_from(int first, int step, clxent_schedule schedule) {
    static char names[CASES_MOST][CASE_NAME];
    const int count = cases_list(names);
    int tried = 0;
    for (int i = first; i < count; i += step) {
        test_case c;
        if (step == 1 && !has_turn(names[i], i, schedule)) continue;
        tried++;
        case_open(&c, names[i]);
        if (c.next_token)
            run_next_token(&c, schedule);
        else
            run_case(&c, schedule);
        case_close(&c);
    }
    print_message("%s: %d of %d cases\n", clxent_schedule_name(schedule), tried, count);
}

/* An interpreter takes seconds a case, so it runs one case in 30, other cases on each schedule. */
static void every_case(clxent_schedule schedule) {
    const int tiny = expect_effort() == EFFORT_TINY;
    cases_from(tiny ? 6 * (int)schedule : 0, tiny ? 30 : 1, schedule);
}

static void on_auto(void **state) {
    (void)state;
    every_case(CLXENT_SCHEDULE_AUTO);
}

static void forced_lane(void **state) {
    (void)state;
    every_case(CLXENT_SCHEDULE_LANE);
}

static void forced_group(void **state) {
    (void)state;
    every_case(CLXENT_SCHEDULE_GROUP);
}

/* A slow compiler needs a minute for each vector kernel. */
static void forced_wide(void **state) {
    (void)state;
    if (expect_effort() == EFFORT_SMALL) skip();
    every_case(CLXENT_SCHEDULE_WIDE);
}

static void forced_split(void **state) {
    (void)state;
    if (expect_effort() == EFFORT_SMALL) skip();
    every_case(CLXENT_SCHEDULE_SPLIT);
}

/* Tunings that the table does not have: the least of each value, the most, and two in between. */
static void forced_other_tunings(void **state) {
    (void)state;
    static const clxent_tuning tunings[] = {
        {sizeof(clxent_tuning), 1, 1, 1, 1, 1, 1, 1, 1, 16, 64},
        {sizeof(clxent_tuning), 16, 16, 1024, 1024, 8, 8, 1024, 65536, 1 << 30, 1},
        {sizeof(clxent_tuning), 2, 8, 8, 8, 2, 4, 2, 2, 32, 2},
        {sizeof(clxent_tuning), 8, 16, 32, 32, 4, 2, 128, 100, 64, 8},
    };
    enum { TUNINGS = sizeof tunings / sizeof *tunings };
    const int step = expect_long() ? 60 : CASES_MOST; /* CASES_MOST: one case */
    if (expect_effort() != EFFORT_FULL) skip();       /* each case needs a compilation */
    for (int i = 0; i < TUNINGS; i++) {
        print_message("tuning %d:\n", i);
        expect_status("clxent_ctx_set_tuning", ctx, clxent_ctx_set_tuning(ctx, &tunings[i]), CLXENT_OK);
        for (int schedule = CLXENT_SCHEDULE_AUTO; schedule <= CLXENT_SCHEDULE_SPLIT; schedule++)
            if (schedule != CLXENT_SCHEDULE_LANE) /* AUTO takes LANE when the tuning says so */
                cases_from(5 * (TUNINGS * i + schedule), step, (clxent_schedule)schedule);
    }
    assert_int_equal(clxent_ctx_set_tuning(ctx, NULL), CLXENT_OK);
}

static int open_device(void **state) {
    (void)state;
    ctx = expect_ctx();
    return 0;
}

static int close_device(void **state) {
    (void)state;
    clxent_ctx_destroy(ctx);
    return 0;
}

/* test_golden [NAME]: NAME ("forced_*") chooses tests. */
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_auto),     cmocka_unit_test(forced_lane),  cmocka_unit_test(forced_group),
        cmocka_unit_test(forced_wide), cmocka_unit_test(forced_split), cmocka_unit_test(forced_other_tunings),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return leave(cmocka_run_group_tests(tests, open_device, close_device));
}
