/* SPDX-License-Identifier: Apache-2.0
 *
 * Who computes matrix products: the choice of a provider, and its messages. */
#include "support/device_call.h"

#include "gemm.h"
#include "leave.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static clxent_ctx *ctx_with(const char *option, const char *variable) {
    clxent_ctx *ctx = NULL;
    clxent_error err;
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    char name[32];
    snprintf(name, sizeof name, "%s", option ? option : "");
    options.gemm = option ? name : NULL;
    if (variable) assert_int_equal(setenv("CLXENT_GEMM", variable, 1), 0);
    const clxent_status status = clxent_ctx_create(&ctx, &options, &err);
    assert_int_equal(unsetenv("CLXENT_GEMM"), 0);
    memset(name, 'x', sizeof name); /* the string need not live on */
    if (status != CLXENT_OK) fail_msg("%s", err.message);
    return ctx;
}

static void expect_provider(clxent_ctx *ctx, const char *expected, const char *says) {
    const char *name = NULL, *why = NULL;
    expect_status("clxent_ctx_gemm", ctx, clxent_ctx_gemm(ctx, CLXENT_F32, &name, &why), CLXENT_OK);
    assert_string_equal(name, expected);
    assert_says(why, says);
}

static void unknown_names(void **state) {
    (void)state;
    clxent_ctx *ctx = NULL;
    clxent_error err;
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    options.gemm = "cublas";
    assert_int_equal(clxent_ctx_create(&ctx, &options, &err), CLXENT_ERR_ARGUMENT);
    assert_null(ctx);
    assert_says(err.message,
                "clxent_ctx_options.gemm is \"cublas\"|\"auto\"|\"openblas\"|\"dnnl\"|\"clxent\"");
    assert_int_equal(setenv("CLXENT_GEMM", "Auto", 1), 0);
    assert_int_equal(clxent_ctx_create(&ctx, NULL, &err), CLXENT_ERR_ARGUMENT);
    assert_says(err.message, "CLXENT_GEMM is \"Auto\"|\"auto\"");
    assert_int_equal(unsetenv("CLXENT_GEMM"), 0);
}

static void the_option_comes_before_the_variable(void **state) {
    static const char *const none[] = {NULL, "", "auto"};
    (void)state;
    clxent_ctx *ctx = ctx_with("clxent", "openblas");
    expect_provider(ctx, "clxent", "the library's own kernel");
    clxent_ctx_destroy(ctx);
    ctx = ctx_with("", "clxent");
    expect_provider(ctx, "clxent", "the library's own kernel");
    clxent_ctx_destroy(ctx);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) { /* something is always there */
        const char *name = NULL;
        ctx = ctx_with(none[i], none[i]);
        expect_status("clxent_ctx_gemm", ctx, clxent_ctx_gemm(ctx, CLXENT_F32, &name, NULL), CLXENT_OK);
        assert_non_null(name);
        expect_status("clxent_ctx_gemm", ctx, clxent_ctx_gemm(ctx, CLXENT_F32, NULL, NULL), CLXENT_OK);
        clxent_ctx_destroy(ctx);
    }
    const char *name = "", *why = "";
    assert_int_equal(clxent_ctx_gemm(NULL, CLXENT_F32, &name, &why), CLXENT_ERR_ARGUMENT);
    assert_null(name);
    assert_null(why);
}

/* A library that is not there, or not what it should be. The named provider is refused; "auto" takes the
 * library's own kernel. */
static void libraries_that_are_not_there(void **state) {
    static const struct {
        const char *file, *says;
    } wrong[] = {
        {"/nonexistent/libopenblas.so", "CLXENT_OPENBLAS_LIBRARY names /nonexistent/libopenblas.so, which"},
        {"libnowhere.so.7", "CLXENT_OPENBLAS_LIBRARY names libnowhere.so.7, which is not there"},
        {CLXENT_TEST_TEXT_FILE, "CMakeLists.txt is there but does not load|"},
        {"libm.so.6", "libm.so.6 lacks cblas_sgemm"},
    };
    (void)state;
    owner o;
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    cl_device_exec_capabilities has = 0;
    assert_true(owner_open(&o, 0));
    assert_int_equal(clxent_ctx_device(o.ctx, &info), CLXENT_OK);
    assert_cl(clGetDeviceInfo(o.device, CL_DEVICE_EXECUTION_CAPABILITIES, sizeof has, &has, NULL));
    const bool fits = info.type == CLXENT_DEVICE_CPU && (has & CL_EXEC_NATIVE_KERNEL);
    owner_close(&o);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *says = fits ? wrong[i].says : "is no CPU that runs native kernels";
        assert_int_equal(setenv("CLXENT_OPENBLAS_LIBRARY", wrong[i].file, 1), 0);
        clxent_ctx *ctx = ctx_with("openblas", NULL);
        assert_int_equal(clxent_ctx_gemm(ctx, CLXENT_F32, NULL, NULL), CLXENT_ERR_UNSUPPORTED);
        assert_says(clxent_ctx_last_error(ctx), "\"openblas\" cannot compute matrix products on|auto");
        assert_says(clxent_ctx_last_error(ctx), says);
        clxent_ctx_destroy(ctx);
        ctx = ctx_with("auto", NULL);
        if (fits) expect_provider(ctx, "clxent", says);
        clxent_ctx_destroy(ctx);
        assert_int_equal(unsetenv("CLXENT_OPENBLAS_LIBRARY"), 0);
    }
}

static void a_clblast_that_is_not_there(void **state) {
    static const char *const wrong[][2] = {
        {"libnowhere.so.7", "CLXENT_CLBLAST_LIBRARY names libnowhere.so.7"},
        {"libm.so.6", "libm.so.6 lacks CLBlastSgemm"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(setenv("CLXENT_CLBLAST_LIBRARY", wrong[i][0], 1), 0);
        clxent_ctx *ctx = ctx_with("clblast", NULL);
        assert_int_equal(clxent_ctx_gemm(ctx, CLXENT_F32, NULL, NULL), CLXENT_ERR_UNSUPPORTED);
        assert_says(clxent_ctx_last_error(ctx), wrong[i][1]);
        clxent_ctx_destroy(ctx);
        assert_int_equal(unsetenv("CLXENT_CLBLAST_LIBRARY"), 0);
    }
}

/* The types of a product's factors. "auto" takes oneDNN for bf16 where that is faster than f32 by any other.
 */
static void types_of_factors(void **state) {
    (void)state;
    const char *name = NULL, *why = NULL;
    clxent_ctx *ctx = ctx_with("auto", NULL);
    expect_status("clxent_ctx_gemm", ctx, clxent_ctx_gemm(ctx, CLXENT_BF16, &name, &why), CLXENT_OK);
    print_message("bf16 by %s: %s\n", name, why);
    if (strcmp(name, "dnnl") == 0) assert_says(why, "oneDNN|AMX");
    clxent_product product = {.struct_size = sizeof product, .m = 1, .n = 1, .k = 1};
    product.a.dtype = CLXENT_BF16;
    assert_int_equal(clxent_ctx_enqueue_product(ctx, &product, 0, NULL, NULL), CLXENT_ERR_DTYPE);
    product.b.dtype = product.a.dtype = CLXENT_F64;
    assert_int_equal(clxent_ctx_enqueue_product(ctx, &product, 0, NULL, NULL), CLXENT_ERR_DTYPE);
    assert_says(clxent_ctx_last_error(ctx), "a product of f64 and f64 in f32|takes two factors in f32");
    clxent_ctx_destroy(ctx);
    ctx = ctx_with("clxent", NULL); /* it is asked for, so it computes all */
    expect_status("clxent_ctx_gemm", ctx, clxent_ctx_gemm(ctx, CLXENT_BF16, &name, NULL), CLXENT_OK);
    assert_string_equal(name, "clxent");
    clxent_ctx_destroy(ctx);
}

/* Without oneDNN "auto" takes for bf16 what it takes for f32. */
static void a_dnnl_that_is_not_there(void **state) {
    static const char *const wrong[][2] = {{"libnowhere.so.7", "CLXENT_DNNL_LIBRARY names libnowhere.so.7|"},
                                           {"libm.so.6", "libm.so.6 lacks dnnl_version|"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *name = NULL, *of_f32 = NULL;
        assert_int_equal(setenv("CLXENT_DNNL_LIBRARY", wrong[i][0], 1), 0);
        clxent_ctx *ctx = ctx_with("dnnl", NULL);
        assert_int_equal(clxent_ctx_gemm(ctx, CLXENT_F32, NULL, NULL), CLXENT_ERR_UNSUPPORTED);
        const char *says = clxent_ctx_last_error(ctx);
        if (!strstr(says, "built without oneDNN") && !strstr(says, "is no CPU that runs native kernels"))
            assert_says(says, wrong[i][1]);
        clxent_ctx_destroy(ctx);
        ctx = ctx_with("auto", NULL);
        expect_status("f32", ctx, clxent_ctx_gemm(ctx, CLXENT_F32, &of_f32, NULL), CLXENT_OK);
        expect_status("bf16", ctx, clxent_ctx_gemm(ctx, CLXENT_BF16, &name, NULL), CLXENT_OK);
        assert_string_equal(name, of_f32);
        clxent_ctx_destroy(ctx);
        assert_int_equal(unsetenv("CLXENT_DNNL_LIBRARY"), 0);
    }
}

static clxent_status refuse(void *user, cl_command_queue queue, const clxent_product *product, cl_uint n_wait,
                            const cl_event *wait, cl_event *event) {
    (void)user, (void)queue, (void)product, (void)n_wait, (void)wait, (void)event;
    return CLXENT_ERR_UNSUPPORTED;
}

static void a_provider_of_the_program(void **state) {
    (void)state;
    clxent_ctx *ctx = ctx_with("clxent", NULL);
    const clxent_gemm mine = {sizeof mine, "mine", refuse, &ctx, 1, 1u << CLXENT_BF16};
    clxent_gemm wrong = mine, got;
    assert_int_equal(clxent_ctx_set_gemm(NULL, &mine), CLXENT_ERR_ARGUMENT);
    expect_status("set", ctx, clxent_ctx_set_gemm(ctx, &mine), CLXENT_OK);
    expect_provider(ctx, "mine", "clxent_ctx_set_gemm()");
    wrong.struct_size = 8;
    assert_int_equal(clxent_ctx_set_gemm(ctx, &wrong), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(ctx), "clxent_gemm.struct_size is 8");
    wrong = mine;
    wrong.name = NULL;
    assert_int_equal(clxent_ctx_set_gemm(ctx, &wrong), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(ctx), "gemm.name is NULL");
    wrong = mine;
    wrong.enqueue = NULL;
    assert_int_equal(clxent_ctx_set_gemm(ctx, &wrong), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(ctx), "gemm.enqueue is NULL");
    wrong = mine;
    wrong.heeds_row_count = 2;
    assert_int_equal(clxent_ctx_set_gemm(ctx, &wrong), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(ctx), "gemm.heeds_row_count is 2, must be 0 or 1");
    wrong = mine;
    wrong.dtypes |= 1u << CLXENT_F64;
    assert_int_equal(clxent_ctx_set_gemm(ctx, &wrong), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(ctx), "gemm.dtypes is 0x|CLXENT_BF16|CLXENT_F16");
    expect_provider(ctx, "mine", "clxent_ctx_set_gemm()"); /* the refused ones changed nothing */
    expect_status("clx_gemm_of", ctx, clx_gemm_of(ctx, CLXENT_F32, &got), CLXENT_OK);
    assert_memory_equal(&got, &mine, sizeof got);
    expect_status("set", ctx, clxent_ctx_set_gemm(ctx, NULL), CLXENT_OK);
    expect_provider(ctx, "clxent", "the library's own kernel");
    clxent_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(the_option_comes_before_the_variable),
        cmocka_unit_test(libraries_that_are_not_there),
        cmocka_unit_test(a_clblast_that_is_not_there),
        cmocka_unit_test(a_dnnl_that_is_not_there),
        cmocka_unit_test(types_of_factors),
        cmocka_unit_test(a_provider_of_the_program),
    };
    return leave(cmocka_run_group_tests_name("gemm_choice", tests, NULL, NULL));
}
