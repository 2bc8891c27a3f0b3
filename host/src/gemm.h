/* SPDX-License-Identifier: Apache-2.0
 * Who computes the matrix products of linear cross entropy. Each provider is a clxent_gemm. A context opens
 * its provider when the first plan needs it: a context without such plans loads no library.
 *
 * A driver may lose events (held.h). Then the caller of a provider asks for the product's event and holds it,
 * as clx_launch_submit() does. A provider holds the events of its other commands. */
#ifndef CLX_GEMM_H
#define CLX_GEMM_H

#include <clxent/clxent_opencl.h>

#include "context.h"

/* Sets `number` to the provider that clxent_ctx_options.gemm (`named`), or else the environment variable
 * CLXENT_GEMM, names; for clxent_ctx.gemm_wanted. ERR_ARGUMENT: no provider has that name. */
clxent_status clx_gemm_number_of(const char *named, int *number, clxent_error *err);

/* Sets `out` to the context's provider of products whose factors are best given as `dtype`: the one that the
 * caller gave, else the named one, else the best one for the device. It may take f32 alone: see its `dtypes`.
 * ERR_UNSUPPORTED: the named provider is not there, or the device cannot use it;
 * the message says why. ERR_BUILD, ERR_OPENCL, ERR_MEMORY. */
clxent_status clx_gemm_of(clxent_ctx *ctx, clxent_dtype dtype, clxent_gemm *out);

/* Whether a provider takes factors of this type. */
static inline bool clx_gemm_takes(const clxent_gemm *gemm, clxent_dtype dtype) {
    return dtype == CLXENT_F32 || dtype == CLXENT_DTYPE_DEFAULT || (gemm->dtypes >> dtype & 1) != 0;
}

/* Enqueues a product by this provider, on the context's queue. If a provider of the caller's fails, or gives
 * no event, the message names it. */
clxent_status clx_gemm_enqueue(clxent_ctx *ctx, const clxent_gemm *gemm, const clxent_product *product,
                               cl_uint n_wait, const cl_event *wait, cl_event *event);

/* Closes what clx_gemm_of() has opened. The context's queue still exists. */
void clx_gemm_release(clxent_ctx *ctx);

#endif
