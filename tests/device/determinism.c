/* SPDX-License-Identifier: Apache-2.0
 *
 * The promise on bits. The same input gives the same bits every run. A row's results do not depend on the
 * rows beside it. AUTO gives the bits of the forced schedule that it reports. Sums over many rows are
 * compensated. ATOMIC changes only the last bits of the scalar loss.
 *
 * test_determinism RUNS   makes RUNS calls of each input instead of 50. */
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 12, C = 331 };
static float logits[N * C], weight[C], row_weight[N];
static const int64_t targets[N] = {0, 330, 17, 64, -1, 300, 5, 5, 128, 255, 256, 1};

static void begin_everything(problem *p) {
    for (int k = 0; k < N * C; k++) logits[k] = 0.0371F * (float)(k * 7919 % 1009) - 11;
    for (int c = 0; c < C; c++) weight[c] = 0.3F + 0.017F * (float)c;
    for (int r = 0; r < N; r++) row_weight[r] = 0.1F + 0.3F * (float)r;
    logits[3 * C + 100] = -INFINITY;
    begin(p, N, C, logits, targets);
    set_ignore_index(p, -1);
    set_class_weight(p, weight);
    set_row_weight(p, row_weight);
    p->desc.z_loss = 1e-3;
    p->desc.label_smoothing = 0;
}

/* Compares the bits of every output, from `loss` to the end of the struct. */
static void assert_same_outputs(const problem *got, const problem *expected) {
    const size_t from = offsetof(problem, loss);
    assert_memory_equal((const char *)got + from, (const char *)expected + from, sizeof *got - from);
}

/* Every output of a call. The logits' type decides whether a floating output is f32 or f64. Behind f32
 * numbers, the room of an output keeps its 0x7B bytes. */
typedef struct typed_outputs {
    double loss[N], row_loss[N], log_prob[N], lse[N], lse_residual[N], entropy[N], log_probs[N * C],
        grad[N * C];
    int64_t argmax[N], rank[N], counts[4];
} typed_outputs;

/* The number of calls of each input. */
static int64_t runs = 50;

/* Stores the numbers in a type. */
static clxent_array typed(clxent_dtype dtype, const float *numbers, int64_t count, double *memory) {
    for (int64_t i = 0; i < count; i++) set_element(dtype, memory, i, (double)numbers[i]);
    return CLXENT_ARRAY(memory, (size_t)count * clxent_dtype_size(dtype));
}

static clxent_arrays typed_arrays(const clxent_desc *d, bool lean, typed_outputs *out) {
    static double x[N * C], w[C], r[N];
    const clxent_dtype real = d->logits_dtype == CLXENT_F64 ? CLXENT_F64 : CLXENT_F32;
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    memset(out, 0x7B, sizeof *out);
    a.logits = typed(d->logits_dtype, logits, (int64_t)N * C, x);
    a.targets = CLXENT_ARRAY(targets, sizeof targets);
    a.class_weight = typed(real, weight, C, w);
    a.row_weight = typed(real, row_weight, N, r);
    a.loss = CLXENT_ARRAY(out->loss, sizeof out->loss);
    a.grad = CLXENT_ARRAY(out->grad, sizeof out->grad);
    a.counts = CLXENT_ARRAY(out->counts, sizeof out->counts);
    if (lean)
        return a; /* without the outputs below, the kernels keep exponentials in place of the gradient */
    a.row_loss = CLXENT_ARRAY(out->row_loss, sizeof out->row_loss);
    a.log_prob = CLXENT_ARRAY(out->log_prob, sizeof out->log_prob);
    a.lse = CLXENT_ARRAY(out->lse, sizeof out->lse);
    a.lse_residual = CLXENT_ARRAY(out->lse_residual, sizeof out->lse_residual);
    a.entropy = CLXENT_ARRAY(out->entropy, sizeof out->entropy);
    a.log_probs = CLXENT_ARRAY(out->log_probs, sizeof out->log_probs);
    a.argmax = CLXENT_ARRAY(out->argmax, sizeof out->argmax);
    a.rank = CLXENT_ARRAY(out->rank, sizeof out->rank);
    return a;
}

static int64_t same_bits(const clxent_desc *d, bool lean) {
    static typed_outputs first, again;
    static problem other;
    clxent_plan *plan = make_plan(d, test_schedule());
    const clxent_arrays a = typed_arrays(d, lean, &first);
    expect_status("run", test_ctx(), clxent_run(plan, &a), CLXENT_OK);
    for (int64_t run = 1; run < runs; run++) {
        if (run % 10 == 0) { /* another problem uses the same memory, then a new plan goes on */
            clxent_plan_destroy(plan);
            begin(&other, 3, 7, logits, (const int64_t[]){1, 2, 3});
            solve(&other);
            plan = make_plan(d, test_schedule());
        }
        const clxent_arrays b = typed_arrays(d, lean, &again);
        expect_status("run", test_ctx(), clxent_run(plan, &b), CLXENT_OK);
        assert_memory_equal(&again, &first, sizeof first);
    }
    clxent_plan_destroy(plan);
    return runs;
}

static void same_bits_every_run(void) {
    static const clxent_reduction reductions[] = {CLXENT_MEAN, CLXENT_SUM, CLXENT_NONE};
    static const clxent_dtype dtypes[] = {CLXENT_F32, CLXENT_F16, CLXENT_BF16, CLXENT_F64};
    /* a slow compiler runs f32 alone */
    const size_t types = expect_effort() == EFFORT_FULL ? sizeof dtypes / sizeof *dtypes : 1;
    clxent_device_info device = CLXENT_DEVICE_INFO_INIT;
    int64_t calls = 0;
    static problem p;
    assert_int_equal(clxent_ctx_device(test_ctx(), &device), CLXENT_OK);
    begin_everything(&p);
    for (size_t i = 0; i < types; i++)
        for (size_t k = 0; k < sizeof reductions / sizeof *reductions; k++)
            for (int lean = 0; lean < 2; lean++) {
                if (dtypes[i] == CLXENT_F64 && !device.fp64) continue;
                p.desc.logits_dtype = dtypes[i];
                p.desc.reduction = reductions[k];
                expect_about("type %d, reduction %d, %s outputs", (int)dtypes[i], (int)reductions[k],
                             lean ? "few" : "all");
                calls += same_bits(&p.desc, lean);
            }
    print_message("%lld calls, %lld of the same input each, all bits equal\n", (long long)calls,
                  (long long)runs);
}

/* Compares the bits of one row's outputs. */
static void assert_same_row(const problem *got, int row, const problem *expected, int at) {
    assert_memory_equal(&got->row_loss[row], &expected->row_loss[at], sizeof(float));
    assert_memory_equal(&got->log_prob[row], &expected->log_prob[at], sizeof(float));
    assert_memory_equal(&got->lse[row], &expected->lse[at], sizeof(float));
    assert_memory_equal(&got->lse_residual[row], &expected->lse_residual[at], sizeof(float));
    assert_memory_equal(&got->entropy[row], &expected->entropy[at], sizeof(float));
    assert_memory_equal(&got->log_probs[row * C], &expected->log_probs[at * C], C * sizeof(float));
    assert_memory_equal(&got->grad[row * C], &expected->grad[at * C], C * sizeof(float));
    assert_int_equal(got->argmax[row], expected->argmax[at]);
    assert_int_equal(got->rank[row], expected->rank[at]);
}

static void rows_do_not_depend_on_each_other(void) {
    static problem all, some;
    begin_everything(&all);
    all.desc.reduction = CLXENT_SUM;
    solve(&all);
    for (int rows = 1; rows < N; rows += 5) { /* calls with fewer rows than their plan */
        begin_everything(&some);
        some.desc.reduction = CLXENT_SUM;
        some.arrays.rows = rows;
        solve(&some);
        for (int r = 0; r < rows; r++) assert_same_row(&some, r, &all, r);
    }
    if (test_schedule() == CLXENT_SCHEDULE_AUTO || test_schedule() == CLXENT_SCHEDULE_SPLIT)
        return;                   /* the schedule, or its parts, may depend on the number of rows */
    for (int r = 0; r < N; r++) { /* each row alone, at its own alignment */
        begin_everything(&some);
        some.desc.reduction = CLXENT_SUM;
        some.desc.rows = 1;
        some.arrays.logits = CLXENT_ARRAY(logits + r * C, C * sizeof(float));
        some.arrays.targets = CLXENT_ARRAY(targets + r, sizeof(int64_t));
        some.arrays.row_weight = CLXENT_ARRAY(row_weight + r, sizeof(float));
        solve(&some);
        assert_same_row(&some, 0, &all, r);
    }
}

static void auto_is_the_schedule_it_reports(void) {
    if (test_schedule() != CLXENT_SCHEDULE_AUTO) return;
    static problem automatic, forced;
    begin_everything(&automatic);
    solve(&automatic);
    begin_everything(&forced);
    clxent_plan *plan;
    assert_int_equal(clxent_plan_create(&plan, test_ctx(), &automatic.desc), CLXENT_OK);
    assert_int_equal(clxent_plan_schedule(plan, &forced.schedule), CLXENT_OK);
    clxent_plan_destroy(plan);
    solve(&forced);
    assert_same_outputs(&forced, &automatic);
}

static void atomic_changes_only_the_last_bits_of_the_loss(void) {
    static const clxent_reduction reductions[] = {CLXENT_MEAN, CLXENT_SUM, CLXENT_NONE};
    for (int i = 0; i < 3; i++) {
        static problem plain, atomic;
        begin_everything(&plain);
        plain.desc.reduction = reductions[i];
        solve(&plain);
        begin_everything(&atomic);
        atomic.desc.reduction = reductions[i];
        atomic.desc.flags = CLXENT_ATOMIC;
        solve(&atomic);
        if (reductions[i] == CLXENT_NONE) {
            assert_memory_equal(atomic.loss, plain.loss, N * sizeof(float));
        } else {
            assert_near(atomic.loss[0], plain.loss[0], N * 1.2e-7 * fabs((double)plain.loss[0]));
        }
        for (int r = 0; r < N; r++) assert_same_row(&atomic, r, &plain, r);
        assert_memory_equal(atomic.counts, plain.counts, sizeof plain.counts);
    }
}

/* ATOMIC keeps the rules of empty batches: it must not divide by 0 rows, and must write the loss. */
static void atomic_of_nothing(void) {
    static problem p;
    begin_everything(&p);
    p.desc.flags = CLXENT_ATOMIC;
    p.arrays.targets = CLXENT_ARRAY(((const int64_t[N]){9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}), sizeof targets);
    set_ignore_index(&p, 9);
    solve(&p);
    assert_same(p.loss[0], NAN);
    p.desc.empty_mean = CLXENT_EMPTY_MEAN_ZERO;
    solve(&p);
    assert_same(p.loss[0], 0);
    p.desc.rows = 0;
    p.desc.reduction = CLXENT_SUM;
    solve(&p);
    assert_same(p.loss[0], 0);
}

/* A loss over many rows is the sum of its rows within an ulp, without a long chain of roundings. */
static void sums_of_many_rows(void) {
    const int64_t rows = 70001;
    float *x = calloc((size_t)rows * 2, sizeof *x), *row_loss = calloc((size_t)rows, sizeof *row_loss);
    int64_t *y = calloc((size_t)rows, sizeof *y);
    assert_true(x && row_loss && y);
    for (int64_t r = 0; r < rows; r++) x[2 * r] = 0.013F * (float)(r % 997);
    for (int mean = 0; mean < 2; mean++) {
        float loss = 0;
        clxent_desc desc = CLXENT_DESC_INIT;
        desc.rows = rows;
        desc.classes = 2;
        desc.reduction = mean ? CLXENT_MEAN : CLXENT_SUM;
        clxent_arrays arrays = CLXENT_ARRAYS_INIT;
        arrays.logits = CLXENT_ARRAY(x, (size_t)rows * 2 * sizeof *x);
        arrays.targets = CLXENT_ARRAY(y, (size_t)rows * sizeof *y);
        arrays.loss = CLXENT_ARRAY(&loss, sizeof loss);
        arrays.row_loss = CLXENT_ARRAY(row_loss, (size_t)rows * sizeof *row_loss);
        clxent_plan *plan;
        assert_int_equal(clxent_plan_create_scheduled(&plan, test_ctx(), &desc, test_schedule()), CLXENT_OK);
        assert_int_equal(clxent_run(plan, &arrays), CLXENT_OK);
        clxent_plan_destroy(plan);
        double sum = 0;
        for (int64_t r = 0; r < rows; r++) sum += (double)row_loss[r];
        const double expected = mean ? sum / (double)rows : sum;
        assert_near(loss, expected, 2 * 6e-8 * expected);
    }
    free(y);
    free(row_loss);
    free(x);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        char *end;
        runs = strtoll(argv[1], &end, 10);
        if (*end || runs < 2 || runs > 1000000) {
            fprintf(stderr, "%s: %s runs are not in 2 to 1000000\n", argv[0], argv[1]);
            return 2;
        }
        cmocka_set_test_filter("same_bits*");
    }
    static const rule rules[] = {
        /* An interpreter runs the first two, for races. */
        RULE(atomic_changes_only_the_last_bits_of_the_loss),
        RULE(atomic_of_nothing),
        RULE(same_bits_every_run),
        RULE(rows_do_not_depend_on_each_other),
        RULE(auto_is_the_schedule_it_reports),
        RULE(sums_of_many_rows),
    };
    const size_t count = expect_effort() == EFFORT_TINY ? 2 : sizeof rules / sizeof *rules;
    return check_rules("determinism", rules, count);
}
