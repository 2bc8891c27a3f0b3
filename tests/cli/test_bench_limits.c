/* SPDX-License-Identifier: Apache-2.0
 *
 * Every form of the kernels that measure memory works to the last word. The test tries all forms, because
 * another device may choose another form. There are sizes with and without a rest, and sizes that are smaller
 * than the share of one work-item.
 */
#include "bench/bench_limits.h"
#include "leave.h"
#include "shell/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const tool_command command = {.name = "test"};
static const tool_options options;
static session opened;
static bench_device device;
static bench_limits all;

static int open_all(void **state) {
    (void)state;
    return session_open(&opened, &command, &options) || bench_device_open(&device, &opened) ||
           limits_open(&all, &device);
}

static int close_all(void **state) {
    (void)state;
    limits_close(&all);
    bench_device_close(&device);
    session_close(&opened);
    return 0;
}

/* The largest size takes several work-items of every form. A small test (device_test.cmake) leaves it out. */
static void check_kind(limit_kind kind) {
    const int small = getenv("CLXENT_TEST_EFFORT") != NULL;
    const size_t sizes[] = {64, 4096, small ? 20032 : 200000 / 64 * 64, (size_t)5 << 20};
    for (size_t i = 0; i < (small ? 3 : 4); i++) {
        bench_limit limit = {.kind = kind, .bytes = sizes[i]};
        assert_int_equal(bench_buffer(&device, sizes[i], "a test", &limit.x), 0);
        if (kind == LIMIT_COPY) assert_int_equal(bench_buffer(&device, sizes[i], "a test", &limit.y), 0);
        for (limit.form = 0; limit.form < limit_forms(kind); limit.form++)
            if (limit_check(&all, &limit) != 0)
                fail_msg("form %d of the %s limit on %zu bytes", limit.form, limit_name(kind), sizes[i]);
        bench_buffer_free(&device, limit.x);
        bench_buffer_free(&device, limit.y);
    }
}

static void test_read(void **state) {
    (void)state;
    check_kind(LIMIT_READ);
}

static void test_update(void **state) {
    (void)state;
    check_kind(LIMIT_UPDATE);
}

static void test_copy(void **state) {
    (void)state;
    check_kind(LIMIT_COPY);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_update),
                                       cmocka_unit_test(test_copy)};
    return leave(cmocka_run_group_tests(tests, open_all, close_all));
}
