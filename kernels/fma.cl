/* SPDX-License-Identifier: Apache-2.0
 *
 * fma() for f32, made of additions and multiplications, for drivers without a usable one (FMA 0;
 * host/src/facts.c).
 *
 * The rounding error of a product, a b - round(a b), is computed exactly (Dekker 1971): each factor is split
 * into two halves of 12 bits, and the products of halves are exact. The rounding error of the sum
 * round(a b) + c is exact too. Two roundings remain, so the result is within 1 unit in the last place of the
 * exact value. It is exact where the exact value is a b - round(a b) or needs no rounding. Where the product
 * or the sum is not finite, the result is that without fma. Where a product of halves is below the least
 * normal number, the rounding error loses it. */
#ifndef CLX_FMA_CL
#define CLX_FMA_CL
#include "number.cl"

#ifndef FMA
#define FMA 1
#endif

#if !FMA && !REAL_F64
/* A macro, since it is defined for one number and for a vector. */
#define DEFINE_FMA(type, uint_type)                                                                    \
    static type __attribute__((overloadable)) fma_of_sums(type a, type b, type c) {                    \
        const type p = a * b, sum = p + c;                                                             \
        const type a_high = CLX_JOIN(as_, type)(CLX_JOIN(as_, uint_type)(a) & (uint_type)0xfffff000u); \
        const type b_high = CLX_JOIN(as_, type)(CLX_JOIN(as_, uint_type)(b) & (uint_type)0xfffff000u); \
        const type a_low = a - a_high, b_low = b - b_high;                                             \
        const type rest = a_low * b_low - (((p - a_high * b_high) - a_low * b_high) - a_high * b_low); \
        const type c_part = sum - p;                                                                   \
        const type sum_rest = (p - (sum - c_part)) + (c - c_part);                                     \
        return isfinite(sum) ? sum + (sum_rest + rest) : sum;                                          \
    }
DEFINE_FMA(float, uint)
#if WIDTH > 1
DEFINE_FMA(CLX_V(float), CLX_V(uint))
#endif
#define fma fma_of_sums
#endif

#endif
