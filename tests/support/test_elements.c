/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests the tests' own 16-bit conversions, with every value of each type and with numbers between neighbours.
 */
#include "expect.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef struct format {
    uint16_t (*bits)(double);
    double (*value)(uint16_t);
    uint16_t infinity;
    double greatest;
} format;

static const format formats[] = {{f16_bits, f16_value, 0x7C00, 65504.0},
                                 {bf16_bits, bf16_value, 0x7F80, 0x1.FEp127}};

static void every_value_and_midpoint(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const format *f = &formats[i];
        assert_true(f->value((uint16_t)(f->infinity - 1)) == f->greatest);
        for (uint16_t bits = 0; bits < f->infinity; bits++) {
            const double value = f->value(bits);
            assert_int_equal(f->bits(value), bits);
            assert_int_equal(f->bits(-value), bits | 0x8000);
            /* the next value; behind the greatest one, the number that would follow without infinity */
            const double next = bits + 1 < f->infinity ? f->value((uint16_t)(bits + 1))
                                                       : 2 * value - f->value((uint16_t)(bits - 1));
            const double middle = (value + next) / 2;
            assert_int_equal(f->bits(middle), bits + (bits & 1)); /* a tie goes to the even one */
            assert_int_equal(f->bits(nextafter(middle, 0)), bits);
            assert_int_equal(f->bits(nextafter(middle, INFINITY)), bits + 1);
        }
    }
}

static void what_is_no_number(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const format *f = &formats[i];
        assert_int_equal(f->bits(INFINITY), f->infinity);
        assert_int_equal(f->bits(-INFINITY), f->infinity | 0x8000);
        assert_int_equal(f->bits(1e300), f->infinity);
        assert_true(isinf(f->value(f->infinity)));
        assert_true(isnan(f->value(f->bits(NAN))));
        assert_int_equal(f->bits(1e-300), 0);
        assert_int_equal(f->bits(-0.0), 0x8000);
    }
}

static void known_values(void **state) {
    (void)state;
    assert_int_equal(f16_bits(1.0), 0x3C00);
    assert_int_equal(f16_bits(-2.0), 0xC000);
    assert_int_equal(f16_bits(0x1p-24), 0x0001);
    assert_int_equal(bf16_bits(1.0), 0x3F80);
    assert_int_equal(bf16_bits(3.140625), 0x4049);
    assert_true(bf16_value(0x0001) == 0x1p-133);
}

/* Half a unit, and agreement at the bound and beyond it. */
static void agreement(void **state) {
    (void)state;
    assert_true(reference_half_unit(REFERENCE_F32, 1.0) == 0x1p-24);
    assert_true(reference_half_unit(REFERENCE_F32, 1.9) == 0x1p-24);
    assert_true(reference_half_unit(REFERENCE_F64, 0.75) == 0x1p-54);
    assert_true(reference_half_unit(REFERENCE_F16, 0.0) == 0x1p-25);
    assert_true(reference_half_unit(REFERENCE_BF16, 256.0) == 1.0);
    assert_true(reference_agrees(1.5, 1.0, 0.5, REFERENCE_F32));
    assert_false(reference_agrees(1.51, 1.0, 0.5, REFERENCE_F32));
    assert_true(reference_agrees(1.0, 1.0 + 0x1p-11, 0.0, REFERENCE_F16));
    assert_false(reference_agrees(1.0, 1.0 + 0x1.8p-10, 0.0, REFERENCE_F16));
    assert_true(reference_agrees(INFINITY, 65520.0, 0.0, REFERENCE_F16));
    assert_false(reference_agrees(INFINITY, 65519.0, 0.0, REFERENCE_F16));
    assert_false(reference_agrees(INFINITY, 65520.0, 0.0, REFERENCE_F32));
    assert_false(reference_agrees(-INFINITY, 65520.0, 0.0, REFERENCE_F16));
    assert_true(reference_agrees(NAN, NAN, 0.0, REFERENCE_F32));
    assert_false(reference_agrees(NAN, 1.0, INFINITY, REFERENCE_F32));
    assert_false(reference_agrees(1.0, NAN, 1.0, REFERENCE_F32));
    assert_false(reference_agrees(1e30, INFINITY, INFINITY, REFERENCE_F32));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_and_midpoint),
        cmocka_unit_test(what_is_no_number),
        cmocka_unit_test(known_values),
        cmocka_unit_test(agreement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
