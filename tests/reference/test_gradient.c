/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference's gradients against central differences of its own losses, over random problems with every
 * option. The reference shares no code with the library, so a wrong formula stays hidden only if both have
 * it.
 */
#include "expect.h"
#include "rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 6, CLASSES = 9, ALL = ROWS * CLASSES, PROBLEMS = 2000 };

typedef struct random_problem {
    reference_problem p;
    double logits[ALL], target_probs[ALL], class_weight[CLASSES], row_weight[ROWS], grad_output[ALL];
    int64_t targets[2 * ROWS], segment[2 * ROWS];
} random_problem;

static void draw_targets(random_problem *d, rng *r) {
    reference_problem *p = &d->p;
    p->targets_kind =
        p->op == REFERENCE_CROSS_ENTROPY ? (reference_targets)rng_integer(r, 0, 2) : REFERENCE_TARGETS_CLASS;
    p->sequence_length = 1;
    if (p->targets_kind == REFERENCE_TARGETS_NEXT_TOKEN) {
        p->inner = 1;
        p->sequence_length = p->rows;
        p->tokens_per_sequence = p->rows + rng_integer(r, 0, 1);
        for (int i = 0; i < 2 * ROWS; i++) d->segment[i] = rng_integer(r, 0, 9) > 7;
        if (rng_chance(r, 0.5)) p->segment = d->segment;
    }
    for (int i = 0; i < 2 * ROWS; i++) d->targets[i] = rng_integer(r, -1, p->classes); /* bad ones too */
    p->use_ignore_index = p->targets_kind != REFERENCE_TARGETS_PROBABILITY && rng_chance(r, 0.5);
    p->ignore_index = rng_integer(r, -1, 2);
    for (int i = 0; i < ALL; i++) d->target_probs[i] = rng_chance(r, 0.3) ? 0.0 : rng_uniform(r, 0.0, 1.0);
    p->targets = d->targets;
    p->target_probs = d->target_probs;
}

static void draw(random_problem *d, rng *r) {
    memset(d, 0, sizeof *d);
    reference_problem *p = &d->p;
    *p = (reference_problem)REFERENCE_PROBLEM_INIT;
    p->op = (reference_op)rng_integer(r, 0, 3);
    p->reduction = (reference_reduction)rng_integer(r, 0, 2);
    p->inner = rng_chance(r, 0.3) ? 2 : 1;
    p->rows = p->inner * rng_integer(r, 1, ROWS / p->inner);
    p->classes = rng_integer(r, 1, CLASSES);
    draw_targets(d, r);
    for (int i = 0; i < ALL; i++) d->logits[i] = 3.0 * rng_normal(r);
    for (int i = 0; i < CLASSES; i++) d->class_weight[i] = rng_uniform(r, 0.1, 2.0);
    for (int i = 0; i < ROWS; i++) d->row_weight[i] = rng_uniform(r, 0.1, 2.0);
    for (int i = 0; i < ALL; i++) d->grad_output[i] = rng_normal(r);
    p->logits = d->logits;
    const int softmax_op = p->op == REFERENCE_SOFTMAX || p->op == REFERENCE_LOG_SOFTMAX;
    if (softmax_op || rng_chance(r, 0.5)) p->grad_output = d->grad_output;
    p->grad_scale = rng_chance(r, 0.5) ? rng_uniform(r, -2.0, 2.0) : 1.0;
    if (!softmax_op && rng_chance(r, 0.5)) p->class_weight = d->class_weight;
    if (p->op != REFERENCE_NLL) {
        p->logit_scale = rng_uniform(r, 0.3, 2.0);
        p->softcap = rng_chance(r, 0.4) ? rng_uniform(r, 2.0, 20.0) : 0.0;
    }
    if (p->op == REFERENCE_CROSS_ENTROPY) {
        p->label_smoothing = rng_chance(r, 0.4) ? rng_uniform(r, 0.0, 1.0) : 0.0;
        p->z_loss = rng_chance(r, 0.4) ? rng_uniform(r, 0.0, 0.1) : 0.0;
        if (rng_chance(r, 0.5)) p->row_weight = d->row_weight;
    }
    /* A masked class. Neither targets nor smoothing put weight on it, so that the loss stays finite. */
    const int64_t masked_class = p->classes - 1;
    int may_mask = p->classes > 1 && p->op != REFERENCE_NLL && p->op != REFERENCE_LOG_SOFTMAX &&
                   p->label_smoothing == 0.0 && rng_chance(r, 0.3);
    for (int i = 0; i < 2 * ROWS; i++) may_mask = may_mask && d->targets[i] != masked_class;
    if (!may_mask) return;
    for (int64_t row = 0; row < p->rows; row++) {
        const int64_t at = reference_index(p->inner, p->classes * p->inner, row, masked_class);
        d->logits[at] = -INFINITY;
        d->target_probs[at] = 0.0;
    }
}

/* The function whose gradient the reference computes. */
static double objective(const reference_problem *p) {
    double row_loss[ROWS], values[ALL];
    reference_result r = {.row_loss = row_loss};
    if (p->op == REFERENCE_SOFTMAX) r.probs = values;
    if (p->op == REFERENCE_LOG_SOFTMAX) r.log_probs = values;
    assert_int_equal(reference_run(p, &r), 0);
    double sum = 0.0;
    if (p->op == REFERENCE_SOFTMAX || p->op == REFERENCE_LOG_SOFTMAX) {
        for (int64_t i = 0; i < p->rows * p->classes; i++) sum += values[i] * p->grad_output[i];
    } else if (p->reduction == REFERENCE_NONE) {
        for (int64_t row = 0; row < p->rows; row++)
            sum += row_loss[row] * (p->grad_output ? p->grad_output[row] : 1.0);
    } else {
        sum = r.counts[0] == 0 ? 0.0 : r.loss * (p->grad_output ? p->grad_output[0] : 1.0);
    }
    return p->grad_scale * sum;
}

static void check(random_problem *d, uint64_t seed) {
    const reference_problem *p = &d->p;
    double grad[ALL];
    reference_result r = {.grad = grad};
    assert_int_equal(reference_run(p, &r), 0);
    expect_about(
        "seed %llu: op %d reduction %d targets %d rows %lld classes %lld inner %lld smoothing %g z_loss %g "
        "softcap %g scale %g",
        (unsigned long long)seed, p->op, p->reduction, p->targets_kind, (long long)p->rows,
        (long long)p->classes, (long long)p->inner, p->label_smoothing, p->z_loss, p->softcap,
        p->logit_scale);
    for (int64_t i = 0; i < p->rows * p->classes; i++) {
        const double x = d->logits[i], h = 1e-4;
        if (isinf(x)) {
            expect_near("gradient of a masked class", i, CLXENT_F64, grad[i], 0.0, 0.0);
            continue;
        }
        /* 4th order: the error is h^4 times the fifth derivative, plus |loss| 1e-16 / h by rounding */
        double side[4];
        for (int k = 0; k < 4; k++) {
            d->logits[i] = x + h * (double)(k < 2 ? k - 2 : k - 1);
            side[k] = objective(p);
        }
        d->logits[i] = x;
        const double difference = (side[0] - 8.0 * side[1] + 8.0 * side[2] - side[3]) / (12.0 * h);
        expect_near("gradient", i, CLXENT_F64, grad[i], difference, 1e-9 * (1.0 + fabs(side[0])));
    }
}

static void random_problems(void **state) {
    (void)state;
    const uint64_t first = rng_seed(20240601);
    for (uint64_t seed = first; seed < first + PROBLEMS; seed++) {
        static random_problem d;
        rng r = rng_start(seed);
        draw(&d, &r);
        check(&d, seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_problems)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
