/* SPDX-License-Identifier: Apache-2.0
 *
 * The cross entropy of one row in long double, with compensated sums. Where long double is wider than double
 * (x86: 64 bits of precision against 53), the results are exact to the precision of a double. They check
 * host/reference too, with which this file shares no code. There are no options: a target is a class, and
 * every weight is 1.
 */
#ifndef CLXENT_TESTS_EXACT_H
#define CLXENT_TESTS_EXACT_H

#include <stdint.h>

typedef struct exact_row {
    long double lse, log_prob, entropy; /* the loss is -log_prob */
} exact_row;

/* x, exponential and gradient have `classes` elements; exponential is scratch. The function sets gradient to
 * p_c - [c = target]. The logits must be finite. */
exact_row exact_row_compute(const double *x, int64_t classes, int64_t target, long double *exponential,
                            long double *gradient);

#endif
