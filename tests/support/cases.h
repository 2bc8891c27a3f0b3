/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference cases of tests/cases: found, read, and put as a problem for the reference. What the cases
 * expect is compared by the tests. Every failure to read one fails the test with a message, a key that is
 * not known included: no option of a case can be passed over.
 */
#ifndef CLXENT_TESTS_CASES_H
#define CLXENT_TESTS_CASES_H

#include "expect.h"
#include "files/tensor.h"

enum { CASE_NAME = 96, CASE_OUTPUTS = 6, CASES_MOST = 512, CASES_LEAST = 134 };

/* Names such as "grid/000_n1_c1_soft", sorted. Fails the test when there are fewer than CASES_LEAST. */
int cases_list(char names[CASES_MOST][CASE_NAME]);

typedef struct test_case_output {
    char role[24]; /* "loss", "grad", ... */
    tensor data;
} test_case_output;

typedef struct test_case {
    char name[CASE_NAME];
    int next_token;            /* op next-token: tokens in, `inputs` and `targets` out; no problem */
    reference_problem problem; /* arrays of double owned by the case */
    /* the files; a tensor without data is absent. `logits` is NLL's log_probs there. */
    tensor logits, targets, weight, grad_output, tokens;
    test_case_output outputs[CASE_OUTPUTS];
    int output_count;
} test_case;

void case_open(test_case *c, const char *name);
void case_close(test_case *c);

/* The output with that role, NULL when the case has none. */
const tensor *case_output(const test_case *c, const char *role);

/* What the double arithmetic that made an output may have lost of its smallest elements, such as 1 - p of a
 * confident row: p = exp(z - lse), and lse is off by 2^-53 of itself. 1e-7 of the largest bound, which serves
 * an lse of some thousands. */
double case_lost(const double *bound, int64_t count);

#endif
