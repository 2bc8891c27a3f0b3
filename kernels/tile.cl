/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows as the lanes of vectors (ROWS = WIDTH = 16): where the rows are in the (N,C) arrays, and how their
 * classes are read and written, a tile of TILE classes at a time. A tile is TILE vectors, each of one
 * class of all the rows. Where a row's classes are adjacent in memory, a load or store takes four classes of
 * a row, and the vectors are transposed in registers. Where the rows are adjacent ((N,C,d..) layouts), memory
 * has the vectors as they are.
 *
 * (row_at.cl has one row.) */
#ifndef CLX_TILE_CL
#define CLX_TILE_CL
#ifndef ROWS /* opened alone */
#define ROWS  16
#define WIDTH ROWS
#endif
#include "row.cl"

/* Where the rows are in an (N,C) array: the index of each row's class 0. */
typedef struct rows_place {
    long first, ahead; /* index of the first row; elements from a row to the next */
    long end;          /* of the elements that may be read: behind the last class of the launch's last row */
#if STRIDED
    bool beside; /* a class of all rows is one vector in memory */
    long lane[ROWS];
#endif
} rows_place;

/* A lane without a row has the place of the last row. */
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

/* A vector of elements of a (numbers 0 to 15) and b (16 to 31). Clang makes one instruction of its builtin
 * where there is one; the library's shuffle2 may take more. A macro, since the builtin wants constants. */
#ifdef __clang__
#define PICK(a, b, i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, ia, ib, ic, id, ie, if_) \
    __builtin_shufflevector(a, b, i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, ia, ib, ic, id, ie, if_)
#else
#define PICK(a, b, i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, ia, ib, ic, id, ie, if_) \
    shuffle2(                                                                       \
        a, b,                                                                       \
        (CLX_V(CLX_JOIN(u, MASK_NAME)))(i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, ia, ib, ic, id, ie, if_))
#endif

/* Turns four vectors of rows into four vectors of classes. Before, quarter q of x[i] has four classes of row
 * 4q + i. After, x[j] has the j-th of these classes of all rows. A second call turns them back. */
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

/* load_tile_NAME loads the classes c .. c + n of the rows. A macro defines it for each array, since the names
 * of the element types are put together from options. */
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
                lane[r] = CLX_JOIN(load_1_, type)(p, place_of_row(k, place, r) + class_at); \
            x[i] = FROM_LANES(lane);                                                        \
        }                                                                                   \
    }
#else
/* Loads four classes at a time. A load may read the elements behind a row's classes, but nothing behind
 * place->end. */
#define DEFINE_LOAD_TILE(name, type)                                                                     \
    static void load_tile_##name(const call *k, __global const CLX_JOIN(memory_, type) * p,              \
                                 const rows_place *place, uint c, int n, realv *x) {                     \
        for (int i = 0; i < n; i += 4) {                                                                 \
            if (k->live == ROWS && place->first + (ROWS - 1) * place->ahead + c + i + 4 <= place->end) { \
                const long at = place->first + c + i, ahead = place->ahead;                              \
                realv quarters[4];                                                                       \
                _Pragma("unroll") for (int j = 0; j < 4; j++) {                                          \
                    const real8 low = (real8)(CLX_JOIN(load_4_, type)(p, at + j * ahead),                \
                                              CLX_JOIN(load_4_, type)(p, at + (4 + j) * ahead));         \
                    const real8 high = (real8)(CLX_JOIN(load_4_, type)(p, at + (8 + j) * ahead),         \
                                               CLX_JOIN(load_4_, type)(p, at + (12 + j) * ahead));       \
                    quarters[j] = (realv)(low, high);                                                    \
                }                                                                                        \
                transpose_quarters(quarters);                                                            \
                _Pragma("unroll") for (int j = 0; j < 4; j++) x[i + j] = quarters[j];                    \
                continue;                                                                                \
            }                                                                                            \
            for (int j = 0; j < min(4, n - i); j++) {                                                    \
                real lane[ROWS];                                                                         \
                for (int r = 0; r < ROWS; r++)                                                           \
                    lane[r] = CLX_JOIN(load_1_, type)(p, place_of_row(k, place, r) + c + i + j);         \
                x[i + j] = FROM_LANES(lane);                                                             \
            }                                                                                            \
        }                                                                                                \
    }
#endif

/* store_tile_NAME stores the classes c .. c + n of the rows. */
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
                CLX_JOIN(store_1_, type)(lane[r], p, place_of_row(k, place, r) + class_at);            \
        }                                                                                              \
    }
#else
/* Stores four classes at a time, the last ones first. Where fewer are left and the rows are dense, it stores
 * four all the same: it overwrites the first classes of the next rows, which a later store replaces. Only the
 * last rows, three at most, could write past the rows' end; they store single classes. */
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
                TO_LANES(CLX_JOIN(to_memory_, type)(quarters[j]), lane + j * ROWS);                    \
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

/* The rows, and the tile of them that is held. */
typedef struct rows_at {
    rows_place logits, u;
    uint tile; /* the tile's first class */
    int count; /* how many classes it has */
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

/* Holds the tile from class c on: loads it, if it is not held yet. */
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

/* u of class c, which the held tile has. */
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
