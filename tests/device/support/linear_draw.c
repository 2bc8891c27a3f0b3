/* SPDX-License-Identifier: Apache-2.0
 *
 * See linear_trial.h. */
#include "linear_trial.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_BYTES = 4 << 20, IGNORED = -100 };

/* ------------------------------------------------------------------------------- memory ---------- */

static clxent_array take(linear_arena *arena, int64_t count, clxent_dtype dtype) {
    const size_t bytes = (size_t)count * clxent_dtype_size(dtype);
    assert_true(arena->used + bytes + 8 <= ARENA_BYTES);
    const clxent_array a = CLXENT_ARRAY(arena->memory + arena->used, bytes);
    arena->used += (bytes / 8 + 1) * 8; /* arrays of 0 bytes have their own address too */
    return a;
}

static double *room(linear_trial *t, int64_t count) {
    assert_true(t->block_count < LINEAR_BLOCKS);
    double *block = calloc((size_t)count + 1, sizeof *block);
    assert_non_null(block);
    t->blocks[t->block_count++] = block;
    return block;
}

/* ------------------------------------------------------------------------------- the desc -------- */

/* With i in base 3 as (a, b, c), the six types are a, b, c, a+b, b+c and a+c modulo 3. Any two of these six
 * take every pair of values equally often. */
void linear_types(clxent_desc *d, int types) {
    static const clxent_dtype of[] = {CLXENT_F32, CLXENT_F16, CLXENT_BF16};
    const int a = types % 3, b = types / 3 % 3, c = types / 9;
    d->hidden_dtype = of[a];
    d->classifier_dtype = of[b];
    d->classifier_bias_dtype = of[c];
    d->grad_hidden_dtype = of[(a + b) % 3];
    d->grad_classifier_dtype = of[(b + c) % 3];
    d->grad_classifier_bias_dtype = of[(a + c) % 3];
}

static void draw_desc(linear_trial *t, const linear_options *o, const linear_limits *limits, rng *r) {
    clxent_desc *d = &t->desc;
    clxent_desc_init(d);
    d->op = CLXENT_LINEAR_CROSS_ENTROPY;
    d->reduction = o->reduction;
    d->empty_mean = rng_chance(r, 0.5) ? CLXENT_EMPTY_MEAN_ZERO : CLXENT_EMPTY_MEAN_NAN;
    d->classes = limits->classes;
    d->features = limits->features;
    d->workspace_bytes = limits->workspace_bytes;
    linear_types(d, limits->types);
    int64_t rows = limits->rows;
    if (o->next_token) {
        d->targets = CLXENT_TARGETS_NEXT_TOKEN;
        d->sequence_length = rows < 2 ? 1 : rng_integer(r, 1, rows);
        rows -= rows % d->sequence_length;
        d->tokens_per_sequence = d->sequence_length + rng_integer(r, 0, 1);
    }
    d->rows = rows;
    if (rng_chance(r, 0.2)) { /* a plan may run with fewer rows than its own */
        d->rows += (d->sequence_length ? d->sequence_length : 1) * rng_integer(r, 1, 5);
        t->arrays.rows = rows;
    }
    if (limits->strides) {
        d->hidden_row_stride = d->features + rng_integer(r, 0, 9);
        d->classifier_row_stride = d->features + rng_integer(r, 0, 9);
        d->grad_hidden_row_stride = d->features + rng_integer(r, 0, 9);
        d->grad_classifier_row_stride = d->features + rng_integer(r, 0, 9);
    }
    if (limits->add) d->flags |= CLXENT_ADD_GRAD_CLASSIFIER;

    if (o->softcap) d->softcap = rng_uniform(r, 2.0, 50.0);
    if (o->scale) d->logit_scale = rng_uniform(r, 0.3, 2.0);
    if (o->smoothing) d->label_smoothing = rng_uniform(r, 0.01, 0.3);
    if (o->z_loss) d->z_loss = rng_uniform(r, 0.0, 0.01);
    if (rng_chance(r, 0.5)) d->grad_output = rng_chance(r, 0.2) ? 1e6 : rng_uniform(r, -3.0, 3.0);
    t->scalars = (clxent_scalars){sizeof t->scalars, d->label_smoothing, d->z_loss,
                                  d->softcap,        d->logit_scale,     d->grad_output};
    if (rng_chance(r, 0.3)) { /* the call's scalars in place of the plan's */
        t->arrays.scalars = &t->scalars;
        d->grad_output = 7.0;
        if (o->z_loss) d->z_loss = 0.5;
    }

    reference_problem *p = &t->p.loss;
    p->rows = rows;
    p->classes = d->classes;
    p->reduction = (reference_reduction[]){REFERENCE_MEAN, REFERENCE_SUM, REFERENCE_NONE}[d->reduction];
    p->empty_mean_zero = d->empty_mean == CLXENT_EMPTY_MEAN_ZERO;
    if (o->next_token) p->targets_kind = REFERENCE_TARGETS_NEXT_TOKEN;
    p->sequence_length = d->sequence_length;
    p->tokens_per_sequence = d->tokens_per_sequence;
    p->label_smoothing = t->scalars.label_smoothing;
    p->z_loss = t->scalars.z_loss;
    p->softcap = t->scalars.softcap;
    p->logit_scale = t->scalars.logit_scale;
    p->grad_scale = t->scalars.grad_output;
    t->p.features = d->features;
}

/* ------------------------------------------------------------------------------- inputs ---------- */

/* Draws an array with H elements a row, for the device, and returns it for the reference. Between two rows
 * there is NaN. */
static double *draw_matrix(linear_trial *t, int array, clxent_array *to, int64_t rows, double scale, rng *r) {
    const clxent_desc *d = &t->desc;
    const clxent_dtype dtype = linear_dtype(d, array);
    const int64_t count = linear_elements(d, array, rows), stride = linear_stride(d, array);
    double *dense = room(t, rows * d->features);
    *to = take(&t->inputs, count, dtype);
    for (int64_t i = 0; i < count; i++) {
        const bool gap = i % stride >= d->features;
        set_element(dtype, to->data, i, gap ? (double)NAN : scale * rng_normal(r));
        if (!gap) dense[i / stride * d->features + i % stride] = element(dtype, to->data, i);
    }
    return dense;
}

static void draw_bias(linear_trial *t, linear_bias kind, rng *r) {
    const int64_t classes = t->desc.classes;
    const clxent_dtype dtype = linear_dtype(&t->desc, CLXENT_A_classifier_bias);
    if (kind == BIAS_DRAWN) kind = rng_chance(r, 0.5) ? BIAS_SMALL : BIAS_NONE;
    if (kind == BIAS_NONE) return;
    double *bias = room(t, classes);
    t->arrays.classifier_bias = take(&t->inputs, classes, dtype);
    for (int64_t c = 0; c < classes; c++) {
        double value = rng_normal(r) * (kind == BIAS_LARGE ? 100.0 : 1.0);
        if (kind == BIAS_MASKS && classes > 1 && rng_chance(r, 0.4)) value = -INFINITY;
        set_element(dtype, t->arrays.classifier_bias.data, c, value);
        bias[c] = element(dtype, t->arrays.classifier_bias.data, c);
    }
    t->p.bias = bias;
}

/* Draws `count` numbers of f32 in [low, high); a few are 0. */
static const double *draw_reals(linear_trial *t, clxent_array *to, int64_t count, double low, double high,
                                rng *r) {
    *to = take(&t->inputs, count, CLXENT_F32);
    double *values = room(t, count);
    for (int64_t i = 0; i < count; i++) {
        const double value = rng_chance(r, 0.05) ? 0.0 : rng_uniform(r, low, high);
        set_element(CLXENT_F32, to->data, i, value);
        values[i] = element(CLXENT_F32, to->data, i);
    }
    return values;
}

/* The class numbers in the type that the device gets; the reference gets them as int64. */
static void store_targets(linear_trial *t, const int64_t *targets, int64_t count, rng *r) {
    static const clxent_dtype types[] = {CLXENT_I64, CLXENT_I32, CLXENT_U16, CLXENT_U8};
    int64_t least = 0, most = 0;
    for (int64_t i = 0; i < count; i++) {
        if (targets[i] < least) least = targets[i];
        if (targets[i] > most) most = targets[i];
    }
    const int64_t last = least < 0 ? 1 : most < 256 ? 3 : 2;
    t->desc.targets_dtype = types[rng_integer(r, 0, last)];
    t->arrays.targets = take(&t->inputs, count, t->desc.targets_dtype);
    for (int64_t i = 0; i < count; i++)
        set_integer(t->desc.targets_dtype, t->arrays.targets.data, i, targets[i]);
}

static void draw_segments(linear_trial *t, int64_t count, rng *r) {
    int64_t *segment = (int64_t *)room(t, count);
    t->arrays.segment = take(&t->inputs, count, CLXENT_I64);
    for (int64_t i = 0; i < count; i++) {
        segment[i] = i ? segment[i - 1] + rng_chance(r, 0.1) : 0;
        set_integer(CLXENT_I64, t->arrays.segment.data, i, segment[i]);
    }
    t->p.loss.segment = segment;
}

static void draw_targets(linear_trial *t, const linear_limits *limits, rng *r) {
    reference_problem *p = &t->p.loss;
    const bool tokens = p->targets_kind == REFERENCE_TARGETS_NEXT_TOKEN;
    const int64_t classes = p->classes,
                  count = tokens ? p->rows / p->sequence_length * p->tokens_per_sequence : p->rows;
    int64_t *targets = (int64_t *)room(t, count);
    if (limits->ignored >= 0.0) {
        p->use_ignore_index = 1;
        p->ignore_index = rng_chance(r, 0.5) ? IGNORED : rng_integer(r, 0, classes - 1);
        t->desc.use_ignore_index = 1;
        t->desc.ignore_index = p->ignore_index;
    }
    for (int64_t i = 0; i < count; i++) {
        targets[i] = rng_integer(r, 0, classes - 1);
        if (limits->bad && rng_chance(r, 0.1)) targets[i] = classes + rng_integer(r, 0, 3);
        if (limits->ignored > 0.0 && rng_chance(r, limits->ignored)) targets[i] = p->ignore_index;
    }
    if (limits->poison_ignored && count) targets[p->rows / 2] = p->ignore_index;
    p->targets = targets;
    store_targets(t, targets, count, r);
    if (tokens && rng_chance(r, 0.7)) draw_segments(t, count, r);
}

/* One element of the middle row of hidden becomes a NaN or an infinity. */
static void poison(linear_trial *t, const linear_limits *limits, double *hidden, rng *r) {
    if (limits->poison == POISON_NONE || t->p.loss.rows == 0) return;
    const double value = limits->poison == POISON_NAN ? (double)NAN : (double)INFINITY;
    const int64_t row = t->p.loss.rows / 2, h = rng_integer(r, 0, t->desc.features - 1);
    hidden[row * t->desc.features + h] = value;
    set_element(linear_dtype(&t->desc, CLXENT_A_hidden), t->arrays.hidden.data,
                row * linear_stride(&t->desc, CLXENT_A_hidden) + h, value);
}

static void draw_inputs(linear_trial *t, const linear_options *o, const linear_limits *limits, rng *r) {
    reference_problem *p = &t->p.loss;
    clxent_arrays *a = &t->arrays;
    const int64_t rows = p->rows, classes = p->classes;
    const double spread = rng_uniform(r, 0.3, 3.0) / sqrt((double)t->desc.features);
    double *hidden = draw_matrix(t, CLXENT_A_hidden, &a->hidden, rows, 1.0, r);
    t->p.classifier = draw_matrix(t, CLXENT_A_classifier, &a->classifier, classes, spread, r);
    t->p.hidden = hidden;
    draw_bias(t, limits->bias, r);
    draw_targets(t, limits, r);
    poison(t, limits, hidden, r);
    if (rng_chance(r, 0.5)) p->class_weight = draw_reals(t, &a->class_weight, classes, 0.1, 2.0, r);
    if (rng_chance(r, 0.5)) p->row_weight = draw_reals(t, &a->row_weight, rows, 0.1, 2.0, r);
    const int64_t grads = o->reduction == CLXENT_NONE ? rows : 1;
    if (rng_chance(r, 0.5)) p->grad_output = draw_reals(t, &a->grad_output, grads, -2.0, 2.0, r);
}

/* ------------------------------------------------------------------------------- outputs --------- */

/* Values that the call adds its gradient to; they stand in the output. */
static const double *draw_before(linear_trial *t, int array, const clxent_array *to, int64_t rows,
                                 int64_t columns, int64_t stride, rng *r) {
    const clxent_dtype dtype = linear_dtype(&t->desc, array);
    double *before = room(t, rows * columns);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t k = 0; k < columns; k++) {
            set_element(dtype, to->data, row * stride + k, rng_normal(r));
            before[row * columns + k] = element(dtype, to->data, row * stride + k);
        }
    return before;
}

static void draw_outputs(linear_trial *t, const linear_options *o, const linear_limits *limits, rng *r) {
    clxent_arrays *a = &t->arrays;
    linear_arena *out = &t->outputs;
    const clxent_desc *d = &t->desc;
    const int64_t rows = t->p.loss.rows, classes = d->classes;
    a->loss = take(out, o->reduction == CLXENT_NONE ? rows : 1, CLXENT_F32);
    a->counts = take(out, 4, CLXENT_I64);
    if (!limits->plain_outputs) {
        a->row_loss = take(out, rows, CLXENT_F32);
        a->log_prob = take(out, rows, CLXENT_F32);
        a->lse = take(out, rows, CLXENT_F32);
        a->lse_residual = take(out, rows, CLXENT_F32);
    }
    if (o->stats && !limits->plain_outputs) {
        a->argmax = take(out, rows, CLXENT_I64);
        a->rank = take(out, rows, CLXENT_I64);
        a->entropy = take(out, rows, CLXENT_F32);
    }
    if (limits->grads & LINEAR_GRAD_HIDDEN)
        a->grad_hidden =
            take(out, linear_elements(d, CLXENT_A_grad_hidden, rows), linear_dtype(d, CLXENT_A_grad_hidden));
    if (limits->grads & LINEAR_GRAD_CLASSIFIER)
        a->grad_classifier = take(out, linear_elements(d, CLXENT_A_grad_classifier, classes),
                                  linear_dtype(d, CLXENT_A_grad_classifier));
    if (limits->grads & LINEAR_GRAD_BIAS)
        a->grad_classifier_bias = take(out, classes, linear_dtype(d, CLXENT_A_grad_classifier_bias));
    if (!limits->add) return;
    if (a->grad_classifier.data)
        t->p.grad_classifier_before = draw_before(t, CLXENT_A_grad_classifier, &a->grad_classifier, classes,
                                                  d->features, linear_stride(d, CLXENT_A_grad_classifier), r);
    if (a->grad_classifier_bias.data)
        t->p.grad_bias_before =
            draw_before(t, CLXENT_A_grad_classifier_bias, &a->grad_classifier_bias, classes, 1, 1, r);
}

/* ------------------------------------------------------------------------------- all of it ------- */

static void describe(const linear_trial *t, const linear_options *o, const linear_limits *limits) {
    const clxent_desc *d = &t->desc;
    const clxent_arrays *a = &t->arrays;
    const clxent_scalars *s = &t->scalars;
    expect_about(
        "%s: reduction %d targets %d (type %d) empty_mean %d flags %u workspace_bytes %" PRIu64 "\n"
        "rows %" PRId64 " (plan %" PRId64 ") classes %" PRId64 " features %" PRId64
        " types %d strides %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n"
        "T %" PRId64 " tokens %" PRId64 " ignore %s%" PRId64 " (%g of the rows); in the %s: label_smoothing "
        "%.17g z_loss %.17g softcap %.17g logit_scale %.17g grad_output %.17g\n"
        "bias %d poison %d; given:%s%s%s%s%s; gradients %d",
        o->name, d->reduction, d->targets, d->targets_dtype, d->empty_mean, d->flags, d->workspace_bytes,
        t->p.loss.rows, d->rows, d->classes, d->features, limits->types, d->hidden_row_stride,
        d->classifier_row_stride, d->grad_hidden_row_stride, d->grad_classifier_row_stride,
        d->sequence_length, d->tokens_per_sequence, d->use_ignore_index ? "" : "off ", d->ignore_index,
        limits->ignored, a->scalars ? "call" : "plan", s->label_smoothing, s->z_loss, s->softcap,
        s->logit_scale, s->grad_output, limits->bias, limits->poison,
        a->classifier_bias.data ? " classifier_bias" : "", a->class_weight.data ? " class_weight" : "",
        a->row_weight.data ? " row_weight" : "", a->segment.data ? " segment" : "",
        a->grad_output.data ? " grad_output" : "", limits->grads);
}

void linear_trial_draw(linear_trial *t, const linear_options *o, const linear_limits *limits, rng *r) {
    memset(t, 0, sizeof *t);
    clxent_arrays_init(&t->arrays);
    t->p.loss = (reference_problem)REFERENCE_PROBLEM_INIT;
    t->inputs.memory = malloc(ARENA_BYTES);
    t->outputs.memory = malloc(ARENA_BYTES);
    t->before = malloc(ARENA_BYTES);
    assert_true(t->inputs.memory && t->outputs.memory && t->before);
    memset(t->outputs.memory, LINEAR_FILL, ARENA_BYTES);
    draw_desc(t, o, limits, r);
    draw_inputs(t, o, limits, r);
    draw_outputs(t, o, limits, r);
    memcpy(t->before, t->outputs.memory, ARENA_BYTES);
    describe(t, o, limits);
    t->expect = reference_count(&t->p.loss).bad ? CLXENT_ERR_TARGET : CLXENT_OK;
    t->p.grad_rounding = linear_grad_rounding(&t->desc);
    t->expected = linear_expected_new(&t->p);
}
