/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds of the cross-entropy kernels at a tiny size, for Oclgrind to watch for races, reads of what nobody
 * wrote and accesses out of bounds: type x softcap x scale x smoothing x class weights x outputs x layout, in
 * each schedule. Row losses are held to the reference.   test_variants all   runs all; else one in 49, other
 * ones in each schedule. Not among them: probability targets, the softmax operations, gradients from a saved
 * lse. */
#include "problem.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 2, C = 37, STRIDE = 41, INNER = 2, EVERY = 7 };

static bool all;
static int tried;

typedef struct variant {
    clxent_dtype dtype;
    bool softcap, scale, smoothing, weighted, described, strided, inner;
} variant;

static variant variant_of(int i) {
    static const clxent_dtype dtypes[] = {CLXENT_F32, CLXENT_F16, CLXENT_BF16, CLXENT_F64};
    return (variant){dtypes[i & 3], (i >> 2) & 1, (i >> 3) & 1, (i >> 4) & 1,
                     (i >> 5) & 1,  (i >> 6) & 1, (i >> 7) & 1, (i >> 8) & 1};
}
enum { VARIANTS = 1 << 9 };

static void run_variant(const variant *v, clxent_schedule schedule) {
    static double x[N * STRIDE * INNER], values[N * STRIDE * INNER], grad[N * STRIDE * INNER], w[C],
        w_values[C];
    static double row_loss[N], exact[N], bound[N], entropy[N], lse[N], loss[N];
    static int64_t rank[N], argmax[N];
    static const int64_t targets[N] = {0, C - 1};
    const clxent_dtype real = v->dtype == CLXENT_F64 ? CLXENT_F64 : CLXENT_F32;
    const int64_t inner = v->inner ? INNER : 1, stride = (v->strided ? STRIDE : C) * inner;
    clxent_desc d = CLXENT_DESC_INIT;
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    reference_problem p = REFERENCE_PROBLEM_INIT;
    rng r = rng_start(5);
    for (int i = 0; i < N * STRIDE * INNER; i++) {
        set_element(v->dtype, x, i, 2 * rng_normal(&r));
        values[i] = element(v->dtype, x, i);
    }
    for (int c = 0; c < C; c++) {
        set_element(real, w, c, rng_uniform(&r, 0.5, 1));
        w_values[c] = element(real, w, c);
    }
    p.rows = d.rows = N;
    p.classes = d.classes = C;
    p.inner = d.inner = inner;
    p.row_stride = d.row_stride = d.grad_row_stride = stride;
    d.schedule = schedule;
    d.logits_dtype = v->dtype;
    p.softcap = d.softcap = v->softcap ? 15 : 0;
    p.logit_scale = d.logit_scale = v->scale ? 0.75 : 1;
    p.label_smoothing = d.label_smoothing = v->smoothing ? 0.125 : 0;
    p.double_arithmetic = v->dtype == CLXENT_F64;
    p.logits = values;
    p.targets = targets;
    a.logits = CLXENT_ARRAY(x, sizeof x);
    a.targets = CLXENT_ARRAY(targets, sizeof targets);
    if (v->weighted) {
        p.class_weight = w_values;
        a.class_weight = CLXENT_ARRAY(w, sizeof w);
    }
    a.loss = CLXENT_ARRAY(loss, sizeof loss);
    a.row_loss = CLXENT_ARRAY(row_loss, sizeof row_loss);
    a.grad = CLXENT_ARRAY(grad, sizeof grad);
    if (v->described) {
        a.lse = CLXENT_ARRAY(lse, sizeof lse);
        a.entropy = CLXENT_ARRAY(entropy, sizeof entropy);
        a.rank = CLXENT_ARRAY(rank, sizeof rank);
        a.argmax = CLXENT_ARRAY(argmax, sizeof argmax);
    }
    reference_result e = {.row_loss = exact, .row_loss_bound = bound};
    assert_int_equal(reference_run(&p, &e), 0);
    clxent_plan *plan = make_plan(&d);
    expect_status("run", test_ctx(), clxent_run(plan, &a), CLXENT_OK);
    clxent_plan_destroy(plan);
    for (int i = 0; i < N; i++)
        expect_near("row_loss", i, real, element(real, row_loss, i), exact[i], bound[i]);
    tried++;
}

static void builds(clxent_schedule schedule) {
    clxent_device_info device = CLXENT_DEVICE_INFO_INIT;
    assert_int_equal(clxent_ctx_device(test_ctx(), &device), CLXENT_OK);
    tried = 0;
    for (int i = 0; i < VARIANTS; i++) {
        const variant v = variant_of(i);
        if (v.dtype == CLXENT_F64 && !device.fp64) continue;
        if (!all && (i * 5 + (int)schedule) % (EVERY * EVERY) != 0) continue;
        expect_about("variant %d, schedule %d", i, (int)schedule);
        run_variant(&v, schedule);
    }
    print_message("%d of %d variants\n", tried, (int)VARIANTS);
    assert_true(tried > 0);
}

static void lane(void) {
    builds(CLXENT_SCHEDULE_LANE);
}
static void group(void) {
    builds(CLXENT_SCHEDULE_GROUP);
}
static void wide(void) {
    builds(CLXENT_SCHEDULE_WIDE);
}
static void split(void) {
    builds(CLXENT_SCHEDULE_SPLIT);
}

int main(int argc, char **argv) {
    static const rule rules[] = {RULE(lane), RULE(group), RULE(wide), RULE(split)};
    all = argc > 1 && strcmp(argv[1], "all") == 0;
    if (argc > 1 && !all) {
        fprintf(stderr, "%s: %s is not all\n", argv[0], argv[1]);
        return 2;
    }
    return check_rules_once("variants", rules, sizeof rules / sizeof *rules);
}
