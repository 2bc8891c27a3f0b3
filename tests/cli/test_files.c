/* SPDX-License-Identifier: Apache-2.0
 *
 * The tool's file layer without the tool. It refuses every prefix of a good file. It reads or refuses a file
 * with any changed byte in its header, and never reads outside of the file. It reads back its own files.
 * Types convert as IEEE 754 says. The demo's arrays equal the files of the cases.
 */
#include "cases.h"
#include "commands/demo.h"
#include "files/dtype_values.h"
#include "said.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void write_bytes(const char *path, const unsigned char *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static size_t read_bytes(const char *path, unsigned char *bytes, size_t most) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t count = fread(bytes, 1, most, file);
    assert_true(count > 0 && count < most);
    fclose(file);
    return count;
}

/* Reads every element, so that a read outside of the file shows. */
static int opens(const char *spec, double *sum) {
    char message[1400] = "";
    tensor t;
    const int status = tensor_open(&t, spec, message, sizeof message);
    if (status != 0) {
        assert_int_equal(status, -1);
        assert_non_null(strstr(message, "damaged"));
        assert_true(strlen(message) > strlen("damaged.npy: "));
        assert_null(t.data);
        return 0;
    }
    assert_string_equal(message, "");
    assert_int_equal(t.bytes, (size_t)t.count * clxent_dtype_size(t.dtype));
    assert_int_equal((uintptr_t)t.data % clxent_dtype_size(t.dtype), 0);
    *sum = 0;
    for (int64_t i = 0; i < t.count; i++) *sum += value_at(t.dtype, t.data, i);
    tensor_close(&t);
    return 1;
}

static void damage(const char *path, const char *spec, const unsigned char *good, size_t count,
                   size_t header) {
    unsigned char bad[1024];
    double sum = 0;
    write_bytes(path, good, count);
    assert_true(opens(spec, &sum));
    assert_true(sum == 21); /* 1 + ... + 6 */
    for (size_t n = 0; n < count; n++) {
        write_bytes(path, good, n);
        assert_false(opens(spec, &sum));
    }
    static const char values[] = "\0 \n'\"09-,:()[]{}<|LT\x7f\xff";
    for (size_t at = 0; at < header; at++)
        for (size_t v = 0; v < sizeof values + 8; v++) { /* these values, and each bit flipped */
            memcpy(bad, good, count);
            bad[at] = (unsigned char)(v < sizeof values ? values[v] : good[at] ^ (1 << (v - sizeof values)));
            write_bytes(path, bad, count);
            (void)opens(spec, &sum); /* either answer is right, but no read outside of the file */
        }
    unlink(path);
}

static void damaged_npy(void **state) {
    (void)state;
    static const float values[] = {1, 2, 3, 4, 5, 6};
    static const int64_t shape[] = {2, 3};
    unsigned char good[1024];
    char message[1400];
    assert_int_equal(npy_write("damaged.npy", CLXENT_F32, 2, shape, values, message, sizeof message), 0);
    const size_t count = read_bytes("damaged.npy", good, sizeof good);
    damage("damaged.npy", "damaged.npy", good, count, count - sizeof values);
}

static void damaged_safetensors(void **state) {
    (void)state;
    static const float values[] = {1, 2, 3, 4, 5, 6};
    static const char header[] = "{\"x\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                                 "\"y\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[24,25]}}";
    unsigned char good[1024] = {sizeof header - 1};
    memcpy(good + 8, header, sizeof header - 1);
    memcpy(good + 8 + sizeof header - 1, values, sizeof values);
    damage("damaged.safetensors", "damaged.safetensors:x", good, 8 + sizeof header - 1 + sizeof values + 1,
           8 + sizeof header - 1);
}

/* Every type that .npy has, every number of dimensions, and arrays without elements. */
static void written_and_read(void **state) {
    (void)state;
    static const clxent_dtype types[] = {CLXENT_F32, CLXENT_F16, CLXENT_F64, CLXENT_I64,
                                         CLXENT_I32, CLXENT_U16, CLXENT_U8};
    static const int64_t shape[TENSOR_MAX_DIMS] = {2, 1, 3, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    unsigned char data[12 * 8];
    char message[1400];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(37 * i + 1);
    for (size_t type = 0; type < sizeof types / sizeof *types; type++)
        for (int ndim = 0; ndim <= TENSOR_MAX_DIMS; ndim++) {
            tensor t;
            assert_int_equal(
                npy_write("written.npy", types[type], ndim, shape, data, message, sizeof message), 0);
            assert_int_equal(tensor_open(&t, "written.npy", message, sizeof message), 0);
            assert_int_equal(t.dtype, types[type]);
            assert_int_equal(t.ndim, ndim);
            assert_memory_equal(t.shape, shape, (size_t)ndim * sizeof *shape);
            assert_memory_equal(t.data, data, t.bytes);
            tensor_close(&t);
        }
    tensor t;
    assert_int_equal(
        npy_write("written.npy", CLXENT_F32, 2, (int64_t[]){0, 5}, data, message, sizeof message), 0);
    assert_int_equal(tensor_open(&t, "written.npy", message, sizeof message), 0);
    assert_int_equal(t.count, 0);
    tensor_close(&t);
    tensor_close(&t); /* a zeroed tensor may be closed */
    assert_int_equal(npy_write("written.npy", CLXENT_BF16, 0, NULL, data, message, sizeof message), -1);
    assert_non_null(strstr(message, "written.npy: cannot write: .npy has no type"));
    said(message);
    assert_int_equal(
        npy_write("written.npy", CLXENT_F32, TENSOR_MAX_DIMS + 1, shape, data, message, sizeof message), -1);
    assert_string_equal(message, "written.npy: cannot write: 17 dimensions are not in [0, 16]");
    said(message);
    unlink("written.npy");
}

/* Compares with the tests' own conversions: every 16-bit number, and the values at and beside each midpoint
 * of two neighbours. */
static void sixteen_bits(void **state) {
    (void)state;
    static const clxent_dtype types[] = {CLXENT_F16, CLXENT_BF16};
    for (int type = 0; type < 2; type++)
        for (int bits = 0; bits < 0x10000; bits++) {
            const uint16_t stored = (uint16_t)bits;
            const double value = value_at(types[type], &stored, 0), own = element(types[type], &stored, 0);
            if (isnan(own)) {
                assert_true(isnan(value));
                continue;
            }
            assert_true(value == own);
            const uint16_t next = (uint16_t)(bits + 1);
            const double up = element(types[type], &next, 0);
            const double middle = isfinite(own) && isfinite(up) ? own + (up - own) / 2 : own;
            const double near[] = {own, middle, nextafter(middle, INFINITY), nextafter(middle, -INFINITY)};
            for (int i = 0; i < 4; i++) {
                uint16_t got, expected;
                values_convert(types[type], &got, CLXENT_F64, &near[i], 1);
                set_element(types[type], &expected, 0, near[i]);
                assert_int_equal(got, expected);
            }
        }
    const double extremes[] = {1e300,  -1e300, INFINITY, -INFINITY, 65519.99, 65520, 3.3961775292304602e38,
                               1e-300, -0.0};
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++)
        for (int type = 0; type < 2; type++) {
            uint16_t got, expected;
            values_convert(types[type], &got, CLXENT_F64, &extremes[i], 1);
            set_element(types[type], &expected, 0, extremes[i]);
            assert_int_equal(got, expected);
        }
}

static void same(const char *what, const tensor *t, clxent_dtype dtype, const void *data, int64_t count) {
    assert_non_null(t);
    expect_about("%s", what);
    expect_integer("elements", -1, t->count, count);
    for (int64_t i = 0; i < count; i++)
        expect_near(what, i, CLXENT_F64, value_at(dtype, data, i), value_at(t->dtype, t->data, i), 0);
}

static void demo_data(void **state) {
    (void)state;
    test_case c;
    case_open(&c, "notebook/1_next_token");
    same("demo_tokens", &c.tokens, CLXENT_I64, demo_tokens, DEMO_SEQUENCES * DEMO_TOKENS);
    case_close(&c);
    case_open(&c, "notebook/2_log_softmax");
    same("demo_nll_logits", &c.logits, CLXENT_F32, demo_nll_logits, DEMO_ROWS * DEMO_CLASSES);
    same("demo_nll_log_probs", case_output(&c, "log_probs"), CLXENT_F64, demo_nll_log_probs,
         DEMO_ROWS * DEMO_CLASSES);
    case_close(&c);
    case_open(&c, "notebook/3_nll_loss");
    same("demo_nll_targets", &c.targets, CLXENT_I64, demo_nll_targets, DEMO_ROWS);
    same("demo_nll_loss", case_output(&c, "loss"), CLXENT_F64, &demo_nll_loss, 1);
    case_close(&c);
    case_open(&c, "notebook/4_cross_entropy");
    same("demo_logits", &c.logits, CLXENT_F32, demo_logits, DEMO_ROWS * DEMO_CLASSES);
    same("demo_targets", &c.targets, CLXENT_I64, demo_targets, DEMO_ROWS);
    same("demo_loss", case_output(&c, "loss"), CLXENT_F64, &demo_loss, 1);
    case_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(damaged_npy), cmocka_unit_test(damaged_safetensors),
                                       cmocka_unit_test(written_and_read), cmocka_unit_test(sixteen_bits),
                                       cmocka_unit_test(demo_data)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
