/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference against the cases of tests/cases. It must agree to 1e-12 of the terms' magnitudes with
 * outputs that were computed in double precision, and to 2e-7 with outputs in single precision (onnx),
 * because these were computed in it. The tolerance of NLL is 2e-7 too: its log-probabilities were rounded to
 * f32 after the loss had been computed from them.
 */
#include "cases.h"
#include "linear_expected.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The reference's bound is 1e-6 of the terms' magnitudes; `scale` makes 1e-12 or 2e-7 of that. */
static void check(const test_case *c, const char *role, const tensor *expected, const double *got,
                  const double *bound, int64_t count) {
    if (expected->count != count)
        fail_msg("%s: %lld elements, expected %lld", role, (long long)count, (long long)expected->count);
    const int exact = expected->dtype == CLXENT_F64 && c->problem.op != REFERENCE_NLL;
    const double scale = exact ? 1e-12 / 1e-6 : 2e-7 / 1e-6;
    const double lost = case_lost(bound, count);
    for (int64_t i = 0; i < count; i++)
        expect_near(role, i, CLXENT_F64, got[i], element(expected->dtype, expected->data, i),
                    scale * bound[i] + lost);
}

static double *room(int64_t count) {
    double *values = calloc((size_t)count + 1, sizeof *values);
    assert_non_null(values);
    return values;
}

static void run_case(test_case *c) {
    const reference_problem *p = &c->problem;
    const int64_t all = p->rows * p->classes;
    reference_result r = {
        .row_loss = room(p->rows),
        .row_loss_bound = room(p->rows),
        .lse = room(p->rows),
        .lse_bound = room(p->rows),
        .log_probs = room(all),
        .log_probs_bound = room(all),
        .probs = room(all),
        .probs_bound = room(all),
        .grad = room(all),
        .grad_bound = room(all),
    };
    assert_int_equal(reference_run(p, &r), 0);
    for (int i = 0; i < c->output_count; i++) {
        const char *role = c->outputs[i].role;
        const tensor *expected = &c->outputs[i].data;
        if (strcmp(role, "loss") == 0 && p->reduction == REFERENCE_NONE)
            check(c, role, expected, r.row_loss, r.row_loss_bound, p->rows);
        else if (strcmp(role, "loss") == 0)
            check(c, role, expected, &r.loss, &r.loss_bound, 1);
        else if (strcmp(role, "grad") == 0)
            check(c, role, expected, r.grad, r.grad_bound, all);
        else if (strcmp(role, "lse") == 0)
            check(c, role, expected, r.lse, r.lse_bound, p->rows);
        else if (strcmp(role, "log_probs") == 0)
            check(c, role, expected, r.log_probs, r.log_probs_bound, all);
        else if (strcmp(role, "probs") == 0)
            check(c, role, expected, r.probs, r.probs_bound, all);
        else
            fail_msg("output %s is not known", role);
    }
    double *const arrays[] = {r.row_loss,        r.row_loss_bound, r.lse,         r.lse_bound, r.log_probs,
                              r.log_probs_bound, r.probs,          r.probs_bound, r.grad,      r.grad_bound};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) free(arrays[i]);
}

/* Next token: the targets and inputs that the reference takes from the case's tokens must be those of the
 * case. The test needs no logits. */
static void run_next_token(test_case *c) {
    const tensor *targets = case_output(c, "targets"), *inputs = case_output(c, "inputs");
    assert_non_null(targets);
    assert_non_null(inputs);
    const int64_t sequences = c->tokens.shape[0], tokens = c->tokens.shape[1], t = targets->shape[1];
    reference_problem p = REFERENCE_PROBLEM_INIT;
    p.targets_kind = REFERENCE_TARGETS_NEXT_TOKEN;
    p.targets = c->tokens.data;
    p.rows = sequences * t;
    p.classes = 10;
    p.sequence_length = t;
    p.tokens_per_sequence = tokens;
    for (int64_t row = 0; row < p.rows; row++) {
        int64_t target;
        assert_int_equal(reference_row_target(&p, row, &target), REFERENCE_ROW_COUNTED);
        expect_integer("targets", row, target, integer(targets->dtype, targets->data, row));
        expect_integer("inputs", row, integer(inputs->dtype, inputs->data, row),
                       ((const int64_t *)c->tokens.data)[row / t * tokens + row % t]);
    }
}

static void every_case(void **state) {
    (void)state;
    static char names[CASES_MOST][CASE_NAME];
    const int count = cases_list(names);
    for (int i = 0; i < count; i++) {
        test_case c;
        case_open(&c, names[i]);
        if (c.next_token)
            run_next_token(&c);
        else
            run_case(&c);
        case_close(&c);
    }
    print_message("%d cases\n", count);
}

static void run_linear(test_case *c) {
    const reference_linear *p = &c->linear;
    const int64_t n = p->loss.rows, of_classifier = p->loss.classes * p->features;
    linear_expected e = linear_expected_new(p);
    const reference_result *rows = &e.r.rows;
    const struct {
        const char *role;
        const double *got, *bound;
        int64_t count;
    } outputs[] = {
        {"loss", &rows->loss, &rows->loss_bound, 1},
        {"per_row", rows->row_loss, rows->row_loss_bound, n},
        {"lse", rows->lse, rows->lse_bound, n},
        {"log_prob", rows->log_prob, rows->log_prob_bound, n},
        {"entropy", rows->entropy, rows->entropy_bound, n},
        {"grad_hidden", e.r.grad_hidden, e.r.grad_hidden_bound, n * p->features},
        {"grad_classifier", e.r.grad_classifier, e.r.grad_classifier_bound, of_classifier},
        {"grad_classifier_bias", e.r.grad_bias, e.r.grad_bias_bound, p->loss.classes},
    };
    enum { OUTPUTS = sizeof outputs / sizeof outputs[0] };
    for (int i = 0; i < c->output_count; i++) {
        const char *role = c->outputs[i].role;
        const int is_row_loss = strcmp(role, "loss") == 0 && p->loss.reduction == REFERENCE_NONE;
        int at = 0;
        while (at < OUTPUTS && strcmp(outputs[at].role, is_row_loss ? "per_row" : role) != 0) at++;
        if (at == OUTPUTS) fail_msg("output %s is not known", role);
        check(c, role, &c->outputs[i].data, outputs[at].got, outputs[at].bound, outputs[at].count);
    }
    linear_expected_free(&e);
}

static void every_linear_case(void **state) {
    (void)state;
    static char names[CASES_MOST][CASE_NAME];
    const int count = cases_list_linear(names);
    for (int i = 0; i < count; i++) {
        test_case c;
        case_open(&c, names[i]);
        run_linear(&c);
        case_close(&c);
    }
    print_message("%d cases\n", count);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case), cmocka_unit_test(every_linear_case)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
