/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the cases of tests/cases/linear through clxent_run(). The results must be within the bounds of
 * reference_linear.h around the values in the case's output files; z_error of the case says how far a logit
 * may be off. Each case runs with all of its outputs, and once more with a small workspace. */
#include "asked.h"
#include "cases.h"
#include "leave.h"
#include "support/linear_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static clxent_ctx *ctx;

static clxent_array input(const tensor *t) {
    return CLXENT_ARRAY(t->data, t->bytes);
}

/* Replaces the reference's values by those of the case's files. */
static void take_truth(const test_case *c, linear_expected *e) {
    reference_result *const rows = &e->r.rows;
    const struct {
        const char *role;
        double *to;
    } results[] = {
        {"loss", c->linear.loss.reduction == REFERENCE_NONE ? rows->row_loss : &rows->loss},
        {"per_row", rows->row_loss},
        {"lse", rows->lse},
        {"log_prob", rows->log_prob},
        {"entropy", rows->entropy},
        {"grad_hidden", e->r.grad_hidden},
        {"grad_classifier", e->r.grad_classifier},
        {"grad_classifier_bias", e->r.grad_bias},
    };
    for (int i = 0; i < c->output_count; i++) {
        const tensor *truth = &c->outputs[i].data;
        double *to = NULL;
        for (size_t k = 0; k < sizeof results / sizeof results[0]; k++)
            if (strcmp(results[k].role, c->outputs[i].role) == 0) to = results[k].to;
        if (!to) fail_msg("%s: output %s is not known", c->name, c->outputs[i].role);
        for (int64_t k = 0; k < truth->count; k++) to[k] = element(truth->dtype, truth->data, k);
    }
}

static clxent_desc desc_of(const test_case *c, bool f32_gradients) {
    clxent_desc d = linear_desc(&c->linear);
    d.hidden_dtype = c->hidden.dtype;
    d.classifier_dtype = c->classifier.dtype;
    if (c->classifier_bias.data) d.classifier_bias_dtype = c->classifier_bias.dtype;
    if (f32_gradients)
        d.grad_hidden_dtype = d.grad_classifier_dtype = d.grad_classifier_bias_dtype = CLXENT_F32;
    return d;
}

/* Memory of a call's outputs. */
typedef struct outputs {
    unsigned char *memory, *next;
} outputs;

static clxent_array output(outputs *o, int64_t count, clxent_dtype dtype) {
    const size_t bytes = (size_t)count * clxent_dtype_size(dtype);
    const clxent_array a = CLXENT_ARRAY(o->next, bytes);
    o->next += (bytes + 15) / 16 * 16;
    return a;
}

static clxent_arrays arrays_of(const test_case *c, const clxent_desc *d, outputs *o) {
    const int64_t n = d->rows, classes = d->classes, h = d->features;
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.hidden = input(&c->hidden);
    a.classifier = input(&c->classifier);
    a.classifier_bias = input(&c->classifier_bias);
    a.targets = input(&c->targets);
    a.class_weight = input(&c->weight);
    a.row_weight = input(&c->row_weight);
    a.grad_output = input(&c->grad_output);
    const size_t room = (size_t)(n * 32 + 16 * 8 + (n + classes) * h * 4 + classes * 4 + 64);
    o->memory = o->next = malloc(room);
    assert_non_null(o->memory);
    memset(o->memory, LINEAR_FILL, room);
    a.loss = output(o, d->reduction == CLXENT_NONE ? n : 1, CLXENT_F32);
    a.row_loss = output(o, n, CLXENT_F32);
    a.lse = output(o, n, CLXENT_F32);
    a.log_prob = output(o, n, CLXENT_F32);
    a.entropy = output(o, n, CLXENT_F32);
    a.counts = output(o, 4, CLXENT_I64);
    a.grad_hidden = output(o, n * h, linear_dtype(d, CLXENT_A_grad_hidden));
    a.grad_classifier = output(o, classes * h, linear_dtype(d, CLXENT_A_grad_classifier));
    if (case_output(c, "grad_classifier_bias"))
        a.grad_classifier_bias = output(o, classes, linear_dtype(d, CLXENT_A_grad_classifier_bias));
    assert_true(o->next <= o->memory + room);
    return a;
}

static void run(const test_case *c, const linear_expected *truth, bool f32_gradients, uint64_t workspace) {
    expect_about("case %s, workspace_bytes %llu", c->name, (unsigned long long)workspace);
    clxent_desc d = desc_of(c, f32_gradients);
    d.workspace_bytes = workspace;
    outputs o;
    const clxent_arrays a = arrays_of(c, &d, &o);
    d.outputs = asked_outputs(&d, &a);
    clxent_plan *plan = NULL;
    expect_status("clxent_plan_create", ctx, clxent_plan_create(&plan, ctx, &d), CLXENT_OK);
    expect_status("clxent_run", ctx, clxent_run(plan, &a), CLXENT_OK);
    clxent_plan_destroy(plan);
    linear_check(&d, &a, &c->linear, &truth->r);
    free(o.memory);
}

/* A case of f16 gives f16 gradients, or f32 ones, in turn. An interpreter runs a few small cases. */
static void every_case(void **state) {
    (void)state;
    static char names[CASES_MOST][CASE_NAME];
    const int count = cases_list_linear(names);
    const int step = expect_long() ? 1 : (int[]){10, 14, 1}[expect_effort()];
    int tried = 0;
    for (int i = 0; i < count; i += step) {
        test_case c;
        case_open(&c, names[i]);
        const int64_t products = c.problem.rows * c.problem.classes * c.linear.features;
        if (expect_effort() != EFFORT_TINY || products < 2000) {
            const clxent_desc types = desc_of(&c, false);
            c.linear.grad_rounding = linear_grad_rounding(&types);
            linear_expected truth = linear_expected_new(&c.linear);
            take_truth(&c, &truth);
            run(&c, &truth, i % 2, 0);
            if (i % 4 == 0) {
                const clxent_desc d = desc_of(&c, i % 2);
                run(&c, &truth, i % 2, 2 * linear_least_workspace(ctx, &d));
            }
            linear_expected_free(&truth);
            tried++;
        }
        case_close(&c);
    }
    print_message("%d of %d cases\n", tried, count);
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case)};
    return leave(cmocka_run_group_tests(tests, open_device, close_device));
}
