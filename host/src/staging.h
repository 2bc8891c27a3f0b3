/* SPDX-License-Identifier: Apache-2.0
 * Host arrays as device buffers: used where they stand on a device with unified memory, copied to the device
 * and back on others. */
#ifndef CLX_STAGING_H
#define CLX_STAGING_H

#include "context.h"

typedef struct clx_staged {
    cl_mem mem; /* NULL: nothing staged */
    void *host;
    size_t bytes;
    bool is_output;
} clx_staged;

/* `keep`: the host's bytes matter though it is an output (parts of them are not written, or it is read too).
 */
clxent_status clx_stage(clxent_ctx *ctx, const char *name, void *host, size_t bytes, bool is_output,
                        bool keep, clx_staged *out);

/* Waits for what is enqueued, and makes the host see an output. */
clxent_status clx_stage_collect(clxent_ctx *ctx, const char *name, const clx_staged *staged);

void clx_stage_release(clxent_ctx *ctx, clx_staged *staged);

#endif
