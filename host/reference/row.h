/* SPDX-License-Identifier: Apache-2.0
 *
 * The terms of a row that more than one file of the reference needs. reference.h has the formulas. */
#ifndef CLXENT_REFERENCE_ROW_H
#define CLXENT_REFERENCE_ROW_H

#include "reference.h"

/* Whether the logit is -inf. */
int reference_masked(double x);

/* dz/dx. No caller asks for it at -inf, where the gradient is 0. */
double reference_slope(const reference_problem *problem, double x);

/* q_c, with the row's weight. `t` has the row's target probabilities, or is NULL. */
double reference_target_weight(const reference_problem *problem, double row_weight, int64_t target,
                               const double *t, int64_t c);

/* g of a row of cross entropy or NLL. */
double reference_grad_factor(const reference_problem *problem, int64_t row);

/* Writes the row's numbers to those results of (N) that are not NULL. */
void reference_result_put(const reference_result *result, int64_t row, const reference_row *out);

/* Sets the results that are one number: the loss, its bound, and the counts. */
void reference_result_finish(reference_result *result, const reference_problem *problem,
                             const reference_counts *counts, const reference_loss *loss);

#endif
