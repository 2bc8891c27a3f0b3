/* SPDX-License-Identifier: Apache-2.0
 * Matrix products by a function of the host, for CPU devices that run native kernels: what OpenBLAS and
 * oneDNN have in common. */
#ifndef CLX_GEMM_NATIVE_H
#define CLX_GEMM_NATIVE_H

#include "gemm_provider.h"

/* The matrices where they are in memory. m, n and k are the indices that exist, all at least 1. */
typedef struct clx_native_factors {
    void *a, *b; /* a product only reads them; oneDNN takes no pointer to const */
    float *c;
    int64_t m, n, k;
} clx_native_factors;

/* Any function of a library. */
typedef void clx_native_entry(void);

/* Computes c = a b + beta c. `product` has the strides, the transposes, the type and beta; its buffers and
 * sizes mean nothing here. */
typedef void clx_native_multiply(clx_native_entry *entry, const clxent_product *product,
                                 const clx_native_factors *factors);

/* What the library cannot count or compute. It sets the context's error. */
typedef clxent_status clx_native_refuse(clxent_ctx *ctx, const clxent_product *product);

/* Whether the device can run products of the host. ERR_UNSUPPORTED: no, and `why` says so. */
clxent_status clx_native_check(clxent_ctx *ctx, clx_gemm *out);

/* Fills `out` but its `why` and `dtypes`. `multiply` gets `entry`. `refuse` checks each product. Commands may
 * outlive the context, so all three must exist until the process ends. */
clxent_status clx_native_open(clxent_ctx *ctx, clx_native_multiply *multiply, clx_native_entry *entry,
                              clx_native_refuse *refuse, clx_gemm *out);

/* A library that is on the machine. */
bool clx_native_has_value(const char *variable);
bool clx_native_is_loaded(const char *name);

/* Sets `count` pointers to functions, which stand one behind the other in `out`. False: one is not there. */
bool clx_native_find(void *loaded, const char *const *names, size_t count, void *out);

#endif
