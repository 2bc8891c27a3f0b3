/* SPDX-License-Identifier: Apache-2.0
 *
 * See verify_linear.h. The bounds are those of reference_linear.h. To them comes what double arithmetic may
 * have left in an expected value, and half a unit of the type that its file has.
 */
#include "verify_linear.h"
#include "files/dtype_values.h"
#include "reference_linear.h"
#include "verify_memory.h"

#include <math.h>
#include <string.h>

typedef enum extent { LOSS, ROWS, HIDDEN, CLASSIFIER, CLASSES } extent;

#define IN_ARRAYS(member) offsetof(clxent_arrays, member)
#define IN_ROWS(member)                                                           \
    offsetof(reference_linear_result, rows) + offsetof(reference_result, member), \
        offsetof(reference_linear_result, rows) + offsetof(reference_result, member##_bound)
#define IN_LINEAR(member) \
    offsetof(reference_linear_result, member), offsetof(reference_linear_result, member##_bound)

/* For reduction none the loss is row_loss. */
static const struct output_row {
    const char *role;
    uint32_t bit;
    extent over;
    size_t array, value, bound; /* places in clxent_arrays and reference_linear_result */
} table[] = {
    {"loss", CLXENT_OUT_LOSS, LOSS, IN_ARRAYS(loss), IN_ROWS(row_loss)},
    {"per_row", CLXENT_OUT_ROW_LOSS, ROWS, IN_ARRAYS(row_loss), IN_ROWS(row_loss)},
    {"lse", CLXENT_OUT_LSE, ROWS, IN_ARRAYS(lse), IN_ROWS(lse)},
    {"log_prob", CLXENT_OUT_LOG_PROB, ROWS, IN_ARRAYS(log_prob), IN_ROWS(log_prob)},
    {"entropy", CLXENT_OUT_ENTROPY, ROWS, IN_ARRAYS(entropy), IN_ROWS(entropy)},
    {"grad_hidden", CLXENT_OUT_GRAD_HIDDEN, HIDDEN, IN_ARRAYS(grad_hidden), IN_LINEAR(grad_hidden)},
    {"grad_classifier", CLXENT_OUT_GRAD_CLASSIFIER, CLASSIFIER, IN_ARRAYS(grad_classifier),
     IN_LINEAR(grad_classifier)},
    {"grad_classifier_bias", CLXENT_OUT_GRAD_CLASSIFIER_BIAS, CLASSES, IN_ARRAYS(grad_classifier_bias),
     IN_LINEAR(grad_bias)},
};
enum { OUTPUTS = sizeof table / sizeof *table };

static const struct output_row *find_output(const char *role) {
    for (int i = 0; i < OUTPUTS; i++)
        if (strcmp(table[i].role, role) == 0) return &table[i];
    return NULL;
}

static int64_t count_of(const clxent_desc *d, const struct output_row *row) {
    switch (row->over) {
    case LOSS:
        return d->reduction == CLXENT_NONE ? d->rows : 1;
    case ROWS:
        return d->rows;
    case HIDDEN:
        return d->rows * d->features;
    case CLASSIFIER:
        return d->classes * d->features;
    case CLASSES:
        return d->classes;
    }
    return -1;
}

int64_t verify_linear_count(const clxent_desc *desc, const char *role) {
    const struct output_row *row = find_output(role);
    return row ? count_of(desc, row) : -1;
}

static clxent_dtype type_of(const clxent_desc *d, const struct output_row *row) {
    switch (row->over) {
    case HIDDEN:
        return d->grad_hidden_dtype;
    case CLASSIFIER:
        return d->grad_classifier_dtype;
    case CLASSES:
        return d->grad_classifier_bias_dtype;
    default:
        return CLXENT_F32;
    }
}

/* ------------------------------------------------------------------------- the reference ---- */

/* NULL for an absent array. */
static const double *doubles(pool *p, const clxent_array *array, clxent_dtype dtype, int64_t count) {
    if (!array->data) return NULL;
    double *values = pool_take(p, count, sizeof *values);
    if (values) values_convert(CLXENT_F64, values, dtype, array->data, count);
    return values;
}

static const int64_t *integers(pool *p, const clxent_array *array, clxent_dtype dtype, int64_t count) {
    if (!array->data) return NULL;
    int64_t *values = pool_take(p, count, sizeof *values);
    for (int64_t i = 0; values && i < count; i++) values[i] = integer_at(dtype, array->data, i);
    return values;
}

static reference_linear describe(pool *p, const clxent_desc *d, const clxent_arrays *a, double logit_error) {
    const int64_t tokens = d->targets == CLXENT_TARGETS_NEXT_TOKEN && d->sequence_length > 0
                               ? d->rows / d->sequence_length * d->tokens_per_sequence
                               : d->rows;
    reference_linear r = {.loss = verify_reference(d), .features = d->features, .logit_error = logit_error};
    if (d->hidden_dtype == CLXENT_BF16 && d->classifier_dtype == CLXENT_BF16)
        r.grad_rounding = REFERENCE_ROUNDING_BF16;
    r.hidden = doubles(p, &a->hidden, d->hidden_dtype, d->rows * d->features);
    r.classifier = doubles(p, &a->classifier, d->classifier_dtype, d->classes * d->features);
    r.bias = doubles(p, &a->classifier_bias, d->classifier_bias_dtype, d->classes);
    r.loss.targets = integers(p, &a->targets, d->targets_dtype, tokens);
    r.loss.segment = integers(p, &a->segment, d->segment_dtype, tokens);
    r.loss.class_weight = doubles(p, &a->class_weight, CLXENT_F32, d->classes);
    r.loss.row_weight = doubles(p, &a->row_weight, CLXENT_F32, d->rows);
    r.loss.grad_output = doubles(p, &a->grad_output, CLXENT_F32, d->reduction == CLXENT_NONE ? d->rows : 1);
    return r;
}

/* Gives the result memory for every output and its bound. */
static void take_results(pool *p, const clxent_desc *d, reference_linear_result *r) {
    for (int i = 0; i < OUTPUTS; i++) {
        double **value = (double **)((char *)r + table[i].value);
        double **bound = (double **)((char *)r + table[i].bound);
        const int64_t count = table[i].over == LOSS ? d->rows : count_of(d, &table[i]);
        if (!*value) *value = pool_take(p, count, sizeof **value); /* the loss shares row_loss */
        if (!*bound) *bound = pool_take(p, count, sizeof **bound);
    }
}

/* ------------------------------------------------------------------------ the comparison ---- */

/* What double arithmetic may have left in the smallest elements, such as 1 - p of a confident row: lse is off
 * by 2^-53 of itself. This is enough for an lse of some thousands. */
static double lost(const double *bound, int64_t count) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, bound[i]);
    return 1e-7 * largest;
}

static void compare_output(const clxent_desc *d, const struct output_row *row, const clxent_array *got,
                           const reference_linear_result *r, const verify_expected *e,
                           verify_result *result) {
    const int scalar = row->over == LOSS && d->reduction != CLXENT_NONE;
    const double *bound = scalar ? &r->rows.loss_bound : *(double *const *)((const char *)r + row->bound);
    const int64_t count = count_of(d, row);
    const double left = lost(bound, count);
    for (int64_t k = 0; k < count; k++) {
        const double value = value_at(e->data.dtype, e->data.data, k);
        const double rounding = e->data.dtype == CLXENT_F32 ? reference_half_unit(REFERENCE_F32, value) : 0;
        verify_compare(result, row->role, value_at(type_of(d, row), got->data, k), value,
                       bound[k] + left + rounding, type_of(d, row));
    }
}

clxent_status verify_linear_run(const session *s, const clxent_desc *desc, const clxent_arrays *inputs,
                                double logit_error, const verify_expected *expected, int count,
                                verify_result *result) {
    pool p = {.n = 0};
    clxent_desc d = *desc;
    clxent_arrays a = *inputs;
    reference_linear_result r = {.logits = NULL};
    clxent_status status = CLXENT_ERR_MEMORY;
    const reference_linear problem = describe(&p, &d, &a, logit_error);
    take_results(&p, &d, &r);
    d.outputs = 0;
    for (int i = 0; i < count; i++) {
        const struct output_row *row = find_output(expected[i].role);
        const int64_t n = count_of(&d, row);
        const size_t size = clxent_dtype_size(type_of(&d, row));
        *(clxent_array *)((char *)&a + row->array) = CLXENT_ARRAY(pool_take(&p, n, size), (size_t)n * size);
        d.outputs |= row->bit;
    }
    if (!p.failed) status = session_run(s, &d, CLXENT_SCHEDULE_AUTO, &a, NULL);
    if (status == CLXENT_OK && reference_linear_run(&problem, &r) != 0) status = CLXENT_ERR_MEMORY;
    for (int i = 0; i < count && status == CLXENT_OK; i++) {
        const struct output_row *row = find_output(expected[i].role);
        compare_output(&d, row, (const clxent_array *)((const char *)&a + row->array), &r, &expected[i],
                       result);
    }
    pool_release(&p);
    return status;
}
