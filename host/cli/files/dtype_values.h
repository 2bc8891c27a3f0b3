/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements as numbers, across the types of tensors: types by name, reading one, converting many.
 */
#ifndef CLXENT_CLI_DTYPE_VALUES_H
#define CLXENT_CLI_DTYPE_VALUES_H

#include <clxent/clxent.h>

/* The type that clxent_dtype_name() gives that name; CLXENT_DTYPE_DEFAULT when there is none. */
clxent_dtype dtype_named(const char *name);

int dtype_is_floating(clxent_dtype dtype);

/* Element i. Exact, but for i64 beyond 2^53 read as a double. */
double value_at(clxent_dtype dtype, const void *data, int64_t i);

/* How many elements of a floating type are NaN or infinite; the first of them in *first. */
int64_t values_not_finite(clxent_dtype dtype, const void *data, int64_t count, int64_t *first);

/* A number as people are shown it: printf gives a NaN the sign that its bits have, which means nothing. */
double value_shown(double value);

/* Element i of an integer type. */
int64_t integer_at(clxent_dtype dtype, const void *data, int64_t i);

/* Converts between floating types, rounding once, to nearest even; beyond the range: infinity. */
void values_convert(clxent_dtype to, void *out, clxent_dtype from, const void *in, int64_t count);

#endif
