/* SPDX-License-Identifier: Apache-2.0
 *
 * The two passes of a team over a row. Each item loads TILE vectors at a time into registers. For the second
 * pass the last tile stays in registers, and the tiles before it stay in local memory where the host gives a
 * place for them (held_vectors). So the second pass reads a logit from global memory again only where the row
 * does not fit. It goes backwards: first the registers, then the classes that the caches have seen last.
 *
 * A round is one vector of each item. Every tile has TILE rounds; only the first tile may have fewer, the
 * remainder. So registers hold as much of the row as they can. The last round may be incomplete. In local
 * memory a row's vectors are in their order, in the logits' own type. The same item writes and reads a vector
 * there, so no barrier is needed.
 *
 * Implements scan.h for shared rows; scan_item.cl implements it for rows that are not shared. */
#ifndef CLX_SCAN_TEAM_CL
#define CLX_SCAN_TEAM_CL
#ifndef TEAM /* opened alone */
#define TEAM 1
#endif
#include "scan.h"

/* A vector in local memory, in the logits' type: the conversion back to that type is exact. */
typedef CLX_JOIN(held_, LOGITS) held_logits;
#define LOAD_HELD  CLX_JOIN(load_held_, LOGITS)
#define STORE_HELD CLX_JOIN(store_held_, LOGITS)

struct row_kept {
    bool has_tile;             /* `tile` has the last tile */
    realv tile[TILE];          /* of this item: one vector a round; -inf behind the row's end */
    uint held_vectors;         /* how many of the row's first vectors have a place in local memory: all */
    __local held_logits *held; /* before the last tile, or 0 */
};

static void start_keeping(const call *k, row_kept *kept, bool on) {
    kept->has_tile = false;
    kept->held_vectors = 0;
    kept->held = (__local held_logits *)((__local uchar *)k->scratch + k->p->held_at);
}

static bool logits_are_gone(const row_kept *kept) {
    return false;
}

/* A macro, since the loop's statement stands behind it. */
#define FOR_ROUNDS(v) _Pragma("unroll") for (uint v = 0; v < TILE; v++)

static uint round_classes(void) {
    return WIDTH * (uint)team_items();
}

/* The number of rounds of the team's classes, the last tile, its end, and the end of the first tile. An end
 * is the end of a round, which may be behind the row's end. */
static uint round_count(const row_at *at) {
    return (at->to - at->from + round_classes() - 1) / round_classes();
}

static uint last_tile_end(const row_at *at) {
    return at->from + round_count(at) * round_classes();
}

static uint last_tile(const row_at *at) {
    const uint rounds = round_count(at);
    return at->from + (rounds > TILE ? rounds - TILE : 0) * round_classes();
}

static uint first_tile_end(const row_at *at) {
    return at->from + ((round_count(at) - 1) % TILE + 1) * round_classes();
}

/* The item's first class of round v of a tile. */
static uint round_class(uint tile, uint v) {
    return tile + v * round_classes() + WIDTH * (uint)team_item();
}

/* How many lanes of the vector at class c hold classes, in a tile up to `end`. */
static int lanes_at(const row_at *at, uint end, uint c) {
    return c < min(end, at->to) ? (int)min((uint)WIDTH, at->to - c) : 0;
}

/* Loads a tile from global memory: a whole one without a test, all its vectors at once. */
static void load_rounds(const call *k, const row_at *at, row_kept *kept, uint tile, uint end) {
    if (end <= at->to && end - tile == TILE * round_classes()) {
        FOR_ROUNDS(v) kept->tile[v] = load_row(k, at, round_class(tile, v), WIDTH);
    } else {
        FOR_ROUNDS(v) {
            const uint c = round_class(tile, v);
            const int lanes = lanes_at(at, end, c);
            kept->tile[v] = lanes > 0 ? load_row(k, at, c, lanes) : REALV(-REAL_INF);
        }
    }
}

/* Whether local memory has a place for the tile up to `end`. */
static bool has_place(const row_at *at, const row_kept *kept, uint end) {
    return (end - at->from) / WIDTH <= kept->held_vectors;
}

/* Loads a tile from global memory, and stores it in local memory if it has a place there. */
static void load_tile(const call *k, const row_at *at, row_kept *kept, uint tile, uint end) {
    load_rounds(k, at, kept, tile, end);
    if (!has_place(at, kept, end)) return;
    FOR_ROUNDS(v) {
        const uint c = round_class(tile, v);
        if (c < end) STORE_HELD(kept->tile[v], kept->held, (c - at->from) / WIDTH);
    }
}

/* Loads a tile for the second pass: from local memory if it is there. */
static void reload_tile(const call *k, const row_at *at, row_kept *kept, uint tile, uint end) {
    if (!has_place(at, kept, end)) {
        load_rounds(k, at, kept, tile, end);
        return;
    }
    FOR_ROUNDS(v) {
        const uint c = round_class(tile, v);
        kept->tile[v] = c < end ? LOAD_HELD(kept->held, (c - at->from) / WIDTH) : REALV(-REAL_INF);
    }
}

/* A class number behind every class. */
#define NO_CLASS ((uint)(INT_MAX - WIDTH))

/* How many of the item's classes of a tile have this logit. The count has a loop of its own, since LLVM 18
 * ends the process in PoCL 6.0 ("Instruction Combining did not reach a fixpoint") where vectors of 16 are
 * counted in scan_rounds(). */
static real count_equals(const row_kept *kept, real own) {
    realv equals = REALV(0);
    FOR_ROUNDS(v) equals += kept->tile[v] == REALV(own) ? REALV(1) : REALV(0);
    return sum_lanes(equals);
}

/* Adds a tile to the sums. A vector behind its end adds nothing. `moved`: ref has moved to `own`, a logit of
 * this tile. */
static void scan_rounds(const call *k, row_scan *s, const row_at *at, const row_kept *kept, uint tile,
                        uint end, bool moved, real own, rank_target target) {
    _Pragma("unroll") for (uint block = 0; block < TILE; block += CHAIN) {
        block_terms b = no_terms();
        _Pragma("unroll") for (uint v = block; v < TILE && v < block + CHAIN; v++) {
            const uint c = round_class(tile, v);
            const realv x = kept->tile[v];
            const int lanes = lanes_at(at, end, c);
            realv e = scan_vector(k, s, &b, x, load_u(k, at, c, lanes), lanes > 0 ? c : NO_CLASS, target);
            if (moved) e = x == REALV(own) ? REALV(0) : e;
            b.exp += e;
        }
        add_block(s, &b);
    }
    if (moved) s->own = count_equals(kept, own);
}

static row_scan scan_row(const call *k, const row_at *at, bool read, rank_target target, row_kept *kept) {
    row_scan s = no_scan();
    s.best_tile = round_class(at->from, 0);
    if (!read) return s;
    kept->held_vectors = (uint)k->p->held_vectors;

    uint tile = at->from;
    for (uint end = first_tile_end(at); tile < at->to; end += TILE * round_classes()) {
        load_tile(k, at, kept, tile, end);
        realv tops = REALV(-REAL_INF);
        FOR_ROUNDS(v) tops = larger(tops, kept->tile[v]);
        const real top = max_lanes(tops);
        if (top > s.best) {
            s.best = top;
            s.best_tile = round_class(tile, 0);
        }
        const bool moves = ref_moves(k, &s, top);
        if (moves) rebase(k, &s, as_reference(k, top));
        scan_rounds(k, &s, at, kept, tile, end, moves, top, target);
        tile = end;
    }
    kept->has_tile = true;
    return s;
}

/* Goes from the last tile back to the first. */
static void write_classes(const call *k, const row_at *at, const row_sums *r, const row_grad *grad,
                          bool has_grad, row_kept *kept) {
    const uint whole_tile = TILE * round_classes();
    uint tile = last_tile(at), end = last_tile_end(at);
    while (end > at->from) {
        if (!kept->has_tile) reload_tile(k, at, kept, tile, end);
        kept->has_tile = false;
        FOR_ROUNDS(v) {
            const uint c = round_class(tile, v);
            const int lanes = lanes_at(at, end, c);
            if (lanes > 0) write_vector(k, at, r, grad, has_grad, kept->tile[v], c, lanes);
        }
        end = tile;
        tile = tile - at->from > whole_tile ? tile - whole_tile : at->from;
    }
}

#endif
