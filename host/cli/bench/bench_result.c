/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench.h. The names of the operations, and the figures that are computed from the measurements.
 */
#include "bench.h"

#include <stdlib.h>

static const struct {
    const char *name, *title;
} ops[BENCH_OPS] = {
    {"forward", "forward"},
    {"grad", "forward + gradient in place"},
    {"grad-apart", "forward + gradient to another buffer"},
    {"grad-from-lse", "gradient from saved lse, in place"},
    {"log-softmax", "log-softmax to another buffer"},
};

const char *bench_op_name(bench_op op) {
    return ops[op].name;
}

const char *bench_op_title(bench_op op) {
    return ops[op].title;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t n) {
    if (n == 0) return 0;
    qsort(values, n, sizeof *values, by_value);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

double bench_rate(const bench_result *r) {
    return r->bytes / r->seconds;
}

double bench_ratio(const bench_result *r) {
    return bench_rate(r) / r->limit_rate;
}

double bench_times_ideal(const bench_result *r) {
    return r->seconds / (r->launch_seconds + r->bytes / r->limit_rate);
}
