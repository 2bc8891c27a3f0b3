/* SPDX-License-Identifier: Apache-2.0
 *
 * See linear_expected.h.
 */
#include "linear_expected.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

linear_expected linear_expected_new(const reference_linear *problem) {
    linear_expected e = {0};
    const int64_t n = problem->loss.rows, c = problem->loss.classes, h = problem->features;
    reference_result *const rows = &e.r.rows;
    struct {
        double **to;
        int64_t count;
    } parts[] = {
        {&rows->row_loss, n},
        {&rows->row_loss_bound, n},
        {&rows->log_prob, n},
        {&rows->log_prob_bound, n},
        {&rows->lse, n},
        {&rows->lse_bound, n},
        {&rows->entropy, n},
        {&rows->entropy_bound, n},
        {&e.r.logits, n * c},
        {&e.r.logit_error, n * c},
        {&e.r.grad_hidden, n * h},
        {&e.r.grad_hidden_bound, n * h},
        {&e.r.grad_classifier, c * h},
        {&e.r.grad_classifier_bound, c * h},
        {&e.r.grad_bias, c},
        {&e.r.grad_bias_bound, c},
    };
    enum { PARTS = sizeof parts / sizeof parts[0] };
    int64_t total = 1;
    for (int i = 0; i < PARTS; i++) total += parts[i].count;
    double *memory = calloc((size_t)total, sizeof *memory);
    assert_non_null(memory);
    e.memory = memory;
    for (int i = 0; i < PARTS; i++) {
        *parts[i].to = memory;
        memory += parts[i].count;
    }
    assert_int_equal(reference_linear_run(problem, &e.r), 0);
    return e;
}

void linear_expected_free(linear_expected *e) {
    free(e->memory);
}
