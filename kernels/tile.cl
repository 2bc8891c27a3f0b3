/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows as the lanes of vectors (ROWS = WIDTH): where the rows stand in the (N,C) arrays, and their classes, a
 * tile of TILE classes at a time: as many vectors, each one class of all the rows. Where a row's classes are
 * adjacent, a tile is read and written a row at a time, in whole vectors, and transposed in registers; where
 * the rows are ((N,C,d..) layouts), its vectors are in memory as they are.
 *
 * Included by row.cl, for which it takes the place of what reads one row's classes. */
#ifndef CLX_TILE_CL
#define CLX_TILE_CL

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
#if STRIDED
#define ROW_AT(k, place, r) ((place)->lane[r])
#else
#define ROW_AT(k, place, r) ((place)->first + min((long)(r), (long)(k)->live - 1) * (place)->ahead)
#endif

static void find_rows(const call *k, rows_place *place, long row, long at, long stride) {
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

/* Turns the vectors of rows into vectors of classes, or back: four rounds that each interleave the halves. */
__attribute__((always_inline)) static void transpose(realv *x) {
    realv y[ROWS];
#define INTERLEAVE(from, to)                       \
    _Pragma("unroll") /* to stay in registers */   \
    for (int i = 0; i < ROWS / 2; i++) {           \
        to[2 * i].even = from[i].lo;               \
        to[2 * i].odd = from[i + ROWS / 2].lo;     \
        to[2 * i + 1].even = from[i].hi;           \
        to[2 * i + 1].odd = from[i + ROWS / 2].hi; \
    }
    INTERLEAVE(x, y)
    INTERLEAVE(y, x)
    INTERLEAVE(x, y)
    INTERLEAVE(y, x)
#undef INTERLEAVE
}

/* load_tile_NAME: the classes c .. c + n of the rows. */
#if STRIDED
#define DEFINE_LOAD_TILE(name, type)                                                             \
    static void load_tile_##name(const call *k, __global const CLX_JOIN(memory_, type) * p,      \
                                 const rows_place *place, uint c, int n, realv *x) {             \
        for (int i = 0; i < n; i++) {                                                            \
            const long class_at = (c + i) * class_step(k);                                       \
            real lane[ROWS];                                                                     \
            if (place->beside) {                                                                 \
                x[i] = load_##name(p, place->first + class_at, 1, k->live, REAL(0));             \
                continue;                                                                        \
            }                                                                                    \
            for (int r = 0; r < ROWS; r++)                                                       \
                lane[r] = CLX_JOIN(LOAD_1_, type)(p, ROW_AT(k, place, r) + class_at);            \
            x[i] = FROM_LANES(lane);                                                             \
        }                                                                                        \
    }
#else
/* What follows a row's classes is read with them, as far as there is something. */
#define DEFINE_LOAD_TILE(name, type)                                                                     \
    static void load_tile_##name(const call *k, __global const CLX_JOIN(memory_, type) * p,              \
                                 const rows_place *place, uint c, int n, realv *x) {                     \
        realv row[ROWS];                                                                                 \
        if (k->live == ROWS && ROW_AT(k, place, ROWS - 1) + c + WIDTH <= place->end) {                   \
            _Pragma("unroll") for (int r = 0; r < ROWS; r++)                                             \
                row[r] = load_##name(p, place->first + c + r * place->ahead, 1, WIDTH, REAL(0));         \
        } else {                                                                                         \
            for (int r = 0; r < ROWS; r++) x[r] = load_##name(p, ROW_AT(k, place, r) + c, 1, n, REAL(0)); \
            for (int r = 0; r < ROWS; r++) row[r] = x[r];                                                \
        }                                                                                                \
        transpose(row);                                                                                  \
        for (int r = 0; r < ROWS; r++) x[r] = row[r];                                                    \
    }
#endif

/* store_tile_NAME: likewise; x is lost. */
#if STRIDED
#define DEFINE_STORE_TILE(name, type)                                                               \
    static void store_tile_##name(const call *k, realv *x, __global CLX_JOIN(memory_, type) * p,    \
                                  const rows_place *place, uint c, int n) {                         \
        for (int i = 0; i < n; i++) {                                                               \
            const long class_at = (c + i) * class_step(k);                                          \
            real lane[ROWS];                                                                        \
            if (place->beside) {                                                                    \
                store_##name(x[i], p, place->first + class_at, 1, k->live);                         \
                continue;                                                                           \
            }                                                                                       \
            TO_LANES(x[i], lane);                                                                   \
            for (int r = 0; r < k->live; r++)                                                       \
                CLX_JOIN(STORE_1_, type)(lane[r], p, ROW_AT(k, place, r) + class_at);               \
        }                                                                                           \
    }
#else
/* Where the rows are short and dense, whole vectors are stored too: what one writes over the next row's
 * classes, the next row's store replaces. The last rows' do not reach past the rows' end. */
#define DEFINE_STORE_TILE(name, type)                                                            \
    static void store_tile_##name(const call *k, realv *x, __global CLX_JOIN(memory_, type) * p, \
                                  const rows_place *place, uint c, int n) {                      \
        const bool dense = c == 0 && place->ahead == n;                                          \
        const long end = dense ? place->first + k->live * n : LONG_MIN;                          \
        transpose(x);                                                                            \
        for (int r = 0; r < k->live; r++) {                                                      \
            const long at = place->first + r * place->ahead;                                     \
            store_##name(x[r], p, at + c, 1, at + WIDTH <= end ? WIDTH : n);                     \
        }                                                                                        \
    }
#endif
DEFINE_LOAD_TILE(logits, LOGITS)
DEFINE_LOAD_TILE(probs, PROBS)
DEFINE_LOAD_TILE(real, REAL_STORE)
DEFINE_STORE_TILE(grad, GRAD)
DEFINE_STORE_TILE(real, REAL_STORE)

/* The rows, and the tile that is held of them. */
typedef struct row_at {
    rows_place logits, u;
    uint tile; /* its first class */
    int count; /* its classes */
    realv x[TILE], u_tile[TILE];
} row_at;

static void find_row(const call *k, row_at *at, long row) {
    const clx_params *p = k->p;
    find_rows(k, &at->logits, row, AT(k, logits, 0), p->logits_stride);
#if U == U_GRAD_OUTPUT
    find_rows(k, &at->u, row, AT(k, grad_output, 0), p->grad_output_stride);
#elif U == U_PROBABILITY
    find_rows(k, &at->u, row, AT(k, targets, 0), p->targets_stride);
#endif
    at->count = 0;
}

/* Makes the tile from class c on the one that is held. */
static void hold_tile(const call *k, row_at *at, uint c) {
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
static realv load_u(const call *k, const row_at *at, uint c, int lanes) {
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
