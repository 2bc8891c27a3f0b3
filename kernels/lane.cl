/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedule "lane", for few classes, and for classes that are not adjacent in memory while the rows are
 * ((N,C,d..) layouts): one work-item a row, its neighbours beside it. On CPU devices (ROWS 16) the neighbours
 * are lanes of one work-item's vectors instead: CLX_ITEM_ROWS rows a work-item, ROWS at a time.
 *
 * Launch rule: any local size; global size at least end_row - first_row, with ROWS 16 that divided by
 * CLX_ITEM_ROWS. Bytes: with ROWS 16 and up to 16 classes each logit is read once; else once from memory and
 * again from the first cache. Tunables: TILE, loads between two looks at the maximum (ROWS 16: 16). */
#define TEAM 0
#ifndef ROWS
#define ROWS 1
#endif
#define WIDTH          ROWS
#define TILE           16
#define EXP_POLYNOMIAL 1
#include "loss.cl"
#if ROWS > 1
#include "rows.cl"

__kernel void lane_rows(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    long row = params.first_row + (long)get_global_id(0) * CLX_ITEM_ROWS;
    const long end = min(params.end_row, row + CLX_ITEM_ROWS);
    for (; row < end; row += ROWS) {
        k.live = (int)min((long)ROWS, end - row);
        score_rows(&k, row);
    }
}
#else
__kernel void lane_rows(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long row = params.first_row + (long)get_global_id(0);
    if (row < params.end_row) score_row(&k, row);
}
#endif
