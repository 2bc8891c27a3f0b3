/* SPDX-License-Identifier: Apache-2.0
 *
 * The two passes over a row: the first sums its logits up, the second writes the outputs that have one number
 * a class. Two files implement the functions that this file declares, and a program has one of them:
 *
 *     scan_item.cl    TEAM 0: one work-item has the row
 *     scan_team.cl    TEAM 1: the items of a work-group share it
 *
 * sum_row.cl chooses. rows.cl with tile.cl is a third implementation, for sixteen rows as the lanes of one
 * item's vectors. It has names of its own, since a row's numbers are vectors there: rows_at for row_at,
 * u_of_class() for load_u(), scan_rows() for scan_row(), sum_rows() for part_of(), write_tiles() for
 * write_classes(), score_rows() for score_row(). */
#ifndef CLX_SCAN_H
#define CLX_SCAN_H
#include "write.cl"

/* The values that the first pass keeps for the second: on chip, or in the gradient's place. */
typedef struct row_kept row_kept;

/* Call it before the first pass. `on`: the first pass may write in the gradient's place, since the second
 * will write nothing but the gradient. */
static void start_keeping(const call *k, row_kept *kept, bool on);

/* The first pass: sums up the item's share of the classes at->from .. to. With !read it reads no class and
 * keeps nothing. */
static row_scan scan_row(const call *k, const row_at *at, bool read, rank_target target, row_kept *kept);

/* Whether the first pass may have written over the logits. Then nobody may read them again. */
static bool logits_are_gone(const row_kept *kept);

/* The second pass: writes the item's vectors of the classes at->from .. to, by write_vector() or from the
 * kept values. */
static void write_classes(const call *k, const row_at *at, const row_sums *r, const row_grad *grad,
                          bool has_grad, row_kept *kept);

/* Whether the reference must move before the sums take a tile with this largest logit. */
static bool ref_moves(const call *k, const row_scan *s, real top) {
    return s->met ? deviation_1(k, top, s->ref) > REBASE_ABOVE : top != -REAL_INF;
}

#endif
