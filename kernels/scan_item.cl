/* SPDX-License-Identifier: Apache-2.0
 *
 * A single item's way over a row: a tile at a time, from memory for its maximum and from the first cache for
 * its exponentials. The second pass finds them where the gradient is to stand (KEEP), or reads the row again.
 *
 * Included by row.cl, of which it is the first pass where a row is not shared (scan_team.cl). */
#ifndef CLX_SCAN_ITEM_CL
#define CLX_SCAN_ITEM_CL

/* What the first pass left where the gradient is to stand, to spare the second one most of the work: under a
 * softcap z, else exponentials: those from class from[i] on are relative to ref[i], for the last KEPT_REFS of
 * `count` references. Those before are relative to a ref so much smaller that they are 0: each is
 * REBASE_ABOVE above the one before, and exp(-REBASE_ABOVE KEPT_REFS) is below the least f32. A masked class
 * has left -1 where that matters (U). */
enum { KEPT_REFS = 64 };
typedef struct row_kept {
    bool on;
#if KEEP
    uint count;
    uint from[KEPT_REFS];
    real ref[KEPT_REFS];
#endif
} row_kept;

static void start_keeping(const call *k, row_kept *kept, bool on) {
    kept->on = on;
#if KEEP
    kept->count = 0;
#endif
}

/* Leaves an exponential or a capped logit for the second pass. */
static void keep_vector(const call *k, const row_kept *kept, const row_at *at, uint c, int lanes, realv x,
                        realv e) {
#if KEEP
    if (!kept->on) return;
#if SOFTCAP
    e = capped_logit(k, x);
#elif U != U_NONE
    e = x == REALV(-REAL_INF) ? REALV(-1) : e;
#endif
    store_grad(e, k->grad, at->grad + c * class_step(k), class_step(k), lanes);
#endif
}

/* Adds a vector of a tile to the block's sums. `own`: the logit at ref if it was met in this tile, else NaN;
 * counted in `equals` instead. */
static void scan_own_vector(const call *k, row_scan *s, const row_kept *kept, const row_at *at,
                            block_terms *b, realv *equals, uint c, int lanes, real own, realv x_target) {
    const realv x = load_row(k, at, c, lanes);
    const realv e = scan_vector(k, s, b, at, c, lanes, x, x_target);
    b->exp += x == REALV(own) ? REALV(0) : e;
    *equals += x == REALV(own) ? REALV(1) : REALV(0);
    keep_vector(k, kept, at, c, lanes, x, e);
}

/* Adds the vectors of a tile to the sums. */
static void scan_tile(const call *k, row_scan *s, const row_kept *kept, const row_at *at, uint tile,
                      uint classes, real own, realv x_target) {
    const uint step = WIDTH;
    const uint end = tile + TILE * step;
    realv equals = REALV(0);
    for (uint block = tile; block < end && block < classes; block += CHAIN * step) {
        block_terms b = {REALV(0), REALV(0), REALV(0), REALV(0)};
        const uint whole = min((classes - block) / WIDTH, (uint)min(CHAIN, TILE));
        const uint rest = block + whole * WIDTH;
        FOR_WHOLE_VECTORS(block, whole,
                          { scan_own_vector(k, s, kept, at, &b, &equals, c, lanes, own, x_target); })
        if (whole < min(CHAIN, TILE) && rest < classes)
            scan_own_vector(k, s, kept, at, &b, &equals, rest, (int)(classes - rest), own, x_target);
        add_block(s, &b);
    }
    if (!isnan(own)) s->own = sum_lanes(equals);
}

/* The largest logits of a tile. */
static realv tile_tops(const call *k, const row_at *at, uint tile, uint classes) {
    const uint step = WIDTH;
    realv tops = REALV(-REAL_INF);
    const uint whole = classes > tile ? min((classes - tile) / WIDTH, (uint)TILE) : 0;
    const uint rest = tile + whole * WIDTH;
    FOR_WHOLE_VECTORS(tile, whole, { tops = larger(tops, load_row(k, at, c, lanes)); })
    if (whole < TILE && rest < classes) tops = larger(tops, load_row(k, at, rest, (int)(classes - rest)));
    return tops;
}

/* scan_tile() for the usual tile: its vectors are whole, ref was met before, and another such tile follows,
 * whose tops are found on the way: memory is read while exponentials are computed. */
static realv scan_whole_tile(const call *k, row_scan *s, const row_kept *kept, const row_at *at, uint tile,
                             realv x_target) {
    const uint step = WIDTH;
    realv tops = REALV(-REAL_INF);
    for (uint block = tile; block < tile + TILE * step; block += CHAIN * step) {
        block_terms b = {REALV(0), REALV(0), REALV(0), REALV(0)};
        FOR_WHOLE_VECTORS(block, min(CHAIN, TILE), {
            const realv x = load_row(k, at, c, lanes);
            tops = larger(tops, load_row(k, at, c + TILE * step, lanes));
            const realv e = scan_vector(k, s, &b, at, c, lanes, x, x_target);
            b.exp += e;
            keep_vector(k, kept, at, c, lanes, x, e);
        })
        add_block(s, &b);
    }
    return tops;
}

/* The classes at->from .. to; none of them where !read. */
static row_scan scan_row(const call *k, const row_at *at, bool read, real x_target, row_kept *kept) {
    const uint step = WIDTH;
    const uint to = read ? at->to : at->from;
    const block_sum zero = {REALV(0), REALV(0)};
    row_scan s = {false, 0, 0, zero, zero, zero, zero, (maskv)0, -REAL_INF, at->from};

    realv tops = tile_tops(k, at, at->from, to);
    for (uint tile = at->from; tile < to; tile += TILE * step) {
        const real top = max_lanes(tops);
        if (top > s.best) {
            s.best = top;
            s.best_tile = tile;
        }
        const bool moves = ref_moves(k, &s, top);
        if (!moves && to - tile >= 2 * TILE * step) {
            tops = scan_whole_tile(k, &s, kept, at, tile, REALV(x_target));
            continue;
        }
        if (moves) {
            rebase(k, &s, AS_REFERENCE(k, top));
#if KEEP
            kept->from[kept->count % KEPT_REFS] = tile;
            kept->ref[kept->count++ % KEPT_REFS] = s.ref;
#endif
        }
        scan_tile(k, &s, kept, at, tile, to, moves ? top : REAL_NAN, REALV(x_target));
        if (to - tile > TILE * step) tops = tile_tops(k, at, tile + TILE * step, to);
    }
    return s;
}

#endif
