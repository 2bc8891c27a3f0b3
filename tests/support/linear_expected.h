/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference's results of a problem of linear cross entropy, with the memory that holds them. */
#ifndef CLXENT_TESTS_LINEAR_EXPECTED_H
#define CLXENT_TESTS_LINEAR_EXPECTED_H

#include "reference_linear.h"

typedef struct linear_expected {
    reference_linear_result r; /* every result and every bound */
    void *memory;
} linear_expected;

/* Runs the reference. Fails the test when there is no memory. */
linear_expected linear_expected_new(const reference_linear *problem);
void linear_expected_free(linear_expected *e);

#endif
