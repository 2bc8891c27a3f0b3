/* SPDX-License-Identifier: Apache-2.0 */
#include "case_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *room(int64_t count, size_t size) {
    void *memory = calloc((size_t)count + 1, size);
    assert_non_null(memory);
    return memory;
}

static float *floats(int64_t count) {
    return room(count, sizeof(float));
}

static double *doubles(int64_t count) {
    return room(count, sizeof(double));
}

case_results case_results_new(const reference_problem *p) {
    const int64_t n = p->rows, all = p->rows * p->classes;
    case_results r = {.row_loss = floats(n),
                      .lse = floats(n),
                      .log_probs = floats(all),
                      .probs = floats(all),
                      .grad = floats(all)};
    r.bounds = (reference_result){.row_loss_bound = doubles(n),
                                  .lse_bound = doubles(n),
                                  .log_probs_bound = doubles(all),
                                  .probs_bound = doubles(all),
                                  .grad_bound = doubles(all)};
    assert_int_equal(reference_run(p, &r.bounds), 0);
    return r;
}

void case_results_free(case_results *r) {
    void *const memory[] = {r->row_loss,
                            r->lse,
                            r->log_probs,
                            r->probs,
                            r->grad,
                            r->bounds.row_loss_bound,
                            r->bounds.lse_bound,
                            r->bounds.log_probs_bound,
                            r->bounds.probs_bound,
                            r->bounds.grad_bound};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) free(memory[i]);
}

clxent_desc case_desc(const reference_problem *p) {
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.op = (clxent_op[]){CLXENT_CROSS_ENTROPY, CLXENT_NLL, CLXENT_SOFTMAX, CLXENT_LOG_SOFTMAX}[p->op];
    desc.reduction = (clxent_reduction[]){CLXENT_MEAN, CLXENT_SUM, CLXENT_NONE}[p->reduction];
    desc.targets =
        p->targets_kind == REFERENCE_TARGETS_PROBABILITY ? CLXENT_TARGETS_PROBABILITY : CLXENT_TARGETS_CLASS;
    desc.rows = p->rows;
    desc.classes = p->classes;
    desc.inner = p->inner;
    desc.use_ignore_index = p->use_ignore_index;
    desc.ignore_index = p->ignore_index;
    desc.label_smoothing = p->label_smoothing;
    desc.z_loss = p->z_loss;
    desc.softcap = p->softcap;
    desc.logit_scale = p->logit_scale;
    return desc;
}

clxent_array case_array(const tensor *t) {
    return CLXENT_ARRAY(t->data, t->bytes);
}

clxent_arrays case_arrays(const test_case *c, case_results *r) {
    const reference_problem *p = &c->problem;
    const size_t n = (size_t)p->rows * sizeof(float), all = n * (size_t)p->classes;
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    *(p->op == REFERENCE_NLL ? &a.log_probs : &a.logits) = case_array(&c->logits);
    a.targets = case_array(&c->targets);
    a.class_weight = case_array(&c->weight);
    a.grad_output = case_array(&c->grad_output);
    if (case_output(c, "loss"))
        a.loss = p->reduction == REFERENCE_NONE ? CLXENT_ARRAY(r->row_loss, n)
                                                : CLXENT_ARRAY(&r->loss, sizeof r->loss);
    if (case_output(c, "lse")) a.lse = CLXENT_ARRAY(r->lse, n);
    if (case_output(c, "log_probs")) a.log_probs = CLXENT_ARRAY(r->log_probs, all);
    if (case_output(c, "probs")) a.probs = CLXENT_ARRAY(r->probs, all);
    if (case_output(c, "grad")) a.grad = CLXENT_ARRAY(r->grad, all);
    return a;
}

static void check(const char *role, const tensor *expected, const float *got, const double *bound,
                  int64_t count) {
    expect_integer(role, -1, count, expected->count);
    const double lost = case_lost(bound, count);
    for (int64_t i = 0; i < count; i++) {
        const double value = element(expected->dtype, expected->data, i);
        const double rounding =
            expected->dtype == CLXENT_F32 ? reference_half_unit(REFERENCE_F32, value) : 0.0;
        expect_near(role, i, CLXENT_F32, (double)got[i], value, bound[i] + rounding + lost);
    }
}

void case_check(const test_case *c, const case_results *r) {
    const reference_problem *p = &c->problem;
    const int64_t all = p->rows * p->classes;
    for (int i = 0; i < c->output_count; i++) {
        const char *role = c->outputs[i].role;
        const tensor *expected = &c->outputs[i].data;
        if (strcmp(role, "loss") == 0 && p->reduction == REFERENCE_NONE)
            check(role, expected, r->row_loss, r->bounds.row_loss_bound, p->rows);
        else if (strcmp(role, "loss") == 0)
            check(role, expected, &r->loss, &r->bounds.loss_bound, 1);
        else if (strcmp(role, "grad") == 0)
            check(role, expected, r->grad, r->bounds.grad_bound, all);
        else if (strcmp(role, "lse") == 0)
            check(role, expected, r->lse, r->bounds.lse_bound, p->rows);
        else if (strcmp(role, "log_probs") == 0)
            check(role, expected, r->log_probs, r->bounds.log_probs_bound, all);
        else if (strcmp(role, "probs") == 0)
            check(role, expected, r->probs, r->bounds.probs_bound, all);
        else
            fail_msg("%s: output %s is not known", c->name, role);
    }
}
