/* SPDX-License-Identifier: Apache-2.0
 *
 * One problem. A seed determines it. The device and the double-precision reference compute it, and the
 * results are compared.
 */
#ifndef CLXENT_CLI_VERIFY_CASE_H
#define CLXENT_CLI_VERIFY_CASE_H

#include "session/session.h"

typedef struct verify_case {
    clxent_desc desc; /* all but outputs; grad_dtype may be any type */
    clxent_schedule schedule;
    int weighted; /* class and row weights, grad_output */
    int hostile;  /* -inf and huge logits; for reduction none also a row of -inf alone, and a NaN */
    uint64_t seed;
} verify_case;

typedef struct verify_result {
    int64_t values;  /* values compared */
    int64_t outside; /* values outside their bound */
    double worst;    /* the largest error, in units of its bound; infinity where NaN or an integer is wrong */
    const char *output; /* the output with that error */
} verify_result;

/* Runs the case and adds its counts and its largest error to *result. The status says whether the device
 * could compute it. */
clxent_status verify_case_run(const session *s, const verify_case *c, verify_result *result);

#endif
