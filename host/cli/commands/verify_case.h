/* SPDX-License-Identifier: Apache-2.0
 *
 * One problem, made from a seed, computed on the device and by the double-precision reference, compared.
 */
#ifndef CLXENT_CLI_VERIFY_CASE_H
#define CLXENT_CLI_VERIFY_CASE_H

#include "session/session.h"

typedef struct verify_case {
    clxent_desc desc; /* all but outputs; grad of any type */
    clxent_schedule schedule;
    int weighted; /* class and row weights, grad_output */
    int hostile;  /* -inf, huge values; rows of nothing but -inf, and a NaN, for reduction none */
    uint64_t seed;
} verify_case;

typedef struct verify_result {
    int64_t values;  /* compared */
    int64_t outside; /* of their bound */
    double worst;    /* the largest error, in units of its bound; infinity where NaN or an integer is wrong */
    const char *output; /* in which that was */
} verify_result;

/* Adds to *result what the case finds. A status when the device could not compute it. */
clxent_status verify_case_run(const session *s, const verify_case *c, verify_result *result);

#endif
