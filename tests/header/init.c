/* SPDX-License-Identifier: Apache-2.0
 *
 * A struct set by its *_INIT macro and a struct set by its init function have the same bytes, whatever the
 * memory held before. The tests do not compare padding: neither has to write it. */
#include <clxent/clxent_experimental.h>
#include <clxent/clxent_opencl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Compares the bytes before a gap and those behind it. gap_end 0: there is no gap. */
static void assert_same(const void *macro, const void *function, size_t bytes, size_t gap, size_t gap_end) {
    if (gap_end == 0) gap = gap_end = bytes;
    assert_memory_equal(macro, function, gap);
    if (gap_end < bytes)
        assert_memory_equal((const char *)macro + gap_end, (const char *)function + gap_end, bytes - gap_end);
}

#define END_OF(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

/* test_<type>: calls the function on memory full of `dirt`, so that a member that it forgets shows. */
#define INIT_TEST(type, MACRO, gap, gap_end)                            \
    static void test_##type(void **state) {                             \
        (void)state;                                                    \
        const type macro = MACRO;                                       \
        const int dirt[] = {0x00, 0xa5, 0xff};                          \
        assert_int_equal(macro.struct_size, sizeof(type));              \
        for (size_t i = 0; i < sizeof dirt / sizeof *dirt; i++) {       \
            type function;                                              \
            memset(&function, dirt[i], sizeof function);                \
            type##_init(&function);                                     \
            assert_same(&macro, &function, sizeof macro, gap, gap_end); \
        }                                                               \
    }

INIT_TEST(clxent_ctx_options, CLXENT_CTX_OPTIONS_INIT, 0, 0)
INIT_TEST(clxent_desc, CLXENT_DESC_INIT, END_OF(clxent_desc, segment_dtype), offsetof(clxent_desc, rows))
INIT_TEST(clxent_scalars, CLXENT_SCALARS_INIT, 0, 0)
INIT_TEST(clxent_arrays, CLXENT_ARRAYS_INIT, 0, 0)
INIT_TEST(clxent_buffers, CLXENT_BUFFERS_INIT, 0, 0)
INIT_TEST(clxent_device_info, CLXENT_DEVICE_INFO_INIT, END_OF(clxent_device_info, opencl_c_version),
          offsetof(clxent_device_info, global_memory_bytes))
INIT_TEST(clxent_tuning, CLXENT_TUNING_INIT, 0, 0)

/* The macros hold the defaults that the headers state in words. */
static void test_stated_defaults(void **state) {
    (void)state;
    const clxent_desc desc = CLXENT_DESC_INIT;
    clxent_desc stated;
    memset(&stated, 0, sizeof stated);
    stated.struct_size = sizeof stated;
    stated.inner = 1;
    stated.logit_scale = 1.0;
    stated.grad_output = 1.0;
    assert_same(&desc, &stated, sizeof desc, END_OF(clxent_desc, segment_dtype), offsetof(clxent_desc, rows));

    const clxent_arrays arrays = CLXENT_ARRAYS_INIT;
    assert_int_equal(arrays.rows, CLXENT_ALL_ROWS);
    const clxent_buffers buffers = CLXENT_BUFFERS_INIT;
    assert_int_equal(buffers.rows, CLXENT_ALL_ROWS);
    const clxent_tuning tuning = CLXENT_TUNING_INIT;
#define IS_0(field, least, most, power) assert_int_equal(tuning.field, 0);
    CLXENT_TUNING_MAP(IS_0)
#undef IS_0
    const clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    assert_int_equal(info.struct_size, sizeof info);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clxent_ctx_options), cmocka_unit_test(test_clxent_desc),
        cmocka_unit_test(test_clxent_scalars),     cmocka_unit_test(test_clxent_arrays),
        cmocka_unit_test(test_clxent_buffers),     cmocka_unit_test(test_clxent_device_info),
        cmocka_unit_test(test_clxent_tuning),      cmocka_unit_test(test_stated_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
