/* SPDX-License-Identifier: Apache-2.0
 *
 * What a file format hands to tensor.c, private to the file layer: where in the file a tensor lies.
 */
#ifndef CLXENT_CLI_TENSOR_FORMAT_H
#define CLXENT_CLI_TENSOR_FORMAT_H

#include "tensor.h"

/* A file's bytes, and where to complain about them. */
typedef struct tensor_source {
    const char *path;
    const unsigned char *bytes;
    size_t size;
    char *err;
    size_t err_size;
} tensor_source;

/* Writes "path: message" to err, control characters of hostile files made harmless. Always -1. */
__attribute__((format(printf, 2, 3))) int tensor_fail(const tensor_source *source, const char *format, ...);

/* "; it is a .npy file: ...", of a file that is not of the format its name says; "" where what it is is not
 * known. */
const char *tensor_content(const tensor_source *source);

/* Sets count and bytes from dtype, ndim and shape. `offset` is where the shape stands, for the message. */
int tensor_measure(tensor *t, const tensor_source *source, size_t offset);

/* Fill in dtype, ndim, shape, count, bytes, and *offset: where the data begin. `name` NULL: the only tensor.
 */
int npy_parse(tensor *out, size_t *offset, const tensor_source *source);
int safetensors_parse(tensor *out, size_t *offset, const tensor_source *source, const char *name);

/* Whether the file begins as a safetensors file does. */
int safetensors_is_likely(const tensor_source *source);

#endif
