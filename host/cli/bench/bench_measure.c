/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_measure.h. A pair times the limit and then the operation. They take turns, so other work of the
 * machine slows both.
 */
#include "bench_measure.h"
#include "bench_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Times of one kind, for their median. */
typedef struct samples {
    double *values;
    size_t n;
} samples;

enum { LIMIT, OPERATION, ENQUEUE, LAUNCH, PLAIN, KINDS };

static void keep(samples *s, const double *seconds, size_t n) {
    memcpy(s->values + s->n, seconds, n * sizeof *seconds);
    s->n += n;
}

static double median(const samples *s) {
    return bench_median(s->values, s->n);
}

/* The plan of the operation, and for comparison one of the same operation without the settings' options. */
typedef struct plan_pair {
    clxent_plan *plan, *plain;
    clxent_desc plain_desc;
} plan_pair;

static int make_plans(plan_pair *out, const bench_problem *p, double *seconds) {
    const session *s = p->device->session;
    *out = (plan_pair){.plain_desc = p->desc};
    const double start = session_clock();
    clxent_status status = clxent_plan_create(&out->plan, s->ctx, &p->desc);
    *seconds = session_clock() - start;
    if (status == CLXENT_OK && p->settings->options[0]) {
        clxent_desc *d = &out->plain_desc;
        d->label_smoothing = d->z_loss = d->softcap = 0;
        d->use_ignore_index = 0;
        status = clxent_plan_create(&out->plain, s->ctx, d);
    }
    return status == CLXENT_OK ? EXIT_GOOD : session_failed(s, status);
}

/* Makes the problem of the plain plan: every row counts, and there are no weights. */
static int make_plain(bench_problem *plain, const bench_problem *p) {
    *plain = *p;
    plain->weights_buffer = NULL;
    plain->targets_buffer = NULL;
    const size_t rows = (size_t)p->what.rows;
    int failed = bench_buffer(p->device, rows * sizeof(int64_t), "the targets", &plain->targets_buffer);
    int64_t *targets = malloc(rows * sizeof *targets);
    if (!failed && !targets)
        failed = tool_error(p->device->session->command, EXIT_DEVICE, "no host memory for %zu targets", rows);
    for (size_t i = 0; targets && i < rows; i++)
        targets[i] = p->targets[i] == BENCH_IGNORE ? 0 : p->targets[i];
    if (!failed) failed = bench_write(p->device, plain->targets_buffer, targets, rows * sizeof *targets);
    free(targets);
    return failed;
}

static limit_kind limit_of(bench_op op) {
    static const limit_kind kinds[BENCH_OPS] = {LIMIT_READ, LIMIT_UPDATE, LIMIT_COPY, LIMIT_UPDATE,
                                                LIMIT_COPY};
    return kinds[op];
}

/* Times the calls of a pair. Pair -1 only warms up. */
static int time_calls(const bench_problem *p, clxent_plan *plan, const clxent_desc *desc, int pair,
                      samples *seconds, samples *enqueue) {
    double total[BENCH_CALLS], returned[BENCH_CALLS];
    size_t n = 0;
    const int failed = bench_problem_time(p, plan, desc, pair, total, returned, &n);
    if (failed || pair < 0) return failed;
    keep(seconds, total, n);
    if (enqueue) keep(enqueue, returned, n);
    return EXIT_GOOD;
}

static int time_launches(const bench_device *d, cl_mem buffer, int pair, samples *seconds) {
    int failed =
        bench_cl_check(d, d->cl.SetKernelArg(d->nothing, 0, sizeof buffer, &buffer), "clSetKernelArg");
    for (int i = 0; i < BENCH_CALLS && !failed; i++) {
        double total;
        failed = bench_launch(d, d->nothing, 1, 1, &total);
        if (!failed && pair >= 0) keep(seconds, &total, 1);
    }
    return failed;
}

static int time_pairs(bench_limits *l, const bench_limit *limit, const bench_problem *p,
                      const bench_problem *plain, const plan_pair *plans, samples all[KINDS]) {
    int failed = EXIT_GOOD;
    for (int pair = -1; pair < p->settings->pairs && !failed; pair++) {
        double seconds;
        failed = limit_run(l, limit, &seconds);
        if (!failed && pair >= 0) keep(&all[LIMIT], &seconds, 1);
        if (!failed) failed = time_calls(p, plans->plan, &p->desc, pair, &all[OPERATION], &all[ENQUEUE]);
        if (!failed && plans->plain)
            failed = time_calls(plain, plans->plain, &plans->plain_desc, pair, &all[PLAIN], NULL);
        if (!failed) failed = time_launches(p->device, p->loss, pair, &all[LAUNCH]);
    }
    return failed;
}

static int measure(bench_limits *l, bench_problem *p, bench_result *r) {
    const bench_device *d = l->device;
    const size_t bytes = p->slots * p->slot_bytes, out_bytes = p->slots * p->out_slot_bytes;
    const limit_kind kind = limit_of(p->what.op);
    bench_problem plain = {0};
    plan_pair plans = {0};
    samples all[KINDS] = {{0}};
    bench_limit limit;

    int failed = bench_problem_open(p);
    if (!failed) failed = make_plans(&plans, p, &r->plan_seconds);
    if (!failed && plans.plain) failed = make_plain(&plain, p);
    for (int i = 0; i < KINDS && !failed; i++) {
        all[i].values = malloc((size_t)p->settings->pairs * BENCH_CALLS * sizeof *all[i].values);
        if (!all[i].values) failed = tool_error(d->session->command, EXIT_DEVICE, "no host memory for times");
    }
    if (!failed) failed = bench_problem_fill(p, 0, p->slots);
    if (!failed) failed = bench_check(p, plans.plan);
    if (!failed)
        failed = limit_choose(l, kind, p->logits, p->out,
                              kind == LIMIT_COPY && out_bytes < bytes ? out_bytes : bytes, &limit);
    if (!failed) failed = bench_problem_fill(p, 0, p->slots);
    if (!failed) failed = time_pairs(l, &limit, p, &plain, &plans, all);
    if (!failed) {
        r->seconds = median(&all[OPERATION]);
        r->enqueue_seconds = median(&all[ENQUEUE]);
        r->launch_seconds = median(&all[LAUNCH]);
        r->plain_seconds = median(&all[PLAIN]);
        r->bytes = bench_problem_bytes(p);
        r->limit = limit_name(kind);
        r->limit_rate = limit_traffic(&limit) / median(&all[LIMIT]);
        r->buffers = p->slots;
        memcpy(r->limit_form, limit.text, sizeof r->limit_form);
    }
    for (int i = 0; i < KINDS; i++) free(all[i].values);
    clxent_plan_destroy(plans.plan);
    clxent_plan_destroy(plans.plain);
    bench_buffer_free(d, plain.targets_buffer);
    bench_problem_close(p);
    return failed;
}

int bench_measure(bench_limits *l, const bench_settings *settings, const bench_case *what,
                  bench_result *result) {
    bench_problem p;
    *result = (bench_result){.what = *what};
    bench_problem_plan(&p, l->device, settings, what, result->skipped, sizeof result->skipped);
    return result->skipped[0] ? EXIT_GOOD : measure(l, &p, result);
}
