/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks the results of a case of linear cross entropy, before its plan is timed. Some rows of the losses and
 * of the gradient by hidden are compared with the double-precision reference, and the loss with the mean of
 * all row losses. The gradient by the classifier needs all rows. It has only to obey an identity: both
 * gradients come from the gradient dx by the logits, so the sum of classifier * grad_classifier and the sum
 * of hidden * grad_hidden are both the sum of logits * dx. `clxent verify` compares every element, on smaller
 * shapes.
 */
#include "bench_linear_case.h"
#include "files/dtype_values.h"
#include "reference_linear.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { CHECKED_ROWS = 4 };

/* The part of the identity's sums that may differ. A 16-bit gradient rounds by 2^-9 of itself, both ways. */
static const double identity_part = 1e-4;

/* The host memory of a check. */
typedef struct scratch {
    double *logits, *error, *log_probs, *grad, *bound; /* (C) */
    double *weights;                                   /* (C), or NULL */
    float *row_loss;                                   /* (N) */
    void *grad_hidden, *grad_classifier;
} scratch;

static void scratch_free(scratch *s) {
    void *const all[] = {s->logits,  s->error,    s->log_probs,   s->grad,           s->bound,
                         s->weights, s->row_loss, s->grad_hidden, s->grad_classifier};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static int scratch_make(scratch *s, const linear_problem *p) {
    const size_t rows = (size_t)p->what.rows, classes = (size_t)p->what.classes;
    const size_t row = (size_t)p->features * clxent_dtype_size(p->what.dtype);
    double **const numbers[] = {&s->logits, &s->error, &s->log_probs, &s->grad, &s->bound, &s->weights};
    int complete = 1;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        *numbers[i] = malloc(classes * sizeof **numbers[i]);
        complete = complete && *numbers[i];
    }
    s->row_loss = malloc(rows * sizeof *s->row_loss);
    s->grad_hidden = malloc(rows * row);
    s->grad_classifier = malloc(classes * row);
    if (complete && s->row_loss && s->grad_hidden && s->grad_classifier) return EXIT_GOOD;
    return tool_error(p->device->session->command, EXIT_DEVICE,
                      "no host memory to check %d rows of %zu classes", CHECKED_ROWS, classes);
}

static int differs(const linear_problem *p, const char *what, int64_t at, double got, double expected,
                   double bound) {
    return tool_error(p->device->session->command, EXIT_DIFFERS,
                      "linear cross entropy of %" PRId64 "x%" PRId64 " by %" PRId64
                      " %s is wrong, so not timed: %s %" PRId64 " is %.9g, not %.9g (bound %.2g)",
                      p->what.rows, p->what.classes, p->features, clxent_dtype_name(p->what.dtype), what, at,
                      value_shown(got), expected, bound);
}

static reference_problem make_reference(const linear_problem *p, scratch *s) {
    const clxent_desc *d = &p->desc;
    reference_problem r = REFERENCE_PROBLEM_INIT;
    r.op = REFERENCE_CROSS_ENTROPY;
    r.rows = d->rows;
    r.classes = d->classes;
    r.use_ignore_index = d->use_ignore_index;
    r.ignore_index = d->ignore_index;
    r.label_smoothing = d->label_smoothing;
    r.z_loss = d->z_loss;
    r.softcap = d->softcap;
    r.targets = p->targets;
    if (p->weights) {
        values_convert(CLXENT_F64, s->weights, CLXENT_F32, p->weights, d->classes);
        r.class_weight = s->weights;
    }
    return r;
}

static double element(const linear_problem *p, const void *values, int64_t row, int64_t h) {
    return value_at(p->what.dtype, values, row * p->features + h);
}

/* The row's logits in double precision, and how far those of the device may be off. */
static void compute_logits(const linear_problem *p, scratch *s, int64_t row) {
    const double unit = reference_sum_unit(p->features + 2);
    for (int64_t c = 0; c < p->what.classes; c++) {
        double x = 0, size = 0;
        for (int64_t h = 0; h < p->features; h++) {
            const double term = element(p, p->hidden_values, row, h) * element(p, p->classifier_values, c, h);
            x += term;
            size += fabs(term);
        }
        s->logits[c] = x;
        s->error[c] = unit * size;
    }
}

static int check_grad_hidden(const linear_problem *p, const scratch *s, int64_t row) {
    const double unit = reference_sum_unit(p->what.classes + 3);
    for (int64_t h = 0; h < p->features; h++) {
        double sum = 0, bound = 0;
        for (int64_t c = 0; c < p->what.classes; c++) {
            const double w = element(p, p->classifier_values, c, h);
            sum += s->grad[c] * w;
            bound += s->bound[c] * fabs(w) + unit * (fabs(s->grad[c]) + s->bound[c]) * fabs(w);
        }
        const double got = element(p, s->grad_hidden, row, h);
        if (!reference_agrees(got, sum, bound, bench_storage(p->what.dtype)))
            return differs(p, "the gradient by hidden, in row", row, got, sum, bound);
    }
    return EXIT_GOOD;
}

static int check_row(const linear_problem *p, scratch *s, const reference_problem *r,
                     const reference_counts *counts, int64_t row, double *loss_bound) {
    reference_row expected = {.log_probs = s->log_probs, .grad = s->grad, .grad_share_bound = s->bound};
    compute_logits(p, s, row);
    reference_row_compute(r, counts, row, s->logits, NULL, NULL, &expected);
    reference_row_widen(r, counts, row, s->logits, s->error, &expected);
    if (p->what.op == BENCH_GRAD && p->what.dtype == CLXENT_BF16)
        reference_row_round(REFERENCE_ROUNDING_BF16, p->what.classes, &expected);
    if (!reference_agrees(s->row_loss[row], expected.row_loss, expected.row_loss_bound, REFERENCE_F32))
        return differs(p, "the loss of row", row, s->row_loss[row], expected.row_loss,
                       expected.row_loss_bound);
    *loss_bound = fmax(*loss_bound, expected.row_loss_bound);
    return p->what.op == BENCH_GRAD ? check_grad_hidden(p, s, row) : EXIT_GOOD;
}

/* The sum of values * gradient, and of the magnitudes. */
static double dot(const linear_problem *p, const void *values, const void *gradient, int64_t rows,
                  double *magnitude) {
    reference_sum sum = {0}, size = {0};
    for (int64_t i = 0; i < rows * p->features; i++) {
        const double term = value_at(p->what.dtype, values, i) * value_at(p->what.dtype, gradient, i);
        reference_sum_add(&sum, term);
        reference_sum_add(&size, fabs(term));
    }
    *magnitude += reference_sum_value(&size);
    return reference_sum_value(&sum);
}

static int check_identity(const linear_problem *p, const scratch *s) {
    double magnitude = 0;
    const double by_hidden = dot(p, p->hidden_values, s->grad_hidden, p->what.rows, &magnitude);
    const double by_classifier =
        dot(p, p->classifier_values, s->grad_classifier, p->what.classes, &magnitude);
    const double bound = identity_part * magnitude;
    if (fabs(by_hidden - by_classifier) <= bound) return EXIT_GOOD;
    return differs(p, "the sum of classifier times its gradient, in case", 1, by_classifier, by_hidden,
                   bound);
}

/* The row losses are a mean of their own divisor for each part; without z-loss there is one part. */
static int check_loss(const linear_problem *p, const scratch *s, const reference_counts *counts, float loss,
                      double row_bound) {
    reference_sum sum = {0};
    if (p->desc.z_loss > 0 && counts->divisor != counts->z_divisor) return EXIT_GOOD;
    for (int64_t row = 0; row < p->what.rows; row++)
        if (p->targets[row] != BENCH_IGNORE) reference_sum_add(&sum, s->row_loss[row]);
    const double expected = reference_sum_value(&sum) / counts->divisor;
    /* each atomic addition rounds once (host/doc/manual/numerics.md) */
    const double atomic = p->desc.flags & CLXENT_ATOMIC ? (double)counts->counted * 0x1p-24 : 0;
    const double bound = 2 * row_bound + (1e-6 + atomic) * fabs(expected);
    if (reference_agrees(loss, expected, bound, REFERENCE_F32)) return EXIT_GOOD;
    return differs(p, "the loss, of case", 1, loss, expected, bound);
}

/* Computes the row losses by a plan of their own, then the plan's outputs. */
static int run_plans(const linear_problem *p, scratch *s, float *loss) {
    const bench_device *d = p->device;
    const size_t row = (size_t)p->features * clxent_dtype_size(p->what.dtype);
    clxent_desc desc = p->desc;
    clxent_plan *plan = NULL;
    desc.flags = 0;
    desc.outputs = CLXENT_OUT_ROW_LOSS;
    const clxent_status status = clxent_plan_create(&plan, d->session->ctx, &desc);
    int failed = status == CLXENT_OK ? EXIT_GOOD : session_failed(d->session, status);
    if (!failed) failed = linear_problem_call(p, plan, &desc, NULL, NULL);
    clxent_plan_destroy(plan);
    if (!failed)
        failed = bench_read(d, p->row_loss, 0, s->row_loss, (size_t)p->what.rows * sizeof *s->row_loss);
    if (!failed) failed = linear_problem_call(p, p->plan, &p->desc, NULL, NULL);
    if (!failed) failed = bench_read(d, p->loss, 0, loss, sizeof *loss);
    if (failed || p->what.op != BENCH_GRAD) return failed;
    failed = bench_read(d, p->grad_hidden, 0, s->grad_hidden, (size_t)p->what.rows * row);
    return failed ? failed
                  : bench_read(d, p->grad_classifier, 0, s->grad_classifier, (size_t)p->what.classes * row);
}

int linear_problem_check(const linear_problem *p) {
    scratch s = {0};
    double row_bound = 0;
    float loss = 0;
    const int64_t rows = p->what.rows, n = rows < CHECKED_ROWS ? rows : CHECKED_ROWS;
    int failed = scratch_make(&s, p);
    if (!failed) failed = run_plans(p, &s, &loss);
    if (!failed) {
        const reference_problem r = make_reference(p, &s);
        const reference_counts counts = reference_count(&r);
        for (int64_t i = 0; i < n && !failed; i++) /* the first, the last, and some between */
            failed = check_row(p, &s, &r, &counts, n == 1 ? 0 : i * (rows - 1) / (n - 1), &row_bound);
        if (!failed) failed = check_loss(p, &s, &counts, loss, row_bound);
    }
    if (!failed && p->what.op == BENCH_GRAD) failed = check_identity(p, &s);
    scratch_free(&s);
    return failed;
}
