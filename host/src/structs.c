/* SPDX-License-Identifier: Apache-2.0 */
#include "structs.h"

#include <clxent/clxent_opencl.h>
#include <string.h>

#include "error.h"

/* `last`: the last field of version 0.1, which stays where it is. */
#define STRUCT(type, INIT, last) \
    { #type, #INIT, offsetof(type, last) + sizeof(((type *)0)->last), sizeof(type) }
const clx_struct clx_ctx_options_struct = STRUCT(clxent_ctx_options, CLXENT_CTX_OPTIONS_INIT, memory_bytes);
const clx_struct clx_desc_struct = STRUCT(clxent_desc, CLXENT_DESC_INIT, grad_output);
const clx_struct clx_scalars_struct = STRUCT(clxent_scalars, CLXENT_SCALARS_INIT, grad_output);
const clx_struct clx_arrays_struct = STRUCT(clxent_arrays, CLXENT_ARRAYS_INIT, state);
const clx_struct clx_buffers_struct = STRUCT(clxent_buffers, CLXENT_BUFFERS_INIT, state);
const clx_struct clx_gemm_struct = STRUCT(clxent_gemm, CLXENT_GEMM_INIT, dtypes);
const clx_struct clx_product_struct = {"clxent_product", "{.struct_size = sizeof(clxent_product)}",
                                       offsetof(clxent_product, row_count) + sizeof(clxent_buffer),
                                       sizeof(clxent_product)};
const clx_struct clx_device_info_struct = STRUCT(clxent_device_info, CLXENT_DEVICE_INFO_INIT, why);

/* No later version adds so many bytes to a struct. A larger size means that the caller has never set it. */
enum { MOST_GROWTH = 4096 };

static size_t size_of(const void *given) {
    size_t size;
    memcpy(&size, given, sizeof size); /* every such struct begins with it */
    return size;
}

clxent_status clx_check_size(clxent_error *err, const clx_struct *type, size_t size) {
    if (size >= type->least && size <= type->own + MOST_GROWTH) return CLXENT_OK;
    return clx_fail(
        err, CLXENT_ERR_ARGUMENT,
        "%s.struct_size is %zu, must be %zu, or that of another version, from %zu to %zu: start from "
        "%s",
        type->type, size, type->own, type->least, type->own + MOST_GROWTH, type->init);
}

clxent_status clx_read_struct(clxent_error *err, const clx_struct *type, const void *given, void *out) {
    const size_t size = size_of(given);
    const clxent_status status = clx_check_size(err, type, size);
    if (status != CLXENT_OK) return status;
    for (size_t at = type->own; at < size; at++)
        if (((const unsigned char *)given)[at] != 0)
            return clx_fail(err, CLXENT_ERR_ARGUMENT,
                            "%s.struct_size is %zu, and byte %zu is not 0: a field behind the %zu bytes that "
                            "clxent %s knows; leave it 0, or use a newer library",
                            type->type, size, at, type->own, clxent_version());
    clx_init_struct(out, type->own, given, size);
    return CLXENT_OK;
}

clxent_status clx_write_struct(clxent_error *err, const clx_struct *type, void *out, const void *own) {
    const clxent_status status = clx_check_size(err, type, size_of(out));
    if (status == CLXENT_OK) clx_init_struct(out, size_of(out), own, type->own);
    return status;
}

void clx_init_struct(void *out, size_t size, const void *own, size_t own_size) {
    if (out == NULL || size < sizeof size) return;
    memset(out, 0, size);
    memcpy(out, own, size < own_size ? size : own_size);
    memcpy(out, &size, sizeof size);
}
