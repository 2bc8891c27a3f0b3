/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums that keep what rounding takes off, in two forms: `long_sum` for many terms of any sign (Knuth's
 * two-sum; the result is as good as a sum in twice the precision), `block_sum` for few large blocks (Kahan).
 * Both stay infinite or NaN once a term makes them so. Neither survives a compiler that reassociates:
 * build without -cl-unsafe-math-optimizations and -cl-fast-relaxed-math. */
#ifndef CLX_SUMS_CL
#define CLX_SUMS_CL
#include "storage.cl"

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

/* For blocks that are finite or NaN. */
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
