/* SPDX-License-Identifier: Apache-2.0
 *
 * See verify_case.h. The reference computes the bounds.
 */
#include "verify_case.h"
#include "files/dtype_values.h"
#include "reference.h"
#include "shell/draw.h"
#include "verify_memory.h"

#include <math.h>

/* ---------------------------------------------------------------------- inputs ---- */

/* Returns the values in the device's type. It also rounds `values` to that type, for the reference. */
static clxent_array exact(pool *p, clxent_dtype dtype, double *values, int64_t count) {
    void *data = pool_take(p, count, clxent_dtype_size(dtype));
    if (!data || !values) return (clxent_array){NULL, 0};
    values_convert(dtype, data, CLXENT_F64, values, count);
    values_convert(CLXENT_F64, values, dtype, data, count);
    return CLXENT_ARRAY(data, (size_t)count * clxent_dtype_size(dtype));
}

static double *numbers(pool *p, uint64_t *seed, int64_t count, double least, double most) {
    double *values = pool_take(p, count, sizeof *values);
    for (int64_t i = 0; values && i < count; i++) values[i] = draw_uniform(seed, least, most);
    return values;
}

static double *make_logits(pool *p, uint64_t *seed, const verify_case *c) {
    const clxent_desc *d = &c->desc;
    double *x = numbers(p, seed, d->rows * d->classes, -6, 6);
    for (int64_t row = 0; x && c->hostile && row < d->rows; row++)
        for (int64_t k = 0; k < d->classes; k++) {
            double *at = &x[reference_index(d->inner, d->classes * d->inner, row, k)];
            if (row % 3 == 0 && k < d->classes / 2) *at = -INFINITY;
            if (row % 3 == 1) *at *= 1000;
            if (row % 3 == 2 && draw(seed) % 3 == 0) *at = -INFINITY;
            if (d->reduction == CLXENT_NONE && row == 2) *at = -INFINITY;
            if (d->reduction == CLXENT_NONE && row == 5 && k == d->classes - 1) *at = NAN;
        }
    return x;
}

static int64_t *make_targets(pool *p, uint64_t *seed, const clxent_desc *d, int64_t count) {
    int64_t *y = pool_take(p, count, sizeof *y);
    for (int64_t i = 0; y && i < count; i++)
        y[i] = d->use_ignore_index && draw(seed) % 8 == 0 ? d->ignore_index
                                                          : (int64_t)(draw(seed) % (uint64_t)d->classes);
    return y;
}

static void make_inputs(pool *p, const verify_case *c, clxent_arrays *a, reference_problem *r) {
    const clxent_desc *d = &c->desc;
    const clxent_dtype real = d->logits_dtype == CLXENT_F64 ? CLXENT_F64 : CLXENT_F32;
    const int64_t cells = d->rows * d->classes;
    const int is_softmax = d->op == CLXENT_SOFTMAX || d->op == CLXENT_LOG_SOFTMAX;
    uint64_t seed = c->seed;
    double *values;

    r->logits = values = make_logits(p, &seed, c);
    *(d->op == CLXENT_NLL ? &a->log_probs : &a->logits) = exact(p, d->logits_dtype, values, cells);
    if (is_softmax) {
        r->grad_output = values = numbers(p, &seed, cells, -1, 1);
        a->grad_output = exact(p, real, values, cells);
        return;
    }
    if (d->targets == CLXENT_TARGETS_PROBABILITY) {
        r->target_probs = values = numbers(p, &seed, cells, 0, 2.0 / (double)d->classes);
        a->targets = exact(p, d->targets_dtype, values, cells);
    } else {
        const int tokens = d->targets == CLXENT_TARGETS_NEXT_TOKEN;
        const int64_t count = tokens ? d->rows / d->sequence_length * d->tokens_per_sequence : d->rows;
        r->targets = make_targets(p, &seed, d, count);
        a->targets = CLXENT_ARRAY(r->targets, (size_t)count * sizeof *r->targets);
        int64_t *segment = tokens ? pool_take(p, count, sizeof *segment) : NULL;
        for (int64_t i = 0; segment && i < count; i++) segment[i] = i / 3;
        r->segment = segment;
        if (segment) a->segment = CLXENT_ARRAY(segment, (size_t)count * sizeof *segment);
    }
    if (!c->weighted) return;
    r->class_weight = values = numbers(p, &seed, d->classes, 0.1, 2);
    a->class_weight = exact(p, real, values, d->classes);
    if (d->op == CLXENT_CROSS_ENTROPY) {
        r->row_weight = values = numbers(p, &seed, d->rows, 0.1, 2);
        a->row_weight = exact(p, real, values, d->rows);
    }
    const int64_t count = d->reduction == CLXENT_NONE ? d->rows : 1;
    r->grad_output = values = numbers(p, &seed, count, -2, 2);
    a->grad_output = exact(p, real, values, count);
}

reference_problem verify_reference(const clxent_desc *d) {
    static const reference_op ops[] = {REFERENCE_CROSS_ENTROPY, REFERENCE_NLL, REFERENCE_SOFTMAX,
                                       REFERENCE_LOG_SOFTMAX, REFERENCE_CROSS_ENTROPY};
    static const reference_targets kinds[] = {REFERENCE_TARGETS_CLASS, REFERENCE_TARGETS_PROBABILITY,
                                              REFERENCE_TARGETS_NEXT_TOKEN};
    static const reference_reduction reductions[] = {REFERENCE_MEAN, REFERENCE_SUM, REFERENCE_NONE};
    reference_problem r = REFERENCE_PROBLEM_INIT;
    r.op = ops[d->op];
    r.reduction = reductions[d->reduction];
    r.targets_kind = kinds[d->targets];
    r.empty_mean_zero = d->empty_mean == CLXENT_EMPTY_MEAN_ZERO;
    r.double_arithmetic = d->logits_dtype == CLXENT_F64;
    r.rows = d->rows;
    r.classes = d->classes;
    r.inner = d->inner;
    r.sequence_length = d->sequence_length;
    r.tokens_per_sequence = d->tokens_per_sequence;
    r.use_ignore_index = d->use_ignore_index;
    r.ignore_index = d->ignore_index;
    r.label_smoothing = d->label_smoothing;
    r.z_loss = d->z_loss;
    r.softcap = d->softcap;
    r.logit_scale = d->logit_scale;
    r.grad_scale = d->grad_output;
    return r;
}

/* --------------------------------------------------------------------- outputs ---- */

enum { CE = 1, NLL = 2, SOFT = 4, LOG = 8, LOSSES = CE | NLL, CLASSES_ONLY = 16 };
#define IN_ARRAYS(member) offsetof(clxent_arrays, member)
#define IN_RESULT(member) offsetof(reference_result, member), offsetof(reference_result, member##_bound)

/* The outputs of floating type that have an element a row, or an element a row and class. */
static const struct floating_output {
    const char *name;
    unsigned ops; /* the operations that have it */
    uint32_t bit;
    int full; /* (N,C) */
    size_t array, value, bound;
} floating[] = {
    {"row_loss", LOSSES, CLXENT_OUT_ROW_LOSS, 0, IN_ARRAYS(row_loss), IN_RESULT(row_loss)},
    {"log_prob", LOSSES | CLASSES_ONLY, CLXENT_OUT_LOG_PROB, 0, IN_ARRAYS(log_prob), IN_RESULT(log_prob)},
    {"lse", CE, CLXENT_OUT_LSE, 0, IN_ARRAYS(lse), IN_RESULT(lse)},
    {"entropy", CE, CLXENT_OUT_ENTROPY, 0, IN_ARRAYS(entropy), IN_RESULT(entropy)},
    {"log_probs", CE | LOG, CLXENT_OUT_LOG_PROBS, 1, IN_ARRAYS(log_probs), IN_RESULT(log_probs)},
    {"probs", SOFT, CLXENT_OUT_PROBS, 1, IN_ARRAYS(probs), IN_RESULT(probs)},
    {"grad", LOSSES | SOFT | LOG, CLXENT_OUT_GRAD, 1, IN_ARRAYS(grad), IN_RESULT(grad)},
};
enum { FLOATING = sizeof floating / sizeof *floating };

static int has_output(const clxent_desc *d, unsigned ops) {
    static const unsigned bits[] = {CE, NLL, SOFT, LOG};
    if ((ops & CLASSES_ONLY) && d->targets == CLXENT_TARGETS_PROBABILITY) return 0;
    return (ops & bits[d->op]) != 0;
}

clxent_status verify_case_run(const session *s, const verify_case *c, verify_result *result) {
    pool p = {.n = 0};
    clxent_desc d = c->desc;
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    reference_problem problem = verify_reference(&d);
    reference_result expected = {0};
    const clxent_dtype real = d.logits_dtype == CLXENT_F64 ? CLXENT_F64 : CLXENT_F32;
    const int is_loss = d.op == CLXENT_CROSS_ENTROPY || d.op == CLXENT_NLL;
    const int with_ranks = d.op == CLXENT_CROSS_ENTROPY && d.targets != CLXENT_TARGETS_PROBABILITY;
    int64_t counts[4], *argmax = NULL, *rank = NULL;
    double loss = NAN; /* memory for an f32 or an f64 loss */
    clxent_status status = CLXENT_ERR_MEMORY;

    make_inputs(&p, c, &a, &problem);
    for (int i = 0; i < FLOATING; i++) {
        const struct floating_output *f = &floating[i];
        if (!has_output(&d, f->ops)) continue;
        const int64_t count = f->full ? d.rows * d.classes : d.rows;
        const size_t size = clxent_dtype_size(f->bit == CLXENT_OUT_GRAD ? d.grad_dtype : real);
        *(clxent_array *)((char *)&a + f->array) =
            CLXENT_ARRAY(pool_take(&p, count, size), (size_t)count * size);
        *(double **)((char *)&expected + f->value) = pool_take(&p, count, sizeof(double));
        *(double **)((char *)&expected + f->bound) = pool_take(&p, count, sizeof(double));
        d.outputs |= f->bit;
    }
    if (is_loss && d.reduction != CLXENT_NONE) {
        a.loss = CLXENT_ARRAY(&loss, clxent_dtype_size(real));
        d.outputs |= CLXENT_OUT_LOSS;
    }
    if (is_loss) {
        a.counts = CLXENT_ARRAY(counts, sizeof counts);
        d.outputs |= CLXENT_OUT_COUNTS;
    }
    if (with_ranks) {
        argmax = pool_take(&p, d.rows, sizeof *argmax);
        rank = pool_take(&p, d.rows, sizeof *rank);
        a.argmax = CLXENT_ARRAY(argmax, (size_t)d.rows * sizeof *argmax);
        a.rank = CLXENT_ARRAY(rank, (size_t)d.rows * sizeof *rank);
        expected.argmax = pool_take(&p, d.rows, sizeof *argmax);
        expected.rank = pool_take(&p, d.rows, sizeof *rank);
        d.outputs |= CLXENT_OUT_ARGMAX | CLXENT_OUT_RANK;
    }
    if (p.failed) goto done;
    status = session_run(s, &d, c->schedule, &a, NULL);
    if (status != CLXENT_OK) goto done;
    if (reference_run(&problem, &expected) != 0) {
        status = CLXENT_ERR_MEMORY;
        goto done;
    }

    for (int i = 0; i < FLOATING; i++) {
        const struct floating_output *f = &floating[i];
        if (!has_output(&d, f->ops)) continue;
        const int64_t count = f->full ? d.rows * d.classes : d.rows;
        const clxent_dtype dtype = f->bit == CLXENT_OUT_GRAD ? d.grad_dtype : real;
        const void *got = ((const clxent_array *)((const char *)&a + f->array))->data;
        const double *value = *(double **)((char *)&expected + f->value);
        const double *bound = *(double **)((char *)&expected + f->bound);
        for (int64_t k = 0; k < count; k++)
            verify_compare(result, f->name, value_at(dtype, got, k), value[k], bound[k], dtype);
    }
    if (a.loss.data)
        verify_compare(result, "loss", value_at(real, &loss, 0), expected.loss, expected.loss_bound, real);
    if (is_loss) verify_compare_integers(result, "counts", counts, expected.counts, 4);
    if (with_ranks) {
        verify_compare_integers(result, "argmax", argmax, expected.argmax, d.rows);
        verify_compare_integers(result, "rank", rank, expected.rank, d.rows);
    }
done:
    pool_release(&p);
    return status;
}
