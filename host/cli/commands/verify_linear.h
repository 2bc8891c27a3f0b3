/* SPDX-License-Identifier: Apache-2.0
 *
 * One problem of linear cross entropy: the device computes it, and the results are compared with expected
 * ones, within the bounds of the double-precision reference.
 */
#ifndef CLXENT_CLI_VERIFY_LINEAR_H
#define CLXENT_CLI_VERIFY_LINEAR_H

#include "files/tensor.h"
#include "verify_case.h"

/* An output that a file has; `role` is its option's name with _ for -, such as "per_row". */
typedef struct verify_expected {
    char role[32];
    tensor data;
} verify_expected;

/* Computes the outputs of `expected` and compares them. desc->outputs is not read; `inputs` has the inputs
 * alone. `logit_error` is how far each logit may be off; 0: as far as sums of f32 products may be. Adds to
 * *result. The status says whether the device could compute it; CLXENT_ERR_MEMORY: there was no memory for
 * it, on the host or on the device. */
clxent_status verify_linear_run(const session *s, const clxent_desc *desc, const clxent_arrays *inputs,
                                double logit_error, const verify_expected *expected, int count,
                                verify_result *result);

/* Returns the shape that the output must have as a number of elements; -1: there is no such output here. */
int64_t verify_linear_count(const clxent_desc *desc, const char *role);

#endif
