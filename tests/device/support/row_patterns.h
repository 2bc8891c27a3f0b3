/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of logits that are hard for an online softmax. They differ in where, how far and how often the
 * reference moves, in which classes are masked, and in which logits are infinite or NaN. references.c runs
 * them through every kernel. */
#ifndef TEST_ROW_PATTERNS_H
#define TEST_ROW_PATTERNS_H

#include "rng.h"

#include <stdint.h>

typedef struct row_pattern {
    const char *name;
    /* Writes the logits of a row and returns its target. a and b are the fields below. */
    int64_t (*fill)(double *x, int64_t classes, double a, double b, rng *r);
    double a, b;
} row_pattern;

/* So many first patterns show more when a row has very many classes. */
enum { PATTERNS_FOR_LONG_ROWS = 24 };

/* All patterns; `count` receives their number. */
const row_pattern *row_patterns(int64_t *count);

/* True when almost all probability is on the target. The loss of such a row must keep its relative accuracy.
 */
int row_pattern_is_confident(const row_pattern *pattern);

#endif
