/* SPDX-License-Identifier: Apache-2.0
 *
 * exp_of(d), for the numbers that are summed or stored for each class; tanh_of(y), for the softcap;
 * log_of_sum(), for a row. With EXP_POLYNOMIAL 1 (lane and wide; split on CPU devices) and f32, exp and tanh
 * are a polynomial that vectorizes, without table or branch. Otherwise, and for f64, they are the device's
 * functions. The logarithm of an f32 is a polynomial on every device, since a device's own may be less exact.
 *
 * exp(d) = 2^n 2^f. n is the integer nearest to d log2(e); f is the rest, in [-1/2, 1/2]. Adding `shift`
 * rounds d log2(e) to n, and leaves n + 127, the exponent of 2^n, in the low bits of the sum. 2^f is
 * 1 + f q(f). q has degree 4 and is fitted to the least relative error, 9.2e-8 (Remez's criterion, by
 * iterated weighted least squares). For d <= 8 the relative error of exp(d) is at most 1.6e-7 (1 + |d|); most
 * of it is the rounding of d log2(e). The result is 0 where exp(d) is no normal number, and NaN for NaN. For
 * d above 88 it is meaningless.
 *
 * tanh(y) = (exp(2y) - 1) / (exp(2y) + 1), with the numerator computed as 2^n f q(f) + (2^n - 1). Its error
 * is at most 1.7e-7, and at most 1e-6 relative.
 *
 * Each constant is a product with a 1 that the compiler cannot know. The compiler leaves constants that it
 * knows in memory and loads them at each use, and a CPU loads one vector of 512 bits a cycle.
 *
 * log(x) = n log(2) + log(1 + f), with 1 + f in [sqrt(1/2), sqrt(2)). With s = f / (2 + f), log(1 + f) is
 * 2 atanh(s) = 2 s + s r(s^2), summed as f - s (f - r). The series of r ends with s^8; the terms left out are
 * less than 3e-9 of log(1 + f). The error is at most 0.9 units in the last place of log(x), measured over
 * every x from 7/8 to 2^31. Where f is given, it is at most 0.7 units of log1p(f), from 2^-63 to 1/8. */
#ifndef CLX_EXP_CL
#define CLX_EXP_CL
#include "fma.cl"

#ifndef EXP_POLYNOMIAL
#define EXP_POLYNOMIAL 0
#endif

#if EXP_POLYNOMIAL && !REAL_F64
typedef struct exp_constants {
    real log2_e, shift, q4, q3, q2, q1, q0, least;
} exp_constants;

static exp_constants exp_constants_of(real one) {
    const exp_constants c = {
        one * 1.44269504f,   one * (12582912.0f + 127.0f), /* 1.5 * 2^23: rounds a sum to integers */
        one * 0.0013264727f, one * 0.009671513f,
        one * 0.055507336f,  one * 0.24022242f,
        one * 0.69314698f,   one * -87.33654f};
    return c;
}

typedef struct exp_parts {
    realv power, rest; /* exp(d) = power (1 + rest) */
} exp_parts;

static exp_parts exp_in_parts(const exp_constants *c, realv d) {
    const realv t = d * c->log2_e;
    const realv shifted = t + c->shift;
    const realv f = t - (shifted - c->shift);
    realv q = fma(f, REALV(c->q4), REALV(c->q3));
    q = fma(q, f, REALV(c->q2));
    q = fma(q, f, REALV(c->q1));
    q = fma(q, f, REALV(c->q0));
    const exp_parts e = {AS_REALV(AS_MASKV(shifted) << 23), q * f};
    return e;
}

static realv exp_of(const exp_constants *c, realv d) {
    const exp_parts e = exp_in_parts(c, d);
    return d < c->least ? REALV(0) : fma(e.rest, e.power, e.power);
}

static realv tanh_of(const exp_constants *c, realv y) {
    realv d = y > REALV(30) ? REALV(60) : 2 * y; /* tanh is 1 there */
    d = d < REALV(-60) ? REALV(-60) : d;
    const exp_parts e = exp_in_parts(c, d);
    const realv less_1 = fma(e.rest, e.power, e.power - 1);
    return less_1 / (less_1 + 2);
}
#else
typedef struct exp_constants {
    int none;
} exp_constants;

static exp_constants exp_constants_of(real one) {
    const exp_constants c = {0};
    return c;
}

static realv exp_of(const exp_constants *c, realv d) {
    return exp(d);
}

static realv tanh_of(const exp_constants *c, realv y) {
    return tanh(y);
}
#endif

/* log(sum), for a finite, normal sum > 0. Where near_1, it is computed from less_1 = sum - 1, which has more
 * digits. */
static rowreal log_of_sum(rowreal sum, rowmask near_1, rowreal less_1) {
#if REAL_F64
    return near_1 ? log1p(less_1) : log(sum);
#else
    const rowmask bits = AS_ROWMASK(sum);
    const rowmask n = (bits - 0x3f3504f3) >> 23; /* the bits of sqrt(1/2) */
    const rowreal f = near_1 ? less_1 : AS_ROWREAL(bits - (n << 23)) - 1;
    const rowreal s = f / (f + 2), z = s * s;
    rowreal r = fma(z, ROWREAL(2 / 9.0f), ROWREAL(2 / 7.0f));
    r = fma(r, z, ROWREAL(2 / 5.0f));
    r = fma(r, z, ROWREAL(2 / 3.0f)) * z;
    const rowreal power = TO_ROWREAL(n);
    const rowreal low = fma(power, ROWREAL(-2.12194440e-4f), -s * (f - r)); /* log(2) in two parts, */
    return fma(power, ROWREAL(0.693359375f), f + low);                      /* the larger one exact */
#endif
}

#endif
