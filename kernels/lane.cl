/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedule "lane": one work-item a row, for few classes, and for classes that are not adjacent in memory
 * while the rows are ((N,C,d..) layouts).
 *
 * Launch rule: any local size; global size at least end_row - first_row.
 * Tunables: TILE, loads between two looks at the maximum. */
#define TEAM 0
#ifndef WIDTH
#define WIDTH 1
#endif
#ifndef TILE
#define TILE 16
#endif
#define EXP_POLYNOMIAL 1
#include "loss.cl"

__kernel void lane_rows(CALL_ARGUMENTS) {
    const call k = CALL_INIT;
    const long row = params.first_row + (long)get_global_id(0);
    if (row < params.end_row) score_row(&k, row);
}
