/* SPDX-License-Identifier: Apache-2.0 */
#include "blocks.h"

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t window_for(const clx_blocks *b, int64_t block) {
    if (!(b->launch.params.flags & CLX_KEEP_ROWS)) return 0;
    return least(b->call->rows, clx_divided_up(block, CLX_CHUNK_ROWS) * CLX_CHUNK_ROWS);
}

clx_workspace clx_blocks_workspace(const clx_blocks *b, int64_t block) {
    return clx_workspace_for(b->launch.plan, b->call->rows, window_for(b, block), block);
}

void clx_blocks_start(clx_blocks *b, int64_t block) {
    b->window = window_for(b, block);
    b->layout = clx_blocks_workspace(b, block);
    b->summed = 0;
    clx_place_workspace(&b->launch.params, b->launch.plan, &b->layout, 0, 0, 0);
}

clxent_status clx_blocks_all(clx_blocks *b, int64_t first, int64_t end) {
    clx_add_begin(&b->launch, b->call, first, end);
    const clxent_status status = clx_add_rows(&b->launch, b->call, first, end);
    if (status != CLXENT_OK) return status;
    clx_add_end(&b->launch, b->call, first, end);
    return b->submit(b->provider, &b->launch);
}

clxent_status clx_blocks_begin(clx_blocks *b, int64_t first, int64_t end) {
    clx_add_begin(&b->launch, b->call, first, end);
    return b->submit(b->provider, &b->launch);
}

/* Submits rows [first, end) of one window, then the sums of the chunks that they complete. */
static clxent_status rows_in_window(clx_blocks *b, int64_t first, int64_t end) {
    const int64_t complete = end == b->call->rows ? end : end - end % CLX_CHUNK_ROWS;
    const int64_t first_kept = b->window ? first - first % b->window : 0;
    clx_place_workspace(&b->launch.params, b->launch.plan, &b->layout, 0, first_kept, first);
    clxent_status status = clx_add_rows(&b->launch, b->call, first, end);
    if (status == CLXENT_OK) status = b->submit(b->provider, &b->launch);
    if (status != CLXENT_OK || b->window == 0 || complete <= b->summed) return status;
    clx_add_end(&b->launch, b->call, b->summed, complete);
    b->summed = complete;
    return b->submit(b->provider, &b->launch);
}

clxent_status clx_blocks_rows(clx_blocks *b, int64_t first, int64_t end) {
    clxent_status status = CLXENT_OK;
    for (int64_t next; first < end && status == CLXENT_OK; first = next) {
        next = b->window ? least(end, first - first % b->window + b->window) : end;
        status = rows_in_window(b, first, next);
    }
    return status;
}
