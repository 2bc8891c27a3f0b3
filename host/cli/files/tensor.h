/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors in files: read from .npy and .safetensors through mmap, written as .npy. A tensor read here
 * is checked (its bytes are there, its shape multiplies without overflow, its data are aligned);
 * what its shape and type are good for is the caller's to judge. Values across types: dtype_values.h.
 *
 * A file must not be shortened by others while it is open: the mapping would end in SIGBUS.
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
    void *mapping; /* private: what tensor_close() gives back */
    size_t mapping_bytes;
} tensor;

/* Behind the file's name in "x.safetensors" and "x.safetensors:name", NULL for another format's. The first
 * ".safetensors" that a colon or nothing follows ends it: a tensor's name may have colons of its own. */
const char *tensor_safetensors_end(const char *spec);

/* Opens "x.npy", "x.safetensors:name", or "x.safetensors" where it has one tensor. 0; or -1, *out zeroed and
 * a message in err that names the file, the offset where there is one, what stands there and what was
 * expected. */
int tensor_open(tensor *out, const char *spec, char *err, size_t err_size);

/* A zeroed tensor is fine. */
void tensor_close(tensor *t);

/* Writes a .npy (version 1.0, C order), as file_write() does. BF16 is refused: the format has no such type.
 * 0; or -1, no file left behind and a message in err. */
int npy_write(const char *path, clxent_dtype dtype, int ndim, const int64_t *shape, const void *data,
              char *err, size_t err_size);

/* "(3, 4)", as Python writes a shape: "()" for a scalar, "(5,)" for one dimension. Returns text. */
#define TENSOR_SHAPE_TEXT 400
const char *tensor_shape_text(char text[TENSOR_SHAPE_TEXT], int ndim, const int64_t *shape);

/* "[0, 2]", where element `at` stands; "" in a scalar. Returns text. */
const char *tensor_index_text(char text[TENSOR_SHAPE_TEXT], int ndim, const int64_t *shape, int64_t at);

#endif
