/* SPDX-License-Identifier: Apache-2.0
 *
 * The first pass of the kernels. The online softmax moves its reference while it reads a row. It keeps the
 * term of the reference's own logit apart, and it leaves exponentials in place of the gradient. Each kind of
 * kernel that does this runs each row of row_patterns.c on every schedule. The results must be within the
 * bounds of the double-precision reference. Confident rows must also have a relative accuracy that those
 * bounds do not require. The test prints the largest errors in units of the bounds; for a 16-bit result it
 * first subtracts half a unit of the type.
 *
 * test_references [NAME]   runs one kind of kernel alone ("scaled.wide", "soft*"). */
#include "support/problem.h"
#include "support/row_patterns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The options that a kernel is compiled for and called with. The default is off, and f32. */
typedef struct options {
    const char *name;
    clxent_op op;
    clxent_targets targets;
    clxent_dtype logits, grad;
    bool apart;     /* the gradient has its own memory, not that of the logits */
    bool described; /* asks for every output, so the first pass leaves no exponentials */
    bool long_rows; /* also runs rows of 100,003 classes */
    bool weighted;  /* has class weights, a third of them 0 */
    double smoothing, softcap, z_loss, scale;
} options;

/* One problem with a row for each pattern. */
typedef struct batch {
    const options *o;
    clxent_desc desc;
    clxent_arrays arrays;
    clxent_dtype logits_dtype, grad_dtype;
    reference_problem p;
    reference_result expected;
    int64_t rows, classes;
    void *logits;                                                   /* a copy from before the call */
    float *loss, *log_prob, *lse, *entropy, *values, *class_weight; /* values: log_probs or probs */
    int64_t *argmax, *rank, *targets;
    void *blocks[40];
    int block_count;
} batch;

/* The largest errors of the current test, in units of the bounds. */
static struct { double loss, grad, other; } worst;

static void *room(batch *b, int64_t count, size_t size) {
    assert_true(b->block_count < (int)(sizeof b->blocks / sizeof b->blocks[0]));
    void *block = calloc((size_t)count, size);
    assert_non_null(block);
    memset(block, 0x7B, (size_t)count * size); /* in every type no plausible result and no NaN */
    b->blocks[b->block_count++] = block;
    return block;
}

static void free_batch(batch *b) {
    while (b->block_count) free(b->blocks[--b->block_count]);
}

static bool is_softmax(const options *o) {
    return o->op == CLXENT_SOFTMAX || o->op == CLXENT_LOG_SOFTMAX;
}

/* ------------------------------------------------------------------------------------ the problem */

/* The target of the last row, which contains a NaN. */
enum { IGNORED = -7 };

static double *make_logits(batch *b, rng *r) {
    int64_t count;
    const row_pattern *patterns = row_patterns(&count);
    double *x = room(b, b->rows * b->classes, sizeof *x);
    const size_t size = clxent_dtype_size(b->logits_dtype);
    b->logits = room(b, b->rows * b->classes, size);
    for (int64_t row = 0; row < b->rows; row++) {
        const row_pattern *pattern = &patterns[row % count];
        b->targets[row] = pattern->fill(x + row * b->classes, b->classes, pattern->a, pattern->b, r);
    }
    x[(b->rows - 1) * b->classes + b->classes / 2] = NAN;
    for (int64_t i = 0; i < b->rows * b->classes; i++) {
        set_element(b->logits_dtype, b->logits, i, x[i]);
        x[i] = element(b->logits_dtype, b->logits, i);
    }
    return x;
}

/* Draws f32 numbers in [low, high), in both precisions. A fraction `zeros` of them is 0. */
static float *make_numbers(batch *b, int64_t count, double low, double high, double zeros, rng *r,
                           const double **as_double) {
    float *numbers = room(b, count, sizeof *numbers);
    double *doubles = room(b, count, sizeof *doubles);
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = rng_chance(r, zeros) ? 0.0F : (float)rng_uniform(r, low, high);
        doubles[i] = (double)numbers[i];
    }
    *as_double = doubles;
    return numbers;
}

static void describe_problem(batch *b) {
    const options *o = b->o;
    clxent_desc_init(&b->desc);
    b->desc.op = o->op;
    b->desc.rows = b->rows;
    b->desc.classes = b->classes;
    b->desc.reduction = CLXENT_NONE;
    b->desc.targets = o->targets;
    b->desc.logits_dtype = b->logits_dtype;
    b->desc.grad_dtype = b->grad_dtype;
    b->desc.targets_dtype = o->targets == CLXENT_TARGETS_PROBABILITY ? CLXENT_F32 : CLXENT_DTYPE_DEFAULT;
    b->desc.label_smoothing = o->smoothing;
    b->desc.softcap = o->softcap;
    b->desc.z_loss = o->z_loss;
    if (o->scale != 0) b->desc.logit_scale = (double)(float)o->scale;
    if (!is_softmax(o) && o->targets == CLXENT_TARGETS_CLASS) {
        b->desc.use_ignore_index = 1;
        b->desc.ignore_index = IGNORED;
    }
    /* The scale above is rounded to f32, because kernels take the scalars in f32. */
    b->p = (reference_problem){.op = (reference_op)o->op,
                               .reduction = REFERENCE_NONE,
                               .targets_kind = (reference_targets)o->targets,
                               .rows = b->rows,
                               .classes = b->classes,
                               .inner = 1,
                               .use_ignore_index = b->desc.use_ignore_index,
                               .ignore_index = IGNORED,
                               .label_smoothing = o->smoothing,
                               .z_loss = o->z_loss,
                               .softcap = o->softcap,
                               .logit_scale = b->desc.logit_scale,
                               .grad_scale = 1.0};
}

static void make_inputs(batch *b, rng *r) {
    const int64_t all = b->rows * b->classes;
    b->targets = room(b, b->rows, sizeof *b->targets);
    b->p.logits = make_logits(b, r);
    if (is_softmax(b->o)) {
        const float *g = make_numbers(b, all, -1, 1, 0.1, r, &b->p.grad_output);
        b->arrays.grad_output = CLXENT_ARRAY(g, (size_t)all * sizeof *g);
    } else if (b->o->targets == CLXENT_TARGETS_PROBABILITY) {
        const float *t = make_numbers(b, all, 0, 2.0 / (double)b->classes, 0.5, r, &b->p.target_probs);
        b->arrays.targets = CLXENT_ARRAY(t, (size_t)all * sizeof *t);
    } else {
        b->targets[b->rows - 1] = IGNORED;
        b->p.targets = b->targets;
        b->arrays.targets = CLXENT_ARRAY(b->targets, (size_t)b->rows * sizeof *b->targets);
    }
    if (b->o->weighted) {
        b->class_weight = make_numbers(b, b->classes, 0.25, 2, 1.0 / 3, r, &b->p.class_weight);
        b->arrays.class_weight = CLXENT_ARRAY(b->class_weight, (size_t)b->classes * sizeof(float));
    }
}

static clxent_array output(batch *b, float **out, int64_t count) {
    *out = room(b, count, sizeof **out);
    return CLXENT_ARRAY(*out, (size_t)count * sizeof **out);
}

static clxent_array integers(batch *b, int64_t **out) {
    *out = room(b, b->rows, sizeof **out);
    return CLXENT_ARRAY(*out, (size_t)b->rows * sizeof **out);
}

static double *doubles(batch *b, int64_t count) {
    return room(b, count, sizeof(double));
}

static void bind_outputs(batch *b) {
    const int64_t n = b->rows, all = n * b->classes;
    const size_t bytes = (size_t)all * clxent_dtype_size(b->logits_dtype);
    clxent_arrays *a = &b->arrays;
    reference_result *e = &b->expected;
    void *logits = room(b, all, clxent_dtype_size(b->logits_dtype));
    memcpy(logits, b->logits, bytes);
    a->logits = CLXENT_ARRAY(logits, bytes);
    a->grad = a->logits;
    if (b->o->apart) {
        const size_t size = clxent_dtype_size(b->grad_dtype);
        a->grad = CLXENT_ARRAY(room(b, all, size), (size_t)all * size);
    }
    e->grad = doubles(b, all);
    e->grad_bound = doubles(b, all);
    if (!is_softmax(b->o)) {
        a->loss = output(b, &b->loss, n);
        e->row_loss = doubles(b, n);
        e->row_loss_bound = doubles(b, n);
        if (b->o->targets == CLXENT_TARGETS_CLASS) {
            a->log_prob = output(b, &b->log_prob, n);
            e->log_prob = doubles(b, n);
            e->log_prob_bound = doubles(b, n);
        }
    }
    if (!b->o->described) return;
    if (b->o->op == CLXENT_SOFTMAX) {
        a->probs = output(b, &b->values, all);
        e->probs = doubles(b, all);
        e->probs_bound = doubles(b, all);
    } else {
        a->log_probs = output(b, &b->values, all);
        e->log_probs = doubles(b, all);
        e->log_probs_bound = doubles(b, all);
    }
    a->lse = output(b, &b->lse, n);
    e->lse = doubles(b, n);
    e->lse_bound = doubles(b, n);
    a->entropy = output(b, &b->entropy, n);
    e->entropy = doubles(b, n);
    e->entropy_bound = doubles(b, n);
    a->argmax = integers(b, &b->argmax);
    e->argmax = room(b, n, sizeof(int64_t));
    if (is_softmax(b->o) || b->o->targets != CLXENT_TARGETS_CLASS) return;
    a->rank = integers(b, &b->rank);
    e->rank = room(b, n, sizeof(int64_t));
}

/* ------------------------------------------------------------------------------------- the checks */

static void about_row(const batch *b, int64_t row) {
    int64_t count;
    const row_pattern *patterns = row_patterns(&count);
    expect_about("%s, %lld classes, row \"%s\", target %lld", b->o->name, (long long)b->classes,
                 patterns[row % count].name, (long long)b->targets[row]);
}

static void check(const char *what, int64_t i, clxent_dtype dtype, double got, double expected, double bound,
                  double *largest) {
    expect_near(what, i, dtype, got, expected, bound);
    if (!isfinite(got) || !isfinite(expected) || bound <= 0) return;
    double off = fabs(got - expected);
    if (dtype != CLXENT_F32) off -= reference_half_unit(storage_of(dtype), fmax(fabs(got), fabs(expected)));
    *largest = fmax(*largest, off / bound);
}

/* Checks the relative accuracy of a confident row's loss. Its terms exp(d) have the rounding error of d = z_c
 * - z_y and the error of exp (exp.cl). The sums and the logarithm add a few units. */
static void check_relative(const batch *b, int64_t row) {
    const double loss = b->expected.row_loss[row];
    if (b->desc.logit_scale != 1 || b->o->softcap != 0 || b->o->smoothing != 0 || b->o->z_loss != 0) return;
    const double *x = b->p.logits + row * b->classes;
    double d = 0;
    for (int64_t c = 0; c < b->classes; c++) d = fmax(d, fmin(x[b->targets[row]] - x[c], 87));
    const double bound = loss * (1.6e-7 * (1 + d) + 0x1p-24 * d + 8 * 0x1p-24);
    expect_near("relative accuracy of the loss", row, CLXENT_F32, (double)b->loss[row], loss, bound);
}

static void check_grad(const batch *b, int64_t row) {
    const bool undefined = isnan(b->expected.grad[row * b->classes]);
    for (int64_t i = row * b->classes; i < (row + 1) * b->classes; i++) {
        const bool masked = b->p.logits[i] == -INFINITY;
        check("grad", i, b->grad_dtype, element(b->grad_dtype, b->arrays.grad.data, i), b->expected.grad[i],
              masked && !undefined ? 0 : b->expected.grad_bound[i], &worst.grad);
    }
}

static void check_row(const batch *b, int64_t row) {
    const reference_result *e = &b->expected;
    int64_t count;
    const row_pattern *patterns = row_patterns(&count);
    about_row(b, row);
    if (b->loss) {
        check("loss", row, CLXENT_F32, (double)b->loss[row], e->row_loss[row], e->row_loss_bound[row],
              &worst.loss);
        if (row_pattern_is_confident(&patterns[row % count])) check_relative(b, row);
    }
    if (b->log_prob)
        check("log_prob", row, CLXENT_F32, (double)b->log_prob[row], e->log_prob[row], e->log_prob_bound[row],
              &worst.other);
    if (b->lse)
        check("lse", row, CLXENT_F32, (double)b->lse[row], e->lse[row], e->lse_bound[row], &worst.other);
    if (b->entropy)
        check("entropy", row, CLXENT_F32, (double)b->entropy[row], e->entropy[row], e->entropy_bound[row],
              &worst.other);
    if (b->argmax) expect_integer("argmax", row, b->argmax[row], e->argmax[row]);
    if (b->rank) expect_integer("rank", row, b->rank[row], e->rank[row]);
    const double *values = e->probs ? e->probs : e->log_probs;
    const double *bounds = e->probs ? e->probs_bound : e->log_probs_bound;
    for (int64_t i = row * b->classes; b->values && i < (row + 1) * b->classes; i++)
        check(e->probs ? "probs" : "log_probs", i, CLXENT_F32, (double)b->values[i], values[i], bounds[i],
              &worst.other);
    check_grad(b, row);
}

/* ------------------------------------------------------------------------------------- the runner */

static void run_batch(const options *o, int64_t rows, int64_t classes) {
    batch b = {.o = o, .rows = rows, .classes = classes};
    b.logits_dtype = o->logits ? o->logits : CLXENT_F32;
    b.grad_dtype = o->grad ? o->grad : b.logits_dtype;
    clxent_arrays_init(&b.arrays);
    describe_problem(&b);
    rng r = rng_start((uint64_t)classes);
    make_inputs(&b, &r);
    bind_outputs(&b);
    expect_about("%s, %lld classes", o->name, (long long)classes);
    clxent_plan *plan = make_plan(&b.desc, test_schedule());
    const clxent_status status = clxent_run(plan, &b.arrays);
    clxent_plan_destroy(plan);
    expect_status("clxent_run", test_ctx(), status, CLXENT_OK);
    assert_int_equal(reference_run(&b.p, &b.expected), 0);
    for (int64_t row = 0; row < rows; row++) check_row(&b, row);
    free_batch(&b);
}

static void run_options(const options *o) {
    static const int64_t class_counts[] = {37, 1030, 16, 512, 527, 5003};
    static const int counts[] = {[EFFORT_TINY] = 1, [EFFORT_SMALL] = 6, [EFFORT_FULL] = 6};
    const bool automatic = test_schedule() == CLXENT_SCHEDULE_AUTO; /* AUTO is one of the other schedules */
    int64_t patterns;
    (void)row_patterns(&patterns);
    memset(&worst, 0, sizeof worst);
    for (int i = 0; i < counts[expect_effort()] && !(automatic && i > 1); i++)
        run_batch(o, patterns + 1, class_counts[i]);
    if (o->long_rows && !automatic && expect_effort() == EFFORT_FULL)
        run_batch(o, PATTERNS_FOR_LONG_ROWS + 1, 100003);
    print_message("%s: of the bound, loss %.3f, gradient %.3f, others %.3f\n", o->name, worst.loss,
                  worst.grad, worst.other);
}

#define OPTIONS(function, ...)                                     \
    static void function(void) {                                   \
        static const options o = {.name = #function, __VA_ARGS__}; \
        run_options(&o);                                           \
    }

OPTIONS(plain, .long_rows = true)
OPTIONS(plain_described, .apart = true, .described = true)
OPTIONS(smoothed_weighted, .smoothing = 0.1, .weighted = true, .long_rows = true)
OPTIONS(softcapped, .softcap = 15)
OPTIONS(plain_apart, .apart = true, .z_loss = 1e-4)
OPTIONS(scaled, .scale = 0.7)
OPTIONS(scaled_up, .scale = 2) /* times the largest logit is beyond f32 */
OPTIONS(scaled_described, .scale = 1.3, .apart = true, .described = true)
OPTIONS(softcapped_smoothed, .softcap = 49, .smoothing = 0.1, .apart = true)
OPTIONS(probabilities, .targets = CLXENT_TARGETS_PROBABILITY)
OPTIONS(f16, .logits = CLXENT_F16)
OPTIONS(bf16, .logits = CLXENT_BF16)
OPTIONS(bf16_to_f32, .logits = CLXENT_BF16, .grad = CLXENT_F32, .apart = true)
OPTIONS(softmax, .op = CLXENT_SOFTMAX)
OPTIONS(log_softmax, .op = CLXENT_LOG_SOFTMAX)
OPTIONS(softmax_described, .op = CLXENT_SOFTMAX, .described = true)

int main(int argc, char **argv) {
    static const rule rules[] = {
        /* An interpreter runs the first three, a slow compiler the first eight. */
        RULE(plain),
        RULE(plain_described),
        RULE(smoothed_weighted),
        RULE(softcapped),
        RULE(scaled_up),
        RULE(probabilities),
        RULE(bf16_to_f32),
        RULE(softmax),
        RULE(plain_apart),
        RULE(scaled),
        RULE(scaled_described),
        RULE(softcapped_smoothed),
        RULE(f16),
        RULE(bf16),
        RULE(log_softmax),
        RULE(softmax_described),
    };
    static const size_t counts[] = {
        [EFFORT_TINY] = 3, [EFFORT_SMALL] = 8, [EFFORT_FULL] = sizeof rules / sizeof *rules};
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return check_rules("references", rules, counts[expect_effort()]);
}
