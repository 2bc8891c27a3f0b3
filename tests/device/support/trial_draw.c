/* SPDX-License-Identifier: Apache-2.0
 *
 * See trial.h. Only some trials have rare values (masked classes, NaN, bad targets), so that most trials have
 * a finite loss to compare. */
#include "trial.h"

#include "asked.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ------------------------------------------------------------------------------- memory ---------- */

void *trial_room(trial *t, int64_t count, size_t size) {
    assert_true(t->block_count < TRIAL_BLOCKS);
    const size_t bytes = (size_t)count * size;
    void *block = malloc(bytes ? bytes : 1);
    assert_non_null(block);
    memset(block, TRIAL_FILL, bytes);
    t->blocks[t->block_count++] = block;
    return block;
}

void trial_free(trial *t) {
    for (int i = 0; i < t->block_count; i++) free(t->blocks[i]);
}

static clxent_array output(trial *t, int64_t count, size_t size) {
    return CLXENT_ARRAY(trial_room(t, count, size), (size_t)count * size);
}

int64_t trial_elements(const trial *t, int64_t row_stride, int64_t classes) {
    const int64_t outer = t->p.rows / t->p.inner, dense = classes * t->p.inner;
    return outer ? (outer - 1) * (row_stride ? row_stride : dense) + dense : 0;
}

int64_t trial_at(const trial *t, int64_t row_stride, int64_t classes, int64_t row, int64_t c) {
    return reference_index(t->p.inner, row_stride ? row_stride : classes * t->p.inner, row, c);
}

static int choose(trial_choice choice, double probability, rng *r) {
    const int drawn = rng_chance(r, probability);
    return choice == DRAWN ? drawn : choice == ALWAYS;
}

/* ------------------------------------------------------------------------------- shape ----------- */

static int64_t stride_of(int64_t classes, int64_t inner, rng *r) {
    return rng_chance(r, 0.3) ? classes * inner + rng_integer(r, 0, 19) : 0;
}

static void draw_shape(trial *t, const trial_limits *limits, rng *r) {
    static const int64_t inners[] = {2, 3, 7, 31};
    clxent_desc *d = &t->desc;
    const int64_t classes = limits->classes;
    int64_t most = limits->elements / classes;
    if (most > limits->rows) most = limits->rows;
    const int64_t fewest = limits->fewest ? limits->fewest : 1;
    if (most < fewest) most = fewest;
    int64_t rows = (int64_t)exp(rng_uniform(r, log((double)fewest), log((double)most + 1.0)));
    if (rows > most) rows = most;

    d->classes = classes;
    if (t->v->targets == CLXENT_TARGETS_NEXT_TOKEN) {
        d->sequence_length = rng_integer(r, 1, rows);
        rows -= rows % d->sequence_length;
        d->tokens_per_sequence = d->sequence_length + rng_integer(r, 0, 1);
    } else if (choose(limits->strided, 0.3, r)) {
        d->inner = inners[rng_integer(r, 0, 3)];
        rows = (rows + d->inner - 1) / d->inner * d->inner;
    }
    /* A plan may also run with fewer rows than its own. */
    const int64_t unit = d->sequence_length ? d->sequence_length : d->inner;
    d->rows = rows + (rng_chance(r, 0.3) ? unit * rng_integer(r, 1, 5) : 0);
    if (d->rows != rows) t->arrays.rows = rows;
    t->p.rows = rows;

    if (rng_chance(r, 0.3)) d->classes_padded = classes + rng_integer(r, 0, 9);
    const int64_t padded = d->classes_padded ? d->classes_padded : classes;
    d->row_stride = stride_of(padded, d->inner, r);
    d->grad_row_stride = stride_of(padded, d->inner, r);
    if (t->v->op != CLXENT_NLL) d->log_probs_row_stride = stride_of(classes, d->inner, r);
    if (t->v->targets == CLXENT_TARGETS_PROBABILITY) d->targets_row_stride = stride_of(classes, d->inner, r);
    if (t->v->op == CLXENT_SOFTMAX || t->v->op == CLXENT_LOG_SOFTMAX)
        d->grad_output_row_stride = stride_of(classes, d->inner, r);
}

/* ------------------------------------------------------------------------------- scalars --------- */

/* Draws the scalars. They stand in the plan, or in the call while the plan has other scalars. Both need the
 * same program. (rules_reduction.c has a call that needs another program than its plan.) */
static void draw_scalars(trial *t, const trial_limits *limits, rng *r) {
    const variant *v = t->v;
    clxent_scalars s = CLXENT_SCALARS_INIT, decoy = CLXENT_SCALARS_INIT;
    if (v->op != CLXENT_NLL && choose(limits->scale, 0.5, r)) {
        s.logit_scale = rng_uniform(r, 0.3, 2.0);
        decoy.logit_scale = 2.5;
    }
    if (v->softcap) s.softcap = decoy.softcap = rng_uniform(r, 1.0, 50.0);
    if (v->smoothing) {
        s.label_smoothing = rng_chance(r, 0.1) ? 1.0 : rng_uniform(r, 0.0, 0.3);
        decoy.label_smoothing = 0.7;
    }
    if (v->op == CLXENT_CROSS_ENTROPY && rng_chance(r, 0.4)) s.z_loss = rng_uniform(r, 0.0, 0.01);
    if (rng_chance(r, 0.5)) s.grad_output = rng_uniform(r, -3.0, 3.0);
    t->scalars = s;
    if (rng_chance(r, 0.3)) {
        t->arrays.scalars = &t->scalars;
        s = decoy;
    }
    t->desc.label_smoothing = s.label_smoothing;
    t->desc.z_loss = s.z_loss;
    t->desc.softcap = s.softcap;
    t->desc.logit_scale = s.logit_scale;
    t->desc.grad_output = s.grad_output;
}

/* ------------------------------------------------------------------------------- values ---------- */

/* Draws `count` numbers: in the type `real` for the device, and as doubles for the reference. */
static const double *draw_reals(trial *t, clxent_array *array, int64_t count, double low, double high,
                                rng *r) {
    *array = output(t, count, clxent_dtype_size(t->real));
    double *values = trial_room(t, count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        set_element(t->real, array->data, i, rng_chance(r, 0.05) ? 0.0 : rng_uniform(r, low, high));
        values[i] = element(t->real, array->data, i);
    }
    return values;
}

typedef enum row_style {
    STYLE_NORMAL,
    STYLE_WIDE,
    STYLE_EQUAL,
    STYLE_HUGE,
    STYLE_TIES,
    STYLE_CONFIDENT, /* one class far above all others */
    STYLE_REPEATED,  /* one class above all others, which are equal: their sum always rounds the same way */
    STYLE_COUNT,
    /* only in trials that may mask */
    STYLE_MASKED = STYLE_COUNT,
    STYLE_LEADING,  /* the first classes are masked */
    STYLE_SURVIVOR, /* all classes but one are masked */
    STYLE_MASK_COUNT,
    /* only in trials that may be undefined */
    STYLE_NAN = STYLE_MASK_COUNT,
    STYLE_INFINITE,
    STYLE_NOTHING, /* all classes are masked */
    STYLE_ALL_COUNT
} row_style;

typedef struct rare_values { /* the rare values that a trial may have */
    int masks, masked_targets, undefined, bad;
} rare_values;

/* Draws the logits of one row. *special receives the class that the style singles out. */
static void draw_row(trial *t, void *logits, int64_t row, row_style style, int64_t *special, rng *r) {
    const int64_t classes = t->desc.classes;
    const int64_t padded = t->desc.classes_padded ? t->desc.classes_padded : classes;
    const double level = rng_uniform(r, -30.0, 30.0), above = rng_uniform(r, 5.0, 15.0);
    *special = rng_integer(r, 0, classes - 1);
    for (int64_t c = 0; c < classes; c++) {
        double x = 3.0 * rng_normal(r);
        switch (style) {
        case STYLE_WIDE:
            x *= 20.0;
            break;
        case STYLE_EQUAL:
            x = level;
            break;
        case STYLE_HUGE:
            x *= 3000.0;
            break;
        case STYLE_TIES:
            x = floor(x);
            break;
        case STYLE_CONFIDENT:
            x = c == *special ? level + 60.0 : level + 0.3 * x;
            break;
        case STYLE_REPEATED:
            x = c == *special ? level + above : level;
            break;
        case STYLE_MASKED:
            x = rng_chance(r, 0.4) && c != *special ? -INFINITY : x;
            break;
        case STYLE_LEADING:
            x = c < *special ? -INFINITY : x;
            break;
        case STYLE_SURVIVOR:
            x = c != *special ? -INFINITY : x;
            break;
        case STYLE_NAN:
            x = c == *special ? (double)NAN : x;
            break;
        case STYLE_INFINITE:
            x = c == *special ? INFINITY : x;
            break;
        case STYLE_NOTHING:
            x = -INFINITY;
            break;
        default:
            break;
        }
        set_element(t->logits_dtype, logits, trial_at(t, t->desc.row_stride, padded, row, c), x);
    }
}

/* Fills an array with NaN. The call must not read padding: a NaN that it reads shows in a result. */
static void poison(clxent_dtype dtype, void *data, int64_t count) {
    for (int64_t i = 0; i < count; i++) set_element(dtype, data, i, NAN);
}

static row_style draw_style(const rare_values *rare, rng *r) {
    if (rare->undefined && rng_chance(r, 0.05))
        return (row_style)rng_integer(r, STYLE_MASK_COUNT, STYLE_ALL_COUNT - 1);
    return (row_style)rng_integer(r, 0, (rare->masks ? STYLE_MASK_COUNT : STYLE_COUNT) - 1);
}

/* Draws the logits. special[row] receives a class for the row's target. */
static void draw_logits(trial *t, const rare_values *rare, int64_t *special, rng *r) {
    const int64_t padded = t->desc.classes_padded ? t->desc.classes_padded : t->desc.classes;
    const int64_t count = trial_elements(t, t->desc.row_stride, padded);
    const size_t size = clxent_dtype_size(t->logits_dtype);
    clxent_array logits = output(t, count, size);
    poison(t->logits_dtype, logits.data, count);
    /* In half of the trials all rows have one style, so that one style alone determines a scalar loss. */
    const int mixed = rng_chance(r, 0.5);
    row_style style = draw_style(rare, r);
    for (int64_t row = 0; row < t->p.rows; row++) {
        if (mixed) style = draw_style(rare, r);
        draw_row(t, logits.data, row, style, &special[row], r);
    }
    t->logits = logits.data;
    if (t->v->op == CLXENT_NLL)
        t->arrays.log_probs = logits;
    else
        t->arrays.logits = logits;
}

/* Draws a number that the type can hold and that is no class. Returns 0 if there is none. */
static int64_t draw_bad(const trial *t, rng *r) {
    const int64_t classes = t->desc.classes;
    switch (t->desc.targets_dtype) {
    case CLXENT_U8:
        return classes <= 255 ? rng_integer(r, classes, 255) : 0;
    case CLXENT_U16:
        return classes <= 65535 ? rng_integer(r, classes, 65535) : 0;
    case CLXENT_I32:
        return rng_chance(r, 0.5) ? -rng_integer(r, 1, 1000) : classes + rng_integer(r, 0, 1000);
    default:
        return rng_chance(r, 0.5) ? INT64_MIN + rng_integer(r, 0, 9) : ((int64_t)1 << 32) + classes;
    }
}

static int64_t type_limit(clxent_dtype dtype) {
    return dtype == CLXENT_U8 ? 255 : dtype == CLXENT_U16 ? 65535 : INT32_MAX;
}

static double logit_of(const trial *t, int64_t row, int64_t c) {
    const int64_t padded = t->desc.classes_padded ? t->desc.classes_padded : t->desc.classes;
    return element(t->logits_dtype, t->logits, trial_at(t, t->desc.row_stride, padded, row, c));
}

/* Draws a target class for a row: the class that its style singles out, or any class. Avoids a masked class
 * unless the trial has masked targets. */
static int64_t draw_class(const trial *t, const rare_values *rare, int64_t row, int64_t special, rng *r) {
    const int64_t limit = type_limit(t->desc.targets_dtype);
    const int64_t most = t->desc.classes - 1 < limit ? t->desc.classes - 1 : limit;
    int64_t y = rng_chance(r, 0.4) ? special : rng_integer(r, 0, most);
    if (y > most) y = rng_integer(r, 0, most);
    if (!rare->masked_targets && logit_of(t, row, y) == -INFINITY && special <= most) y = special;
    return y;
}

static void draw_class_targets(trial *t, const rare_values *rare, const int64_t *special, rng *r) {
    static const clxent_dtype types[] = {CLXENT_I64, CLXENT_I32, CLXENT_U16, CLXENT_U8};
    clxent_desc *d = &t->desc;
    const int next_token = d->targets == CLXENT_TARGETS_NEXT_TOKEN;
    const int64_t sequence = next_token ? d->sequence_length : 1;
    const int64_t stored = next_token ? d->tokens_per_sequence : 1;
    const int64_t count = t->p.rows / sequence * stored;
    d->targets_dtype = types[rng_integer(r, 0, 3)];
    d->use_ignore_index = rng_chance(r, 0.5);
    d->ignore_index = rng_chance(r, 0.5) ? -100 : rng_integer(r, 0, d->classes - 1);
    const double ignored = d->ignore_index < 0 && d->targets_dtype >= CLXENT_U16 ? 0.0
                           : rng_chance(r, 0.1)                                  ? 1.0
                                                                                 : rng_uniform(r, 0.0, 0.4);
    clxent_array targets = output(t, count, clxent_dtype_size(d->targets_dtype));
    int64_t *values = trial_room(t, count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        /* token (b,k) is the target of row (b,k-1) */
        int64_t row = next_token ? i / stored * sequence + i % stored - 1 : i;
        if (row < 0) row = 0;
        int64_t y = draw_class(t, rare, row, special[row], r);
        if (d->use_ignore_index && rng_chance(r, ignored)) y = d->ignore_index;
        if (rare->bad && rng_chance(r, 0.1)) y = draw_bad(t, r);
        set_integer(d->targets_dtype, targets.data, i, y);
        values[i] = integer(d->targets_dtype, targets.data, i);
    }
    t->arrays.targets = targets;
    t->p.targets = values;
    if (!next_token || rng_chance(r, 0.5)) return;
    d->segment_dtype = types[rng_integer(r, 0, 3)];
    t->arrays.segment = output(t, count, clxent_dtype_size(d->segment_dtype));
    int64_t *segment = trial_room(t, count, sizeof *segment);
    for (int64_t i = 0, document = 0; i < count; i++) {
        if (rng_chance(r, 0.1)) document = (document + 1) % 100;
        set_integer(d->segment_dtype, t->arrays.segment.data, i, document);
        segment[i] = document;
    }
    t->p.segment = segment;
}

static void draw_probability_targets(trial *t, const rare_values *rare, rng *r) {
    clxent_desc *d = &t->desc;
    d->targets_dtype = t->v->probabilities;
    const int64_t count = trial_elements(t, d->targets_row_stride, d->classes);
    clxent_array targets = output(t, count, clxent_dtype_size(t->probs_dtype));
    poison(t->probs_dtype, targets.data, count);
    const double zeros = rng_uniform(r, 0.0, 0.9), share = 2.0 / (double)d->classes;
    for (int64_t row = 0; row < t->p.rows; row++) {
        for (int64_t c = 0; c < d->classes; c++) {
            const int none =
                rng_chance(r, zeros) || (!rare->masked_targets && logit_of(t, row, c) == -INFINITY);
            set_element(t->probs_dtype, targets.data, trial_at(t, d->targets_row_stride, d->classes, row, c),
                        none ? 0.0 : rng_uniform(r, 0.0, share));
        }
    }
    t->arrays.targets = targets;
}

static void draw_weights(trial *t, rng *r) {
    const int softmax_op = t->v->op == CLXENT_SOFTMAX || t->v->op == CLXENT_LOG_SOFTMAX;
    if (softmax_op) {
        const int64_t count = trial_elements(t, t->desc.grad_output_row_stride, t->desc.classes);
        t->p.grad_output = draw_reals(t, &t->arrays.grad_output, count, -1.0, 1.0, r);
        return;
    }
    if (rng_chance(r, 0.5))
        t->p.class_weight = draw_reals(t, &t->arrays.class_weight, t->desc.classes, 0.1, 2.0, r);
    if (t->v->op == CLXENT_CROSS_ENTROPY && rng_chance(r, 0.4))
        t->p.row_weight = draw_reals(t, &t->arrays.row_weight, t->p.rows, 0.1, 2.0, r);
    if (rng_chance(r, 0.4)) {
        const int64_t count = t->desc.reduction == CLXENT_NONE ? t->p.rows : 1;
        t->p.grad_output = draw_reals(t, &t->arrays.grad_output, count, -2.0, 2.0, r);
    }
}

/* ------------------------------------------------------------------------------- outputs --------- */

static void draw_outputs(trial *t, const trial_limits *limits, rng *r) {
    clxent_arrays *a = &t->arrays;
    const variant *v = t->v;
    const int64_t rows = t->p.rows, classes = t->desc.classes;
    const int64_t padded = t->desc.classes_padded ? t->desc.classes_padded : classes;
    const size_t real = clxent_dtype_size(t->real);
    const int cross_entropy = v->op == CLXENT_CROSS_ENTROPY, nll = v->op == CLXENT_NLL;
    const int class_targets = v->targets != CLXENT_TARGETS_PROBABILITY;
    if (cross_entropy || nll) {
        a->loss = output(t, t->desc.reduction == CLXENT_NONE ? rows : 1, real);
        if (rng_chance(r, 0.5)) a->row_loss = output(t, rows, real);
        if (class_targets && rng_chance(r, 0.5)) a->log_prob = output(t, rows, real);
        a->counts = output(t, 4, sizeof(int64_t));
    }
    if (!nll && (rng_chance(r, 0.5) || limits->saved)) {
        a->lse = output(t, rows, real);
        a->lse_residual = output(t, rows, real);
    }
    if (v->stats) {
        a->argmax = output(t, rows, sizeof(int64_t));
        if (cross_entropy && class_targets) a->rank = output(t, rows, sizeof(int64_t));
        a->entropy = output(t, rows, real);
    }
    if (v->op == CLXENT_LOG_SOFTMAX || (cross_entropy && rng_chance(r, 0.3)))
        a->log_probs = output(t, trial_elements(t, t->desc.log_probs_row_stride, classes), real);
    if (v->op == CLXENT_SOFTMAX)
        a->probs = output(t, trial_elements(t, t->desc.log_probs_row_stride, classes), real);
    if (rng_chance(r, 0.2) && !limits->saved) return;

    t->in_place = !nll && t->logits_dtype == t->grad_dtype && rng_chance(r, 0.3) && !limits->saved;
    if (!t->in_place) {
        a->grad =
            output(t, trial_elements(t, t->desc.grad_row_stride, padded), clxent_dtype_size(t->grad_dtype));
        return;
    }
    t->desc.grad_row_stride = t->desc.row_stride;
    void *copy = trial_room(t, (int64_t)a->logits.bytes, 1);
    memcpy(copy, a->logits.data, a->logits.bytes);
    t->logits = copy;
    a->grad = a->logits;
}

/* ------------------------------------------------------------------------------- the trial ------- */

static void set_reference(trial *t) {
    reference_problem *p = &t->p;
    const clxent_desc *d = &t->desc;
    p->op = (reference_op[]){REFERENCE_CROSS_ENTROPY, REFERENCE_NLL, REFERENCE_SOFTMAX,
                             REFERENCE_LOG_SOFTMAX}[d->op];
    p->reduction = (reference_reduction[]){REFERENCE_MEAN, REFERENCE_SUM, REFERENCE_NONE}[d->reduction];
    p->targets_kind = (reference_targets[]){REFERENCE_TARGETS_CLASS, REFERENCE_TARGETS_PROBABILITY,
                                            REFERENCE_TARGETS_NEXT_TOKEN}[d->targets];
    p->empty_mean_zero = d->empty_mean == CLXENT_EMPTY_MEAN_ZERO;
    p->double_arithmetic = t->real == CLXENT_F64;
    p->classes = d->classes;
    p->sequence_length = d->sequence_length;
    p->tokens_per_sequence = d->tokens_per_sequence;
    p->use_ignore_index = d->use_ignore_index;
    p->ignore_index = d->ignore_index;
    p->label_smoothing = t->scalars.label_smoothing;
    p->z_loss = t->scalars.z_loss;
    p->softcap = t->scalars.softcap;
    p->logit_scale = t->scalars.logit_scale;
    p->grad_scale = t->scalars.grad_output;
}

static void describe(const trial *t) {
    const clxent_desc *d = &t->desc;
    const clxent_scalars *s = &t->scalars;
    const clxent_arrays *a = &t->arrays;
    expect_about(
        "%s: op %d reduction %d targets %d (type %d) empty_mean %d schedule %d flags %u logits %d grad %d\n"
        "rows %" PRId64 " (plan %" PRId64 ") classes %" PRId64 " padded %" PRId64 " inner %" PRId64
        " strides: logits %" PRId64 " grad %" PRId64 " targets %" PRId64 " log_probs %" PRId64
        " grad_output %" PRId64 "\n"
        "T %" PRId64 " tokens %" PRId64 " ignore %s%" PRId64 "; in the %s: label_smoothing %.17g z_loss "
        "%.17g softcap %.17g logit_scale %.17g grad_output %.17g\n"
        "given:%s%s%s%s asked:%s%s%s%s%s%s%s%s",
        t->v->name, d->op, d->reduction, d->targets, d->targets_dtype, d->empty_mean, t->schedule, d->flags,
        t->logits_dtype, t->grad_dtype, t->p.rows, d->rows, d->classes, d->classes_padded, d->inner,
        d->row_stride, d->grad_row_stride, d->targets_row_stride, d->log_probs_row_stride,
        d->grad_output_row_stride, d->sequence_length, d->tokens_per_sequence,
        d->use_ignore_index ? "" : "off ", d->ignore_index, a->scalars ? "call" : "plan", s->label_smoothing,
        s->z_loss, s->softcap, s->logit_scale, s->grad_output, a->class_weight.data ? " class_weight" : "",
        a->row_weight.data ? " row_weight" : "", a->segment.data ? " segment" : "",
        a->grad_output.data ? " grad_output" : "", a->row_loss.data ? " row_loss" : "",
        a->log_prob.data ? " log_prob" : "", a->lse.data ? " lse" : "", a->argmax.data ? " stats" : "",
        a->log_probs.data && d->op != CLXENT_NLL ? " log_probs" : "", a->probs.data ? " probs" : "",
        a->grad.data ? " grad" : "", t->in_place ? " in place" : "");
}

void trial_draw(trial *t, const variant *v, const trial_limits *limits, rng *r) {
    memset(t, 0, sizeof *t);
    t->v = v;
    t->p = (reference_problem)REFERENCE_PROBLEM_INIT;
    clxent_desc_init(&t->desc);
    clxent_arrays_init(&t->arrays);
    clxent_desc *d = &t->desc;
    d->op = v->op;
    d->targets = v->targets;
    d->logits_dtype = v->logits;
    d->grad_dtype = v->grad;
    t->schedule = limits->schedule;
    t->logits_dtype = v->logits ? v->logits : CLXENT_F32;
    t->grad_dtype = v->grad ? v->grad : t->logits_dtype;
    t->probs_dtype = v->probabilities ? v->probabilities : t->logits_dtype;
    t->real = t->logits_dtype == CLXENT_F64 ? CLXENT_F64 : CLXENT_F32;
    const int softmax_op = v->op == CLXENT_SOFTMAX || v->op == CLXENT_LOG_SOFTMAX;
    if (!softmax_op) {
        d->reduction = (clxent_reduction)rng_integer(r, 0, 2);
        d->empty_mean = rng_chance(r, 0.5) ? CLXENT_EMPTY_MEAN_ZERO : CLXENT_EMPTY_MEAN_NAN;
        const int atomics = t->real == CLXENT_F32 || limits->device->atomics_64;
        if (d->reduction != CLXENT_NONE && atomics && rng_chance(r, 0.15)) d->flags |= CLXENT_ATOMIC;
    }
    draw_shape(t, limits, r);
    t->p.inner = d->inner;
    draw_scalars(t, limits, r);

    rare_values rare = {.masked_targets = choose(limits->masks, 0.1, r),
                        .undefined = choose(limits->masks, 0.1, r),
                        .bad =
                            !softmax_op && v->targets != CLXENT_TARGETS_PROBABILITY && rng_chance(r, 0.15)};
    rare.masks = rare.masked_targets || (t->scalars.label_smoothing == 0.0 && rng_chance(r, 0.5));
    int64_t *special = trial_room(t, t->p.rows, sizeof *special);
    draw_logits(t, &rare, special, r);
    if (v->targets == CLXENT_TARGETS_PROBABILITY)
        draw_probability_targets(t, &rare, r);
    else if (!softmax_op)
        draw_class_targets(t, &rare, special, r);
    draw_weights(t, r);
    draw_outputs(t, limits, r);
    d->outputs = asked_outputs(d, &t->arrays);
    set_reference(t);
    t->expect = reference_count(&t->p).bad ? CLXENT_ERR_TARGET : CLXENT_OK;
    describe(t);
}
