/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows as the lanes of vectors (ROWS = WIDTH = 16): where the rows stand in the (N,C) arrays, and their
 * classes, a tile of TILE classes at a time: as many vectors, each one class of all the rows. Where a row's
 * classes are adjacent, a tile is read and written four classes of a row at a time and transposed in
 * registers; where the rows are ((N,C,d..) layouts), its vectors are in memory as they are.
 *
 * (One row: rows_at.cl.) */
#ifndef CLX_TILE_CL
#define CLX_TILE_CL
#ifndef ROWS /* opened alone */
#define ROWS  16
#define WIDTH ROWS
#endif
#include "row.cl"

/* Where the rows are in an (N,C) array: element 0 of each one's class 0. */
typedef struct rows_place {
    long first, ahead; /* of the first row; from a row to the next */
    long end;          /* of what may be read: behind the last class of the launch's last row */
#if STRIDED
    bool beside; /* a class of all rows is one vector in memory */
    long lane[ROWS];
#endif
} rows_place;

/* Lanes without a row stand where the last row does. */
static long place_of_row(const call *k, const rows_place *place, int r) {
#if STRIDED
    return place->lane[r];
#else
    return place->first + min((long)r, (long)k->live - 1) * place->ahead;
#endif
}

static void find_place(const call *k, rows_place *place, long row, long at, long stride) {
    place->first = at + row_start(k, row, stride);
    place->ahead = stride;
    place->end = at + (k->p->end_row - 1) * stride + k->p->classes;
#if STRIDED
    const long inner = class_step(k);
    place->beside = row % inner + k->live <= inner;
    for (int r = 0; r < ROWS; r++) {
        const int ahead = min(r, k->live - 1);
        place->lane[r] = place->beside ? place->first + ahead : at + row_start(k, row + ahead, stride);
    }
#endif
}

/* Element numbers of a, and from 16 on of b. Clang's builtin becomes an instruction where there is one; the
 * library's shuffle2 need not. */
#ifdef __clang__
#define PICK(a, b, i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, ia, ib, ic, id, ie, if_) \
    __builtin_shufflevector(a, b, i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, ia, ib, ic, id, ie, if_)
#else
#define PICK(a, b, i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, ia, ib, ic, id, ie, if_) \
    shuffle2(                                                                       \
        a, b,                                                                       \
        (CLX_V(CLX_JOIN(u, MASK_NAME)))(i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, ia, ib, ic, id, ie, if_))
#endif

/* Four vectors x, whose quarter q holds four classes of the rows 4q + i, become the vectors of those classes,
 * and back. */
static void transpose_quarters(realv *x) {
    const realv a = PICK(x[0], x[1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    const realv b = PICK(x[0], x[1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    const realv c = PICK(x[2], x[3], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    const realv d = PICK(x[2], x[3], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    x[0] = PICK(a, c, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    x[1] = PICK(a, c, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    x[2] = PICK(b, d, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    x[3] = PICK(b, d, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
}

/* load_tile_NAME: the classes c .. c + n of the rows. A macro makes it for each array that is read so, since
 * the types of elements are names put together from options. */
#if STRIDED
#define DEFINE_LOAD_TILE(name, type)                                                        \
    static void load_tile_##name(const call *k, __global const CLX_JOIN(memory_, type) * p, \
                                 const rows_place *place, uint c, int n, realv *x) {        \
        for (int i = 0; i < n; i++) {                                                       \
            const long class_at = (c + i) * class_step(k);                                  \
            real lane[ROWS];                                                                \
            if (place->beside) {                                                            \
                x[i] = load_##name(p, place->first + class_at, 1, k->live, REAL(0));        \
                continue;                                                                   \
            }                                                                               \
            for (int r = 0; r < ROWS; r++)                                                  \
                lane[r] = CLX_JOIN(LOAD_1_, type)(p, place_of_row(k, place, r) + class_at); \
            x[i] = FROM_LANES(lane);                                                        \
        }                                                                                   \
    }
#else
/* Four classes at a time. What follows a row's classes is read with them, as far as there is something. */
#define DEFINE_LOAD_TILE(name, type)                                                                     \
    static void load_tile_##name(const call *k, __global const CLX_JOIN(memory_, type) * p,              \
                                 const rows_place *place, uint c, int n, realv *x) {                     \
        for (int i = 0; i < n; i += 4) {                                                                 \
            if (k->live == ROWS && place->first + (ROWS - 1) * place->ahead + c + i + 4 <= place->end) { \
                const long at = place->first + c + i, ahead = place->ahead;                              \
                realv quarters[4];                                                                       \
                _Pragma("unroll") for (int j = 0; j < 4; j++) {                                          \
                    const real8 low = (real8)(CLX_JOIN(LOAD_4_, type)(p, at + j * ahead),                \
                                              CLX_JOIN(LOAD_4_, type)(p, at + (4 + j) * ahead));         \
                    const real8 high = (real8)(CLX_JOIN(LOAD_4_, type)(p, at + (8 + j) * ahead),         \
                                               CLX_JOIN(LOAD_4_, type)(p, at + (12 + j) * ahead));       \
                    quarters[j] = (realv)(low, high);                                                    \
                }                                                                                        \
                transpose_quarters(quarters);                                                            \
                _Pragma("unroll") for (int j = 0; j < 4; j++) x[i + j] = quarters[j];                    \
                continue;                                                                                \
            }                                                                                            \
            for (int j = 0; j < min(4, n - i); j++) {                                                    \
                real lane[ROWS];                                                                         \
                for (int r = 0; r < ROWS; r++)                                                           \
                    lane[r] = CLX_JOIN(LOAD_1_, type)(p, place_of_row(k, place, r) + c + i + j);         \
                x[i + j] = FROM_LANES(lane);                                                             \
            }                                                                                            \
        }                                                                                                \
    }
#endif

/* store_tile_NAME: likewise. */
#if STRIDED
#define DEFINE_STORE_TILE(name, type)                                                                  \
    static void store_tile_##name(const call *k, const realv *x, __global CLX_JOIN(memory_, type) * p, \
                                  const rows_place *place, uint c, int n) {                            \
        for (int i = 0; i < n; i++) {                                                                  \
            const long class_at = (c + i) * class_step(k);                                             \
            real lane[ROWS];                                                                           \
            if (place->beside) {                                                                       \
                store_##name(x[i], p, place->first + class_at, 1, k->live);                            \
                continue;                                                                              \
            }                                                                                          \
            TO_LANES(x[i], lane);                                                                      \
            for (int r = 0; r < k->live; r++)                                                          \
                CLX_JOIN(STORE_1_, type)(lane[r], p, place_of_row(k, place, r) + class_at);            \
        }                                                                                              \
    }
#else
/* Four classes at a time, the last ones first. Where these are fewer, and the rows are dense, four are stored
 * all the same: what one store writes over the next row's first classes, a later one replaces. Only the last
 * rows, three at most, could reach past the rows' end, and do not. */
#define DEFINE_STORE_TILE(name, type)                                                                  \
    static void store_tile_##name(const call *k, const realv *x, __global CLX_JOIN(memory_, type) * p, \
                                  const rows_place *place, uint c, int n) {                            \
        __global CLX_JOIN(stored_, type) *to = (__global CLX_JOIN(stored_, type) *)p;                  \
        const bool dense = c == 0 && place->ahead == n;                                                \
        const long end = dense ? place->first + k->live * n : LONG_MIN;                                \
        for (int i = (n - 1) / 4 * 4; i >= 0; i -= 4) {                                                \
            const long first = place->first + c + i;                                                   \
            CLX_JOIN(stored_, type) lane[4 * ROWS];                                                    \
            realv quarters[4];                                                                         \
            _Pragma("unroll") for (int j = 0; j < 4; j++) quarters[j] = x[i + j];                      \
            transpose_quarters(quarters);                                                              \
            _Pragma("unroll") for (int j = 0; j < 4; j++)                                              \
                TO_LANES(CLX_JOIN(STORED_, type)(quarters[j]), lane + j * ROWS);                       \
            int r = 0;                                                                                 \
            if (k->live == ROWS && (dense || i + 4 <= n)) {                                            \
                _Pragma("unroll") for (r = 0; r < ROWS - 4; r++)                                       \
                    vstore4(vload4(r % 4 * 4 + r / 4, lane), 0, to + first + r * place->ahead);        \
            }                                                                                          \
            for (; r < k->live; r++) {                                                                 \
                const long at = first + r * place->ahead;                                              \
                if (i + 4 <= n || at + 4 <= end)                                                       \
                    vstore4(vload4(r % 4 * 4 + r / 4, lane), 0, to + at);                              \
                else                                                                                   \
                    for (int j = 0; j < n - i; j++) to[at + j] = lane[r % 4 * ROWS + r / 4 * 4 + j];   \
            }                                                                                          \
        }                                                                                              \
    }
#endif
DEFINE_LOAD_TILE(logits, LOGITS)
DEFINE_LOAD_TILE(probs, PROBS)
DEFINE_LOAD_TILE(real, REAL_TYPE)
DEFINE_STORE_TILE(grad, GRAD)
DEFINE_STORE_TILE(real, REAL_TYPE)

/* The rows, and the tile that is held of them. */
typedef struct rows_at {
    rows_place logits, u;
    uint tile; /* its first class */
    int count; /* its classes */
    realv x[TILE], u_tile[TILE];
    bool has_exp; /* exp holds exponentials, relative to the row's last reference */
    realv exp[TILE];
} rows_at;

static void find_rows(const call *k, rows_at *at, long row) {
    const clx_params *p = k->p;
    find_place(k, &at->logits, row, AT(k, logits, 0), p->logits_stride);
#if U == U_GRAD_OUTPUT
    find_place(k, &at->u, row, AT(k, grad_output, 0), p->grad_output_stride);
#elif U == U_PROBABILITY
    find_place(k, &at->u, row, AT(k, targets, 0), p->targets_stride);
#endif
    at->count = 0;
    at->has_exp = false;
}

/* Makes the tile from class c on the one that is held. */
static void hold_tile(const call *k, rows_at *at, uint c) {
    const uint classes = (uint)k->p->classes;
    if (at->count > 0 && at->tile == c) return;
    at->tile = c;
    at->count = (int)min((uint)TILE, classes - c);
    load_tile_logits(k, k->logits, &at->logits, c, at->count, at->x);
#if U == U_GRAD_OUTPUT
    load_tile_real(k, k->grad_output, &at->u, c, at->count, at->u_tile);
#elif U == U_PROBABILITY
    load_tile_probs(k, (__global const PROBS_T *)k->targets, &at->u, c, at->count, at->u_tile);
#endif
}

/* u of class c of the tile. */
static realv u_of_class(const call *k, const rows_at *at, uint c) {
#if U == U_NONE
    return REALV(0);
#elif U == U_GRAD_OUTPUT
    return at->u_tile[c - at->tile];
#else
    const realv w = HAS(k, class_weight) ? REALV(GET(k, class_weight, c)) : REALV(1);
    return U == U_PROBABILITY ? u_of_probability(k, w, at->u_tile[c - at->tile]) : w;
#endif
}

#endif
