/* SPDX-License-Identifier: Apache-2.0
 *
 * See elements.h.
 */
#include "elements.h"

#include <math.h>
#include <string.h>

/* Rounds to a 16-bit format with that many stored bits of mantissa and that exponent in its first binade. In
 * units of the binade's last place, the rounded magnitude is a whole number `q`. The function adds q to the
 * shifted exponent, so that a carry goes into the next binade and, behind the last one, into infinity. */
static uint16_t narrow(double value, int mantissa_bits, int min_exponent) {
    const uint16_t sign = signbit(value) ? 0x8000u : 0u;
    const int exponent_bits = 15 - mantissa_bits;
    const uint16_t infinity = (uint16_t)(((1u << exponent_bits) - 1u) << mantissa_bits);
    if (isnan(value)) return (uint16_t)(sign | infinity | (1u << (mantissa_bits - 1)));
    if (isinf(value)) return (uint16_t)(sign | infinity);
    int exponent;
    (void)frexp(value, &exponent);
    exponent--; /* |value| in [2^exponent, 2^(exponent+1)) */
    if (value == 0.0 || exponent < min_exponent) exponent = min_exponent;
    if (exponent > 1 - min_exponent) return (uint16_t)(sign | infinity);
    const double q = nearbyint(ldexp(fabs(value), mantissa_bits - exponent));
    return (uint16_t)(sign | (((unsigned)(exponent - min_exponent) << mantissa_bits) + (unsigned)q));
}

static double widen(uint16_t bits, int mantissa_bits, int min_exponent) {
    const unsigned fraction = bits & ((1u << mantissa_bits) - 1u);
    const unsigned field = (bits & 0x7FFFu) >> mantissa_bits;
    double magnitude;
    if (field == (1u << (15 - mantissa_bits)) - 1u)
        magnitude = fraction ? (double)NAN : (double)INFINITY;
    else if (field == 0)
        magnitude = ldexp((double)fraction, min_exponent - mantissa_bits);
    else
        magnitude =
            ldexp((double)(fraction + (1u << mantissa_bits)), (int)field - 1 + min_exponent - mantissa_bits);
    return bits & 0x8000u ? -magnitude : magnitude;
}

uint16_t f16_bits(double value) {
    return narrow(value, 10, -14);
}

uint16_t bf16_bits(double value) {
    return narrow(value, 7, -126);
}

double f16_value(uint16_t bits) {
    return widen(bits, 10, -14);
}

double bf16_value(uint16_t bits) {
    return widen(bits, 7, -126);
}

double element(clxent_dtype dtype, const void *data, int64_t i) {
    switch (dtype) {
    case CLXENT_F64:
        return ((const double *)data)[i];
    case CLXENT_F16:
        return f16_value(((const uint16_t *)data)[i]);
    case CLXENT_BF16:
        return bf16_value(((const uint16_t *)data)[i]);
    default:
        return (double)((const float *)data)[i];
    }
}

void set_element(clxent_dtype dtype, void *data, int64_t i, double value) {
    switch (dtype) {
    case CLXENT_F64:
        ((double *)data)[i] = value;
        break;
    case CLXENT_F16:
        ((uint16_t *)data)[i] = f16_bits(value);
        break;
    case CLXENT_BF16:
        ((uint16_t *)data)[i] = bf16_bits(value);
        break;
    default:
        ((float *)data)[i] = (float)value;
        break;
    }
}

int64_t integer(clxent_dtype dtype, const void *data, int64_t i) {
    switch (dtype) {
    case CLXENT_I32:
        return ((const int32_t *)data)[i];
    case CLXENT_U16:
        return ((const uint16_t *)data)[i];
    case CLXENT_U8:
        return ((const uint8_t *)data)[i];
    default:
        return ((const int64_t *)data)[i];
    }
}

void set_integer(clxent_dtype dtype, void *data, int64_t i, int64_t value) {
    switch (dtype) {
    case CLXENT_I32:
        ((int32_t *)data)[i] = (int32_t)value;
        break;
    case CLXENT_U16:
        ((uint16_t *)data)[i] = (uint16_t)value;
        break;
    case CLXENT_U8:
        ((uint8_t *)data)[i] = (uint8_t)value;
        break;
    default:
        ((int64_t *)data)[i] = value;
        break;
    }
}

reference_storage storage_of(clxent_dtype dtype) {
    switch (dtype) {
    case CLXENT_F64:
        return REFERENCE_F64;
    case CLXENT_F16:
        return REFERENCE_F16;
    case CLXENT_BF16:
        return REFERENCE_BF16;
    default:
        return REFERENCE_F32;
    }
}
