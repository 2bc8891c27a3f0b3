/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that depends on targets and weights but not on logits: which rows count, and the divisors of the
 * mean.
 */
#include "reference.h"

#include <math.h>

int64_t reference_index(int64_t inner, int64_t stride, int64_t row, int64_t c) {
    return row / inner * stride + c * inner + row % inner;
}

/* A sum, and the rounding errors of its additions as a correction. If the sum is not finite, the correction
 * means nothing and the sum alone is the value. */
void reference_sum_add(reference_sum *s, double term) {
    const double sum = s->sum + term;
    s->correction += fabs(s->sum) >= fabs(term) ? (s->sum - sum) + term : (term - sum) + s->sum;
    s->sum = sum;
}

double reference_sum_value(const reference_sum *s) {
    return isfinite(s->sum) ? s->sum + s->correction : s->sum;
}

reference_row_state reference_row_target(const reference_problem *problem, int64_t row, int64_t *target) {
    *target = -1;
    if (problem->op == REFERENCE_SOFTMAX || problem->op == REFERENCE_LOG_SOFTMAX ||
        problem->targets_kind == REFERENCE_TARGETS_PROBABILITY)
        return REFERENCE_ROW_COUNTED;

    int64_t at = row;
    if (problem->targets_kind == REFERENCE_TARGETS_NEXT_TOKEN) {
        const int64_t b = row / problem->sequence_length;
        const int64_t t = row % problem->sequence_length;
        if (t + 1 >= problem->tokens_per_sequence) return REFERENCE_ROW_IGNORED;
        at = b * problem->tokens_per_sequence + t + 1;
    }
    *target = problem->targets[at];
    if (problem->segment && problem->segment[at - 1] != problem->segment[at]) return REFERENCE_ROW_IGNORED;
    if (problem->use_ignore_index && *target == problem->ignore_index) return REFERENCE_ROW_IGNORED;
    if (*target < 0 || *target >= problem->classes) return REFERENCE_ROW_BAD;
    return REFERENCE_ROW_COUNTED;
}

reference_counts reference_count(const reference_problem *problem) {
    reference_counts counts = {.first_bad = -1};
    reference_sum divisor = {0}, z_divisor = {0};
    for (int64_t row = 0; row < problem->rows; row++) {
        int64_t target;
        switch (reference_row_target(problem, row, &target)) {
        case REFERENCE_ROW_IGNORED:
            counts.ignored++;
            continue;
        case REFERENCE_ROW_BAD:
            if (counts.bad++ == 0) counts.first_bad = row;
            continue;
        case REFERENCE_ROW_COUNTED:
            break;
        }
        counts.counted++;
        const double row_weight = problem->row_weight ? problem->row_weight[row] : 1.0;
        const double class_weight =
            problem->class_weight && target >= 0 ? problem->class_weight[target] : 1.0;
        reference_sum_add(&divisor, row_weight * class_weight);
        reference_sum_add(&z_divisor, row_weight);
    }
    counts.divisor = 1.0;
    counts.z_divisor = 1.0;
    if (problem->reduction == REFERENCE_MEAN) {
        counts.divisor = reference_sum_value(&divisor);
        counts.z_divisor = reference_sum_value(&z_divisor);
        counts.divisor_is_zero = counts.counted > 0 && (counts.divisor == 0.0 ||
                                                        (problem->z_loss != 0.0 && counts.z_divisor == 0.0));
    }
    return counts;
}
