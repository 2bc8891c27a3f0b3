/* SPDX-License-Identifier: Apache-2.0
 *
 * One problem. A seed determines it. The device and the double-precision reference compute it, and the
 * results are compared.
 */
#ifndef CLXENT_CLI_VERIFY_CASE_H
#define CLXENT_CLI_VERIFY_CASE_H

#include "reference.h"
#include "session/session.h"
#include "verify_result.h"

typedef struct verify_case {
    clxent_desc desc; /* all but outputs; grad_dtype may be any type */
    clxent_schedule schedule;
    int weighted; /* class and row weights, grad_output */
    int hostile;  /* -inf and huge logits; for reduction none also a row of -inf alone, and a NaN */
    uint64_t seed;
} verify_case;

/* Returns the description of the problem for the reference, without its arrays. */
reference_problem verify_reference(const clxent_desc *d);

/* Runs the case and adds its counts and its largest error to *result. The status says whether the device
 * could compute it. */
clxent_status verify_case_run(const session *s, const verify_case *c, verify_result *result);

#endif
