/* SPDX-License-Identifier: Apache-2.0
 * A call on host arrays, through device memory of memory_bytes: arrays that have something for each row go a
 * block of rows at a time. Where they are copied, a block is copied up, and the one before it down, while one
 * is computed. */
#ifndef CLX_STREAM_H
#define CLX_STREAM_H

#include "staging.h"

/* Enqueues all that the call does, and waits for its rows; the outputs that are for all rows may still be on
 * their way. After a failure what was enqueued may still run. */
clxent_status clx_stream(clxent_plan *plan, const clx_call *call, clx_transfers *transfers);

#endif
