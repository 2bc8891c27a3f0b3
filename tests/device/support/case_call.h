/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns a case of tests/cases into a call with f32 results, and checks the results. */
#ifndef TEST_CASE_CALL_H
#define TEST_CASE_CALL_H

#include <clxent/clxent.h>

#include "cases.h"

/* Results in f32, and the bounds in double, of (N) and (N,C) elements. */
typedef struct case_results {
    float loss, *row_loss, *lse, *log_probs, *probs, *grad;
    reference_result bounds;
} case_results;

case_results case_results_new(const reference_problem *p);
void case_results_free(case_results *r);

clxent_desc case_desc(const reference_problem *p);

/* The arrays of the case, with the outputs that it lists. */
clxent_arrays case_arrays(const test_case *c, case_results *r);
clxent_array case_array(const tensor *t);

/* Checks that each output of the case is within its bound. */
void case_check(const test_case *c, const case_results *r);

#endif
