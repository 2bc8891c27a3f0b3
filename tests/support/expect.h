/* SPDX-License-Identifier: Apache-2.0
 *
 * Asserts on numbers, and the device of a test. If an assert fails, it calls cmocka's fail_msg() with all
 * that a reader needs to look for the cause.
 */
#ifndef CLXENT_TESTS_EXPECT_H
#define CLXENT_TESTS_EXPECT_H

#include "elements.h"

/* Says what is being tested. The asserts below print this behind their messages. printf-like. */
void expect_about(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* `got`, element `index` of `what` as stored in `dtype`, must agree with `expected` within `bound`; for a
 * 16-bit type, within `bound` and half a unit. */
void expect_near(const char *what, int64_t index, clxent_dtype dtype, double got, double expected,
                 double bound);
void expect_integer(const char *what, int64_t index, int64_t got, int64_t expected);
/* `got` must be `expected`; else the test fails with the context's message and build log. */
void expect_status(const char *what, const clxent_ctx *ctx, clxent_status got, clxent_status expected);

/* Opens the context that the environment selects. If there is none, fails the test with the reason. */
clxent_ctx *expect_ctx(void);

/* How much a test may do on this device: CLXENT_TEST_EFFORT full (default), small (slow compiler), tiny
 * (an interpreter). */
typedef enum test_effort { EFFORT_TINY, EFFORT_SMALL, EFFORT_FULL } test_effort;
test_effort expect_effort(void);

/* Whether the long form of a test is wanted: CLXENT_TEST_LONG=1. */
int expect_long(void);

#endif
