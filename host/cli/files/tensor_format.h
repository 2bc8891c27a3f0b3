/* SPDX-License-Identifier: Apache-2.0
 *
 * The interface between tensor.c and the file formats, private to this folder. A format finds where in the
 * file a tensor lies.
 */
#ifndef CLXENT_CLI_TENSOR_FORMAT_H
#define CLXENT_CLI_TENSOR_FORMAT_H

#include "tensor.h"

/* The bytes of a file, and the place for an error message. */
typedef struct tensor_source {
    const char *path;
    const unsigned char *bytes;
    size_t size;
    char *err;
    size_t err_size;
} tensor_source;

/* Writes "path: message" to err, and replaces control characters of hostile files. Always returns -1. */
__attribute__((format(printf, 2, 3))) int tensor_fail(const tensor_source *source, const char *format, ...);

/* Returns "; it is a .npy file: ..." for a file whose format is not that of its name; "" for an unknown
 * format. */
const char *tensor_content(const tensor_source *source);

/* Sets count and bytes from dtype, ndim and shape. A message names `offset`, the place of the shape. */
int tensor_measure(tensor *t, const tensor_source *source, size_t offset);

/* Fill in dtype, ndim, shape, count and bytes, and set *offset to the start of the data. If `name` is NULL,
 * the file must have only one tensor. */
int npy_parse(tensor *out, size_t *offset, const tensor_source *source);
int safetensors_parse(tensor *out, size_t *offset, const tensor_source *source, const char *name);

/* True: the file begins like a safetensors file. */
int safetensors_is_likely(const tensor_source *source);

#endif
