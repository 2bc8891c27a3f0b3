/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_linear.h. A pair times the bare products and then the operation. They take turns, so other work
 * of the machine slows both.
 */
#include "bench_linear.h"
#include "bench_linear_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *bench_linear_name(bench_op op) {
    return op == BENCH_GRAD ? "linear-grad" : "linear-forward";
}

/* Chooses the number of rows in a block of the bare products: the fastest of all that fit, a quarter and a
 * sixteenth of them. */
static int choose_block(const linear_problem *p, int64_t *rows) {
    enum { TRIES = 3 };
    double best = 0;
    int failed = EXIT_GOOD;
    for (int64_t tried = p->products.most_rows; tried >= 1 && !failed; tried /= 4) {
        double seconds = 0;
        for (int i = 0; i < TRIES && !failed; i++) {
            double once = 0;
            failed = linear_problem_products(p, tried, &once);
            if (i == 0 || once < seconds) seconds = once;
        }
        if (best == 0 || seconds < best) {
            best = seconds;
            *rows = tried;
        }
        if (tried * 16 <= p->products.most_rows) break;
    }
    return failed;
}

/* Times the pairs. Pair -1 only warms up. */
static int time_pairs(const linear_problem *p, double *times[3], bench_linear_result *r) {
    int failed = EXIT_GOOD;
    const int pairs = p->settings->pairs;
    for (int pair = -1; pair < pairs && !failed; pair++) {
        double products = 0, whole = 0, enqueue = 0;
        failed = linear_problem_products(p, r->products_rows, &products);
        if (!failed) failed = linear_problem_call(p, p->plan, &p->desc, &whole, &enqueue);
        if (pair < 0) continue;
        times[0][pair] = products;
        times[1][pair] = whole;
        times[2][pair] = enqueue;
    }
    r->products_seconds = bench_median(times[0], (size_t)pairs);
    r->seconds = bench_median(times[1], (size_t)pairs);
    r->enqueue_seconds = bench_median(times[2], (size_t)pairs);
    return failed;
}

static int measure(linear_problem *p, bench_linear_result *r) {
    const session *s = p->device->session;
    double *times[3] = {NULL, NULL, NULL};
    const char *gemm = NULL;
    int failed = linear_problem_open(p);
    for (int i = 0; i < 3 && !failed; i++) {
        times[i] = malloc((size_t)p->settings->pairs * sizeof *times[i]);
        if (!times[i]) failed = tool_error(s->command, EXIT_DEVICE, "no host memory for times");
    }
    if (!failed) failed = linear_problem_check(p);
    if (!failed) {
        const clxent_status status = clxent_ctx_gemm(s->ctx, p->what.dtype, &gemm, NULL);
        if (status != CLXENT_OK) failed = session_failed(s, status);
    }
    if (!failed) failed = choose_block(p, &r->products_rows);
    if (!failed) failed = time_pairs(p, times, r);
    if (!failed) {
        snprintf(r->gemm, sizeof r->gemm, "%s", gemm);
        r->plan_seconds = p->plan_seconds;
        r->workspace_bytes = p->workspace_bytes;
        r->device_bytes = linear_problem_bytes(p) + p->workspace_bytes;
        r->logits_bytes = (uint64_t)p->what.rows * (uint64_t)p->what.classes *
                          clxent_dtype_size(p->what.dtype) * (p->what.op == BENCH_GRAD ? 2 : 1);
    }
    for (int i = 0; i < 3; i++) free(times[i]);
    linear_problem_close(p);
    return failed;
}

int bench_linear(const bench_report *report, const bench_list *list) {
    bench_device device = {0};
    bench_linear_result *results = calloc(list->count ? list->count : 1, sizeof *results);
    int failed = results ? EXIT_GOOD
                         : tool_error(report->session->command, EXIT_DEVICE, "no host memory for %zu results",
                                      list->count);
    if (!failed) failed = bench_device_open(&device, report->session);
    if (!failed) bench_linear_report_start(report);
    for (size_t i = 0; i < list->count && !failed; i++) {
        linear_problem p;
        results[i] = (bench_linear_result){.what = list->cases[i], .features = list->features};
        linear_problem_plan(&p, &device, list, &list->cases[i], results[i].skipped,
                            sizeof results[i].skipped);
        if (!results[i].skipped[0]) failed = measure(&p, &results[i]);
        if (!failed) bench_linear_report_result(report, &results[i]);
    }
    if (!failed) bench_linear_report_end(report, results, list->count);
    bench_device_close(&device);
    free(results);
    return failed;
}
