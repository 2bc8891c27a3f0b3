/* SPDX-License-Identifier: Apache-2.0
 *
 * A small loss problem with room for every output, and a runner that puts each rule of a table on
 * every schedule. The rule tests state a problem, solve() it, and compare with closed forms; opening
 * the device and choosing where a schedule is worth running is left to problem.c. */
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
    clxent_schedule schedule; /* that under test; begin() sets it */
    clxent_arrays arrays;     /* the test sets inputs, rows and scalars; solve() binds the outputs */
    uint32_t want;            /* CLXENT_OUT_ bits; begin() sets all that the operation has */
    clxent_status expect;     /* of clxent_run() */
    float loss[PROBLEM_ROWS], row_loss[PROBLEM_ROWS], log_prob[PROBLEM_ROWS], lse[PROBLEM_ROWS],
        lse_residual[PROBLEM_ROWS], entropy[PROBLEM_ROWS];
    int64_t argmax[PROBLEM_ROWS], rank[PROBLEM_ROWS], counts[4];
    float log_probs[PROBLEM_ELEMENTS], probs[PROBLEM_ELEMENTS], grad[PROBLEM_ELEMENTS];
} problem;

/* Every output of cross entropy with class targets, and the few that leave the kernels lean. */
enum {
    WANT_ALL = CLXENT_OUT_LOSS | CLXENT_OUT_ROW_LOSS | CLXENT_OUT_LOG_PROB | CLXENT_OUT_LSE |
               CLXENT_OUT_LSE_RESIDUAL | CLXENT_OUT_ARGMAX | CLXENT_OUT_RANK | CLXENT_OUT_ENTROPY |
               CLXENT_OUT_LOG_PROBS | CLXENT_OUT_GRAD | CLXENT_OUT_COUNTS,
    WANT_LEAN = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD | CLXENT_OUT_COUNTS
};

/* Cross entropy over f32 logits (rows, classes) and i64 targets, on the schedule under test. */
void begin(problem *p, int64_t rows, int64_t classes, const float *logits, const int64_t *targets);

/* A plan of the test's context. Fails the test where it is refused; skips it where the schedule
 * would take more loop iterations than the device (llvmpipe) runs. */
clxent_plan *make_plan(const clxent_desc *desc, clxent_schedule schedule);

/* Plan, run, destroy. Fails the test where the plan is refused or the status is not p->expect. Outputs
 * are filled with a pattern first, so one that was not written is seen. */
void solve(problem *p);

/* Optional inputs, f32. */
void set_class_weight(problem *p, const float *weight);
void set_row_weight(problem *p, const float *weight);
void set_grad_output(problem *p, const float *grad_output, size_t count);
void set_ignore_index(problem *p, int64_t index);

/* Integers in the storage of a type, as an array of exactly their size. */
typedef union packed {
    int64_t widest[PROBLEM_ROWS];
    uint8_t bytes[PROBLEM_ROWS * sizeof(int64_t)];
} packed;
clxent_array pack(packed *out, clxent_dtype dtype, const int64_t *values, size_t n);

/* What the runner set up: the context, and the schedule under test. */
clxent_ctx *test_ctx(void);
clxent_schedule test_schedule(void);

typedef struct rule {
    const char *name;
    void (*check)(void);
} rule;
#define RULE(function) \
    { #function, function }

/* Runs each rule under AUTO, LANE, GROUP and WIDE as one cmocka test each. An interpreter (EFFORT_TINY) runs
 * the last two alone; where a compiler takes seconds for vectors (EFFORT_SMALL), WIDE runs only the first
 * rule. @return main()'s exit code. */
int check_rules(const char *group, const rule *rules, size_t count);
/* The same under AUTO alone, for what does not depend on the schedule. */
int check_rules_once(const char *group, const rule *rules, size_t count);

/* log sum exp in double. */
double lse_of(const float *x, size_t n);

/* Bounds of the f32 results: of a row's loss whose added terms have this magnitude in sum, and of a
 * gradient element whose row has the factor f (|grad_output| * |weights| / divisor + ...). */
double loss_bound(double magnitude);
double grad_bound(double factor);

/* NaN expects NaN, infinities expect themselves. */
#define assert_near(got, expected, bound) \
    assert_near_at((double)(got), (double)(expected), (bound), #got, __FILE__, __LINE__)
#define assert_same(got, expected) assert_near(got, expected, 0.0)
void assert_near_at(double got, double expected, double bound, const char *what, const char *file, int line);

#define assert_each(array, count, expected, bound) \
    assert_each_at((array), (count), (double)(expected), (bound), #array, __FILE__, __LINE__)
void assert_each_at(const float *got, size_t count, double expected, double bound, const char *what,
                    const char *file, int line);

/* The message holds every part of `parts`, which bars separate, in that order. */
#define assert_says(message, parts) assert_says_at((message), (parts), __FILE__, __LINE__)
void assert_says_at(const char *message, const char *parts, const char *file, int line);

#define assert_counts(p, counted, ignored, bad, first) \
    assert_counts_at((p), (const int64_t[4]){(counted), (ignored), (bad), (first)}, __FILE__, __LINE__)
void assert_counts_at(const problem *p, const int64_t expected[4], const char *file, int line);

#endif
