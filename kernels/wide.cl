/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedule "wide", for CPU devices: one work-item a row, in vectors of 16.
 *
 * Launch rule: any local size, 1 is best; global size at least end_row - first_row.
 * Bytes: each logit is read from memory once; a tile is read again from the first cache, the row from the
 * second for what a second pass writes.
 * Tunables, passed by the host (tuning_table.h): WIDTH; TILE, vectors of a tile: WIDTH * TILE elements should
 * stay in the first cache. */
#define TEAM 0
#ifndef WIDTH
#define WIDTH 16
#endif
#ifndef TILE
#define TILE 32
#endif
#define EXP_POLYNOMIAL 1
#include "loss.cl"

__kernel void wide_rows(CALL_ARGUMENTS) {
    const call k = CALL_INIT;
    const long row = params.first_row + (long)get_global_id(0);
    if (row < params.end_row) score_row(&k, row);
}
