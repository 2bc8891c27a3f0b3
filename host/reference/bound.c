/* SPDX-License-Identifier: Apache-2.0
 *
 * Decides whether a stored result agrees with the exact one. row.c and loss.c compute the bounds, beside the
 * values that they belong to.
 */
#include "reference.h"

#include <math.h>

/* A storage type: bits of its significand, and the exponents of its normal numbers. */
typedef struct format {
    int precision, min_exponent, max_exponent;
} format;

static format format_of(reference_storage storage) {
    switch (storage) {
    case REFERENCE_F64:
        return (format){53, -1022, 1023};
    case REFERENCE_F16:
        return (format){11, -14, 15};
    case REFERENCE_BF16:
        return (format){8, -126, 127};
    case REFERENCE_F32:
        break;
    }
    return (format){24, -126, 127};
}

double reference_half_unit(reference_storage storage, double value) {
    if (!isfinite(value)) return 0.0;
    const format f = format_of(storage);
    int exponent; /* |value| in [2^(exponent-1), 2^exponent) */
    (void)frexp(value, &exponent);
    if (value == 0.0 || exponent - 1 < f.min_exponent) exponent = f.min_exponent + 1;
    return ldexp(1.0, exponent - f.precision - 1);
}

/* The least magnitude that rounds to infinity. It is a tie, and rounds to even, that is to infinity. */
static double overflow_from(reference_storage storage) {
    const format f = format_of(storage);
    return ldexp(2.0 - ldexp(1.0, -f.precision), f.max_exponent);
}

int reference_agrees(double got, double expected, double bound, reference_storage storage) {
    if (isnan(expected) || isnan(got)) return isnan(expected) && isnan(got);
    if (got == expected) return 1;
    if (isinf(expected)) return 0;
    if (isinf(got))
        return signbit(got) == signbit(expected) && fabs(expected) + bound >= overflow_from(storage);
    if (storage == REFERENCE_F16 || storage == REFERENCE_BF16)
        bound += reference_half_unit(storage, fmax(fabs(got), fabs(expected)));
    return fabs(got - expected) <= bound;
}
