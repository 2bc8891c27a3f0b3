/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedule "wide", for CPU devices: one work-item a row, in vectors of WIDTH classes.
 *
 * Launch rule: global size at least end_row - first_row; local memory behind the scratch for a whole row, or
 * none (held_at, held_vectors); local size 1 with this memory, which a group's items do not divide, else any.
 * Bytes: each logit is read from memory once. The second pass reads the row, or the values that the first
 * pass kept of it, from the second-level cache.
 *
 * Pieces: params.h number.cl fma.cl exp.cl sums.cl team.cl type_f32.cl type_f16.cl type_bf16.cl type_f64.cl
 *         storage.cl call.cl row.cl loss.cl row_at.cl write.cl scan.h scan_item.cl sum_row.cl score_row.cl.
 * Options: those of every row kernel (row.cl), and
 *     WIDTH        classes of a vector (tuning_table.h: wide_width)
 *     TILE         vectors that are in registers together, between two looks at the maximum (wide_tile)
 *     CPU          1: the device is a CPU (any_lane() of number.cl) */
#define TEAM 0
#ifndef WIDTH
#define WIDTH 16
#endif
#ifndef TILE
#define TILE 8
#endif
#define EXP_POLYNOMIAL 1
#include "score_row.cl"

__kernel void wide_rows(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long place = params.first_row + (long)get_global_id(0);
    if (place < params.end_row) score_row(&k, take_row(&k, place));
}
