/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs small problems and tables of rules; see problem.h. The device is the one that the environment
 * selects (CLXENT_DEVICE, OCL_ICD_VENDORS). */
#include "problem.h"

#include "asked.h"
#include "leave.h"
#include "said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* In every type, this byte repeated is no plausible result and no NaN. */
enum { UNWRITTEN = 0x7B };

static struct {
    clxent_ctx *ctx;
    clxent_schedule schedule;
} bench;

clxent_ctx *test_ctx(void) {
    return bench.ctx;
}

clxent_schedule test_schedule(void) {
    return bench.schedule;
}

/* ------------------------------------------------------------------------------------ problems */

void begin(problem *p, int64_t rows, int64_t classes, const float *logits, const int64_t *targets) {
    assert_true(rows <= PROBLEM_ROWS && rows * classes <= PROBLEM_ELEMENTS);
    clxent_desc_init(&p->desc);
    clxent_arrays_init(&p->arrays);
    p->desc.rows = rows;
    p->desc.classes = classes;
    p->schedule = bench.schedule;
    p->arrays.logits = CLXENT_ARRAY(logits, (size_t)(rows * classes) * sizeof(float));
    if (targets) p->arrays.targets = CLXENT_ARRAY(targets, (size_t)rows * sizeof(int64_t));
    p->want = WANT_ALL;
    p->expect = CLXENT_OK;
}

void set_class_weight(problem *p, const float *weight) {
    p->arrays.class_weight = CLXENT_ARRAY(weight, (size_t)p->desc.classes * sizeof(float));
}

void set_row_weight(problem *p, const float *weight) {
    p->arrays.row_weight = CLXENT_ARRAY(weight, (size_t)p->desc.rows * sizeof(float));
}

void set_grad_output(problem *p, const float *grad_output, size_t count) {
    p->arrays.grad_output = CLXENT_ARRAY(grad_output, count * sizeof(float));
}

void set_ignore_index(problem *p, int64_t index) {
    p->desc.use_ignore_index = 1;
    p->desc.ignore_index = index;
}

/* Gives the call an output of exactly the size that it needs, or no output. */
static void bind(problem *p, uint32_t output, clxent_array *slot, void *data, size_t room, size_t bytes) {
    memset(data, UNWRITTEN, room);
    *slot = (p->want & output) ? CLXENT_ARRAY(data, bytes) : CLXENT_ARRAY(NULL, 0);
}

static void bind_outputs(problem *p) {
    clxent_arrays *a = &p->arrays;
    const size_t n = (size_t)(a->rows == CLXENT_ALL_ROWS ? p->desc.rows : a->rows);
    const size_t all = n * (size_t)p->desc.classes, padded = n * (size_t)p->desc.classes_padded,
                 real = sizeof(float), whole = sizeof(int64_t);
    const size_t losses = p->desc.reduction == CLXENT_NONE ? n : 1;
    bind(p, CLXENT_OUT_LOSS, &a->loss, p->loss, sizeof p->loss, losses * real);
    bind(p, CLXENT_OUT_ROW_LOSS, &a->row_loss, p->row_loss, sizeof p->row_loss, n * real);
    bind(p, CLXENT_OUT_LOG_PROB, &a->log_prob, p->log_prob, sizeof p->log_prob, n * real);
    if (!(p->desc.flags & CLXENT_GRAD_FROM_LSE)) { /* with the flag, lse is an input that the test sets */
        bind(p, CLXENT_OUT_LSE, &a->lse, p->lse, sizeof p->lse, n * real);
        bind(p, CLXENT_OUT_LSE_RESIDUAL, &a->lse_residual, p->lse_residual, sizeof p->lse_residual, n * real);
    }
    bind(p, CLXENT_OUT_ARGMAX, &a->argmax, p->argmax, sizeof p->argmax, n * whole);
    bind(p, CLXENT_OUT_RANK, &a->rank, p->rank, sizeof p->rank, n * whole);
    bind(p, CLXENT_OUT_ENTROPY, &a->entropy, p->entropy, sizeof p->entropy, n * real);
    if (p->desc.op != CLXENT_NLL) { /* log_probs is NLL's input */
        bind(p, CLXENT_OUT_LOG_PROBS, &a->log_probs, p->log_probs, sizeof p->log_probs, all * real);
    }
    bind(p, CLXENT_OUT_PROBS, &a->probs, p->probs, sizeof p->probs, all * real);
    bind(p, CLXENT_OUT_GRAD, &a->grad, p->grad, sizeof p->grad, (padded > all ? padded : all) * real);
    bind(p, CLXENT_OUT_COUNTS, &a->counts, p->counts, sizeof p->counts, sizeof p->counts);
}

clxent_plan *make_plan(const clxent_desc *desc, clxent_schedule schedule) {
    clxent_plan *plan = NULL;
    const clxent_status status = clxent_plan_create_scheduled(&plan, bench.ctx, desc, schedule);
    if (status == CLXENT_ERR_UNSUPPORTED && strstr(clxent_ctx_last_error(bench.ctx), "loop iterations"))
        skip();
    expect_status("plan", bench.ctx, status, CLXENT_OK);
    return plan;
}

void solve(problem *p) {
    clxent_schedule used = CLXENT_SCHEDULE_AUTO;
    clxent_desc desc = p->desc;
    bind_outputs(p);
    if (desc.outputs == 0) desc.outputs = asked_outputs(&desc, &p->arrays);
    clxent_plan *plan = make_plan(&desc, p->schedule);
    assert_int_equal(clxent_plan_schedule(plan, &used), CLXENT_OK);
    const clxent_status status = clxent_run(plan, &p->arrays);
    clxent_plan_destroy(plan);
    if (status != p->expect) {
        fail_msg("run: %s, expected %s: %s%s", clxent_status_name(status), clxent_status_name(p->expect),
                 clxent_ctx_last_error(bench.ctx), clxent_ctx_build_log(bench.ctx));
    }
    if (p->schedule == CLXENT_SCHEDULE_AUTO) {
        assert_int_not_equal(used, CLXENT_SCHEDULE_AUTO);
    } else if (p->schedule == CLXENT_SCHEDULE_SPLIT &&
               (p->desc.op == CLXENT_NLL || (p->desc.flags & CLXENT_GRAD_FROM_LSE))) {
        assert_int_not_equal(used, CLXENT_SCHEDULE_SPLIT); /* such a row has no sum to split */
    } else {
        assert_int_equal(used, p->schedule);
    }
}

clxent_array pack(packed *out, clxent_dtype dtype, const int64_t *values, size_t n) {
    assert_true(n <= PROBLEM_ROWS);
    for (size_t i = 0; i < n; i++) set_integer(dtype, out, (int64_t)i, values[i]);
    return CLXENT_ARRAY(out, n * clxent_dtype_size(dtype));
}

double lse_of(const float *x, size_t n) {
    double max = -INFINITY, sum = 0.0;
    for (size_t i = 0; i < n; i++) max = fmax(max, (double)x[i]);
    for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - max);
    return max + log(sum);
}

/* ------------------------------------------------------------------------------------- asserts */

double loss_bound(double magnitude) {
    return 1e-6 * fmax(1.0, magnitude);
}

double grad_bound(double factor) {
    return 3e-6 * fabs(factor);
}

static bool near(double got, double expected, double bound) {
    if (isnan(expected)) return isnan(got);
    return got == expected || fabs(got - expected) <= bound; /* == for the infinities */
}

void assert_near_at(double got, double expected, double bound, const char *what, const char *file, int line) {
    if (near(got, expected, bound)) return;
    print_error("%s is %.9g, expected %.9g within %.3g\n", what, got, expected, bound);
    _fail(file, line);
}

void assert_each_at(const float *got, size_t count, double expected, double bound, const char *what,
                    const char *file, int line) {
    for (size_t i = 0; i < count; i++) {
        if (near((double)got[i], expected, bound)) continue;
        print_error("%s[%zu] is %.9g, expected %.9g within %.3g\n", what, i, (double)got[i], expected, bound);
        _fail(file, line);
    }
}

void assert_says_at(const char *message, const char *parts, const char *file, int line) {
    char part[128];
    const char *rest = message;
    said(message);
    while (*parts) {
        const size_t length = strcspn(parts, "|");
        assert_true(length < sizeof part);
        memcpy(part, parts, length);
        part[length] = '\0';
        rest = strstr(rest, part);
        if (!rest) {
            print_error("message \"%s\" lacks \"%s\"\n", message, parts);
            _fail(file, line);
        }
        rest += length;
        parts += length + (parts[length] == '|');
    }
}

void assert_counts_at(const problem *p, const int64_t expected[4], const char *file, int line) {
    static const char *const names[4] = {"counted", "ignored", "bad", "first bad"};
    for (int i = 0; i < 4; i++) {
        if (p->counts[i] == expected[i]) continue;
        print_error("counts: %s is %lld, expected %lld\n", names[i], (long long)p->counts[i],
                    (long long)expected[i]);
        _fail(file, line);
    }
}

/* -------------------------------------------------------------------------------------- runner */

typedef struct job {
    const rule *rule;
    clxent_schedule schedule;
    bool left_out;
    char name[96];
} job;

static int open_device(void **state) {
    (void)state;
    bench.ctx = expect_ctx();
    return 0;
}

static int close_device(void **state) {
    (void)state;
    clxent_ctx_destroy(bench.ctx);
    return 0;
}

static void run_job(void **state) {
    const job *j = *state;
    if (j->left_out) skip();
    bench.schedule = j->schedule;
    j->rule->check();
}

static int check_on(const char *group, const rule *rules, size_t count, const clxent_schedule *schedules,
                    size_t n_schedules) {
    const size_t total = count * n_schedules;
    job *jobs = calloc(total, sizeof *jobs);
    struct CMUnitTest *tests = calloc(total, sizeof *tests);
    int failed = 1;
    if (jobs && tests) {
        for (size_t i = 0; i < total; i++) {
            jobs[i].rule = &rules[i / n_schedules];
            jobs[i].schedule = schedules[i % n_schedules];
            /* A slow compiler needs a minute for each vector kernel, so it skips them. An interpreter runs
             * each rule on one schedule, in turn. */
            jobs[i].left_out =
                (expect_effort() == EFFORT_SMALL && jobs[i].schedule >= CLXENT_SCHEDULE_WIDE) ||
                (expect_effort() == EFFORT_TINY && n_schedules > 1 &&
                 i % n_schedules != i / n_schedules % n_schedules);
            snprintf(jobs[i].name, sizeof jobs[i].name, "%s.%s", jobs[i].rule->name,
                     clxent_schedule_name(jobs[i].schedule));
            tests[i] = (struct CMUnitTest){jobs[i].name, run_job, NULL, NULL, &jobs[i]};
        }
        failed = _cmocka_run_group_tests(group, tests, total, open_device, close_device);
    }
    free(tests);
    free(jobs);
    return leave(failed);
}

int check_rules(const char *group, const rule *rules, size_t count) {
    static const clxent_schedule all[] = {CLXENT_SCHEDULE_AUTO, CLXENT_SCHEDULE_LANE, CLXENT_SCHEDULE_GROUP,
                                          CLXENT_SCHEDULE_WIDE, CLXENT_SCHEDULE_SPLIT};
    const size_t left_out = expect_effort() == EFFORT_TINY ? 2 : 0;
    return check_on(group, rules, count, all + left_out, sizeof all / sizeof *all - left_out);
}

int check_rules_once(const char *group, const rule *rules, size_t count) {
    static const clxent_schedule automatic[] = {CLXENT_SCHEDULE_AUTO};
    return check_on(group, rules, count, automatic, 1);
}
