/* SPDX-License-Identifier: Apache-2.0
 *
 * See sweep.h.
 */
#include "sweep.h"
#include "rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const sweep_spread sweep_spreads[] = {
    {"normal, 1e-30", 1e-30, 0},   {"normal, 1", 1, 0},
    {"normal, 10", 10, 0},         {"normal, 1000", 1000, 0},
    {"normal, 1e6", 1e6, 0},       {"normal, 1e30", 1e30, 0},
    {"an ulp apart, 1", 1, 1},     {"an ulp apart, 1000", 1000, 1},
    {"an ulp apart, 1e6", 1e6, 1}, {"an ulp apart, 1e30", 1e30, 1},
};
const int sweep_spread_count = sizeof sweep_spreads / sizeof *sweep_spreads;

const char *const sweep_output_names[SWEEP_OUTPUTS] = {
    "loss", "row_loss", "log_prob", "lse", "entropy", "grad", "loss, in place", "grad, in place"};

int sweep_has(clxent_dtype dtype, const sweep_spread *spread) {
    const double f16_largest = 65504, deviations = 7;
    return dtype != CLXENT_F16 || spread->magnitude * deviations <= f16_largest;
}

/* ---------------------------------------------------------------------------------------- inputs */

/* Moves element i, a positive number, down by `steps` numbers of its type. */
static void step_down(clxent_dtype dtype, void *data, int64_t i, unsigned steps) {
    const size_t size = clxent_dtype_size(dtype);
    char *at = (char *)data + (size_t)i * size;
    uint64_t wide;
    uint32_t middle;
    uint16_t narrow;
    switch (size) { /* the bits of neighbouring numbers are neighbouring integers */
    case sizeof wide:
        memcpy(&wide, at, size);
        wide -= steps;
        memcpy(at, &wide, size);
        break;
    case sizeof middle:
        memcpy(&middle, at, size);
        middle -= steps;
        memcpy(at, &middle, size);
        break;
    default:
        memcpy(&narrow, at, size);
        narrow = (uint16_t)(narrow - steps);
        memcpy(at, &narrow, size);
    }
}

/* Makes the logits in their type, and returns the values that the type rounded them to. */
static double *make_logits(sweep_case *c, rng *r) {
    const int64_t all = c->rows * c->classes;
    const double m = c->spread->magnitude;
    double *x = calloc((size_t)all, sizeof *x);
    c->logits = calloc((size_t)all, clxent_dtype_size(c->dtype));
    assert_true(x && c->logits);
    for (int64_t i = 0; i < all; i++) {
        const int at_top = c->spread->ulp_apart && rng_chance(r, 0.25);
        const double spread = c->spread->ulp_apart ? m * rng_uniform(r, -1, 0.75) : m * rng_normal(r);
        set_element(c->dtype, c->logits, i, at_top ? m : spread);
        if (at_top) step_down(c->dtype, c->logits, i, (unsigned)rng_integer(r, 0, 3));
        x[i] = element(c->dtype, c->logits, i);
    }
    return x;
}

static void make_targets(sweep_case *c, const double *x, rng *r) {
    c->targets = calloc((size_t)c->rows, sizeof *c->targets);
    assert_non_null(c->targets);
    for (int64_t row = 0; row < c->rows; row++) {
        const double *at = x + row * c->classes;
        int64_t top = 0;
        for (int64_t k = 1; k < c->classes; k++)
            if (at[k] > at[top]) top = k;
        c->targets[row] = row % 2 ? top : rng_integer(r, 0, c->classes - 1);
    }
}

/* --------------------------------------------------------------------------------- exact results */

static double *doubles(int64_t count) {
    double *data = calloc((size_t)count, sizeof *data);
    assert_non_null(data);
    return data;
}

/* Runs the reference. Its bounds go to the case and to `grad_bound`, its results stay in `e`. */
static void compute_bounds(sweep_case *c, const double *x, reference_result *e, double *grad_bound) {
    reference_problem p = REFERENCE_PROBLEM_INIT;
    p.rows = c->rows;
    p.classes = c->classes;
    p.double_arithmetic = c->dtype == CLXENT_F64;
    p.logits = x;
    p.targets = c->targets;
    c->row_loss_bound = doubles(c->rows);
    c->log_prob_bound = doubles(c->rows);
    c->lse_bound = doubles(c->rows);
    c->entropy_bound = doubles(c->rows);
    *e = (reference_result){.row_loss_bound = c->row_loss_bound,
                            .log_prob = doubles(c->rows),
                            .log_prob_bound = c->log_prob_bound,
                            .lse = doubles(c->rows),
                            .lse_bound = c->lse_bound,
                            .entropy = doubles(c->rows),
                            .entropy_bound = c->entropy_bound,
                            .grad = doubles(c->rows * c->classes),
                            .grad_bound = grad_bound};
    assert_int_equal(reference_run(&p, e), 0);
    c->loss_bound = e->loss_bound;
}

static void compute(sweep_case *c, const double *x) {
    const int64_t rows = c->rows, classes = c->classes;
    reference_result e;
    double *bounds = doubles(rows * classes);
    long double *scratch = calloc((size_t)classes * 2, sizeof *scratch), *gradient = scratch + classes;
    assert_non_null(scratch);
    c->log_prob = doubles(rows);
    c->lse = doubles(rows);
    c->entropy = doubles(rows);
    c->grad = doubles(rows * classes);
    c->grad_bound = doubles(rows);
    compute_bounds(c, x, &e, bounds);

    long double loss = 0;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t at = row * classes;
        const exact_row exact = exact_row_compute(x + at, classes, c->targets[row], scratch, gradient);
        loss -= exact.log_prob;
        c->log_prob[row] = (double)exact.log_prob;
        c->lse[row] = (double)exact.lse;
        c->entropy[row] = (double)exact.entropy;
        /* all classes of a row have the same bound, except the target, whose bound is smaller */
        c->grad_bound[row] = bounds[c->targets[row] == 0 ? at + classes - 1 : at];
        sweep_note(&c->reference, CLXENT_F64, e.log_prob[row], c->log_prob[row], e.log_prob_bound[row]);
        sweep_note(&c->reference, CLXENT_F64, e.lse[row], c->lse[row], e.lse_bound[row]);
        sweep_note(&c->reference, CLXENT_F64, e.entropy[row], c->entropy[row], e.entropy_bound[row]);
        for (int64_t k = 0; k < classes; k++) {
            c->grad[at + k] = (double)(gradient[k] / (long double)rows);
            sweep_note(&c->reference, CLXENT_F64, e.grad[at + k], c->grad[at + k], bounds[at + k]);
        }
    }
    c->loss = (double)(loss / (long double)rows);
    sweep_note(&c->reference, CLXENT_F64, e.loss, c->loss, e.loss_bound);
    free(e.grad);
    free(e.entropy);
    free(e.lse);
    free(e.log_prob);
    free(scratch);
    free(bounds);
}

void sweep_case_open(sweep_case *c, clxent_dtype dtype, const sweep_spread *spread, int64_t rows,
                     int64_t classes) {
    *c = (sweep_case){.dtype = dtype, .spread = spread, .rows = rows, .classes = classes};
    expect_about("%lld x %lld, %s", (long long)rows, (long long)classes, spread->name);
    rng r = rng_start((uint64_t)(classes + 131 * (spread - sweep_spreads)));
    double *x = make_logits(c, &r);
    make_targets(c, x, &r);
    compute(c, x);
    free(x);
}

void sweep_case_close(sweep_case *c) {
    void *const all[] = {c->logits,    c->targets, c->log_prob,      c->log_prob_bound, c->lse,
                         c->lse_bound, c->entropy, c->entropy_bound, c->row_loss_bound, c->grad,
                         c->grad_bound};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* ---------------------------------------------------------------------------------------- errors */

void sweep_note(sweep_error *e, clxent_dtype dtype, double got, double exact, double bound) {
    const int narrow = dtype == CLXENT_F16 || dtype == CLXENT_BF16;
    const double allowed =
        bound + (narrow ? reference_half_unit(storage_of(dtype), fmax(fabs(got), fabs(exact))) : 0);
    const double error = got == exact ? 0 : fabs(got - exact) / allowed;
    e->values++;
    e->outside += !reference_agrees(got, exact, bound, storage_of(dtype));
    e->largest = fmax(e->largest, isnan(error) ? (double)INFINITY : error);
    e->sum += error;
}

void sweep_merge(sweep_error *all, const sweep_error *some) {
    all->values += some->values;
    all->outside += some->outside;
    all->largest = fmax(all->largest, some->largest);
    all->sum += some->sum;
}
