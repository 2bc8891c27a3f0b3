/* SPDX-License-Identifier: Apache-2.0
 *
 * See exact.h.
 */
#include "exact.h"

#include <math.h>

/* Kahan's sum: its error is two units in the last place, however many terms it has. */
typedef struct long_sum {
    long double sum, lost;
} long_sum;

static void add(long_sum *s, long double term) {
    const long double y = term - s->lost, t = s->sum + y;
    s->lost = (t - s->sum) - y;
    s->sum = t;
}

exact_row exact_row_compute(const double *x, int64_t classes, int64_t target, long double *exponential,
                            long double *gradient) {
    int64_t top = 0;
    for (int64_t c = 1; c < classes; c++)
        if (x[c] > x[top]) top = c;
    long_sum rest = {0, 0}; /* leaves out the largest logit's own 1, for log1p */
    for (int64_t c = 0; c < classes; c++) {
        exponential[c] = expl((long double)x[c] - (long double)x[top]);
        if (c != top) add(&rest, exponential[c]);
    }
    const long double sum = 1 + rest.sum, log_sum = log1pl(rest.sum);
    long_sum mean = {0, 0};
    for (int64_t c = 0; c < classes; c++) {
        const long double p = exponential[c] / sum;
        if (p > 0) add(&mean, p * ((long double)x[top] - (long double)x[c]));
        gradient[c] = p;
    }
    gradient[target] = target == top ? -(rest.sum / sum) : gradient[target] - 1;
    return (exact_row){.lse = (long double)x[top] + log_sum,
                       .log_prob = ((long double)x[target] - (long double)x[top]) - log_sum,
                       .entropy = log_sum + mean.sum};
}
