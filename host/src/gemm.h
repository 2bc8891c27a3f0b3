/* SPDX-License-Identifier: Apache-2.0
 * Who computes the matrix products of linear cross entropy. Each provider is a clxent_gemm. */
#ifndef CLX_GEMM_H
#define CLX_GEMM_H

#include <clxent/clxent_opencl.h>

#include "context.h"

/* Sets `out` to the context's provider of products: the one that the caller gave, else the one that
 * clxent_ctx_options.gemm or the environment variable CLXENT_GEMM names, else the best one for the device.
 * ERR_ARGUMENT: the name is none of the known ones. ERR_UNSUPPORTED: the named provider is not there, or the
 * device cannot use it; the message says why. */
clxent_status clx_gemm_of(clxent_ctx *ctx, clxent_gemm *out);

#endif
