/* SPDX-License-Identifier: Apache-2.0
 *
 * See verify_result.h.
 */
#include "verify_result.h"
#include "reference.h"

#include <math.h>

static reference_storage storage_of(clxent_dtype dtype) {
    return dtype == CLXENT_F64    ? REFERENCE_F64
           : dtype == CLXENT_F16  ? REFERENCE_F16
           : dtype == CLXENT_BF16 ? REFERENCE_BF16
                                  : REFERENCE_F32;
}

static void note(verify_result *result, const char *output, int agrees, double error) {
    result->values++;
    result->outside += !agrees;
    if (error > result->worst || !result->output) {
        result->worst = error;
        result->output = output;
    }
}

void verify_compare(verify_result *result, const char *output, double got, double expected, double bound,
                    clxent_dtype dtype) {
    const reference_storage storage = storage_of(dtype);
    const int agrees = reference_agrees(got, expected, bound, storage);
    const int is_16_bit = dtype == CLXENT_F16 || dtype == CLXENT_BF16;
    const double allowed = bound + (is_16_bit ? reference_half_unit(storage, expected) : 0);
    double error = agrees ? 0 : INFINITY;
    if (isfinite(got) && isfinite(expected) && allowed > 0) error = fabs(got - expected) / allowed;
    note(result, output, agrees, error);
}

void verify_compare_integers(verify_result *result, const char *output, const int64_t *got,
                             const int64_t *expected, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        note(result, output, got[i] == expected[i], got[i] == expected[i] ? 0 : INFINITY);
}
