/* SPDX-License-Identifier: Apache-2.0
 *
 * See trial.h. The reference computes one row at a time, so that the largest problems fit into memory. */
#include "trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One row's memory: three inputs, three results with their bounds, and a second bound of the gradient. */
enum { ROW_ARRAYS = 10 };

typedef struct row_memory {
    double *x, *t, *g;
    reference_row row;
} row_memory;

static row_memory row_memory_new(trial *t) {
    double *memory = trial_room(t, ROW_ARRAYS * t->desc.classes, sizeof *memory);
    double *part[ROW_ARRAYS];
    for (int i = 0; i < ROW_ARRAYS; i++) part[i] = memory + i * t->desc.classes;
    row_memory m = {.x = part[0], .t = part[1], .g = part[2]};
    m.row.log_probs = part[3];
    m.row.log_probs_bound = part[4];
    m.row.probs = part[5];
    m.row.probs_bound = part[6];
    m.row.grad = part[7];
    m.row.grad_bound = part[8];
    if (t->desc.op == CLXENT_CROSS_ENTROPY && t->desc.targets != CLXENT_TARGETS_PROBABILITY)
        m.row.grad_share_bound = part[9];
    return m;
}

static int64_t padded_classes(const trial *t) {
    return t->desc.classes_padded ? t->desc.classes_padded : t->desc.classes;
}

static void compute_row(const trial *t, const reference_counts *counts, int64_t row, row_memory *m) {
    const clxent_desc *d = &t->desc;
    const int probabilities = d->targets == CLXENT_TARGETS_PROBABILITY;
    const int softmax_op = d->op == CLXENT_SOFTMAX || d->op == CLXENT_LOG_SOFTMAX;
    for (int64_t c = 0; c < d->classes; c++) {
        m->x[c] = element(t->logits_dtype, t->logits, trial_at(t, d->row_stride, padded_classes(t), row, c));
        if (probabilities)
            m->t[c] = element(t->probs_dtype, t->arrays.targets.data,
                              trial_at(t, d->targets_row_stride, d->classes, row, c));
        if (softmax_op)
            m->g[c] = t->p.grad_output[trial_at(t, d->grad_output_row_stride, d->classes, row, c)];
    }
    reference_row_compute(&t->p, counts, row, m->x, probabilities ? m->t : NULL, softmax_op ? m->g : NULL,
                          &m->row);
}

static void check_real(const trial *t, const char *what, const clxent_array *array, int64_t i,
                       double expected, double bound) {
    if (array->data) expect_near(what, i, t->real, element(t->real, array->data, i), expected, bound);
}

static void check_classes(const trial *t, const char *what, const clxent_array *array, int64_t row,
                          const double *expected, const double *bound) {
    const int64_t classes = t->desc.classes;
    for (int64_t c = 0; array->data && c < classes; c++) {
        const int64_t at = trial_at(t, t->desc.log_probs_row_stride, classes, row, c);
        expect_near(what, row * classes + c, t->real, element(t->real, array->data, at), expected[c],
                    bound[c]);
    }
}

/* The bound of a gradient. `lost` times grad_any_bound is for the accuracy that a saved lse has lost. In the
 * forward pass a class target's gradient also keeps to the share of its class: linear cross entropy adds such
 * gradients up. */
static double grad_bound(const reference_row *expected, int64_t c, double lost) {
    if (lost > 0.0 || !expected->grad_share_bound)
        return expected->grad_bound[c] + lost * expected->grad_any_bound;
    return fmin(expected->grad_bound[c], expected->grad_share_bound[c]);
}

/* Checks the gradient of a row, and that its padding is 0. */
static void check_grad(const trial *t, int64_t row, const reference_row *expected, double lost) {
    const int64_t classes = t->desc.classes, padded = padded_classes(t);
    for (int64_t c = 0; t->arrays.grad.data && c < padded; c++) {
        const int64_t at = trial_at(t, t->desc.grad_row_stride, padded, row, c);
        const double got = element(t->grad_dtype, t->arrays.grad.data, at);
        if (c < classes)
            expect_near("grad", row * classes + c, t->grad_dtype, got, expected->grad[c],
                        grad_bound(expected, c, lost));
        else
            expect_near("padding of grad", row, t->grad_dtype, got, 0.0, 0.0);
    }
}

/* Checks that the call does not write between two outer indices of the gradient. */
static void check_gaps(const trial *t) {
    const int64_t stride = t->desc.grad_row_stride, used = padded_classes(t) * t->p.inner;
    if (!t->arrays.grad.data || !stride) return;
    for (int64_t o = 0; o + 1 < t->p.rows / t->p.inner; o++)
        for (int64_t k = used; k < stride; k++) {
            const int64_t i = o * stride + k;
            if (t->in_place) { /* trial_draw.c fills the logits' padding with NaN */
                expect_near("gap of grad", i, t->grad_dtype, element(t->grad_dtype, t->arrays.grad.data, i),
                            NAN, 0);
                continue;
            }
            const size_t size = clxent_dtype_size(t->grad_dtype);
            const unsigned char *bytes = (const unsigned char *)t->arrays.grad.data + (size_t)i * size;
            for (size_t b = 0; b < size; b++) expect_integer("gap of grad, byte", i, bytes[b], TRIAL_FILL);
        }
}

/* lse must be the nearest number to lse + lse_residual. The sum of both must be max + log S with the rounding
 * error of log S alone. */
static void check_residual(const trial *t, int64_t row, const reference_row *expected) {
    const clxent_arrays *a = &t->arrays;
    if (!a->lse_residual.data || !isfinite(expected->lse)) return;
    const double lse = element(t->real, a->lse.data, row);
    expect_near("lse_residual", row, t->real, element(t->real, a->lse_residual.data, row), 0.0,
                reference_half_unit(t->real == CLXENT_F64 ? REFERENCE_F64 : REFERENCE_F32, lse));
    if (t->p.softcap != 0.0 || t->p.logit_scale != 1.0) return; /* softcap and scale round the maximum too */
    const double unit = t->real == CLXENT_F64 ? 1e-6 * 0x1p-29 : 1e-6;
    /* The reference's lse is one double, so the comparison loses half a unit of it. */
    const double lost = reference_half_unit(REFERENCE_F64, expected->lse);
    expect_near("lse + lse_residual", row, CLXENT_F64, lse + element(t->real, a->lse_residual.data, row),
                expected->lse, unit * fmax(1.0, expected->log_sum) + 2.0 * lost);
}

static void check_row(const trial *t, int64_t row, const reference_row *r) {
    const clxent_arrays *a = &t->arrays;
    if (t->desc.reduction == CLXENT_NONE)
        check_real(t, "loss", &a->loss, row, r->row_loss, r->row_loss_bound);
    check_real(t, "row_loss", &a->row_loss, row, r->row_loss, r->row_loss_bound);
    check_real(t, "log_prob", &a->log_prob, row, r->log_prob, r->log_prob_bound);
    check_real(t, "lse", &a->lse, row, r->lse, r->lse_bound);
    check_real(t, "entropy", &a->entropy, row, r->entropy, r->entropy_bound);
    check_residual(t, row, r);
    if (a->argmax.data) expect_integer("argmax", row, ((const int64_t *)a->argmax.data)[row], r->argmax);
    if (a->rank.data) expect_integer("rank", row, ((const int64_t *)a->rank.data)[row], r->rank);
    if (t->desc.op != CLXENT_NLL)
        check_classes(t, "log_probs", &a->log_probs, row, r->log_probs, r->log_probs_bound);
    check_classes(t, "probs", &a->probs, row, r->probs, r->probs_bound);
    check_grad(t, row, r, 0.0);
}

static void check_counts(const trial *t, const reference_counts *counts) {
    const int64_t *got = t->arrays.counts.data;
    if (!got) return;
    expect_integer("counts", 0, got[0], counts->counted);
    expect_integer("counts", 1, got[1], counts->ignored);
    expect_integer("counts", 2, got[2], counts->bad);
    expect_integer("counts", 3, got[3], counts->first_bad);
}

void trial_check(trial *t) {
    const reference_counts counts = reference_count(&t->p);
    row_memory memory = row_memory_new(t);
    reference_loss sum;
    memset(&sum, 0, sizeof sum);
    for (int64_t row = 0; row < t->p.rows; row++) {
        compute_row(t, &counts, row, &memory);
        reference_loss_add(&sum, &memory.row);
        check_row(t, row, &memory.row);
    }
    check_gaps(t);
    check_counts(t, &counts);
    if (t->desc.reduction == CLXENT_NONE) return;
    double loss, bound;
    reference_loss_finish(&sum, &t->p, &counts, &loss, &bound);
    /* Each of n plain additions in f32 may lose half a unit: n / 2^24 in all, where the bound allows 1e-6. */
    if (t->desc.flags & CLXENT_ATOMIC) bound *= 1.0 + (double)counts.counted * 0x1p-24 / 1e-6;
    check_real(t, "loss", &t->arrays.loss, 0, loss, bound);
}

void trial_check_saved(trial *t, clxent_ctx *ctx) {
    clxent_arrays *a = &t->arrays;
    if (t->desc.op != CLXENT_CROSS_ENTROPY || !a->lse.data || !a->grad.data || t->in_place) return;
    clxent_desc desc = t->desc;
    desc.flags = CLXENT_GRAD_FROM_LSE;
    desc.outputs &= CLXENT_OUT_GRAD | CLXENT_OUT_COUNTS;
    clxent_plan *plan = NULL;
    expect_status("clxent_plan_create, gradient from lse", ctx,
                  clxent_plan_create_scheduled(&plan, ctx, &desc, t->schedule), CLXENT_OK);
    clxent_array *const others[] = {&a->loss, &a->row_loss, &a->log_prob, &a->argmax,
                                    &a->rank, &a->entropy,  &a->log_probs};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) *others[i] = CLXENT_ARRAY(NULL, 0);

    const reference_counts counts = reference_count(&t->p);
    row_memory memory = row_memory_new(t);
    for (int with_residual = 1; with_residual >= 0; with_residual--) {
        if (!with_residual) a->lse_residual = CLXENT_ARRAY(NULL, 0);
        memset(a->grad.data, TRIAL_FILL, a->grad.bytes);
        expect_status("clxent_run, gradient from lse", ctx, clxent_run(plan, a), t->expect);
        for (int64_t row = 0; row < t->p.rows; row++) {
            compute_row(t, &counts, row, &memory);
            /* Rounding lse to f32 moves a probability by 2^-24 |lse|. Rounding the residual too moves it by
             * 2^-48 |lse|. The bound allows 3e-6. */
            const double lse = isfinite(memory.row.lse) ? fabs(memory.row.lse) : 0.0;
            check_grad(t, row, &memory.row, lse * (with_residual ? 0x1p-48 : 0x1p-24) / 3e-6);
        }
        check_gaps(t);
        check_counts(t, &counts);
    }
    clxent_plan_destroy(plan);
}

bool trial_is_too_long(const clxent_ctx *ctx, clxent_status status) {
    return status == CLXENT_ERR_UNSUPPORTED && strstr(clxent_ctx_last_error(ctx), "loop iterations");
}

bool trial_run(clxent_ctx *ctx, const variant *v, const trial_limits *limits, rng *r) {
    trial t;
    trial_draw(&t, v, limits, r);
    clxent_plan *plan = NULL;
    const clxent_status created = clxent_plan_create_scheduled(&plan, ctx, &t.desc, t.schedule);
    if (limits->schedule != CLXENT_SCHEDULE_AUTO && trial_is_too_long(ctx, created)) {
        trial_free(&t);
        return false;
    }
    expect_status("clxent_plan_create", ctx, created, CLXENT_OK);
    expect_status("clxent_run", ctx, clxent_run(plan, &t.arrays), t.expect);
    clxent_plan_destroy(plan);
    trial_check(&t);
    if (v->saved) trial_check_saved(&t, ctx);
    trial_free(&t);
    return true;
}
