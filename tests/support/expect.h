/* SPDX-License-Identifier: Apache-2.0
 *
 * Asserts on numbers that end in cmocka's fail_msg with all that is needed to look for the cause, and the
 * device that a test runs on.
 */
#ifndef CLXENT_TESTS_EXPECT_H
#define CLXENT_TESTS_EXPECT_H

#include "elements.h"

/* What is being tested, for the messages of the asserts below: printed behind each. printf-like. */
void expect_about(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* `got`, element `index` of `what` as stored in a dtype, agrees with `expected` within `bound` (and within
 * half a unit of a 16-bit type). */
void expect_near(const char *what, int64_t index, clxent_dtype dtype, double got, double expected,
                 double bound);
void expect_integer(const char *what, int64_t index, int64_t got, int64_t expected);
/* The status, else the context's message and build log. */
void expect_status(const char *what, const clxent_ctx *ctx, clxent_status got, clxent_status expected);

/* The context that the environment selects; fails the test with the reason when there is none. */
clxent_ctx *expect_ctx(void);

/* How much a test may do on this device: CLXENT_TEST_EFFORT full (default), small (slow compiler), tiny
 * (an interpreter). */
typedef enum test_effort { EFFORT_TINY, EFFORT_SMALL, EFFORT_FULL } test_effort;
test_effort expect_effort(void);

/* Whether the long form of a test is wanted: CLXENT_TEST_LONG=1. */
int expect_long(void);

#endif
