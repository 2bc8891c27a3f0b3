/* SPDX-License-Identifier: Apache-2.0
 *
 * See linear_check.h.
 */
#include "linear_check.h"

#include <math.h>
#include <stdbool.h>

clxent_desc linear_desc(const reference_linear *problem) {
    const reference_problem *p = &problem->loss;
    clxent_desc d = CLXENT_DESC_INIT;
    d.op = CLXENT_LINEAR_CROSS_ENTROPY;
    d.reduction = (clxent_reduction[]){CLXENT_MEAN, CLXENT_SUM, CLXENT_NONE}[p->reduction];
    d.rows = p->rows;
    d.classes = p->classes;
    d.features = problem->features;
    if (p->targets_kind == REFERENCE_TARGETS_NEXT_TOKEN) {
        d.targets = CLXENT_TARGETS_NEXT_TOKEN;
        d.sequence_length = p->sequence_length;
        d.tokens_per_sequence = p->tokens_per_sequence;
    }
    d.empty_mean = p->empty_mean_zero ? CLXENT_EMPTY_MEAN_ZERO : CLXENT_EMPTY_MEAN_NAN;
    d.use_ignore_index = p->use_ignore_index;
    d.ignore_index = p->ignore_index;
    d.label_smoothing = p->label_smoothing;
    d.z_loss = p->z_loss;
    d.softcap = p->softcap;
    d.logit_scale = p->logit_scale;
    d.grad_output = p->grad_scale;
    if (problem->grad_classifier_before || problem->grad_bias_before) d.flags |= CLXENT_ADD_GRAD_CLASSIFIER;
    return d;
}

static clxent_dtype first_of(clxent_dtype a, clxent_dtype b) {
    return a != CLXENT_DTYPE_DEFAULT ? a : b;
}

clxent_dtype linear_dtype(const clxent_desc *d, int array) {
    const clxent_dtype hidden = first_of(d->hidden_dtype, CLXENT_F32);
    const clxent_dtype classifier = first_of(d->classifier_dtype, hidden);
    const clxent_dtype bias = first_of(d->classifier_bias_dtype, classifier);
    switch (array) {
    case CLXENT_A_hidden:
        return hidden;
    case CLXENT_A_classifier:
        return classifier;
    case CLXENT_A_classifier_bias:
        return bias;
    case CLXENT_A_grad_hidden:
        return first_of(d->grad_hidden_dtype, hidden);
    case CLXENT_A_grad_classifier:
        return first_of(d->grad_classifier_dtype, classifier);
    default:
        return first_of(d->grad_classifier_bias_dtype, bias);
    }
}

double linear_grad_rounding(const clxent_desc *d) {
    const bool both = linear_dtype(d, CLXENT_A_hidden) == CLXENT_BF16 &&
                      linear_dtype(d, CLXENT_A_classifier) == CLXENT_BF16;
    return both ? REFERENCE_ROUNDING_BF16 : 0.0;
}

int64_t linear_stride(const clxent_desc *d, int array) {
    const int64_t stride = array == CLXENT_A_hidden        ? d->hidden_row_stride
                           : array == CLXENT_A_classifier  ? d->classifier_row_stride
                           : array == CLXENT_A_grad_hidden ? d->grad_hidden_row_stride
                                                           : d->grad_classifier_row_stride;
    return stride ? stride : d->features;
}

int64_t linear_elements(const clxent_desc *d, int array, int64_t rows) {
    return rows ? (rows - 1) * linear_stride(d, array) + d->features : 0;
}

/* ------------------------------------------------------------------------------- the checks ------ */

static void check_reals(const char *what, const clxent_array *array, int64_t count, const double *expected,
                        const double *bound) {
    for (int64_t i = 0; array->data && i < count; i++)
        expect_near(what, i, CLXENT_F32, element(CLXENT_F32, array->data, i), expected[i], bound[i]);
}

/* An array with H elements a row, and LINEAR_FILL behind each row but the last. */
static void check_matrix(const char *what, const clxent_desc *d, int number, const clxent_array *array,
                         int64_t rows, const double *expected, const double *bound) {
    if (!array->data) return;
    const int64_t stride = linear_stride(d, number), features = d->features;
    const clxent_dtype dtype = linear_dtype(d, number);
    const size_t size = clxent_dtype_size(dtype);
    const unsigned char *bytes = array->data;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t h = 0; h < features; h++)
            expect_near(what, row * features + h, dtype, element(dtype, array->data, row * stride + h),
                        expected[row * features + h], bound[row * features + h]);
        const int64_t from = (row * stride + features) * (int64_t)size;
        const int64_t to = row + 1 < rows ? (row + 1) * stride * (int64_t)size : from;
        for (int64_t b = from; b < to; b++)
            expect_integer("a byte between two rows", b, bytes[b], LINEAR_FILL);
    }
}

/* lse_residual is what rounding took off lse, so it is at most half a unit of it. */
static void check_residuals(const clxent_arrays *a, int64_t rows) {
    if (!a->lse_residual.data || !a->lse.data) return;
    for (int64_t row = 0; row < rows; row++) {
        const double lse = element(CLXENT_F32, a->lse.data, row);
        if (isfinite(lse))
            expect_near("lse_residual", row, CLXENT_F32, element(CLXENT_F32, a->lse_residual.data, row), 0.0,
                        reference_half_unit(REFERENCE_F32, lse));
    }
}

/* Whether class a may stand before class b, or surely does, when their logits are off. */
static bool may_precede(const double *x, const double *error, int64_t a, int64_t b) {
    if (isnan(x[a]) || isnan(x[b])) return isnan(x[a]) && (!isnan(x[b]) || a < b);
    const double most = x[a] + error[a], least = x[b] - error[b];
    return most > least || (most == least && (a < b || error[a] + error[b] > 0.0));
}

static bool surely_precedes(const double *x, const double *error, int64_t a, int64_t b) {
    return !may_precede(x, error, b, a);
}

static void check_order(const clxent_arrays *a, const reference_linear *problem,
                        const reference_linear_result *e) {
    const reference_problem *p = &problem->loss;
    const int64_t classes = p->classes;
    for (int64_t row = 0; row < p->rows; row++) {
        const double *const x = e->logits + row * classes, *const error = e->logit_error + row * classes;
        if (a->argmax.data) {
            const int64_t got = ((const int64_t *)a->argmax.data)[row];
            expect_integer("argmax is a class", row, got >= 0 && got < classes, 1);
            for (int64_t c = 0; c < classes; c++)
                if (c != got && surely_precedes(x, error, c, got)) expect_integer("argmax", row, got, c);
        }
        if (!a->rank.data) continue;
        int64_t target, least = 0, most = 0;
        const int64_t got = ((const int64_t *)a->rank.data)[row];
        const bool counted = reference_row_target(p, row, &target) == REFERENCE_ROW_COUNTED;
        for (int64_t c = 0; counted && c < classes; c++) {
            least += c != target && surely_precedes(x, error, c, target);
            most += c != target && may_precede(x, error, c, target);
        }
        if (got < least || got > most) expect_integer("rank", row, got, least);
        if (a->argmax.data && counted)
            expect_integer("rank is 0", row, got == 0, ((const int64_t *)a->argmax.data)[row] == target);
    }
}

void linear_check(const clxent_desc *desc, const clxent_arrays *a, const reference_linear *problem,
                  const reference_linear_result *e) {
    const int64_t rows = problem->loss.rows, classes = problem->loss.classes;
    const reference_result *r = &e->rows;
    for (int i = 0; a->counts.data && i < 4; i++)
        expect_integer("counts", i, ((const int64_t *)a->counts.data)[i], r->counts[i]);
    if (desc->reduction == CLXENT_NONE)
        check_reals("loss", &a->loss, rows, r->row_loss, r->row_loss_bound);
    else
        check_reals("loss", &a->loss, 1, &r->loss, &r->loss_bound);
    check_reals("row_loss", &a->row_loss, rows, r->row_loss, r->row_loss_bound);
    check_reals("log_prob", &a->log_prob, rows, r->log_prob, r->log_prob_bound);
    check_reals("lse", &a->lse, rows, r->lse, r->lse_bound);
    check_reals("entropy", &a->entropy, rows, r->entropy, r->entropy_bound);
    check_residuals(a, rows);
    check_order(a, problem, e);
    check_matrix("grad_hidden", desc, CLXENT_A_grad_hidden, &a->grad_hidden, rows, e->grad_hidden,
                 e->grad_hidden_bound);
    check_matrix("grad_classifier", desc, CLXENT_A_grad_classifier, &a->grad_classifier, classes,
                 e->grad_classifier, e->grad_classifier_bound);
    const clxent_dtype bias = linear_dtype(desc, CLXENT_A_grad_classifier_bias);
    for (int64_t c = 0; a->grad_classifier_bias.data && c < classes; c++)
        expect_near("grad_classifier_bias", c, bias, element(bias, a->grad_classifier_bias.data, c),
                    e->grad_bias[c], e->grad_bias_bound[c]);
}
