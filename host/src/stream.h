/* SPDX-License-Identifier: Apache-2.0
 * The rows of a call on host arrays: the (N,C) arrays go through the device a block of rows at a time. Where
 * they are copied, a block is copied up, and the one before it down, while one is computed. */
#ifndef CLX_STREAM_H
#define CLX_STREAM_H

#include "staging.h"

/* Enqueues all rows, and waits for all blocks but the last two. The launch has the arrays that are not (N,C),
 * and no steps. */
clxent_status clx_stream_rows(const clx_launch *launch, const clx_call *call, clx_transfers *transfers);

#endif
