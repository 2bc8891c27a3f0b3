/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the library that need no device: status values with their names and texts, element sizes,
 * other names, schedules of devices, the version. header/ tests the initial values of structs. */
#include <clxent/clxent_experimental.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Other programs store these values. They are written out here, and not taken from the list under test. */
static const struct {
    int code;
    const char *name;
} pinned[] = {
    {0, "CLXENT_OK"},
    {1, "CLXENT_ERR_ARGUMENT"},
    {2, "CLXENT_ERR_SHAPE"},
    {3, "CLXENT_ERR_DTYPE"},
    {4, "CLXENT_ERR_TARGET"},
    {5, "CLXENT_ERR_BUFFER"},
    {6, "CLXENT_ERR_UNSUPPORTED"},
    {7, "CLXENT_ERR_NO_DEVICE"},
    {8, "CLXENT_ERR_OPENCL"},
    {9, "CLXENT_ERR_BUILD"},
    {10, "CLXENT_ERR_MEMORY"},
    {11, "CLXENT_ERR_FORK"},
};
enum { STATUSES = sizeof pinned / sizeof *pinned };

static void statuses(void **state) {
    (void)state;
    int listed = 0;
#define CHECK(code_, name_, text_)                                                  \
    assert_true(listed < STATUSES);                                                 \
    assert_int_equal(CLXENT_##name_, pinned[listed].code);                          \
    assert_int_equal(code_, pinned[listed].code);                                   \
    assert_string_equal(clxent_status_name(CLXENT_##name_), pinned[listed++].name); \
    assert_string_equal(clxent_status_text(CLXENT_##name_), text_);
    CLXENT_STATUS_MAP(CHECK)
#undef CHECK
    assert_int_equal(listed, STATUSES);
    for (int i = 0; i < STATUSES; i++) {
        const char *text = clxent_status_text((clxent_status)i);
        assert_true(strlen(text) > 0);
        for (int k = 0; k < i; k++) assert_string_not_equal(text, clxent_status_text((clxent_status)k));
    }
}

static void unknown_statuses(void **state) {
    (void)state;
    static const int unknown[] = {-1, STATUSES, 1000, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_string_equal(clxent_status_name((clxent_status)unknown[i]), "CLXENT_UNKNOWN");
        assert_string_equal(clxent_status_text((clxent_status)unknown[i]), "unknown status");
    }
}

static void element_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 4, 2, 2, 8,
                                   8, 4, 2, 1}; /* by pinned value, CLXENT_DTYPE_DEFAULT first */
    for (int i = 0; i < 9; i++) assert_int_equal(clxent_dtype_size((clxent_dtype)i), sizes[i]);
    assert_int_equal(CLXENT_U8, 8);
    assert_int_equal(clxent_dtype_size((clxent_dtype)9), 0);
    assert_int_equal(clxent_dtype_size((clxent_dtype)-1), 0);
}

/* The values and the names of enumerations are pinned: programs print them, and files have them. */
static void names(void **state) {
    (void)state;
    static const char *const ops[] = {"cross-entropy",        "nll",    "softmax", "log-softmax",
                                      "linear-cross-entropy", "unknown"};
    static const char *const dtypes[] = {"default", "f32", "f16", "bf16", "f64",
                                         "i64",     "i32", "u16", "u8",   "unknown"};
    static const char *const reductions[] = {"mean", "sum", "none", "unknown"};
    static const char *const targets[] = {"class", "probability", "next-token", "unknown"};
    static const char *const empty_means[] = {"nan", "zero", "unknown"};
    static const char *const schedules[] = {"auto", "lane", "group", "wide", "split", "unknown"};
#define CHECK(type, texts)                                                     \
    for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++)              \
        assert_string_equal(clxent_##type##_name((clxent_##type)i), texts[i]); \
    assert_string_equal(clxent_##type##_name((clxent_##type) - 1), "unknown");
    CHECK(op, ops)
    CHECK(dtype, dtypes)
    CHECK(reduction, reductions)
    CHECK(targets, targets)
    CHECK(empty_mean, empty_means)
    CHECK(schedule, schedules)
#undef CHECK
    assert_int_equal(CLXENT_LINEAR_CROSS_ENTROPY, 4);
    assert_int_equal(CLXENT_NONE, 2);
    assert_int_equal(CLXENT_TARGETS_NEXT_TOKEN, 2);
    assert_int_equal(CLXENT_EMPTY_MEAN_ZERO, 1);
    assert_int_equal(CLXENT_SCHEDULE_SPLIT, 4);
}

/* The schedule of a device, from its own description: a CPU takes long rows in vectors, an emulated one does
 * not. */
static void schedules_of_devices(void **state) {
    (void)state;
    static const struct {
        const char *platform, *name;
        clxent_device_type type;
        clxent_schedule schedule;
    } cases[] = {
        {"Portable Computing Language", "pthread-x", CLXENT_DEVICE_CPU, CLXENT_SCHEDULE_WIDE},
        {"New", "New 1", CLXENT_DEVICE_CPU, CLXENT_SCHEDULE_WIDE},
        {"New", "New 1", CLXENT_DEVICE_GPU, CLXENT_SCHEDULE_GROUP},
        {"New", "New 1", CLXENT_DEVICE_ACCELERATOR, CLXENT_SCHEDULE_GROUP},
        {"New", "New 1", CLXENT_DEVICE_OTHER, CLXENT_SCHEDULE_GROUP},
        {"rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", CLXENT_DEVICE_CPU, CLXENT_SCHEDULE_GROUP},
        {"Oclgrind", "Oclgrind Simulator", CLXENT_DEVICE_CPU, CLXENT_SCHEDULE_GROUP},
        {"rusticl", "AMD Radeon", CLXENT_DEVICE_GPU, CLXENT_SCHEDULE_GROUP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
        info.type = cases[i].type;
        snprintf(info.platform, sizeof info.platform, "%s", cases[i].platform);
        snprintf(info.name, sizeof info.name, "%s", cases[i].name);
        if (clxent_device_schedule(&info) != cases[i].schedule)
            fail_msg("%s / %s: %s", info.platform, info.name,
                     clxent_schedule_name(clxent_device_schedule(&info)));
    }
}

static void version(void **state) {
    (void)state;
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", CLXENT_VERSION_MAJOR, CLXENT_VERSION_MINOR, CLXENT_VERSION_PATCH);
    assert_string_equal(clxent_version(), text);
    assert_string_equal(clxent_version(), CLXENT_TEST_VERSION); /* the build read the same version */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses), cmocka_unit_test(unknown_statuses),     cmocka_unit_test(element_sizes),
        cmocka_unit_test(names),    cmocka_unit_test(schedules_of_devices), cmocka_unit_test(version),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
