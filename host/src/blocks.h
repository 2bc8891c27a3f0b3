/* SPDX-License-Identifier: Apache-2.0
 * The phases of a call whose rows come in blocks, in order. Who provides a block's arrays (a copy from the
 * host, a product on the device) sets them in the launch, and submits its steps.
 *
 * The bits are those of one launch: sums go by chunks of CLX_CHUNK_ROWS rows from row 0, wherever blocks end.
 * Until its chunk is added up a row's loss is kept in the workspace, which has room for the rows of a window,
 * some whole chunks: row r is kept at r % window. So no launch goes beyond a window, and after each the
 * chunks that are complete are added up, before the next window's rows come over theirs. */
#ifndef CLX_BLOCKS_H
#define CLX_BLOCKS_H

#include "phases.h"

typedef struct clx_blocks {
    clx_launch launch; /* the call's, with the block's arrays */
    const clx_call *call;
    clxent_status (*submit)(void *provider, clx_launch *launch);
    void *provider;
    clx_workspace layout;
    int64_t window; /* rows whose losses the workspace keeps; 0: of none */
    int64_t summed; /* rows whose chunks are added up */
} clx_blocks;

/* The workspace that blocks of up to so many rows need. */
clx_workspace clx_blocks_workspace(const clx_blocks *blocks, int64_t block);

/* Before the first block. No block has more rows. */
void clx_blocks_start(clx_blocks *blocks, int64_t block);

/* Submit what is to be done with a block: all three phases, where it is the only one; else begin, for every
 * block, and after that rows, for every block, and with them end. */
clxent_status clx_blocks_all(clx_blocks *blocks, int64_t first, int64_t end);
clxent_status clx_blocks_begin(clx_blocks *blocks, int64_t first, int64_t end);
clxent_status clx_blocks_rows(clx_blocks *blocks, int64_t first, int64_t end);

#endif
