/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of logits that are hard on an online softmax: where its reference moves, how far and how often, what
 * is masked, what is no number. references.c puts them through every kernel. */
#ifndef TEST_ROW_PATTERNS_H
#define TEST_ROW_PATTERNS_H

#include "rng.h"

#include <stdint.h>

typedef struct row_pattern {
    const char *name;
    /* Writes the logits of a row and returns its target; a and b are the pattern's. */
    int64_t (*fill)(double *x, int64_t classes, double a, double b, rng *r);
    double a, b;
} row_pattern;

/* The first of them are those that have more to show in a row of very many classes. */
enum { PATTERNS_FOR_LONG_ROWS = 24 };

/* Of all patterns; `count` how many. */
const row_pattern *row_patterns(int64_t *count);

/* Whether a row of this pattern must keep the relative accuracy of its loss: almost all probability is on the
 * target. */
int row_pattern_is_confident(const row_pattern *pattern);

#endif
