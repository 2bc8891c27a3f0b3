/* SPDX-License-Identifier: Apache-2.0
 * The phases of a call whose rows come in blocks, in order. The provider of a block's arrays (a copy from the
 * host, a product on the device) sets them in the launch, and submits the launch's steps.
 *
 * The results have the bits of one launch: sums go by chunks of CLX_CHUNK_ROWS rows from row 0, wherever
 * blocks end. The workspace keeps a row's loss until the row's chunk is added up. It has room for the rows of
 * one window, a number of whole chunks, and keeps row r at r % window. So no launch crosses the end of a
 * window, and after each launch the complete chunks are added up, before the next window's rows overwrite
 * them. */
#ifndef CLX_BLOCKS_H
#define CLX_BLOCKS_H

#include "phases.h"

typedef struct clx_blocks {
    clx_launch launch; /* the call's, with the block's arrays */
    const clx_call *call;
    clxent_status (*submit)(void *provider, clx_launch *launch);
    void *provider;
    clx_workspace layout;
    int64_t window; /* rows whose losses the workspace keeps; 0: it keeps none */
    int64_t summed; /* rows whose chunks are added up */
} clx_blocks;

/* The workspace that blocks of up to so many rows need. */
clx_workspace clx_blocks_workspace(const clx_blocks *blocks, int64_t block);

/* Call this before the first block. No block may have more than `block` rows. */
void clx_blocks_start(clx_blocks *blocks, int64_t block);

/* Each submits steps for one block. For a single block call clx_blocks_all(), which does all three phases.
 * For several blocks call clx_blocks_begin() for every block, and after that clx_blocks_rows() for every
 * block, which does the phase end as well. */
clxent_status clx_blocks_all(clx_blocks *blocks, int64_t first, int64_t end);
clxent_status clx_blocks_begin(clx_blocks *blocks, int64_t first, int64_t end);
clxent_status clx_blocks_rows(clx_blocks *blocks, int64_t first, int64_t end);

#endif
