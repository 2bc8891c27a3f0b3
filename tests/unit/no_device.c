/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine without a driver: ctest points the loader at an empty folder. Each function that looks for a
 * device must say what is missing, and must leave nothing open. */
#include "said.h"

#include <clxent/clxent.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void no_device_to_open(void **state) {
    (void)state;
    static const char *const devices[] = {NULL, "", "gpu", "0", "pocl"};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
        options.device = devices[i];
        clxent_error err;
        clxent_ctx *ctx = (clxent_ctx *)&ctx; /* must become NULL */
        assert_int_equal(clxent_ctx_create(&ctx, &options, &err), CLXENT_ERR_NO_DEVICE);
        assert_null(ctx);
        assert_int_equal(err.status, CLXENT_ERR_NO_DEVICE);
        assert_true(strlen(err.message) > 20); /* says what to do, in more than a word */
        said(err.message);
        assert_int_equal(clxent_ctx_create(&ctx, &options, NULL), CLXENT_ERR_NO_DEVICE);
    }
}

static void no_device_to_list(void **state) {
    (void)state;
    clxent_device_info info[2];
    clxent_error err;
    size_t count = 9;
    assert_int_equal(clxent_list_devices(info, sizeof(clxent_device_info), 2, &count, &err),
                     CLXENT_ERR_NO_DEVICE);
    assert_int_equal(count, 0);
    assert_true(strlen(err.message) > 20);
    assert_int_equal(clxent_list_devices(NULL, 0, 0, &count, NULL), CLXENT_ERR_NO_DEVICE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_device_to_open),
        cmocka_unit_test(no_device_to_list),
    };
    return cmocka_run_group_tests_name("no device", tests, NULL, NULL);
}
