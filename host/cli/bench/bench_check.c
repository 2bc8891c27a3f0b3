/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks the results of a plan on the last slot, before the same plan is timed. It compares some rows of the
 * output with the double-precision reference. The loss is a mean over all rows. It is compared with the mean
 * of the row losses of a second plan, and the same rows of these losses are compared with the reference.
 */
#include "bench_case.h"
#include "files/dtype_values.h"
#include "reference.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHECKED_ROWS = 8 };

/* The host memory of a check: one row of each kind, and the row losses and lse of all rows. */
typedef struct scratch {
    void *typed;                    /* (C), of any type */
    double *got, *expected, *bound; /* (C) */
    double *logits[CHECKED_ROWS];   /* (C) each, read before the call */
    float *row_loss, *lse;          /* (N) */
    int64_t rows[CHECKED_ROWS];     /* numbers of the checked rows */
    int n;
} scratch;

static void scratch_free(scratch *s) {
    for (int i = 0; i < CHECKED_ROWS; i++) free(s->logits[i]);
    free(s->typed);
    free(s->got);
    free(s->expected);
    free(s->bound);
    free(s->row_loss);
    free(s->lse);
}

static int scratch_make(scratch *s, const bench_problem *p) {
    const size_t classes = (size_t)p->what.classes, rows = (size_t)p->what.rows;
    *s = (scratch){.n = rows < CHECKED_ROWS ? (int)rows : CHECKED_ROWS};
    s->typed = malloc(classes * sizeof(double));
    s->got = malloc(classes * sizeof(double));
    s->expected = malloc(classes * sizeof(double));
    s->bound = malloc(classes * sizeof(double));
    s->row_loss = malloc(rows * sizeof(float));
    s->lse = malloc(rows * sizeof(float));
    int complete = s->typed && s->got && s->expected && s->bound && s->row_loss && s->lse;
    for (int i = 0; i < s->n; i++) {
        s->logits[i] = malloc(classes * sizeof(double));
        complete = complete && s->logits[i];
        /* the first, the last, and some between */
        s->rows[i] = s->n == 1 ? 0 : (int64_t)((double)i / (s->n - 1) * (double)(rows - 1));
    }
    return complete ? EXIT_GOOD
                    : tool_error(p->device->session->command, EXIT_DEVICE,
                                 "no host memory to check %d rows of %zu classes", s->n, classes);
}

/* Reads row `row` of the array at `offset` as doubles. */
static int read_row(const bench_problem *p, scratch *s, cl_mem from, size_t offset, clxent_dtype dtype,
                    int64_t row, double *out) {
    const size_t bytes = (size_t)p->what.classes * clxent_dtype_size(dtype);
    const int failed = bench_read(p->device, from, offset + (size_t)row * bytes, s->typed, bytes);
    if (!failed) values_convert(CLXENT_F64, out, dtype, s->typed, p->what.classes);
    return failed;
}

static int differs(const bench_problem *p, const char *what, int64_t row, int64_t class, double got,
                   double expected, double bound) {
    return tool_error(p->device->session->command, EXIT_DIFFERS,
                      "%s of %" PRId64 "x%" PRId64 " %s is wrong, so not timed: %s of row %" PRId64
                      ", class %" PRId64 " is %.9g, not %.9g (bound %.2g)",
                      bench_op_title(p->what.op), p->what.rows, p->what.classes,
                      clxent_dtype_name(p->what.dtype), what, row, class, value_shown(got), expected, bound);
}

static reference_problem make_reference(const bench_problem *p) {
    const clxent_desc *d = &p->desc;
    reference_problem r = REFERENCE_PROBLEM_INIT;
    r.op = d->op == CLXENT_LOG_SOFTMAX ? REFERENCE_LOG_SOFTMAX : REFERENCE_CROSS_ENTROPY;
    r.rows = d->rows;
    r.classes = d->classes;
    r.use_ignore_index = d->use_ignore_index;
    r.ignore_index = d->ignore_index;
    r.label_smoothing = d->label_smoothing;
    r.z_loss = d->z_loss;
    r.softcap = d->softcap;
    r.targets = p->targets;
    return r;
}

reference_storage bench_storage(clxent_dtype dtype) {
    return dtype == CLXENT_F16 ? REFERENCE_F16 : dtype == CLXENT_BF16 ? REFERENCE_BF16 : REFERENCE_F32;
}

/* Checks row i of the timed plan. *loss_bound becomes the largest bound of the row losses so far. */
static int check_row(const bench_problem *p, scratch *s, const reference_problem *r,
                     const reference_counts *counts, int i, double *loss_bound) {
    const int log = p->what.op == BENCH_LOG_SOFTMAX;
    const size_t slot = p->slots - 1;
    const int64_t row = s->rows[i];
    reference_row expected = {0};
    if (log) {
        expected.log_probs = s->expected;
        expected.log_probs_bound = s->bound;
    } else {
        expected.grad = s->expected;
        expected.grad_bound = s->bound;
    }
    reference_row_compute(r, counts, row, s->logits[i], NULL, NULL, &expected);
    if (!log &&
        !reference_agrees(s->row_loss[row], expected.row_loss, expected.row_loss_bound, REFERENCE_F32))
        return differs(p, "the loss", row, p->targets[row], s->row_loss[row], expected.row_loss,
                       expected.row_loss_bound);
    if (expected.row_loss_bound > *loss_bound) *loss_bound = expected.row_loss_bound;
    if (p->what.op == BENCH_FORWARD) return EXIT_GOOD;

    const clxent_buffers b = bench_problem_buffers(p, &p->desc, slot);
    const clxent_buffer *written = log ? &b.log_probs : &b.grad;
    const int failed = read_row(p, s, written->mem, written->offset, p->out_dtype, row, s->got);
    if (failed) return failed;
    for (int64_t c = 0; c < p->what.classes; c++)
        if (!reference_agrees(s->got[c], s->expected[c], s->bound[c], bench_storage(p->out_dtype)))
            return differs(p, log ? "the log-probability" : "the gradient", row, c, s->got[c], s->expected[c],
                           s->bound[c]);
    return EXIT_GOOD;
}

/* Computes the row losses, and lse with its residual, which BENCH_GRAD_FROM_LSE reads. */
static int run_rows(const bench_problem *p, scratch *s) {
    clxent_desc desc = p->desc;
    clxent_plan *plan = NULL;
    desc.flags = 0;
    desc.outputs = CLXENT_OUT_ROW_LOSS | CLXENT_OUT_LSE | CLXENT_OUT_LSE_RESIDUAL;
    const size_t bytes = (size_t)p->what.rows * sizeof(float);
    const clxent_status status = clxent_plan_create(&plan, p->device->session->ctx, &desc);
    int failed = status == CLXENT_OK ? EXIT_GOOD : session_failed(p->device->session, status);
    if (!failed) failed = bench_problem_call(p, plan, &desc, p->slots - 1, NULL, NULL);
    clxent_plan_destroy(plan);
    if (!failed) failed = bench_read(p->device, p->row_loss, 0, s->row_loss, bytes);
    if (!failed) failed = bench_read(p->device, p->lse, 0, s->lse, bytes);
    return failed;
}

/* Returns the mean of the row losses, computed in double precision. z-loss has its own divisor. */
static double mean_of_rows(const bench_problem *p, const scratch *s, const reference_counts *counts) {
    reference_sum all = {0}, z = {0};
    for (int64_t row = 0; row < p->what.rows; row++) {
        const double lse = s->lse[row], part = p->desc.z_loss * lse * lse;
        if (p->targets[row] == BENCH_IGNORE) continue;
        reference_sum_add(&all, s->row_loss[row] - part);
        reference_sum_add(&z, part);
    }
    return reference_sum_value(&all) / counts->divisor + reference_sum_value(&z) / counts->z_divisor;
}

static int check_loss(const bench_problem *p, const scratch *s, const reference_counts *counts,
                      double row_bound) {
    float loss = 0;
    const int failed = bench_read(p->device, p->loss, 0, &loss, sizeof loss);
    if (failed) return failed;
    const double expected = mean_of_rows(p, s, counts);
    /* each atomic addition rounds once (host/doc/manual/numerics.md) */
    const double atomic = p->desc.flags & CLXENT_ATOMIC ? (double)counts->counted * 0x1p-24 : 0;
    const double bound = 2 * row_bound + (1e-6 + atomic) * fabs(expected);
    if (reference_agrees(loss, expected, bound, REFERENCE_F32)) return EXIT_GOOD;
    return tool_error(p->device->session->command, EXIT_DIFFERS,
                      "%s of %" PRId64 "x%" PRId64 " %s is wrong, so not timed: the loss is %.9g, not %.9g",
                      bench_op_title(p->what.op), p->what.rows, p->what.classes,
                      clxent_dtype_name(p->what.dtype), value_shown(loss), expected);
}

int bench_check(const bench_problem *p, clxent_plan *plan) {
    scratch s;
    const int log = p->what.op == BENCH_LOG_SOFTMAX;
    const size_t slot = p->slots - 1;
    const size_t classes = (size_t)p->what.classes;
    double row_bound = 0;
    reference_problem r = make_reference(p);
    double *weights = p->weights && !log ? malloc(classes * sizeof *weights) : NULL;
    if (weights) values_convert(CLXENT_F64, weights, CLXENT_F32, p->weights, p->what.classes);
    r.class_weight = weights;

    int failed = scratch_make(&s, p);
    if (!failed && p->weights && !log && !weights)
        failed =
            tool_error(p->device->session->command, EXIT_DEVICE, "no host memory for %zu weights", classes);
    const reference_counts counts = failed ? (reference_counts){0} : reference_count(&r);
    for (int i = 0; i < s.n && !failed; i++)
        failed = read_row(p, &s, p->logits, slot * p->slot_bytes, p->what.dtype, s.rows[i], s.logits[i]);
    if (!failed && !log) failed = run_rows(p, &s);
    if (!failed) failed = bench_problem_call(p, plan, &p->desc, slot, NULL, NULL);
    for (int i = 0; i < s.n && !failed; i++) failed = check_row(p, &s, &r, &counts, i, &row_bound);
    if (!failed && (p->desc.outputs & CLXENT_OUT_LOSS)) failed = check_loss(p, &s, &counts, row_bound);
    scratch_free(&s);
    free(weights);
    return failed;
}
