/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedule "group", for GPUs: one work-group a row.
 *
 * Launch rule: local size a power of two, global size (end_row - first_row) * local size; local memory behind
 * the scratch as held_at and held_vectors say.
 * Bytes: the first pass reads each logit from global memory once. For a second pass, registers hold the row's
 * last TILE * WIDTH * local size classes, and local memory holds the tiles before them that have a place
 * there (scan_team.cl). The second pass reads the other classes once more, from cache while they are there.
 *
 * Pieces: params.h number.cl fma.cl exp.cl sums.cl team.cl type_f32.cl type_f16.cl type_bf16.cl type_f64.cl
 *         storage.cl call.cl row.cl loss.cl row_at.cl write.cl scan.h scan_team.cl sum_row.cl score_row.cl.
 * Options: those of every row kernel (row.cl), and
 *     WIDTH        classes that a work-item loads at once (tuning_table.h: group_width)
 *     TILE         loads that a work-item has in registers together, between two looks at the maximum
 *                  (group_tile)
 *     SUBGROUPS    1: the device has sub-groups, and teams fold within them first (team.cl) */
#define TEAM 1
#ifndef WIDTH
#define WIDTH 4
#endif
#ifndef TILE
#define TILE 4
#endif
#include "score_row.cl"

__kernel void group_rows(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long place = params.first_row + (long)get_group_id(0);
    if (place < params.end_row) score_row(&k, take_row(&k, place));
}
