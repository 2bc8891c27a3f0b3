/* SPDX-License-Identifier: Apache-2.0
 *
 * Every public function gets NULL in place of a pointer. It must return a status and must not crash; no
 * device is needed. device/wrong_use_*.c tests NULL beside a live context. */
#include <clxent/clxent_experimental.h>
#include <clxent/clxent_opencl.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A pointer that a refused call must not follow: it is neither NULL nor valid. */
static void *const nowhere = (void *)(uintptr_t)16;

static void functions_that_give_back_nothing(void **state) {
    (void)state;
    clxent_ctx_destroy(NULL);
    clxent_plan_destroy(NULL);
    clxent_ctx_options_init(NULL);
    clxent_desc_init(NULL);
    clxent_scalars_init(NULL);
    clxent_arrays_init(NULL);
    clxent_buffers_init(NULL);
    clxent_tuning_init(NULL);
}

static void contexts(void **state) {
    (void)state;
    clxent_error err;
    memset(&err, 0x7B, sizeof err);
    assert_int_equal(clxent_ctx_create(NULL, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_ctx_create(NULL, NULL, &err), CLXENT_ERR_ARGUMENT);
    assert_int_equal(err.status, CLXENT_ERR_ARGUMENT);
    assert_int_equal(err.opencl_code, 0);
    assert_non_null(strstr(err.message, "out"));
    assert_int_equal(clxent_ctx_create_from_queue(NULL, NULL, NULL, NULL), CLXENT_ERR_ARGUMENT);

    clxent_ctx *ctx = nowhere;
    assert_int_equal(clxent_ctx_create_from_queue(&ctx, NULL, NULL, &err), CLXENT_ERR_ARGUMENT);
    assert_null(ctx);
    assert_non_null(strstr(err.message, "queue"));

    assert_string_equal(clxent_ctx_last_error(NULL), "");
    assert_string_equal(clxent_ctx_build_log(NULL), "");
    assert_null(clxent_ctx_queue(NULL));
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    assert_int_equal(clxent_ctx_device(NULL, &info), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_ctx_device(NULL, NULL), CLXENT_ERR_ARGUMENT);
    clxent_tuning tuning = CLXENT_TUNING_INIT;
    assert_int_equal(clxent_ctx_set_tuning(NULL, &tuning), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_ctx_set_tuning(NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_ctx_tuning(NULL, &tuning), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_ctx_tuning(NULL, NULL), CLXENT_ERR_ARGUMENT);
    size_t bytes = 7;
    assert_int_equal(clxent_ctx_export_programs(NULL, nowhere, 8, &bytes), CLXENT_ERR_ARGUMENT);
    assert_int_equal(bytes, 0);
    assert_int_equal(clxent_ctx_export_programs(NULL, NULL, 0, NULL), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_ctx_import_programs(NULL, nowhere, 8), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_ctx_import_programs(NULL, NULL, 0), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_ctx_programs_compiled(NULL), 0);
}

/* The library refuses options of a size that it does not know, before it looks for a device. */
static void options_of_another_size(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 8, 99999};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
        options.struct_size = sizes[i];
        clxent_error err;
        clxent_ctx *ctx = nowhere;
        assert_int_equal(clxent_ctx_create(&ctx, &options, &err), CLXENT_ERR_ARGUMENT);
        assert_null(ctx);
        assert_non_null(strstr(err.message, "struct_size"));
    }
}

static void plans(void **state) {
    (void)state;
    clxent_desc desc = CLXENT_DESC_INIT;
    clxent_plan *plan = nowhere;
    clxent_scalars scalars = CLXENT_SCALARS_INIT;
    clxent_schedule schedule = CLXENT_SCHEDULE_WIDE;
    const clxent_arrays arrays = CLXENT_ARRAYS_INIT;
    const clxent_buffers buffers = CLXENT_BUFFERS_INIT;
    size_t bytes = 7;
    assert_int_equal(clxent_plan_create(NULL, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_plan_create(&plan, NULL, &desc), CLXENT_ERR_ARGUMENT);
    assert_null(plan);
    plan = nowhere;
    assert_int_equal(clxent_plan_create_scheduled(NULL, NULL, NULL, CLXENT_SCHEDULE_LANE),
                     CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_plan_create_scheduled(&plan, NULL, &desc, CLXENT_SCHEDULE_LANE),
                     CLXENT_ERR_ARGUMENT);
    assert_null(plan);
    assert_int_equal(clxent_run(NULL, &arrays), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_run(NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_enqueue(NULL, &buffers, 0, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_plan_scalars(NULL, &scalars), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_plan_scalars(NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_plan_schedule(NULL, &schedule), CLXENT_ERR_ARGUMENT);
    assert_int_equal(schedule, CLXENT_SCHEDULE_WIDE);
    assert_int_equal(clxent_device_schedule(NULL), CLXENT_SCHEDULE_AUTO);
    assert_int_equal(clxent_workspace_bytes(NULL, &bytes), CLXENT_ERR_ARGUMENT);
    assert_int_equal(bytes, 7);
}

static void device_lists(void **state) {
    (void)state;
    clxent_error err;
    size_t count = 0;
    assert_int_equal(clxent_list_devices(NULL, 0, 0, NULL, &err), CLXENT_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "count"));
    assert_int_equal(clxent_list_devices(NULL, 0, 4, &count, &err), CLXENT_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "out"));
    assert_int_equal(clxent_list_devices(NULL, 0, 4, &count, NULL), CLXENT_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_that_give_back_nothing),
        cmocka_unit_test(contexts),
        cmocka_unit_test(options_of_another_size),
        cmocka_unit_test(plans),
        cmocka_unit_test(device_lists),
    };
    return cmocka_run_group_tests_name("null", tests, NULL, NULL);
}
