/* SPDX-License-Identifier: Apache-2.0
 * The providers of matrix products: what gemm.c and they know of each other. */
#ifndef CLX_GEMM_PROVIDER_H
#define CLX_GEMM_PROVIDER_H

#include "gemm.h"

enum { CLX_GEMM_WHY_BYTES = 512 };

/* An open provider. */
typedef struct clx_gemm {
    clxent_gemm gemm; /* `name` is set before the provider opens; `user` is the provider's own */
    void (*close)(clxent_ctx *ctx, void *user); /* NULL: nothing to close */
    uint32_t fast_dtypes; /* those of gemm.dtypes in which a product is faster than any in f32 */
    char why[CLX_GEMM_WHY_BYTES];
} clx_gemm;

/* Each fills enqueue, user, heeds_row_count, the types and close, and says in `why` what it uses.
 * ERR_UNSUPPORTED: the machine or the device does not have it; then `why` has the reason and the cure, and
 * the context's error is not set. Any other failure is the context's error. */
clxent_status clx_gemm_open_clxent(clxent_ctx *ctx, clx_gemm *out);
clxent_status clx_gemm_open_clblast(clxent_ctx *ctx, clx_gemm *out);
clxent_status clx_gemm_open_openblas(clxent_ctx *ctx, clx_gemm *out);
clxent_status clx_gemm_open_dnnl(clxent_ctx *ctx, clx_gemm *out);

/* Says why the provider is not there, and returns ERR_UNSUPPORTED. */
clxent_status clx_gemm_lacks(clx_gemm *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A library that a provider loads. `variable` is the environment variable that may name another file. */
typedef struct clx_gemm_library {
    const char *variable, *usual, *package;
} clx_gemm_library;

const char *clx_gemm_library_name(const clx_gemm_library *library);

/* Says, from dlerror(), why the library does not load. */
clxent_status clx_gemm_not_loaded(const clx_gemm_library *library, clx_gemm *out);

/* The byte offset of a matrix in elements. */
static inline int64_t clx_first_element(const clxent_buffer *buffer) {
    return (int64_t)(buffer->offset / sizeof(float));
}

#endif
