/* SPDX-License-Identifier: Apache-2.0
 * A call on host arrays, within memory_bytes of device memory. Arrays with elements for each row go through
 * the device a block of rows at a time. Where blocks are copied, one block is computed while the next is
 * uploaded and the one before is downloaded. */
#ifndef CLX_STREAM_H
#define CLX_STREAM_H

#include "staging.h"

/* Enqueues the whole call, and waits for its rows. Outputs that all rows share may still be on their way.
 * After a failure the enqueued commands may still run. */
clxent_status clx_stream(clxent_plan *plan, const clx_call *call, clx_transfers *transfers);

#endif
