/* SPDX-License-Identifier: Apache-2.0
 * Host arrays as device buffers. The device uses an array in place, or the library copies it to the device
 * and back. Copies have two queues of their own, one for each direction, and never block: they run beside the
 * kernels and beside each other. Events keep the order. stream.c decides which arrays, and which rows of
 * them, to stage. */
#ifndef CLX_STAGING_H
#define CLX_STAGING_H

#include "launch.h"

/* The progress of a call: the last event of each kind, NULL: none yet. */
typedef struct clx_transfers {
    cl_event uploaded, computed, downloaded;
} clx_transfers;

/* Call this before the first transfer. Waits for everything on the context's queue, since it may write the
 * arrays. */
clxent_status clx_transfers_begin(clxent_ctx *ctx);

/* Enqueues the launch's steps behind all uploads and launches so far. */
clxent_status clx_transfers_launch(clx_transfers *transfers, clx_launch *launch);

/* Waits for everything that the call has enqueued, and releases the events. Returns `status`, or, when that
 * is OK, the status of the wait. */
clxent_status clx_transfers_finish(clxent_ctx *ctx, clx_transfers *transfers, clxent_status status);

typedef struct clx_staged {
    cl_mem mem; /* NULL: nothing staged */
    const char *name;
    char *host;     /* NULL: the memory is the device's alone */
    size_t bytes;   /* on the device; they are adjacent there */
    size_t runs;    /* on the host, when copied: the number of runs, all of one length; 0 means 1 */
    size_t apart;   /* bytes from a run's start to the next one's */
    bool is_copied; /* else the device uses the host's memory */
    bool is_output;
    bool is_read; /* the host's contents matter: an input, or an output with parts that nobody writes */
} clx_staged;

/* Brings staged->bytes bytes at staged->host to the device, with room for `room` bytes. A copied array that
 * was staged before uses its buffer again. */
clxent_status clx_stage(clxent_ctx *ctx, clx_transfers *transfers, clx_staged *staged, size_t room);

/* Makes an output visible to the host, after the launches so far. */
clxent_status clx_stage_collect(clxent_ctx *ctx, clx_transfers *transfers, const clx_staged *staged);

void clx_stage_release(clxent_ctx *ctx, clx_staged *staged);

#endif
