/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedule "group", for GPUs: one work-group a row.
 *
 * Launch rule: local size a power of two, global size (end_row - first_row) * local size.
 * Bytes: each logit is read once, and once more (from cache while it is there) where a second pass is asked.
 * Tunables, passed by the host (tuning_table.h): WIDTH, elements a work-item loads at once; TILE, loads
 * between two looks at the maximum. */
#define TEAM 1
#ifndef WIDTH
#define WIDTH 4
#endif
#ifndef TILE
#define TILE 4
#endif
#include "loss.cl"

__kernel void group_rows(CALL_ARGUMENTS) {
    const call k = CALL_INIT;
    const long row = params.first_row + (long)get_group_id(0);
    if (row < params.end_row) score_row(&k, row);
}
