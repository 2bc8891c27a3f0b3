/* SPDX-License-Identifier: Apache-2.0
 *
 * The way over a row, twice: the first pass sums its logits up, the second writes what is one number a class.
 * Two files implement what is declared here, and a program has one of them:
 *
 *     scan_item.cl    TEAM 0: one work-item has the row
 *     scan_team.cl    TEAM 1: the items of a work-group share it
 *
 * sum_row.cl chooses. The third way, sixteen rows as the lanes of one item's vectors, is rows.cl with
 * tile.cl: it does the same by names of its own, since there a row's numbers are vectors (row_at: rows_at,
 * load_u(): u_of_class(), scan_row(): scan_rows(), part_of(): sum_rows(), write_classes(): write_tiles(),
 * score_row(): score_rows()). */
#ifndef CLX_SCAN_H
#define CLX_SCAN_H
#include "write.cl"

/* What the first pass leaves on chip, or where the gradient is to stand, for the second. */
typedef struct row_kept row_kept;

/* Before the first pass. `on`: the first pass may write where the gradient is to stand, since nothing but the
 * gradient will be asked of the second one. */
static void start_keeping(const call *k, row_kept *kept, bool on);

/* The first pass: what the item meets of the row's classes at->from .. to. !read: it meets none, and keeps
 * none. */
static row_scan scan_row(const call *k, const row_at *at, bool read, rank_target target, row_kept *kept);

/* Whether the first pass wrote over the logits: they are not to be read again. */
static bool logits_are_gone(const row_kept *kept);

/* The second pass: the item's vectors of the classes at->from .. to, each by write_vector() or by what was
 * kept of it. */
static void write_classes(const call *k, const row_at *at, const row_sums *r, const row_grad *grad,
                          bool has_grad, row_kept *kept);

/* Whether a tile with this largest logit needs a larger reference first. */
static bool ref_moves(const call *k, const row_scan *s, real top) {
    return s->met ? deviation_1(k, top, s->ref) > REBASE_ABOVE : top != -REAL_INF;
}

#endif
