/* SPDX-License-Identifier: Apache-2.0
 *
 * See expect.h.
 */
#include "expect.h"

#include "said.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char about[2000];

void expect_about(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(about, sizeof about, format, arguments);
    va_end(arguments);
}

void expect_near(const char *what, int64_t index, clxent_dtype dtype, double got, double expected,
                 double bound) {
    if (reference_agrees(got, expected, bound, storage_of(dtype))) return;
    fail_msg("%s[%" PRId64 "]: got %.17g, expected %.17g, off by %.3g, allowed %.3g\n%s", what, index, got,
             expected, got - expected, bound, about);
}

void expect_integer(const char *what, int64_t index, int64_t got, int64_t expected) {
    if (got == expected) return;
    fail_msg("%s[%" PRId64 "]: got %" PRId64 ", expected %" PRId64 "\n%s", what, index, got, expected, about);
}

void expect_status(const char *what, const clxent_ctx *ctx, clxent_status got, clxent_status expected) {
    if (got == expected && got != CLXENT_OK) said(clxent_ctx_last_error(ctx));
    if (got == expected) return;
    fail_msg("%s: %s, expected %s: %s\n%s\n%s", what, clxent_status_name(got), clxent_status_name(expected),
             clxent_ctx_last_error(ctx), clxent_ctx_build_log(ctx), about);
}

clxent_ctx *expect_ctx(void) {
    clxent_ctx *ctx = NULL;
    clxent_error err;
    const clxent_status status = clxent_ctx_create(&ctx, NULL, &err);
    if (status != CLXENT_OK) fail_msg("no device: %s: %s", clxent_status_name(status), err.message);
    return ctx;
}

int expect_long(void) {
    const char *text = getenv("CLXENT_TEST_LONG");
    return text && strcmp(text, "1") == 0;
}

test_effort expect_effort(void) {
    const char *text = getenv("CLXENT_TEST_EFFORT");
    if (!text || !*text || strcmp(text, "full") == 0) return EFFORT_FULL;
    if (strcmp(text, "small") == 0) return EFFORT_SMALL;
    if (strcmp(text, "tiny") == 0) return EFFORT_TINY;
    fail_msg("CLXENT_TEST_EFFORT=%s is none of full, small, tiny", text);
    return EFFORT_FULL;
}
