/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedule "lane", for few classes, and for (N,C,d..) layouts, in which rows and not classes are adjacent in
 * memory: one work-item a row; neighbouring items have neighbouring rows. On CPU devices (ROWS 16) a
 * work-item has CLX_ITEM_ROWS rows, and scores ROWS of them at a time, each in a lane of its vectors.
 *
 * Launch rule: any local size; global size at least end_row - first_row, or with ROWS 16 at least
 * (end_row - first_row) / CLX_ITEM_ROWS. Bytes: each logit is read from memory once. The second pass reads it
 * again from the first-level cache, except with ROWS 16 and up to TILE classes.
 *
 * Pieces: params.h number.cl fma.cl exp.cl sums.cl team.cl type_f32.cl type_f16.cl type_bf16.cl type_f64.cl
 *         storage.cl call.cl row.cl loss.cl; with ROWS 16 tile.cl rows.cl; else row_at.cl write.cl scan.h
 *         scan_item.cl sum_row.cl score_row.cl.
 * Options: those of every row kernel (row.cl), and
 *     ROWS         16: rows side by side, for CPU devices; or 1 */
#define TEAM 0
#ifndef ROWS
#define ROWS 1
#endif
#define WIDTH          ROWS
#define EXP_POLYNOMIAL 1
#if ROWS > 1
#define TILE 16
#else
#define TILE 8
#endif
#include "loss.cl"
#if ROWS > 1
#include "rows.cl"
#else
#include "score_row.cl"
#endif

#if ROWS > 1
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
