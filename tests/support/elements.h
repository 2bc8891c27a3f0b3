/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements of typed arrays as double and int64. The tests have 16-bit conversions of their own, which check
 * those of the library and the tool.
 */
#ifndef CLXENT_TESTS_ELEMENTS_H
#define CLXENT_TESTS_ELEMENTS_H

#include <clxent/clxent.h>

#include "reference.h"

/* Rounded to nearest, ties to even; beyond the range: infinity. */
uint16_t f16_bits(double value);
uint16_t bf16_bits(double value);
double f16_value(uint16_t bits);
double bf16_value(uint16_t bits);

/* Element i of a floating type. */
double element(clxent_dtype dtype, const void *data, int64_t i);
void set_element(clxent_dtype dtype, void *data, int64_t i, double value);

/* Element i of an integer type. */
int64_t integer(clxent_dtype dtype, const void *data, int64_t i);
void set_integer(clxent_dtype dtype, void *data, int64_t i, int64_t value);

/* The floating type, for reference_agrees(). */
reference_storage storage_of(clxent_dtype dtype);

#endif
