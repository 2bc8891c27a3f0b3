/* SPDX-License-Identifier: Apache-2.0
 *
 * Compensated sums, in three forms. `long_sum` is for many terms of any sign (Knuth's two-sum); its result is
 * as good as a sum in twice the precision. `wide_sum` is such a sum that may exceed the largest number.
 * `block_sum` is for few large blocks (Kahan). Each stays infinite or NaN once a term makes it so. None
 * survives a compiler that reassociates: build without -cl-unsafe-math-optimizations and
 * -cl-fast-relaxed-math. */
#ifndef CLX_SUMS_CL
#define CLX_SUMS_CL
#include "number.cl"

typedef struct long_sum {
    rowreal sum, low;
} long_sum;

static long_sum long_sum_of(rowreal x) {
    long_sum s;
    s.sum = x;
    s.low = 0;
    return s;
}

static void long_sum_add(long_sum *s, rowreal x) {
    rowreal total = s->sum + x;
    rowreal x_part = total - s->sum;
    s->low += (s->sum - (total - x_part)) + (x - x_part);
    s->sum = total;
}

static void long_sum_merge(long_sum *s, long_sum other) {
    long_sum_add(s, other.sum);
    s->low += other.low;
}

static rowreal long_sum_value(long_sum s) {
    return isfinite(s.sum) ? s.sum + s.low : s.sum;
}

/* A power of two. A sum in units of LARGE does not overflow, and 1 / LARGE^2 is a normal number. */
#if REAL_F64
#define LARGE 0x1p500
#else
#define LARGE 0x1p60f
#endif

/* Terms of LARGE and more have a sum of their own, in units of LARGE. So a mean of numbers near the largest
 * one is finite, although their sum is not. */
typedef struct wide_sum {
    long_sum plain, large;
} wide_sum;

static wide_sum wide_sum_of(rowreal plain) {
    wide_sum s;
    s.plain = long_sum_of(plain);
    s.large = long_sum_of(0);
    return s;
}

static void wide_sum_add(wide_sum *s, rowreal x) {
    const rowmask is_large = fabs(x) >= LARGE;
    long_sum_add(&s->plain, is_large ? ROWREAL(0) : x);
    long_sum_add(&s->large, is_large ? x * (1 / LARGE) : ROWREAL(0));
}

static void wide_sum_merge(wide_sum *s, wide_sum other) {
    long_sum_merge(&s->plain, other.plain);
    long_sum_merge(&s->large, other.large);
}

/* The number value * unit; unit is 1 or LARGE. */
typedef struct wide {
    rowreal value, unit;
} wide;

static wide wide_sum_value(wide_sum s) {
    const rowmask is_large = s.large.sum != 0;
    long_sum all = s.large;
    long_sum_add(&all, s.plain.sum * (1 / LARGE));
    all.low += s.plain.low * (1 / LARGE);
    wide w;
    w.value = is_large ? long_sum_value(all) : long_sum_value(s.plain);
    w.unit = is_large ? ROWREAL(LARGE) : ROWREAL(1);
    return w;
}

static wide wide_of(rowreal x) {
    wide w;
    w.value = x;
    w.unit = 1;
    return w;
}

static rowreal wide_quotient(wide a, wide b) {
    return a.value / b.value * (a.unit / b.unit);
}

typedef struct block_sum {
    realv sum, low;
} block_sum;

static block_sum no_block_sum(void) {
    block_sum s;
    s.sum = s.low = REALV(0);
    return s;
}

static void block_sum_add(block_sum *s, realv block) {
    realv corrected = block - s->low;
    realv total = s->sum + corrected;
    s->low = isfinite(total) ? (total - s->sum) - corrected : REALV(0);
    s->sum = total;
}

/* block_sum_add() for blocks that are finite or NaN. */
static void block_sum_add_finite(block_sum *s, realv block) {
    realv corrected = block - s->low;
    realv total = s->sum + corrected;
    s->low = (total - s->sum) - corrected;
    s->sum = total;
}

static void block_sum_scale(block_sum *s, rowreal factor) {
    s->sum *= factor;
    s->low *= factor;
}

static rowreal block_sum_value(block_sum s) {
    return sum_lanes(s.sum) - sum_lanes(s.low);
}

#endif
