/* SPDX-License-Identifier: Apache-2.0
 *
 * The sums of one row, from the sums of its team's items (scan.h); also of a part of a row that several teams
 * share (split.cl). (rows.cl has rows side by side.) */
#ifndef CLX_SUM_ROW_CL
#define CLX_SUM_ROW_CL
#include "scan.h"
#if TEAM
#include "scan_team.cl"
#else
#include "scan_item.cl"
#endif

DEFINE_SUB_GROUP_FOLD(team_max, real, sub_group_reduce_max, sum = fmax(sum, other))
DEFINE_SUB_GROUP_FOLD(team_sum, real, sub_group_reduce_add, sum += other)

#if FROM_LSE
/* With !read it does not read the row. */
HAS_BARRIER static row_sums sum_row(const call *k, long row, const row_at *at, bool read, rank_target target,
                                    row_kept *kept) {
    row_sums r = saved_row(k, row);
#if U != U_NONE
    const uint step = WIDTH * (uint)team_items();
    block_sum u = no_block_sum();
    const uint to = read ? at->to : 0;
    FOR_VECTORS(WIDTH * (uint)team_item(), to, to,
                { block_sum_add(&u, u_unit(k) * load_u(k, at, c, lanes)); })
    r.u = team_sum(block_sum_value(u), k->scratch);
#endif
    return r;
}

#else
/* The first class whose logit is `x`, or is NaN for an x of NaN, among the item's `count` vectors from class
 * `from` on. INT_MAX if there is none. */
ALWAYS_INLINE static int first_class(const call *k, const row_at *at, uint from, uint count, real x) {
    const uint step = WIDTH * (uint)team_items();
    maskv first = (maskv)INT_MAX;
    FOR_VECTORS(from, count < (at->to - from) / step ? from + count * step : at->to, at->to, {
        const realv y = load_row(k, at, c, lanes);
        const maskv found = isnan(x) ? isnan(y) : y == REALV(x);
        const maskv number = LANE_NUMBERS + (maskv)(int)c;
        first = found && LANE_NUMBERS < (maskv)lanes && first == (maskv)INT_MAX ? number : first;
    })
    MASK_NAME lane[WIDTH];
    int least = INT_MAX;
    TO_LANES(first, lane);
    for (int i = 0; i < WIDTH; i++) least = min(least, (int)lane[i]);
    return least;
}

/* The class of the item's first NaN; INT_MAX if there is none. */
static int first_nan(const call *k, const row_at *at) {
    const uint first = at->from + WIDTH * (uint)team_item();
    return first < at->to ? first_class(k, at, first, UINT_MAX, REAL_NAN) : INT_MAX;
}

/* Makes a part relative to a larger reference. */
static row_part part_rebased(const call *k, row_part p, real ref) {
    if (p.ref == ref) return p;
    p.nans = isnan(p.exp);
    if (p.ref != -REAL_INF) {
        const real shift = IN_Z(k, ref - p.ref);
        const real factor = exp(-shift);
        p.exp += p.own;
        p.ent *= factor;
        if (factor > 0) p.ent += shift * factor * p.exp;
        if (OP == OP_SOFTMAX) {
            p.u = (p.u + p.dot) * factor;
            p.dot = 0;
        } else if (U != U_NONE) {
            p.dot += (ref / 2 - p.ref / 2) * (2 * p.u);
        }
        p.exp *= factor;
        p.own = 0;
    }
    p.ref = ref;
    return p;
}

/* Adds up two parts that have the same reference. */
static row_part part_add(row_part a, row_part b) {
    a.own += b.own;
    a.exp += b.exp;
    a.u += b.u;
    a.dot += b.dot;
    a.ent += b.ent;
    a.nans |= b.nans;
    const bool same = a.best == b.best || (isnan(a.best) && isnan(b.best));
    if (same ? b.best_at < a.best_at : b.best > a.best || (isnan(b.best) && !isnan(a.best))) {
        a.best = b.best;
        a.best_at = b.best_at;
    }
    a.before += b.before;
    return a;
}

#if SUBGROUPS
/* part_add() over the parts of a sub-group. */
static row_part sub_group_part(row_part p) {
    p.own = sub_group_reduce_add(p.own);
    p.exp = sub_group_reduce_add(p.exp);
#if U != U_NONE
    p.u = sub_group_reduce_add(p.u);
    p.dot = sub_group_reduce_add(p.dot);
#endif
#if STATS
    p.ent = sub_group_reduce_add(p.ent);
    p.before = sub_group_reduce_add(p.before);
#endif
    p.nans = sub_group_reduce_max(p.nans);
    const real best = p.nans ? REAL_NAN : sub_group_reduce_max(p.best);
    p.best_at = sub_group_reduce_min((p.nans ? isnan(p.best) : p.best == best) ? p.best_at : INT_MAX);
    p.best = best;
    return p;
}
#endif
DEFINE_SUB_GROUP_FOLD(team_part, row_part, sub_group_part, sum = part_add(sum, other))

/* Merges the sums of the team's items. `kept`: the logits may be overwritten, so it does not read them. */
HAS_BARRIER static row_part part_of(const call *k, const row_at *at, row_scan s, bool kept) {
    row_part p;
    p.u = p.dot = p.ent = 0;
    p.before = p.nans = 0;
    p.ref = team_max(s.met ? s.ref : -REAL_INF, k->scratch);
    if (p.ref > s.ref || !s.met) rebase(k, &s, p.ref);
    p.own = s.own;
    p.exp = block_sum_value(s.exp);
#if U != U_NONE
    p.u = block_sum_value(s.u);
    p.dot = block_sum_value(s.dot);
#endif
#if STATS
    MASK_NAME before[WIDTH];
    TO_LANES(s.before, before);
    p.ent = block_sum_value(s.ent);
    for (int lane = 0; lane < WIDTH; lane++) p.before += (int)before[lane];
#endif
    p.best = s.best;
    p.best_at = INT_MAX;
    if (finds_best(k) && s.best_tile < at->to) p.best_at = first_class(k, at, s.best_tile, TILE, s.best);
    if (isnan(p.exp) && (finds_best(k) || p.ref == REAL_INF) && !kept) {
        const int nan_at = first_nan(k, at);
        p.nans = nan_at != INT_MAX;
        if (p.nans) p.best = REAL_NAN;
        if (p.nans) p.best_at = nan_at;
    }
    return team_part(p, k->scratch);
}

/* Reads the row and returns its sums. With !read it reads nothing, and nobody may use the result. */
HAS_BARRIER static row_sums sum_row(const call *k, long row, const row_at *at, bool read, rank_target target,
                                    row_kept *kept) {
    return finish_row(k, part_of(k, at, scan_row(k, at, read, target, kept), logits_are_gone(kept)));
}
#endif

#endif
