/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors in files. It reads .npy and .safetensors through mmap, and writes .npy. An open tensor is checked:
 * the file has all of its bytes, its size does not overflow, and its data are aligned. The caller checks
 * whether shape and type fit its purpose. dtype_values.h converts values.
 *
 * Nobody may shorten a file while it is open: a read of the mapping would then raise SIGBUS.
 */
#ifndef CLXENT_CLI_TENSOR_H
#define CLXENT_CLI_TENSOR_H

#include <clxent/clxent.h>

#define TENSOR_MAX_DIMS 16

typedef struct tensor {
    clxent_dtype dtype; /* F32 F16 BF16 F64 I64 I32 U16 U8 */
    int ndim;           /* 0 for a scalar */
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t count;    /* product of shape */
    const void *data; /* C order, aligned for dtype, never written */
    size_t bytes;
    void *mapping; /* private: tensor_close() unmaps or frees it */
    size_t mapping_bytes;
} tensor;

/* Returns the end of the file's name in "x.safetensors" and "x.safetensors:name"; NULL for another format.
 * The first ".safetensors" before a colon or the end of `spec` ends the name of the file, because the name of
 * a tensor may have colons. */
const char *tensor_safetensors_end(const char *spec);

/* Opens "x.npy", "x.safetensors:name", or "x.safetensors" if it has one tensor. Returns 0; or -1, with *out
 * zeroed and a message in err. The message names the file, the offset if there is one, the content there and
 * the expected content. */
int tensor_open(tensor *out, const char *spec, char *err, size_t err_size);

/* A zeroed tensor is fine. */
void tensor_close(tensor *t);

/* Returns the type in which a .npy holds such elements: f32 for BF16, which the format lacks, else the same.
 */
clxent_dtype npy_dtype(clxent_dtype dtype);

/* Writes a .npy (version 1.0, C order) with file_write(). It refuses BF16, because the format has no such
 * type. Returns 0; or -1, with no file left behind and a message in err. */
int npy_write(const char *path, clxent_dtype dtype, int ndim, const int64_t *shape, const void *data,
              char *err, size_t err_size);

/* Writes a shape as Python does: "(3, 4)", "()" for a scalar, "(5,)" for one dimension. Returns text. */
#define TENSOR_SHAPE_TEXT 400
const char *tensor_shape_text(char text[TENSOR_SHAPE_TEXT], int ndim, const int64_t *shape);

/* Writes the index of element `at`: "[0, 2]", or "" in a scalar. Returns text. */
const char *tensor_index_text(char text[TENSOR_SHAPE_TEXT], int ndim, const int64_t *shape, int64_t at);

#endif
