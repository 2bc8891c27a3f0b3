/* SPDX-License-Identifier: Apache-2.0
 *
 * A small loss problem with room for every output, and a runner that runs each rule of a table on every
 * schedule. A rule test states a problem, calls solve() and compares the results with closed forms. problem.c
 * opens the device and chooses the schedules that each device runs. */
#ifndef TEST_PROBLEM_H
#define TEST_PROBLEM_H

#include <clxent/clxent_experimental.h>

#include "expect.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROBLEM_ROWS = 64, PROBLEM_ELEMENTS = 4096 };

typedef struct problem {
    clxent_desc desc;
    clxent_schedule schedule; /* the schedule under test; begin() sets it */
    clxent_arrays arrays;     /* the test sets inputs, rows and scalars; solve() binds the outputs */
    uint32_t want;            /* CLXENT_OUT_ bits; begin() sets WANT_ALL */
    clxent_status expect;     /* the status that clxent_run() must return */
    float loss[PROBLEM_ROWS], row_loss[PROBLEM_ROWS], log_prob[PROBLEM_ROWS], lse[PROBLEM_ROWS],
        lse_residual[PROBLEM_ROWS], entropy[PROBLEM_ROWS];
    int64_t argmax[PROBLEM_ROWS], rank[PROBLEM_ROWS], counts[4];
    float log_probs[PROBLEM_ELEMENTS], probs[PROBLEM_ELEMENTS], grad[PROBLEM_ELEMENTS];
} problem;

/* WANT_ALL: every output of cross entropy with class targets. WANT_LEAN: the few that need no extra kernel
 * code. */
enum {
    WANT_ALL = CLXENT_OUT_LOSS | CLXENT_OUT_ROW_LOSS | CLXENT_OUT_LOG_PROB | CLXENT_OUT_LSE |
               CLXENT_OUT_LSE_RESIDUAL | CLXENT_OUT_ARGMAX | CLXENT_OUT_RANK | CLXENT_OUT_ENTROPY |
               CLXENT_OUT_LOG_PROBS | CLXENT_OUT_GRAD | CLXENT_OUT_COUNTS,
    WANT_LEAN = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD | CLXENT_OUT_COUNTS
};

/* Cross entropy over f32 logits (rows, classes) and i64 targets, on the schedule under test. */
void begin(problem *p, int64_t rows, int64_t classes, const float *logits, const int64_t *targets);

/* Makes a plan of the test's context. Fails the test when the library refuses the plan. Skips the test when
 * the schedule needs more loop iterations than the device (llvmpipe) runs. */
clxent_plan *make_plan(const clxent_desc *desc, clxent_schedule schedule);

/* Makes a plan, runs it and destroys it. Fails the test when the library refuses the plan or the status is
 * not p->expect. solve() first fills the outputs with a pattern, so a test sees an output that was not
 * written. */
void solve(problem *p);

/* Optional inputs, f32. */
void set_class_weight(problem *p, const float *weight);
void set_row_weight(problem *p, const float *weight);
void set_grad_output(problem *p, const float *grad_output, size_t count);
void set_ignore_index(problem *p, int64_t index);

/* pack() stores integers in a type and returns an array of exactly their size. */
typedef union packed {
    int64_t widest[PROBLEM_ROWS];
    uint8_t bytes[PROBLEM_ROWS * sizeof(int64_t)];
} packed;
clxent_array pack(packed *out, clxent_dtype dtype, const int64_t *values, size_t n);

/* The context that the runner opened, and the schedule under test. */
clxent_ctx *test_ctx(void);
clxent_schedule test_schedule(void);

typedef struct rule {
    const char *name;
    void (*check)(void);
} rule;
#define RULE(function) \
    { #function, function }

/* Runs each rule on AUTO, LANE, GROUP, WIDE and SPLIT, each as one cmocka test. An interpreter (EFFORT_TINY)
 * runs each rule on one of the last three, in turn. A slow compiler (EFFORT_SMALL) skips WIDE and SPLIT.
 * @return main()'s exit code. */
int check_rules(const char *group, const rule *rules, size_t count);
/* The same on AUTO alone, for rules that do not depend on the schedule. */
int check_rules_once(const char *group, const rule *rules, size_t count);

/* log sum exp in double. */
double lse_of(const float *x, size_t n);

/* Bounds of the f32 results. loss_bound(): for a row's loss; `magnitude` is the sum of the absolute values of
 * its terms. grad_bound(): for a gradient element; `factor` is its row's factor (|grad_output| * |weights| /
 * divisor + ...). */
double loss_bound(double magnitude);
double grad_bound(double factor);

/* An expected NaN needs a NaN; an expected infinity needs the same infinity. */
#define assert_near(got, expected, bound) \
    assert_near_at((double)(got), (double)(expected), (bound), #got, __FILE__, __LINE__)
#define assert_same(got, expected) assert_near(got, expected, 0.0)
void assert_near_at(double got, double expected, double bound, const char *what, const char *file, int line);

#define assert_each(array, count, expected, bound) \
    assert_each_at((array), (count), (double)(expected), (bound), #array, __FILE__, __LINE__)
void assert_each_at(const float *got, size_t count, double expected, double bound, const char *what,
                    const char *file, int line);

/* The message must contain every part of `parts`, in this order. Bars separate the parts. */
#define assert_says(message, parts) assert_says_at((message), (parts), __FILE__, __LINE__)
void assert_says_at(const char *message, const char *parts, const char *file, int line);

#define assert_counts(p, counted, ignored, bad, first) \
    assert_counts_at((p), (const int64_t[4]){(counted), (ignored), (bad), (first)}, __FILE__, __LINE__)
void assert_counts_at(const problem *p, const int64_t expected[4], const char *file, int line);

#endif
