/* SPDX-License-Identifier: Apache-2.0
 *
 * A kernel that does not compile, because layers/break_builds.c breaks it. The test checks the status, the
 * message and the compiler's log, which must name a file of kernels/ and its line. The program can still use
 * and destroy the context. */
#include <clxent/clxent_experimental.h>

#include "expect.h"
#include "said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void plan_is_refused(void **state) {
    (void)state;
    clxent_ctx *ctx = expect_ctx();
    clxent_plan *plan = (clxent_plan *)ctx;
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = 2;
    desc.classes = 3;
    assert_string_equal(clxent_ctx_build_log(ctx), "");
    assert_int_equal(setenv("CLXENT_BREAK_BUILDS", "1", 1), 0);
    for (int attempt = 0; attempt < 2; attempt++) {
        assert_int_equal(clxent_plan_create(&plan, ctx, &desc), CLXENT_ERR_BUILD);
        assert_null(plan);
        assert_non_null(strstr(clxent_ctx_last_error(ctx), ".cl did not compile"));
        assert_non_null(strstr(clxent_ctx_last_error(ctx), "-DREAL_F64=0"));
        assert_non_null(strstr(clxent_ctx_build_log(ctx), "this_is_no_type"));
        said(clxent_ctx_last_error(ctx));
    }
    assert_int_equal(unsetenv("CLXENT_BREAK_BUILDS"), 0);
    expect_status("clxent_plan_create", ctx, clxent_plan_create(&plan, ctx, &desc), CLXENT_OK);
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
}

/* Line `number` of a file of the source tree. */
static void read_line(char *line, int bytes, const char *file, int number) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", CLXENT_TEST_SOURCES, file);
    FILE *in = fopen(path, "r");
    if (!in) fail_msg("the log names %s, which is no file", path);
    for (int i = 0; i < number; i++)
        if (!fgets(line, bytes, in)) fail_msg("the log names line %d of %s, which has %d", number, file, i);
    fclose(in);
}

/* For each unknown type, PoCL's log names a file of kernels/ and a line. The line must contain `word`, or a
 * macro that may contain it. Returns the number of such errors. */
static int check_errors(const char *log, const char *word) {
    static const char mark[] = "error: kernels/";
    int errors = 0;
    for (const char *at = log; (at = strstr(at, mark)) != NULL; at += sizeof mark) {
        char file[64], line[512];
        int number;
        const char *unknown = strstr(at, "this_is_no_type");
        if (!unknown || at + strcspn(at, "\n") < unknown) continue; /* a consequence of another error */
        assert_int_equal(sscanf(at, "error: %63[^:]:%d:", file, &number), 2);
        read_line(line, sizeof line, file, number);
        if (!strstr(line, word) && strncmp(line, "DEFINE_", 7) != 0)
            fail_msg("%s:%d is \"%s\", which has no %s\n%s", file, number, line, word, log);
        errors++;
    }
    return errors;
}

/* The number of errors of a program in which `word` is an unknown type. */
static int break_program(clxent_schedule schedule, const char *word) {
    clxent_ctx *ctx = expect_ctx();
    clxent_plan *plan = NULL;
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.op = CLXENT_SOFTMAX; /* has no sums over rows, and so no second program */
    desc.rows = 2;
    desc.classes = 3;
    assert_int_equal(setenv("CLXENT_BREAK_BUILDS", word, 1), 0);
    assert_int_equal(clxent_plan_create_scheduled(&plan, ctx, &desc, schedule), CLXENT_ERR_BUILD);
    assert_int_equal(unsetenv("CLXENT_BREAK_BUILDS"), 0);
    const int errors = check_errors(clxent_ctx_build_log(ctx), word);
    clxent_ctx_destroy(ctx);
    return errors;
}

/* Checks the lines that the log names in every program. "__kernel" stands at a program's end; "bool" stands
 * in its first and last functions, also behind a file that the program leaves out. */
static void log_names_the_line(void **state) {
    (void)state;
    const struct {
        clxent_schedule schedule;
        int kernels;
    } programs[] = {{CLXENT_SCHEDULE_LANE, 1},
                    {CLXENT_SCHEDULE_GROUP, 1},
                    {CLXENT_SCHEDULE_WIDE, 1},
                    {CLXENT_SCHEDULE_SPLIT, 4}};
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        expect_integer("kernels", (int64_t)i, break_program(programs[i].schedule, "__kernel"),
                       programs[i].kernels);
        assert_true(break_program(programs[i].schedule, "bool") >= 5);
    }
}

/* Calls the plan for each combination of its outputs. */
static void call_for(clxent_ctx *ctx, clxent_plan *plan, clxent_op op) {
    static float logits[2][3], grad_output[2][3], loss, probs[2][3], grad[2][3];
    static int64_t targets[2], argmax[2];
    for (unsigned which = 1; which < 8; which++) {
        clxent_arrays a = CLXENT_ARRAYS_INIT;
        a.logits = CLXENT_ARRAY(logits, sizeof logits);
        if (which & 1) a.argmax = CLXENT_ARRAY(argmax, sizeof argmax);
        if (which & 2) a.grad = CLXENT_ARRAY(grad, sizeof grad);
        if (op == CLXENT_SOFTMAX) {
            if (which & 4) a.probs = CLXENT_ARRAY(probs, sizeof probs);
            if (which & 2) a.grad_output = CLXENT_ARRAY(grad_output, sizeof grad_output);
        } else {
            a.targets = CLXENT_ARRAY(targets, sizeof targets);
            if (which & 4) a.loss = CLXENT_ARRAY(&loss, sizeof loss);
        }
        expect_status("clxent_run", ctx, clxent_run(plan, &a), CLXENT_OK);
    }
}

static void calls_compile_nothing(void **state) {
    (void)state;
    const struct {
        clxent_op op;
        uint32_t outputs;
    } plans[] = {
        {CLXENT_CROSS_ENTROPY, CLXENT_OUT_LOSS | CLXENT_OUT_ARGMAX | CLXENT_OUT_GRAD},
        {CLXENT_SOFTMAX, CLXENT_OUT_PROBS | CLXENT_OUT_ARGMAX | CLXENT_OUT_GRAD},
    };
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        clxent_ctx *ctx = expect_ctx();
        clxent_plan *plan = NULL;
        clxent_desc desc = CLXENT_DESC_INIT;
        desc.op = plans[i].op;
        desc.outputs = plans[i].outputs;
        desc.rows = 2;
        desc.classes = 3;
        expect_status("clxent_plan_create", ctx, clxent_plan_create(&plan, ctx, &desc), CLXENT_OK);
        assert_int_equal(setenv("CLXENT_BREAK_BUILDS", "1", 1), 0);
        call_for(ctx, plan, desc.op);
        assert_int_equal(unsetenv("CLXENT_BREAK_BUILDS"), 0);
        clxent_plan_destroy(plan);
        clxent_ctx_destroy(ctx);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_is_refused),
        cmocka_unit_test(log_names_the_line),
        cmocka_unit_test(calls_compile_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
