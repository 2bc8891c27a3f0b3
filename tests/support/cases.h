/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds and reads the reference cases of tests/cases, and turns each into a problem for the reference. The
 * tests compare the outputs that a case expects. If a case cannot be read, the test fails with a message. An
 * unknown key is such a failure too: no option of a case may be passed over.
 */
#ifndef CLXENT_TESTS_CASES_H
#define CLXENT_TESTS_CASES_H

#include "expect.h"
#include "files/tensor.h"
#include "reference_linear.h"

enum { CASE_NAME = 96, CASE_OUTPUTS = 8, CASES_MOST = 512, CASES_LEAST = 134, CASES_LEAST_LINEAR = 40 };

/* Names such as "grid/000_n1_c1_soft", sorted: of the cases on logits, or of those of linear cross entropy.
 * Fails the test when there are fewer than CASES_LEAST, or CASES_LEAST_LINEAR. */
int cases_list(char names[CASES_MOST][CASE_NAME]);
int cases_list_linear(char names[CASES_MOST][CASE_NAME]);

typedef struct test_case_output {
    char role[24]; /* "loss", "grad", ... */
    tensor data;
} test_case_output;

typedef struct test_case {
    char name[CASE_NAME];
    int next_token;            /* op next-token: has tokens, the outputs `inputs` and `targets`, no problem */
    int is_linear;             /* op linear-cross-entropy: `linear` has the problem */
    reference_problem problem; /* the case owns its arrays of double */
    reference_linear linear;
    /* The files. A tensor without data is absent. `logits` has the log_probs of NLL. */
    tensor logits, targets, weight, row_weight, grad_output, tokens, hidden, classifier, classifier_bias;
    test_case_output outputs[CASE_OUTPUTS];
    int output_count;
} test_case;

void case_open(test_case *c, const char *name);
void case_close(test_case *c);

/* The output with that role; NULL if the case has none. */
const tensor *case_output(const test_case *c, const char *role);

/* The error that double arithmetic may have left in the smallest elements of an output, such as 1 - p of a
 * confident row: p = exp(z - lse), and lse is off by 2^-53 of itself. It is 1e-7 of the largest bound, which
 * is enough for an lse of some thousands. */
double case_lost(const double *bound, int64_t count);

#endif
