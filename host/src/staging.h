/* SPDX-License-Identifier: Apache-2.0
 * Host arrays as device buffers: used where they stand, or copied to the device and back. Copies go through
 * two queues of their own, one a direction, and never block: they run beside the kernels and beside each
 * other, and events keep the order. Which arrays, and which rows of them, stream.c says. */
#ifndef CLX_STAGING_H
#define CLX_STAGING_H

#include "launch.h"

/* How far a call is: the last event of each kind, NULL: none yet. */
typedef struct clx_transfers {
    cl_event uploaded, computed, downloaded;
} clx_transfers;

/* Before the first transfer. What was enqueued on the context's queue before is waited for: it may write the
 * arrays. */
clxent_status clx_transfers_begin(clxent_ctx *ctx);

/* Enqueues the launch's steps behind all uploads and launches so far. */
clxent_status clx_transfers_launch(clx_transfers *transfers, clx_launch *launch);

/* Waits for all that the call has enqueued, and forgets it. Returns `status`, or, when that is OK, how the
 * waiting went. */
clxent_status clx_transfers_finish(clxent_ctx *ctx, clx_transfers *transfers, clxent_status status);

typedef struct clx_staged {
    cl_mem mem; /* NULL: nothing staged */
    const char *name;
    char *host;     /* NULL: the device's alone */
    size_t bytes;   /* on the device, where they are adjacent */
    size_t runs;    /* on the host, when copied: in so many runs of one length; 0 is 1 */
    size_t apart;   /* bytes from a run's start to the next one's */
    bool is_copied; /* else the device uses the host's memory */
    bool is_output;
    bool is_read; /* what the host has matters: an input, or an output that is not written all over */
} clx_staged;

/* Puts staged->bytes at staged->host on the device, with room for `room` bytes. The buffer of an array that
 * was staged before is used again where it is a copy. */
clxent_status clx_stage(clxent_ctx *ctx, clx_transfers *transfers, clx_staged *staged, size_t room);

/* Makes the host see an output, after the launches so far. */
clxent_status clx_stage_collect(clxent_ctx *ctx, clx_transfers *transfers, const clx_staged *staged);

void clx_stage_release(clxent_ctx *ctx, clx_staged *staged);

#endif
