/* SPDX-License-Identifier: Apache-2.0
 *
 * exp_of(d): exp for what is summed and stored a class. With EXP_POLYNOMIAL, for CPU devices and f32, by a
 * polynomial that vectorizes: 14 instructions, no table, no branch; the device's exp() otherwise.
 *
 * exp(d) = 2^n 2^f with n the integer nearest to d log2(e), f the rest, in [-1/2, 1/2]. Adding EXP_SHIFT
 * rounds to n and leaves n + 127 in the low bits of the sum, which are 2^n's exponent. 2^f is 1 + f q(f), q
 * of degree 4 fitted to the least relative error, 9.2e-8 (Remez's criterion, by iterated weighted least
 * squares). For d <= 8 the result is within 1.5e-7 (1 + |d|) of exp(d), relative (tests/unit/exp.c, on every
 * device, holds that over all of them); most of it is the rounding of d log2(e). 0 below -87, NaN for NaN.
 * Above 88: no use. */
#ifndef CLX_EXP_CL
#define CLX_EXP_CL
#include "storage.cl"

#ifndef EXP_POLYNOMIAL
#define EXP_POLYNOMIAL 0
#endif

#if EXP_POLYNOMIAL && !REAL_F64
#define EXP_SHIFT REALV(12582912.0f + 127.0f) /* 1.5 2^23: sums stand in units of 1 */
#define AS_MASKV  CLX_JOIN(as_, CLX_V(MASK_NAME))
#define AS_REALV  CLX_JOIN(as_, CLX_V(REAL_NAME))

static realv exp_of(realv d) {
    const realv t = d * REALV(1.44269504f);
    const realv shifted = t + EXP_SHIFT;
    const realv f = t - (shifted - EXP_SHIFT);
    const realv power = AS_REALV(AS_MASKV(shifted) << 23); /* 2^n */
    realv q = fma(f, REALV(0.0013264727f), REALV(0.009671513f));
    q = fma(q, f, REALV(0.055507336f));
    q = fma(q, f, REALV(0.24022242f));
    q = fma(q, f, REALV(0.69314698f));
    const realv e = fma(q, f * power, power);
    return d < REALV(-87.0f) ? REALV(0) : e;
}
#else
#define exp_of exp
#endif

#endif
