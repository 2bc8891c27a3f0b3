/* SPDX-License-Identifier: Apache-2.0
 * Structs of callers that were compiled with the headers of another version. Each struct begins with the size
 * that its caller knows. New fields go last, and their default is 0 (host/doc/manual/stability.md). So a
 * smaller struct lacks fields, and the library takes 0 for them. The library accepts a larger struct as long
 * as it sets no field that this version does not have. */
#ifndef CLX_STRUCTS_H
#define CLX_STRUCTS_H

#include <clxent/clxent.h>

typedef struct clx_struct {
    const char *type, *init; /* init: the macro that sets it */
    size_t least, own;       /* bytes: of the fields of version 0.1, of this version's fields */
} clx_struct;

extern const clx_struct clx_ctx_options_struct, clx_desc_struct, clx_scalars_struct, clx_arrays_struct,
    clx_buffers_struct, clx_device_info_struct, clx_gemm_struct, clx_product_struct;

/* ERR_ARGUMENT unless `size` may be that of such a struct. */
clxent_status clx_check_size(clxent_error *err, const clx_struct *type, size_t size);

/* Copies a caller's struct to `out`, of this version's size. ERR_ARGUMENT: the struct's size is not valid, or
 * it sets a field that this version does not have. */
clxent_status clx_read_struct(clxent_error *err, const clx_struct *type, const void *given, void *out);

/* Copies `own`, of this version's size, to a caller's struct. The caller's struct_size stays. ERR_ARGUMENT:
 * struct_size is not valid. */
clxent_status clx_write_struct(clxent_error *err, const clx_struct *type, void *out, const void *own);

/* Sets a struct of `size` bytes to `own`, an initial value. Does nothing if the struct is NULL or has no room
 * for struct_size. */
void clx_init_struct(void *out, size_t size, const void *own, size_t own_size);

#endif
