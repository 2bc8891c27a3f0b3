/* SPDX-License-Identifier: Apache-2.0
 *
 * A kernel that does not compile (layers/break_builds.c sees to that): the status, the message, the
 * compiler's log, and a context that can still be asked and closed. */
#include "expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void plan_is_refused(void **state) {
    (void)state;
    clxent_ctx *ctx = expect_ctx();
    clxent_plan *plan = (clxent_plan *)ctx;
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = 2;
    desc.classes = 3;
    assert_string_equal(clxent_ctx_build_log(ctx), "");
    for (int attempt = 0; attempt < 2; attempt++) {
        assert_int_equal(clxent_plan_create(&plan, ctx, &desc), CLXENT_ERR_BUILD);
        assert_null(plan);
        assert_non_null(strstr(clxent_ctx_last_error(ctx), ".cl did not compile"));
        assert_non_null(strstr(clxent_ctx_last_error(ctx), "-DREAL_F64=0"));
        assert_non_null(strstr(clxent_ctx_build_log(ctx), "this_is_no_type"));
    }
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    assert_int_equal(clxent_ctx_device(ctx, &info), CLXENT_OK);
    clxent_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(plan_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
