/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a host's size_t holds a number of 64 bits: with the largest size of a host of 32 bits, and with
 * that of this host. */
#include "sizes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void sizes_that_fit(void **state) {
    (void)state;
    static const uint64_t numbers[] = {0, 1, UINT32_MAX - 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        size_t size = 7;
        assert_true(clx_fits_size(numbers[i], UINT32_MAX, &size));
        assert_true(size == numbers[i]);
    }
    size_t size = 7;
    assert_true(clx_fits_size(SIZE_MAX, SIZE_MAX, &size));
    assert_true(size == SIZE_MAX);
}

/* The lower half of each number is a size that fits, so a wrapped size would pass. */
static void sizes_that_do_not_fit(void **state) {
    (void)state;
    static const uint64_t numbers[] = {(uint64_t)UINT32_MAX + 1, (uint64_t)UINT32_MAX + 9, UINT64_C(7) << 40,
                                       UINT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        size_t size = 7;
        assert_false(clx_fits_size(numbers[i], UINT32_MAX, &size));
        assert_true(size == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_that_fit),
        cmocka_unit_test(sizes_that_do_not_fit),
    };
    return cmocka_run_group_tests_name("sizes", tests, NULL, NULL);
}
