/* SPDX-License-Identifier: Apache-2.0
 *
 * The cross entropy of one row in long double, sums compensated: to what a double holds, where long double is
 * wider (x86: 64 bits of precision, where a double has 53). The second opinion on host/reference too, with
 * which it shares nothing. No options: the target's class, weights 1.
 */
#ifndef CLXENT_TESTS_EXACT_H
#define CLXENT_TESTS_EXACT_H

#include <stdint.h>

typedef struct exact_row {
    long double lse, log_prob, entropy; /* the loss is -log_prob */
} exact_row;

/* x, exponential and gradient have C elements; exponential is scratch. gradient is p_c - [c = target]. Logits
 * are finite. */
exact_row exact_row_compute(const double *x, int64_t classes, int64_t target, long double *exponential,
                            long double *gradient);

#endif
