/* SPDX-License-Identifier: Apache-2.0
 *
 * score_rows() scores up to ROWS rows at once, each in a lane of the vectors (tile.cl), for schedule "lane"
 * on CPU devices. The functions of row.cl and loss.cl compute a row's numbers for all of these rows together.
 * This file has only the loops over the classes.
 *
 * Algorithm: as in row.cl, with tiles of TILE classes: first the tile's maximum of each row, then its
 * exponentials. The second pass uses a tile that is still held, and reads the others again. A row's results
 * do not depend on the rows beside it. */
#ifndef CLX_ROWS_CL
#define CLX_ROWS_CL
#ifndef ROWS /* opened alone */
#define ROWS  16
#define WIDTH ROWS
#endif
#include "loss.cl"
#include "tile.cl"

#if !FROM_LSE && OP != OP_NLL
static block_sum choose_block(rowmask which, block_sum a, block_sum b) {
    const block_sum s = {which ? a.sum : b.sum, which ? a.low : b.low};
    return s;
}

/* Moves the sums of the rows `which` to a larger reference. */
static void rebase_rows(const call *k, row_scan *s, rowmask which, rowreal ref) {
    row_scan moved = *s;
    rebase(k, &moved, ref);
    s->met = which ? moved.met : s->met;
    s->ref = which ? moved.ref : s->ref;
    s->own = which ? moved.own : s->own;
    s->exp = choose_block(which, moved.exp, s->exp);
    s->u = choose_block(which, moved.u, s->u);
    s->dot = choose_block(which, moved.dot, s->dot);
    s->ent = choose_block(which, moved.ent, s->ent);
}

/* Adds the held tile to the sums. `own` is the logit at ref if it is in this tile, else NaN. target->x is the
 * logit of class y: the caller gives it with STATS; without STATS this function finds it. */
static void scan_held(const call *k, row_scan *s, rows_at *at, rowreal own, rank_target *target) {
    rowreal equals = 0, found = target->x;
    block_terms sum = no_terms();
    for (int from = 0; from < at->count; from += CHAIN) {
        block_terms b = no_terms();
        for (int i = from; i < min(from + CHAIN, at->count); i++) {
            const rowmask is_own = at->x[i] == own;
            const uint c = at->tile + (uint)i;
            const realv e = scan_vector(k, s, &b, at->x[i], u_of_class(k, at, c), c, *target);
            if (!STATS) found = target->y == class_numbers(c) ? at->x[i] : found;
            if (at->has_exp) at->exp[i] = e;
            b.exp = is_own ? b.exp : b.exp + e;
            equals = is_own ? equals + 1 : equals;
        }
        sum.exp += b.exp;
        sum.u += b.u;
        sum.dot += b.dot;
        sum.ent += b.ent;
        sum.before += b.before;
    }
    add_block(s, &sum);
    target->x = found;
    s->own = isnan(own) ? s->own : equals;
}

/* Looks for a larger logit in the held tile. Of equals the first counts; a NaN is larger than any number. */
static void scan_best(row_part *p, const rows_at *at) {
    for (int i = 0; i < at->count; i++) {
        const realv x = at->x[i];
        const rowmask better = (x > p->best) | (isnan(x) & !isnan(p->best));
        p->best = better ? x : p->best;
        p->best_at = better ? (rowmask)((int)at->tile + i) : p->best_at;
    }
}

static row_scan scan_rows(const call *k, rows_at *at, row_part *best, rank_target *target) {
    const uint classes = (uint)k->p->classes;
    row_scan s = no_scan();
    at->has_exp = classes <= TILE && HAS(k, grad);
    for (uint c = 0; c < classes; c += TILE) {
        hold_tile(k, at, c);
        rowreal top = -REAL_INF;
        for (int i = 0; i < at->count; i++) top = larger(top, at->x[i]);
        const rowreal ref = as_reference(k, top);
        const rowmask moves = s.met ? IN_Z(k, ref - s.ref) > REBASE_ABOVE : top != -REAL_INF;
        if (c == 0) {
            s.met = moves;
            s.ref = moves ? ref : ROWREAL(0);
        } else if (any(moves)) {
            rebase_rows(k, &s, moves, ref);
        }
        scan_held(k, &s, at, moves ? top : ROWREAL(REAL_NAN), target);
        if (HAS(k, argmax)) scan_best(best, at);
    }
    return s;
}

/* Which rows have a NaN among their logits. */
static rowmask have_nan(const call *k, rows_at *at) {
    rowmask nans = 0;
    for (uint c = 0; c < (uint)k->p->classes; c += TILE) {
        hold_tile(k, at, c);
        for (int i = 0; i < at->count; i++) nans |= isnan(at->x[i]);
    }
    return nans;
}

static row_part sum_rows(const call *k, rows_at *at, rank_target *target) {
    row_part p;
    p.best = -REAL_INF;
    p.best_at = 0;
    const row_scan s = scan_rows(k, at, &p, target);
    p.ref = s.met ? s.ref : ROWREAL(-REAL_INF);
    p.own = s.own;
    p.exp = block_sum_value(s.exp);
    p.u = block_sum_value(s.u);
    p.dot = block_sum_value(s.dot);
    p.ent = block_sum_value(s.ent);
    p.before = s.before;
    p.nans = 0;
    if (is_described(k) && any(p.ref == REAL_INF)) p.nans = have_nan(k, at);
    return p;
}
#endif

#if FROM_LSE && U != U_NONE
/* The sum of u, which the saved row lacks. */
static rowreal sum_u(const call *k, rows_at *at) {
    block_sum u = no_block_sum();
    for (uint c = 0; c < (uint)k->p->classes; c += TILE) {
        hold_tile(k, at, c);
        for (int i = 0; i < at->count; i++) block_sum_add(&u, u_unit(k) * u_of_class(k, at, c + (uint)i));
    }
    return block_sum_value(u);
}
#endif

/* Each row's logit of class y. */
static rowreal load_targets(const call *k, const rows_at *at, rowlong y) {
    long lane[ROWS];
    real x[ROWS];
    TO_LANES(y, lane);
    for (int r = 0; r < ROWS; r++)
        x[r] = LOAD_LOGIT(k->logits, place_of_row(k, &at->logits, r) + lane[r] * class_step(k));
    return FROM_LANES(x);
}

/* Rows side by side: their targets' classes, which rows count, their logits, and whether the logits are
 * read. */
typedef struct rows_task {
    maskv y;
    rowmask counted;
    bool read;
    rows_at at;
    rowreal target_grad; /* cross entropy of class targets: the gradient by the target's logit */
} rows_task;

/* The gradient by the logit of class c; 0 in rows that do not count, and behind the classes. */
static realv gradient_of_rows(const call *k, const rows_task *t, const row_sums *r, const row_grad *grad,
                              uint c) {
    realv g = REALV(0);
    if (!t->read || c >= (uint)k->p->classes) return g;
#if OP == OP_NLL
    g = t->y == class_numbers(c) ? REALV(0) - grad->target * grad->unit : g; /* not -0 */
#else
    const realv x = t->at.x[c - t->at.tile], u = u_of_class(k, &t->at, c);
    const realv q = OP == OP_SOFTMAX ? u : grad->u_factor * u;
    const realv e =
        t->at.has_exp ? t->at.exp[c - t->at.tile] : exp_of_deviation(k, r, deviation(k, x, r->ref));
    g = gradient_by_logit(k, r, grad, x, e, q);
#if OP == OP_CROSS_ENTROPY && U != U_PROBABILITY
    g = t->y == class_numbers(c) ? t->target_grad : g;
#endif
#endif
    return t->counted ? g : REALV(0);
}

/* The second pass: writes the outputs that have one number a class. */
static void write_tiles(const call *k, long row, rows_task *t, const row_sums *r, const row_grad *grad) {
    const clx_params *p = k->p;
    rows_at *at = &t->at;
    rows_place to_grad;
    realv out[TILE];
    find_place(k, &to_grad, row, AT(k, grad, 0), p->grad_stride);
    for (uint c = 0; c < (uint)p->classes_padded; c += TILE) {
        const int n = (int)min((uint)TILE, (uint)p->classes_padded - c);
        if (OP != OP_NLL && t->read && c < (uint)p->classes) hold_tile(k, at, c);
#if OP != OP_NLL
        if ((HAS(k, log_probs) || HAS(k, probs)) && c < (uint)p->classes) {
            rows_place to;
            find_place(k, &to, row, 0, p->log_probs_stride);
            if (HAS(k, log_probs)) {
                for (int i = 0; i < at->count; i++) out[i] = deviation(k, at->x[i], r->ref) - r->log_sum;
                store_tile_real(k, out, k->log_probs + AT(k, log_probs, 0), &to, c, at->count);
            }
            if (HAS(k, probs)) {
                for (int i = 0; i < at->count; i++)
                    out[i] = exp_of(&k->exp, deviation(k, at->x[i], r->ref)) * r->inverse_sum;
                store_tile_real(k, out, k->probs + AT(k, probs, 0), &to, c, at->count);
            }
        }
#endif
        if (HAS(k, grad)) {
            for (int i = 0; i < n; i++) out[i] = gradient_of_rows(k, t, r, grad, c + (uint)i);
            store_tile_grad(k, out, k->grad, &to_grad, c, n);
        }
    }
}

/* Scores the k->live rows from `row` on. Where rows may be ignored, it does not read rows of which none
 * counts, unless an output describes them. */
static void score_rows(const call *k, long row) {
    const row_target target = resolve_target(k, row);
    const bool skips = (k->p->flags & CLX_IGNORE) || k->p->targets == CLX_NEXT_TOKEN;
    rows_task t;
    row_sums r = no_sums();
    row_grad grad = no_grad();
    t.counted = target.state == ROW_COUNTED;
    t.y = TO_MASKV(target.y);
    rank_target goal = {REALV(0), t.y};
    t.read = !skips || is_described(k) || any(t.counted);
    find_rows(k, &t.at, row);

#if STATS || OP == OP_NLL || FROM_LSE
    if (t.read) goal.x = t.counted ? load_targets(k, &t.at, target.y) : ROWREAL(0);
#endif
#if FROM_LSE
    r = saved_row(k, row);
#if U != U_NONE
    if (t.read) r.u = sum_u(k, &t.at);
#endif
#elif OP != OP_NLL
    if (t.read) r = finish_row(k, sum_rows(k, &t.at, &goal));
    write_description(k, row, r);
#endif
#if (OP == OP_CROSS_ENTROPY || OP == OP_NLL) && !FROM_LSE
    const long_sum x_part = long_sum_of(goal.x);
    write_counted_loss(k, row, target, r, OP == OP_NLL ? x_part : target_deviation(k, goal.x, r.ref));
    if (HAS(k, rank)) PUT_ROWS_LONG(k, rank, row, TO_ROWLONG(t.counted) ? r.before : ROWLONG(0));
#endif
    if (HAS(k, grad)) grad = row_gradient(k, row, target, r);
#if OP == OP_CROSS_ENTROPY && U != U_PROBABILITY
    if (HAS(k, grad)) t.target_grad = gradient_by_target(k, target, &r, &grad, goal.x);
#endif
    if (HAS(k, grad) || HAS(k, log_probs) || HAS(k, probs)) write_tiles(k, row, &t, &r, &grad);
}

#endif
