/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_measure.h. A pair is the limit and then the operation, in turn: what else the machine does meets
 * both.
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

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const samples *s) {
    if (s->n == 0) return 0;
    qsort(s->values, s->n, sizeof *s->values, by_value);
    return (s->values[(s->n - 1) / 2] + s->values[s->n / 2]) / 2;
}

static void keep(samples *s, int warm, double seconds) {
    if (warm) s->values[s->n++] = seconds;
}

/* Plans: the operation's, and for comparison that of the same operation without the settings' options. */
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

/* The same problem as the plain plan sees it: every row counts, no weights. */
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

/* `calls` of the slots from first on. The logits are made anew where the call before has written over them.
 */
static int time_calls(const bench_problem *p, clxent_plan *plan, const clxent_desc *desc, size_t first,
                      size_t calls, int warm, samples *seconds, samples *enqueue) {
    const int in_place = limit_of(p->what.op) == LIMIT_UPDATE;
    /* All slots, and the slots called are in the first half: what was written last, and may still be in the
     * caches, is not what is read next. */
    int failed = in_place ? bench_problem_fill(p, 0, p->slots) : EXIT_GOOD;
    for (size_t c = 0; c < calls && !failed; c++) {
        double total, returned;
        failed = bench_problem_call(p, plan, desc, first + c, &total, &returned);
        if (failed) break;
        keep(seconds, warm, total);
        if (enqueue) keep(enqueue, warm, returned);
    }
    return failed;
}

static int time_launches(const bench_device *d, cl_mem buffer, size_t launches, int warm, samples *seconds) {
    int failed =
        bench_cl_check(d, d->cl.SetKernelArg(d->nothing, 0, sizeof buffer, &buffer), "clSetKernelArg");
    for (size_t i = 0; i < launches && !failed; i++) {
        double total;
        failed = bench_launch(d, d->nothing, 1, 1, &total);
        if (!failed) keep(seconds, warm, total);
    }
    return failed;
}

static int time_pairs(bench_limits *l, const bench_limit *limit, const bench_problem *p,
                      const bench_problem *plain, const plan_pair *plans, samples all[KINDS]) {
    const size_t usable = p->slots > 1 ? p->slots / 2 : 1;
    const size_t calls = usable < 8 ? usable : 8;
    int failed = EXIT_GOOD;
    for (int pair = -1; pair < p->settings->pairs && !failed; pair++) {
        const int warm = pair >= 0; /* the pair before the first only warms up */
        const size_t first = (size_t)(pair + 1) * calls % (usable - calls + 1);
        double seconds;
        failed = limit_run(l, limit, &seconds);
        if (!failed) keep(&all[LIMIT], warm, seconds);
        if (!failed)
            failed = time_calls(p, plans->plan, &p->desc, first, calls, warm, &all[OPERATION], &all[ENQUEUE]);
        if (!failed && plans->plain)
            failed =
                time_calls(plain, plans->plain, &plans->plain_desc, first, calls, warm, &all[PLAIN], NULL);
        if (!failed) failed = time_launches(p->device, p->loss, 8, warm, &all[LAUNCH]);
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
        all[i].values = malloc((size_t)p->settings->pairs * 8 * sizeof *all[i].values);
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
