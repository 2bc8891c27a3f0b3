/* SPDX-License-Identifier: Apache-2.0
 *
 * The types of tensors and their elements: finds a type by its name, reads elements, converts arrays.
 */
#ifndef CLXENT_CLI_DTYPE_VALUES_H
#define CLXENT_CLI_DTYPE_VALUES_H

#include <clxent/clxent.h>

/* Returns the type with that clxent_dtype_name(); CLXENT_DTYPE_DEFAULT: there is none. */
clxent_dtype dtype_named(const char *name);

int dtype_is_floating(clxent_dtype dtype);

/* Element i. It is exact, except for an i64 beyond 2^53, which a double rounds. */
double value_at(clxent_dtype dtype, const void *data, int64_t i);

/* Returns how many elements of a floating type are NaN or infinite, and sets *first to the first of them. */
int64_t values_not_finite(clxent_dtype dtype, const void *data, int64_t count, int64_t *first);

/* Returns the number for printf, every NaN without a sign: printf would print the sign of a NaN's bits. */
double value_shown(double value);

/* Element i of an integer type. */
int64_t integer_at(clxent_dtype dtype, const void *data, int64_t i);

/* Converts between floating types. It rounds once, to nearest even. Beyond the range it returns infinity. */
void values_convert(clxent_dtype to, void *out, clxent_dtype from, const void *in, int64_t count);

#endif
