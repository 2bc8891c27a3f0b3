/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares the results of a call of linear cross entropy with expected values. */
#ifndef CLXENT_TESTS_LINEAR_CHECK_H
#define CLXENT_TESTS_LINEAR_CHECK_H

#include <clxent/clxent.h>

#include "expect.h"
#include "linear_expected.h"

/* The bytes that outputs are filled with before a call. Where an array has room between two rows, they must
 * still be there after it. */
enum { LINEAR_FILL = 0x7B };

/* The desc of such a problem: f32, dense. */
clxent_desc linear_desc(const reference_linear *problem);

/* The type of an array of this desc with (N,H), (C,H) or (C) elements; never CLXENT_DTYPE_DEFAULT. */
clxent_dtype linear_dtype(const clxent_desc *desc, int array);
/* reference_linear.grad_rounding for a problem of these types. */
double linear_grad_rounding(const clxent_desc *desc);
/* The elements from a row to the next, and the elements in all, of an array with H elements a row. */
int64_t linear_stride(const clxent_desc *desc, int array);
int64_t linear_elements(const clxent_desc *desc, int array, int64_t rows);

/* Checks every output that `arrays` has against the results and bounds of `expected`. argmax and rank must
 * fit logits that are off by no more than expected->logit_error. */
void linear_check(const clxent_desc *desc, const clxent_arrays *arrays, const reference_linear *problem,
                  const reference_linear_result *expected);

#endif
