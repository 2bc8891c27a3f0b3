/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares results of the device with expected ones, and keeps the largest error.
 */
#ifndef CLXENT_CLI_VERIFY_RESULT_H
#define CLXENT_CLI_VERIFY_RESULT_H

#include <clxent/clxent.h>

typedef struct verify_result {
    int64_t values;  /* values compared */
    int64_t outside; /* values outside their bound */
    double worst;    /* the largest error, in units of its bound; infinity where NaN or an integer is wrong */
    const char *output; /* the output with that error */
} verify_result;

/* Adds one value of an output that the device stored as `dtype`. */
void verify_compare(verify_result *result, const char *output, double got, double expected, double bound,
                    clxent_dtype dtype);
void verify_compare_integers(verify_result *result, const char *output, const int64_t *got,
                             const int64_t *expected, int64_t count);

#endif
