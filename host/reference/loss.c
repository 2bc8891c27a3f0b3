/* SPDX-License-Identifier: Apache-2.0
 *
 * All rows together: the scalar loss, and reference_run(), which computes a whole problem on arrays.
 */
#include "row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void reference_loss_add(reference_loss *loss, const reference_row *row) {
    reference_sum_add(&loss->loss, row->loss_part);
    reference_sum_add(&loss->z, row->z_part);
    reference_sum_add(&loss->loss_bound, row->loss_part_bound);
    reference_sum_add(&loss->z_bound, row->z_part_bound);
}

void reference_loss_finish(const reference_loss *loss, const reference_problem *problem,
                           const reference_counts *counts, double *value, double *bound) {
    const int mean = problem->reduction == REFERENCE_MEAN;
    *bound = 0.0;
    if (mean && counts->counted == 0) {
        *value = problem->empty_mean_zero ? 0.0 : (double)NAN;
        return;
    }
    if (counts->divisor_is_zero) {
        *value = NAN;
        return;
    }
    *value = reference_sum_value(&loss->loss) / counts->divisor;
    *bound = reference_sum_value(&loss->loss_bound) / fabs(counts->divisor);
    if (problem->z_loss != 0.0) {
        *value += reference_sum_value(&loss->z) / counts->z_divisor;
        *bound += reference_sum_value(&loss->z_bound) / fabs(counts->z_divisor);
    }
    *bound += 2.0 * reference_half_unit(problem->double_arithmetic ? REFERENCE_F64 : REFERENCE_F32, *value);
}

static void gather(double *to, const double *from, int64_t inner, int64_t stride, int64_t row,
                   int64_t classes) {
    const int64_t dense = classes * inner;
    for (int64_t c = 0; c < classes; c++)
        to[c] = from[reference_index(inner, stride ? stride : dense, row, c)];
}

static void scatter(double *to, const double *from, int64_t inner, int64_t row, int64_t classes) {
    for (int64_t c = 0; c < classes; c++) to[reference_index(inner, classes * inner, row, c)] = from[c];
}

static void put(double *to, int64_t row, double value) {
    if (to) to[row] = value;
}

void reference_result_put(const reference_result *result, int64_t row, const reference_row *out) {
    put(result->row_loss, row, out->row_loss);
    put(result->row_loss_bound, row, out->row_loss_bound);
    put(result->log_prob, row, out->log_prob);
    put(result->log_prob_bound, row, out->log_prob_bound);
    put(result->lse, row, out->lse);
    put(result->lse_bound, row, out->lse_bound);
    put(result->entropy, row, out->entropy);
    put(result->entropy_bound, row, out->entropy_bound);
    if (result->argmax) result->argmax[row] = out->argmax;
    if (result->rank) result->rank[row] = out->rank;
}

void reference_result_finish(reference_result *result, const reference_problem *problem,
                             const reference_counts *counts, const reference_loss *loss) {
    result->loss = result->loss_bound = 0.0;
    if ((problem->op == REFERENCE_CROSS_ENTROPY || problem->op == REFERENCE_NLL) &&
        problem->reduction != REFERENCE_NONE)
        reference_loss_finish(loss, problem, counts, &result->loss, &result->loss_bound);
    const int64_t four[] = {counts->counted, counts->ignored, counts->bad, counts->first_bad};
    memcpy(result->counts, four, sizeof four);
}

/* The memory of one row: three inputs and six results, of C elements each. */
enum { ROW_INPUTS = 3, ROW_RESULTS = 6 };

static void compute_row(const reference_problem *problem, const reference_counts *counts, int64_t row,
                        double *memory, const reference_result *result, reference_row *out) {
    const int64_t classes = problem->classes;
    const int softmax_op = problem->op == REFERENCE_SOFTMAX || problem->op == REFERENCE_LOG_SOFTMAX;
    double *const x = memory;
    double *const t = problem->targets_kind == REFERENCE_TARGETS_PROBABILITY ? memory + classes : NULL;
    double *const g = softmax_op && problem->grad_output ? memory + 2 * classes : NULL;
    gather(x, problem->logits, problem->inner, problem->row_stride, row, classes);
    if (t) gather(t, problem->target_probs, problem->inner, problem->targets_row_stride, row, classes);
    if (g) gather(g, problem->grad_output, problem->inner, problem->grad_output_row_stride, row, classes);

    memset(out, 0, sizeof *out);
    double *const to[ROW_RESULTS] = {result->log_probs, result->log_probs_bound,
                                     result->probs,     result->probs_bound,
                                     result->grad,      result->grad_bound};
    double **const from[ROW_RESULTS] = {
        &out->log_probs, &out->log_probs_bound, &out->probs, &out->probs_bound, &out->grad, &out->grad_bound};
    for (int i = 0; i < ROW_RESULTS; i++)
        if (to[i]) *from[i] = memory + (ROW_INPUTS + i) * classes;
    reference_row_compute(problem, counts, row, x, t, g, out);
    for (int i = 0; i < ROW_RESULTS; i++)
        if (to[i]) scatter(to[i], *from[i], problem->inner, row, classes);
}

int reference_run(const reference_problem *problem, reference_result *result) {
    double *memory = malloc((size_t)problem->classes * (ROW_INPUTS + ROW_RESULTS) * sizeof *memory);
    if (!memory) return -1;
    const reference_counts counts = reference_count(problem);
    reference_loss loss;
    memset(&loss, 0, sizeof loss);
    for (int64_t row = 0; row < problem->rows; row++) {
        reference_row out;
        compute_row(problem, &counts, row, memory, result, &out);
        reference_loss_add(&loss, &out);
        reference_result_put(result, row, &out);
    }
    free(memory);

    reference_result_finish(result, problem, &counts, &loss);
    return 0;
}
