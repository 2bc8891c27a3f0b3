/* SPDX-License-Identifier: Apache-2.0
 *
 * See row_patterns.h. A tile has 512 classes for the vector schedules of CPU devices, and 16 classes for the
 * lane schedule. A work-group takes 16 classes of each work-item at a time. A reference moves only by more
 * than 2. */
#include "row_patterns.h"

#include <math.h>

/* -FLT_MAX. Some masks use it. f16 and bf16 round it to -inf. */
#define LOWEST (-3.4028234663852886e38)

static void fill_small(double *x, int64_t classes, rng *r) {
    for (int64_t c = 0; c < classes; c++) x[c] = rng_uniform(r, -1, 1);
}

static int64_t any_class(int64_t classes, rng *r) {
    return rng_integer(r, 0, classes - 1);
}

/* The level rises by a every b classes. */
static int64_t stairs(double *x, int64_t classes, double a, double b, rng *r) {
    fill_small(x, classes, r);
    for (int64_t c = 0; c < classes; c++) x[c] += a * floor((double)c / b);
    return any_class(classes, r);
}

/* The logits rise from 0 to a in a straight line. */
static int64_t ramp(double *x, int64_t classes, double a, double b, rng *r) {
    (void)b;
    for (int64_t c = 0; c < classes; c++) x[c] = a * (double)c / (double)classes;
    return any_class(classes, r);
}

/* Each tooth has 5 steps of b classes. A step rises by a. Each tooth starts 1 above the tooth before. */
static int64_t sawtooth(double *x, int64_t classes, double a, double b, rng *r) {
    fill_small(x, classes, r);
    for (int64_t c = 0; c < classes; c++) {
        const double step = floor((double)c / b);
        x[c] += a * fmod(step, 5) + floor(step / 5);
    }
    return any_class(classes, r);
}

/* The largest logit is a. It stands b classes before the last class. */
static int64_t peak_near_end(double *x, int64_t classes, double a, double b, rng *r) {
    fill_small(x, classes, r);
    const int64_t at = classes > (int64_t)b ? classes - 1 - (int64_t)b : 0;
    x[at] = a;
    return rng_chance(r, 0.5) ? at : any_class(classes, r);
}

/* The first b classes are a, but never the last class of the row. */
static int64_t leading(double *x, int64_t classes, double a, double b, rng *r) {
    fill_small(x, classes, r);
    for (int64_t c = 0; c < (int64_t)b && c < classes - 1; c++) x[c] = a;
    return classes - 1;
}

/* The class at a fraction of the row. */
static int64_t at_fraction(int64_t classes, double fraction) {
    return (int64_t)(fraction * (double)(classes - 1));
}

/* The class at fraction b of the row is a. */
static int64_t one(double *x, int64_t classes, double a, double b, rng *r) {
    fill_small(x, classes, r);
    x[at_fraction(classes, b)] = a;
    return any_class(classes, r);
}

/* The class at fraction b of the row is a, and all classes before it are masked. */
static int64_t one_after_masked(double *x, int64_t classes, double a, double b, rng *r) {
    const int64_t target = one(x, classes, a, b, r);
    for (int64_t c = 0; c < at_fraction(classes, b); c++) x[c] = -INFINITY;
    return target;
}

static int64_t all(double *x, int64_t classes, double a, double b, rng *r) {
    (void)b;
    for (int64_t c = 0; c < classes; c++) x[c] = a;
    return any_class(classes, r);
}

/* The first class is the target and is a. All other classes are b. */
static int64_t two_levels(double *x, int64_t classes, double a, double b, rng *r) {
    (void)all(x, classes, b, 0, r);
    x[0] = a;
    return 0;
}

/* Each class is between a and a (1 + b). */
static int64_t around(double *x, int64_t classes, double a, double b, rng *r) {
    for (int64_t c = 0; c < classes; c++) x[c] = a * (1 + rng_uniform(r, 0, b));
    return any_class(classes, r);
}

/* Each class is a with probability b, except the last class, which is the target. */
static int64_t some(double *x, int64_t classes, double a, double b, rng *r) {
    fill_small(x, classes, r);
    for (int64_t c = 0; c < classes - 1; c++)
        if (rng_chance(r, b)) x[c] = a;
    return classes - 1;
}

/* The first third is -a b, the last third is a. */
static int64_t both_ends(double *x, int64_t classes, double a, double b, rng *r) {
    fill_small(x, classes, r);
    for (int64_t c = 0; c < classes / 3; c++) x[c] = -a * b;
    for (int64_t c = classes - classes / 3; c < classes; c++) x[c] = a;
    return classes - 1;
}

/* The target stands at fraction b of the row and has the probability 1 - a. */
static int64_t confident(double *x, int64_t classes, double a, double b, rng *r) {
    for (int64_t c = 0; c < classes; c++) x[c] = rng_uniform(r, -8, 0);
    const int64_t target = at_fraction(classes, b);
    double others = 0;
    for (int64_t c = 0; c < classes; c++)
        if (c != target) others += exp(x[c]);
    x[target] = log(others * (1 - a) / a);
    return target;
}

/* a classes share the largest logit. They stand b classes apart if the row is long enough. */
static int64_t ties(double *x, int64_t classes, double a, double b, rng *r) {
    for (int64_t c = 0; c < classes; c++) x[c] = rng_uniform(r, -40, -20);
    const int64_t apart = classes > (int64_t)(a * b) ? (int64_t)b : classes / (int64_t)a;
    for (int64_t i = 0; i < (int64_t)a; i++) x[classes - 1 - i * apart] = 3.25;
    return classes - 1 - apart;
}

static const row_pattern patterns[] = {
    {"confident to 1e-3, first class", confident, 1e-3, 0},
    {"confident to 1e-6, first tile", confident, 1e-6, 0.001},
    {"confident to 1e-9, middle", confident, 1e-9, 0.5},
    {"confident to 1e-9, last class", confident, 1e-9, 1},
    {"confident to 1e-6, late", confident, 1e-6, 0.9},
    {"confident to 1e-3, late", confident, 1e-3, 0.7},
    {"confident to 0.1", confident, 0.1, 0.6},
    /* at this distance d, the roundings of d, d log2(e) and exp go the same way, in all 100,000 classes */
    {"exp at its worst", two_levels, -3.57097578, -14.6695328},
    {"87.3 below", two_levels, 0, -87.3}, /* the smallest probabilities that are normal numbers */
    {"up 1.5 a tile of 16", stairs, 1.5, 16},
    {"up 2.5 a tile of 16", stairs, 2.5, 16},
    {"up 41 a tile of 16", stairs, 41, 16},
    {"up 1.9 a tile of 512", stairs, 1.9, 512},
    {"up 2.5 a tile of 512", stairs, 2.5, 512},
    {"up 41 a tile of 512", stairs, 41, 512},
    {"up 3 each 5000 classes", stairs, 3, 5000},
    {"down 2.5 a tile of 16", stairs, -2.5, 16},
    {"down 41 a tile of 512", stairs, -41, 512},
    {"ramp to 8000", ramp, 8000, 0},
    {"ramp to 60", ramp, 60, 0},
    {"ramp down", ramp, -500, 0},
    {"teeth of tiles of 16", sawtooth, 3, 16},
    {"teeth of tiles of 512", sawtooth, 3, 512},
    {"falling teeth", sawtooth, -3, 512},
    {"largest last", peak_near_end, 9, 0},
    {"largest in the last vector", peak_near_end, 3, 15},
    {"largest in the last tile", peak_near_end, 40, 300},
    {"16 masked", leading, -INFINITY, 16},
    {"a tile of 512 masked", leading, -INFINITY, 512},
    {"2000 masked", leading, -INFINITY, 2000},
    {"a tile of -largest", leading, LOWEST, 512},
    {"2000 of -largest", leading, LOWEST, 2000},
    {"all but one -largest", leading, LOWEST, 1e9},
    {"some masked", some, -INFINITY, 0.5},
    {"some -largest", some, LOWEST, 0.5},
    {"some -1e4", some, -1e4, 0.9},
    {"NaN first", one, NAN, 0},
    {"NaN in the middle", one, NAN, 0.5},
    {"NaN last", one, NAN, 1},
    {"NaN after masked", one_after_masked, NAN, 0.7},
    {"inf first", one, INFINITY, 0},
    {"inf in the middle", one, INFINITY, 0.5},
    {"inf last", one, INFINITY, 1},
    {"inf after masked", one_after_masked, INFINITY, 0.7},
    {"all masked", all, -INFINITY, 0},
    {"all equal", all, 0.7, 0},
    {"all 0", all, 0, 0},
    {"all 1e30", all, 1e30, 0},
    {"all -largest", all, LOWEST, 0},
    {"near 1e30", around, 1e30, 1e-3},
    {"near -1e30", around, -1e30, 1e-3},
    {"near 30000", around, 30000, 1e-4},
    {"subnormal", around, 1e-39, 1},
    {"subnormal, negative", around, -1e-39, 1},
    {"1e30 first", one, 1e30, 0},
    {"1e30 in the middle", one, 1e30, 0.5},
    {"1e30 last", one, 1e30, 1},
    {"-1e30 last", one, -1e30, 1},
    {"1e30 after masked", one_after_masked, 1e30, 0.7},
    {"from -1e30 to 1e30", both_ends, 1e30, 1},
    {"two largest, side by side", ties, 2, 1},
    {"two largest, a tile of 16 apart", ties, 2, 16},
    {"two largest, a tile of 512 apart", ties, 2, 512},
    {"three largest, tiles apart", ties, 3, 1030},
    {"seven largest, tiles of 16 apart", ties, 7, 40},
};

const row_pattern *row_patterns(int64_t *count) {
    *count = sizeof patterns / sizeof *patterns;
    return patterns;
}

int row_pattern_is_confident(const row_pattern *pattern) {
    return pattern->fill == confident;
}
