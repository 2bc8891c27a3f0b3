/* SPDX-License-Identifier: Apache-2.0
 *
 * The tuning table and the caller's own values: which line fits a device, and which values a field may have.
 * No device is needed. */
#include "tuning_table.h"
#include "tuning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct field {
    const char *name;
    size_t at;
    int32_t least, most;
    int power;
} field;
#define FIELD(name, least, most, power) {#name, offsetof(clxent_tuning, name), least, most, power},
static const field fields[] = {CLXENT_TUNING_MAP(FIELD)};
#undef FIELD
enum { FIELDS = sizeof fields / sizeof *fields };

static int32_t *value_in(clxent_tuning *t, const field *f) {
    return (int32_t *)((char *)t + f->at);
}

static clxent_device_info device(const char *platform, const char *name, const char *vendor,
                                 clxent_device_type type) {
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    info.type = type;
    snprintf(info.platform, sizeof info.platform, "%s", platform);
    snprintf(info.name, sizeof info.name, "%s", name);
    snprintf(info.vendor, sizeof info.vendor, "%s", vendor);
    return info;
}

/* The first line that fits the device counts: by its name, its platform, its vendor, its type, or for any
 * device. */
static void lines(void **state) {
    (void)state;
    static const clx_tuned_device table[] = {
        {"H200", "", {.group_width = 1}}, {"gpu", "Acme", {.group_width = 2}},
        {"pocl", "", {.group_width = 3}}, {"Rapid CL", "", {.group_width = 4}},
        {"cpu", "", {.group_width = 5}},  {"gpu", "", {.group_width = 6}},
        {"", "Acme", {.group_width = 7}}, {"", "", {.group_width = 8}},
    };
    const struct {
        clxent_device_info info;
        int32_t line;
    } cases[] = {
        {device("NVIDIA CUDA", "NVIDIA H200", "NVIDIA Corporation", CLXENT_DEVICE_GPU), 1},
        {device("nvidia cuda", "nvidia h200 nvl", "Acme", CLXENT_DEVICE_GPU), 1}, /* case does not matter */
        {device("CL", "G1", "Acme Inc.", CLXENT_DEVICE_GPU), 2},
        {device("Portable Computing Language", "pthread-x", "AuthenticAMD", CLXENT_DEVICE_CPU), 3},
        {device("Rapid CL 2", "C1", "", CLXENT_DEVICE_CPU), 4},
        {device("CL", "C1", "Acme", CLXENT_DEVICE_CPU), 5},
        {device("CL", "G1", "acme", CLXENT_DEVICE_GPU), 6}, /* case matters */
        {device("CL", "A1", "Acme", CLXENT_DEVICE_ACCELERATOR), 7},
        {device("CL", "A1", "", CLXENT_DEVICE_ACCELERATOR), 8},
        {device("", "", "", CLXENT_DEVICE_OTHER), 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(clx_tuning_in(table, &cases[i].info).group_width, cases[i].line);
}

/* The library's own table: every value is in its limits, none is missing, and the last line fits any device.
 */
static void own_table(void **state) {
    (void)state;
    const size_t count = sizeof clx_tuned_devices / sizeof *clx_tuned_devices;
    for (size_t i = 0; i < count; i++) {
        clxent_tuning line = clx_tuned_devices[i].tuning, merged = line;
        clxent_error err = {0};
        if (clx_tuning_merge(&merged, &line, &err) != CLXENT_OK) fail_msg("line %zu: %s", i, err.message);
        for (int f = 0; f < FIELDS; f++)
            if (*value_in(&line, &fields[f]) == 0) fail_msg("line %zu has no %s", i, fields[f].name);
    }
    assert_string_equal(clx_tuned_devices[count - 1].device, "");
    assert_string_equal(clx_tuned_devices[count - 1].vendor, "");

    const clxent_device_info gpu = device("New", "New 1", "New", CLXENT_DEVICE_GPU);
    const clxent_device_info cpu = device("New", "New 1", "New", CLXENT_DEVICE_CPU);
    assert_true(clx_tuning_of(&gpu).group_size > clx_tuning_of(&cpu).group_size);
    assert_int_equal(clx_tuning_of(&gpu).struct_size, sizeof(clxent_tuning));
}

/* A value other than 0 replaces the field. A value outside its limits is refused by name, and changes
 * nothing. */
static void limits(void **state) {
    (void)state;
    const clxent_tuning start = clx_tuned_devices[0].tuning;
    for (int f = 0; f < FIELDS; f++) {
        const field *it = &fields[f];
        const struct {
            int32_t value;
            int good;
        } cases[] = {{it->least, 1},
                     {it->most, 1},
                     {0, 1},
                     {-1, 0},
                     {it->most + 1, 0},
                     {INT32_MIN, 0},
                     {INT32_MAX, 0},
                     {-it->most, 0},
                     {12, !it->power && it->least <= 12},
                     {48, !it->power && it->most >= 48}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            clxent_tuning asked = CLXENT_TUNING_INIT, got = start, expected = start;
            clxent_error err = {0};
            char value[32];
            *value_in(&asked, it) = cases[i].value;
            const clxent_status status = clx_tuning_merge(&got, &asked, &err);
            if (cases[i].good && cases[i].value) *value_in(&expected, it) = cases[i].value;
            assert_memory_equal(&got, &expected, sizeof got);
            assert_int_equal(status, cases[i].good ? CLXENT_OK : CLXENT_ERR_ARGUMENT);
            if (cases[i].good) continue;
            snprintf(value, sizeof value, "is %d,", cases[i].value);
            assert_non_null(strstr(err.message, it->name));
            assert_non_null(strstr(err.message, value));
            snprintf(value, sizeof value, "[%d, %d]", it->least, it->most);
            assert_non_null(strstr(err.message, value));
        }
    }
}

static void sizes(void **state) {
    (void)state;
    static const size_t wrong[] = {0, 8, sizeof(clxent_tuning) + 8};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        clxent_tuning asked = CLXENT_TUNING_INIT, got = clx_tuned_devices[0].tuning;
        clxent_error err = {0};
        asked.struct_size = wrong[i];
        asked.wide_tile = 1;
        assert_int_equal(clx_tuning_merge(&got, &asked, &err), CLXENT_ERR_ARGUMENT);
        assert_non_null(strstr(err.message, "clxent_tuning.struct_size"));
        assert_memory_equal(&got, &clx_tuned_devices[0].tuning, sizeof got);
    }
}

static void group_sizes(void **state) {
    (void)state;
    const clxent_tuning t = {.group_size_short = 8, .group_size = 128};
    assert_int_equal(clx_group_size(&t, 1), 8);
    assert_int_equal(clx_group_size(&t, 1024), 8);
    assert_int_equal(clx_group_size(&t, 1025), 128);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines), cmocka_unit_test(own_table),   cmocka_unit_test(limits),
        cmocka_unit_test(sizes), cmocka_unit_test(group_sizes),
    };
    return cmocka_run_group_tests_name("tuning", tests, NULL, NULL);
}
