/* SPDX-License-Identifier: Apache-2.0
 *
 * The two passes of a single item over a row. It takes a tile of TILE vectors at a time, in registers. The
 * second pass finds their exponentials (KEEP), or reads the row again.
 *
 * Implements scan.h for rows that are not shared; scan_team.cl implements it for shared rows. */
#ifndef CLX_SCAN_ITEM_CL
#define CLX_SCAN_ITEM_CL
#include "scan.h"
#if TILE > CHAIN
#error "an item adds a tile without a compensated addition: TILE is at most CHAIN"
#endif

/* The values that the first pass keeps for the second, which save it most of the work: exponentials, or under
 * a softcap z. The exponentials from class from[i] on are relative to ref[i]. The arrays have the last
 * KEPT_REFS of `count` references. The exponentials before these count as 0: each reference is more than
 * REBASE_ABOVE above the one before, and exp(-REBASE_ABOVE KEPT_REFS) is below the least f32. With U, a
 * masked class keeps -1. */
enum { KEPT_REFS = 64 };
struct row_kept {
    bool on;
#if KEEP
    uint count;
    uint from[KEPT_REFS];
    real ref[KEPT_REFS];
#endif
#if KEPT_LOCAL
    __local realv *place;
#endif
};

static void start_keeping(const call *k, row_kept *kept, bool on) {
    kept->on = on;
#if KEEP
    kept->count = 0;
#endif
#if KEPT_LOCAL
    kept->on = on && k->p->held_vectors > 0; /* the host gives a place for a whole row, or none */
    kept->place = (__local realv *)((__local uchar *)k->scratch + k->p->held_at);
#endif
}

static bool logits_are_gone(const row_kept *kept) {
    return kept->on;
}

/* Keeps exponentials or capped logits for the second pass. */
static void keep_vector(const call *k, const row_kept *kept, const row_at *at, uint c, int lanes, realv x,
                        realv e) {
#if KEEP
    if (!kept->on) return;
#if SOFTCAP
    e = capped_logit(k, x);
#elif U != U_NONE
    e = x == REALV(-REAL_INF) ? REALV(-1) : e;
#endif
#if KEPT_LOCAL
    kept->place[c / WIDTH] = e;
#else
    store_grad(e, k->grad, at->grad + c * class_step(k), class_step(k), lanes);
#endif
#endif
}

/* Adds a whole tile that needs no larger reference, as nearly all tiles, and returns true. It reads the
 * logits once. If the tile needs a larger reference, it changes nothing and returns false. It compares the
 * bits of deviations as integers, which takes a CPU half the time: the bits of a deviation above REBASE_ABOVE
 * are a larger integer. A NaN may give either result. all_ones: every u is 1. */
ALWAYS_INLINE static bool scan_usual_tile(const call *k, row_scan *s, const row_kept *kept, const row_at *at,
                                          uint tile, bool all_ones, rank_target target) {
    block_terms b = no_terms();
    maskv top = AS_MASKV(REALV(-REAL_INF));
    realv x[TILE], e[TILE];
    _Pragma("unroll") for (uint v = 0; v < TILE; v++) {
        const uint c = tile + v * WIDTH;
        x[v] = load_row(k, at, c, WIDTH);
        top = max(top, AS_MASKV(deviation(k, x[v], s->ref)));
        const realv u = all_ones ? REALV(1) : load_u(k, at, c, WIDTH);
        e[v] = scan_vector(k, s, &b, x[v], u, c, target);
        b.exp += e[v];
    }
    if (any_lane(top > AS_MASKV(REALV(REBASE_ABOVE)))) return false;
    _Pragma("unroll") for (uint v = 0; v < TILE; v++)
        keep_vector(k, kept, at, tile + v * WIDTH, WIDTH, x[v], e[v]);
    add_block(s, &b);
    return true;
}

/* Adds a vector to the tile's sums. `own` is the logit at ref if it was met in this tile, else NaN. Logits
 * equal to it are counted in `equals`; b->exp is without them. */
static void scan_own_vector(const call *k, row_scan *s, const row_kept *kept, const row_at *at,
                            block_terms *b, realv *equals, uint c, int lanes, real own, rank_target target) {
    const realv x = load_row(k, at, c, lanes);
    const realv e = scan_vector(k, s, b, x, load_u(k, at, c, lanes), c, target);
    b->exp += x == REALV(own) ? REALV(0) : e;
    *equals += x == REALV(own) ? REALV(1) : REALV(0);
    keep_vector(k, kept, at, c, lanes, x, e);
}

/* Adds any tile, of the classes below `to`. It finds the tile's largest logit first. */
static void scan_tile(const call *k, row_scan *s, row_kept *kept, const row_at *at, uint tile, uint to,
                      rank_target target) {
    const uint step = WIDTH;
    const uint whole = min((to - tile) / WIDTH, (uint)TILE);
    const uint rest = tile + whole * WIDTH;
    const bool has_rest = whole < TILE && rest < to;
    realv tops = REALV(-REAL_INF), equals = REALV(0);
    FOR_WHOLE_VECTORS(tile, whole, { tops = larger(tops, load_row(k, at, c, lanes)); })
    if (has_rest) tops = larger(tops, load_row(k, at, rest, (int)(to - rest)));
    const real top = max_lanes(tops);
    if (top > s->best) {
        s->best = top;
        s->best_tile = tile;
    }
    const bool moves = ref_moves(k, s, top);
    if (moves) {
        rebase(k, s, as_reference(k, top));
#if KEEP
        kept->from[kept->count % KEPT_REFS] = tile;
        kept->ref[kept->count++ % KEPT_REFS] = s->ref;
#endif
    }
    const real own = moves ? top : REAL_NAN;
    block_terms b = no_terms();
    FOR_WHOLE_VECTORS(tile, whole, { scan_own_vector(k, s, kept, at, &b, &equals, c, lanes, own, target); })
    if (has_rest) scan_own_vector(k, s, kept, at, &b, &equals, rest, (int)(to - rest), own, target);
    add_block(s, &b);
    if (moves) s->own = sum_lanes(equals);
}

/* With finds_best() every tile goes through scan_tile(), which finds its largest logit. */
static row_scan scan_row(const call *k, const row_at *at, bool read, rank_target target, row_kept *kept) {
    const uint to = read ? at->to : at->from;
    const bool all_ones = U == U_WEIGHT && !HAS(k, class_weight);
    row_scan s = no_scan();
    s.best_tile = at->from;
    for (uint tile = at->from; tile < to; tile += TILE * WIDTH) {
        const bool usual = s.met && to - tile >= TILE * WIDTH && !finds_best(k);
        const bool done = !usual     ? false
                          : all_ones ? scan_usual_tile(k, &s, kept, at, tile, true, target)
                                     : scan_usual_tile(k, &s, kept, at, tile, false, target);
        if (!done) scan_tile(k, &s, kept, at, tile, to, target);
    }
    return s;
}

/* Runs `write(c, lanes)`, a macro, for the item's vectors of a row, the whole ones first. */
#define FOR_ROW(from, end, write)                                        \
    {                                                                    \
        const uint item = (from) + WIDTH * (uint)team_item();            \
        const uint count = ((end) - (from)) / step;                      \
        FOR_WHOLE_VECTORS(item, count, { write(c, lanes); })             \
        FOR_VECTORS(item + count * step, end, end, { write(c, lanes); }) \
    }

#if KEEP
/* Writes the gradient of a vector, from the kept values. */
static void write_kept_vector(const call *k, const row_at *at, const row_sums *r, const row_grad *grad,
                              const row_kept *kept, uint c, int lanes) {
#if KEPT_LOCAL
    const realv left = kept->place[c / WIDTH];
#else
    const long step = class_step(k);
    const realv left = load_grad(k->grad, at->grad + c * step, step, lanes, REAL(0));
#endif
    const realv q = load_q(k, at, grad, c, lanes), others = r->rest * r->inverse_sum;
#if SOFTCAP
    const realv t = left * (1 / k->softcap);
    realv g = gradient_by_z(r, grad, exp_of(&k->exp, left - r->ref), q, others) * fma(-t, t, REALV(1));
    g = left == REALV(-REAL_INF) ? REALV(grad->masked) : g;
#else
    realv g = gradient_by_z(r, grad, left, q, others);
    if (U != U_NONE) g = left < REALV(0) ? REALV(grad->masked) : g;
#endif
    store_gradient(k, at, g, c, lanes);
}

static void write_kept(const call *k, const row_at *at, const row_sums *r, const row_grad *grad,
                       const row_kept *kept) {
    const uint step = WIDTH;
    row_grad part = *grad;
    uint from = 0;
#define WRITE(c, lanes) write_kept_vector(k, at, r, &part, kept, c, lanes)
#if !SOFTCAP
    part.spread = isnan(grad->spread) ? REAL_NAN : REAL(0);
    part.at_ref = REAL_NAN;
    for (uint i = kept->count > KEPT_REFS ? kept->count - KEPT_REFS : 0; i < kept->count; i++) {
        FOR_ROW(from, kept->from[i % KEPT_REFS], WRITE)
        from = kept->from[i % KEPT_REFS];
        part.spread = grad->spread * exp(IN_Z(k, kept->ref[i % KEPT_REFS] - r->ref));
    }
    part.at_ref = grad->at_ref;
#endif
    FOR_ROW(from, (uint)k->p->classes, WRITE)
#undef WRITE
}
#endif

static void write_classes(const call *k, const row_at *at, const row_sums *r, const row_grad *grad,
                          bool has_grad, row_kept *kept) {
#if KEEP
    if (kept->on) {
        write_kept(k, at, r, grad, kept);
        return;
    }
#endif
    const uint step = WIDTH * (uint)team_items();
#define WRITE(c, lanes) write_vector(k, at, r, grad, has_grad, load_row(k, at, c, lanes), c, lanes)
    FOR_ROW(at->from, at->to, WRITE)
#undef WRITE
}

#endif
