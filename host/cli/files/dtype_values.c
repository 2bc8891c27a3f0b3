/* SPDX-License-Identifier: Apache-2.0
 *
 * See dtype_values.h. A double is converted to a 16-bit type directly: by way of f32 it would be rounded
 * twice.
 */
#include "dtype_values.h"

#include <math.h>
#include <string.h>

clxent_dtype dtype_named(const char *name) {
    for (int dtype = CLXENT_F32; dtype <= CLXENT_U8; dtype++)
        if (strcmp(clxent_dtype_name((clxent_dtype)dtype), name) == 0) return (clxent_dtype)dtype;
    return CLXENT_DTYPE_DEFAULT;
}

int dtype_is_floating(clxent_dtype dtype) {
    return dtype == CLXENT_F32 || dtype == CLXENT_F16 || dtype == CLXENT_BF16 || dtype == CLXENT_F64;
}

/* The differences between the two 16-bit types. */
typedef struct format {
    int fraction_bits; /* stored */
    int least;         /* exponent of the smallest normal number */
    int greatest;      /* of the largest finite one */
} format;

static const format half = {10, -14, 15}, bfloat = {7, -126, 127};

static uint16_t narrow(double value, format f) {
    const int exponent_bits = 15 - f.fraction_bits;
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const uint16_t infinity = (uint16_t)(((1u << exponent_bits) - 1) << f.fraction_bits);
    if (isnan(value)) return sign | infinity | (uint16_t)(1u << (f.fraction_bits - 1));
    if (isinf(value)) return sign | infinity;
    if (value == 0) return sign;

    /* Round in units of the last place. A subnormal number has the unit of the smallest normal number. The
     * bits of exponent and fraction form one integer, so a carry of the rounding goes to the exponent. */
    const int exponent = ilogb(value) < f.least ? f.least : ilogb(value);
    if (exponent > f.greatest) return sign | infinity;
    const double units = nearbyint(ldexp(fabs(value), f.fraction_bits - exponent));
    const long bits = (long)units + ((long)(exponent - f.least) << f.fraction_bits);
    return sign | (uint16_t)bits; /* infinity, if it rounds up from the largest finite number */
}

static double widen(uint16_t bits, format f) {
    const int fraction = bits & ((1 << f.fraction_bits) - 1);
    const int exponent = (bits & 0x7fff) >> f.fraction_bits;
    const int special = (1 << (15 - f.fraction_bits)) - 1;
    double magnitude;
    if (exponent == special)
        magnitude = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        magnitude = ldexp(fraction, f.least - f.fraction_bits);
    else
        magnitude = ldexp(fraction + (1 << f.fraction_bits), exponent - 1 + f.least - f.fraction_bits);
    return bits & 0x8000 ? -magnitude : magnitude;
}

double value_at(clxent_dtype dtype, const void *data, int64_t i) {
    switch (dtype) {
    case CLXENT_F32:
        return ((const float *)data)[i];
    case CLXENT_F64:
        return ((const double *)data)[i];
    case CLXENT_F16:
        return widen(((const uint16_t *)data)[i], half);
    case CLXENT_BF16:
        return widen(((const uint16_t *)data)[i], bfloat);
    default:
        return (double)integer_at(dtype, data, i);
    }
}

int64_t values_not_finite(clxent_dtype dtype, const void *data, int64_t count, int64_t *first) {
    int64_t found = 0; /* a loop for each type, which compilers vectorize: there may be billions */
    const uint16_t exponent = dtype == CLXENT_F16 ? 0x7c00 : 0x7f80;
    if (dtype == CLXENT_F32)
        for (int64_t i = 0; i < count; i++) found += !isfinite(((const float *)data)[i]);
    else if (dtype == CLXENT_F64)
        for (int64_t i = 0; i < count; i++) found += !isfinite(((const double *)data)[i]);
    else
        for (int64_t i = 0; i < count; i++) found += (((const uint16_t *)data)[i] & exponent) == exponent;
    for (int64_t i = 0; i < count && found; i++) {
        if (isfinite(value_at(dtype, data, i))) continue;
        *first = i;
        break;
    }
    return found;
}

double value_shown(double value) {
    return isnan(value) ? (double)NAN : value;
}

int64_t integer_at(clxent_dtype dtype, const void *data, int64_t i) {
    switch (dtype) {
    case CLXENT_I64:
        return ((const int64_t *)data)[i];
    case CLXENT_I32:
        return ((const int32_t *)data)[i];
    case CLXENT_U16:
        return ((const uint16_t *)data)[i];
    case CLXENT_U8:
        return ((const uint8_t *)data)[i];
    default:
        return 0;
    }
}

void values_convert(clxent_dtype to, void *out, clxent_dtype from, const void *in, int64_t count) {
    if (to == from) {
        memcpy(out, in, (size_t)count * clxent_dtype_size(to));
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        const double value = value_at(from, in, i);
        switch (to) {
        case CLXENT_F32:
            ((float *)out)[i] = (float)value;
            break;
        case CLXENT_F64:
            ((double *)out)[i] = value;
            break;
        case CLXENT_F16:
            ((uint16_t *)out)[i] = narrow(value, half);
            break;
        case CLXENT_BF16:
            ((uint16_t *)out)[i] = narrow(value, bfloat);
            break;
        default:
            break;
        }
    }
}
