/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench.h: what the operations are called, and the figures that follow from what was measured.
 */
#include "bench.h"

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

double bench_rate(const bench_result *r) {
    return r->bytes / r->seconds;
}

double bench_ratio(const bench_result *r) {
    return bench_rate(r) / r->limit_rate;
}

double bench_times_ideal(const bench_result *r) {
    return r->seconds / (r->launch_seconds + r->bytes / r->limit_rate);
}
