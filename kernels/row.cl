/* SPDX-License-Identifier: Apache-2.0
 *
 * A row, from its logits to its loss and its gradient: the arithmetic of clxent, written once for every
 * schedule. A team (team.cl) of one or more work-items runs score_row() on a row.
 *
 * Algorithm. One pass over the classes keeps, for what was read so far, the largest logit and sums that are
 * relative to it (an online softmax: Milakov and Gimelshein 2018), a tile at a time: first the tile's
 * maximum, then the tile's exponentials, so that sums are rescaled once a tile at most. Sums are chains of
 * CHAIN additions, joined by compensated ones. Then, where asked, a second pass writes log_probs, probs and
 * the gradient. Reads each logit once (twice with a second pass, from cache where the row fits), writes each
 * asked element once. The gradient may replace the logits: whatever a team reads of a row, but for the
 * element being replaced, it has read before the first store.
 *
 * Work: item i of n takes the vectors of WIDTH classes number i, i + n, i + 2n, ...; TILE of them are a tile.
 *
 * Built for: OP (clxent_op), SOFTCAP (0, 1), STATS (0, 1: argmax, rank, entropy), and U, what each class
 * brings beside its logit: U_NONE, U_WEIGHT (label smoothing: class_weight or 1), U_PROBABILITY (weighted,
 * smoothed probability target), U_GRAD_OUTPUT (softmax, log-softmax backward). FROM_LSE: the first pass was
 * run by an earlier call, which saved lse. */
#ifndef CLX_ROW_CL
#define CLX_ROW_CL
#include "call.cl"

#ifndef TILE
#define TILE 8
#endif
#define CHAIN 8 /* additions one after the other before a compensated one; the error bound rests on it */
#ifndef OP
#define OP 0
#endif
#ifndef SOFTCAP
#define SOFTCAP 0
#endif
#ifndef STATS
#define STATS 0
#endif
#ifndef U
#define U 0
#endif
#ifndef FROM_LSE
#define FROM_LSE 0
#endif
#define OP_CROSS_ENTROPY 0
#define OP_NLL           1
#define OP_SOFTMAX       2
#define OP_LOG_SOFTMAX   3
#define U_NONE           0
#define U_WEIGHT         1
#define U_PROBABILITY    2
#define U_GRAD_OUTPUT    3

#if WIDTH == 1
#define LANE_NUMBERS ((maskv)0)
#elif WIDTH == 4
#define LANE_NUMBERS ((maskv)(0, 1, 2, 3))
#elif WIDTH == 16
#define LANE_NUMBERS ((maskv)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#endif

/* `statement` for the item's vectors from class `from` on, below `end` and below `classes`: `c` is the class
 * of lane 0, `lanes` how many lanes hold classes, all but in the row's last vector. (A tail after the loop
 * instead of a shorter last vector in it is what PoCL 3.1 gets wrong: it takes the loop's counter for
 * uniform.) */
#define FOR_VECTORS(from, end, classes, statement)                             \
    for (uint c = (from); c < (end) && c < (classes); c += step) {             \
        const int lanes = WIDTH == 1 ? 1 : (int)min((uint)WIDTH, (classes)-c); \
        statement                                                              \
    }

/* ---------------------------------------------------------------- one logit -------------------------- */

static real first_lane(realv x) {
    real lane[WIDTH];
    TO_LANES(x, lane);
    return lane[0];
}

/* tanh(scale x / cap): z is cap times it. Of +inf exactly 1, which not every device's tanh gives. */
static realv capped(const call *k, realv x) {
    realv t = tanh(x * (k->logit_scale / k->softcap));
    return x == REALV(REAL_INF) ? REALV(1) : t;
}

/* z - ref, with one rounding where there is no cap; -inf for a masked class, also under a cap. */
static realv deviation(const call *k, realv x, real ref) {
#if SOFTCAP
    realv z = k->softcap * capped(k, x);
    return x == REALV(-REAL_INF) ? x : z - ref;
#else
    return fma(x, REALV(k->logit_scale), REALV(-ref));
#endif
}

static real deviation_1(const call *k, real x, real ref) {
    return first_lane(deviation(k, REALV(x), ref));
}

/* What exponents are taken relative to when `top` is the largest logit: about its z; any number near is as
 * good, and 0 will do while only masked classes were met. */
static real reference(const call *k, real top) {
    return top == -REAL_INF ? REAL(0) : deviation_1(k, top, REAL(0));
}

DEFINE_TEAM_FOLD(team_max, real, sum = fmax(sum, other))
DEFINE_TEAM_FOLD(team_sum4, real4, sum += other)
DEFINE_TEAM_FOLD(team_sum_long, long, sum += other)
DEFINE_TEAM_FOLD(team_min_long, long, sum = min(sum, other))

/* ---------------------------------------------------------------- the first pass --------------------- */

/* What an item has gathered from the classes that it has met. */
typedef struct row_scan {
    real top;      /* the largest logit; NaNs are passed over here and make exp_sum NaN */
    real ref;      /* reference(top) */
    block_sum exp; /* sum exp(z - ref) */
    block_sum u;   /* sum u; for softmax sum u exp(z - ref) */
    block_sum dot; /* sum u (ref - z) */
    block_sum ent; /* sum exp(z - ref) (ref - z) */
    realv best;    /* a lane: the first largest logit, a NaN being larger than any number */
    maskv best_at, beaten;
} row_scan;

/* u of the classes c .. c + lanes of a row; 0 in the other lanes. */
static realv load_u(const call *k, long row, uint c, int lanes) {
    const clx_params *p = k->p;
#if U == U_GRAD_OUTPUT
    long at = AT(k, grad_output, row_start(k, row, p->grad_output_stride) + (long)c * p->inner);
    return load_real(k->grad_output, at, p->inner, lanes, REAL(0));
#elif U != U_NONE
    realv w = LANE_NUMBERS < (maskv)lanes ? REALV(1) : REALV(0);
    if (HAS(k, class_weight)) w = load_real(k->class_weight, AT(k, class_weight, c), 1, lanes, REAL(0));
#if U == U_PROBABILITY
    __global const PROBS_T *probabilities = (__global const PROBS_T *)k->targets;
    long at = AT(k, targets, row_start(k, row, p->targets_stride) + (long)c * p->inner);
    realv t = load_probs(probabilities, at, p->inner, lanes, REAL(0));
    w *= t * (1 - k->label_smoothing) + k->label_smoothing / REAL(p->classes);
#endif
    return w;
#else
    return REALV(0);
#endif
}

/* Moves the sums to the reference of a new largest logit. */
static void rebase(const call *k, row_scan *s, real top) {
    real ref = reference(k, top);
    real shift = ref - s->ref;
    if (shift != 0) {
        real factor = s->top == -REAL_INF ? REAL(0) : exp(-shift);
#if STATS
        if (s->top != -REAL_INF) block_sum_add(&s->ent, shift * (s->exp.sum - s->exp.low));
        block_sum_scale(&s->ent, factor);
#endif
#if U != U_NONE && OP == OP_SOFTMAX
        block_sum_scale(&s->u, factor);
#elif U != U_NONE
        block_sum_add(&s->dot, shift * (s->u.sum - s->u.low));
#endif
        block_sum_scale(&s->exp, factor);
    }
    s->top = top;
    s->ref = ref;
}

static row_scan scan_row(const call *k, long row, long base, uint classes, real x_target) {
    const clx_params *p = k->p;
    const uint step = WIDTH * (uint)team_items();
    const block_sum zero = {REALV(0), REALV(0)};
    row_scan s = {-REAL_INF, REAL(0), zero, zero, zero, zero, REALV(-REAL_INF), (maskv)0, (maskv)0};
    s.best_at = (maskv)((int)(WIDTH * team_item())) + LANE_NUMBERS;

    for (uint tile = WIDTH * (uint)team_item(); tile < classes; tile += TILE * step) {
        const uint end = tile + TILE * step;
        realv tops = REALV(-REAL_INF);
        FOR_VECTORS(tile, end, classes, {
            realv x = load_logits(k->logits, base + (long)c * p->inner, p->inner, lanes, -REAL_INF);
            tops = fmax(tops, x);
        })
        real top = max_lanes(tops);
        if (top > s.top) rebase(k, &s, top);

        for (uint block = tile; block < end && block < classes; block += CHAIN * step) {
            realv exp_sum = REALV(0), u_sum = REALV(0), dot = REALV(0), ent = REALV(0);
            FOR_VECTORS(block, min(end, block + CHAIN * step), classes, {
                realv x = load_logits(k->logits, base + (long)c * p->inner, p->inner, lanes, -REAL_INF);
                realv d = deviation(k, x, s.ref);
                realv e = exp(d);
                exp_sum += e;
#if U != U_NONE
                realv u = load_u(k, row, c, lanes);
#if OP == OP_SOFTMAX
                u_sum += e == REALV(0) ? REALV(0) : e * u;
#else
                u_sum += u;
                dot -= u == REALV(0) ? REALV(0) : u * d;
#endif
#endif
#if STATS
                ent -= e == REALV(0) ? REALV(0) : e * d;
                maskv better = (x > s.best) | (isnan(x) & (isnan(s.best) == (maskv)0));
                s.best = better ? x : s.best;
                s.best_at = better ? (maskv)(int)c + LANE_NUMBERS : s.best_at;
                maskv beats = (x > REALV(x_target)) | isnan(x);
                s.beaten += beats ? (maskv)1 : (maskv)0;
#endif
            })
            block_sum_add(&s.exp, exp_sum);
#if U != U_NONE
            block_sum_add(&s.u, u_sum);
            block_sum_add(&s.dot, dot);
#endif
#if STATS
            block_sum_add(&s.ent, ent);
#endif
        }
    }
    return s;
}

/* For the few rows that need a closer look: (0) the sum over the row of exp(z - ref), less 1, exact where the
 * sum is so near 1 that its own rounding would be most of the loss (then the largest logit stands alone);
 * (1) how many NaNs there are. */
static real4 look_closer(const call *k, long base, real top, real ref) {
    const clx_params *p = k->p;
    const uint classes = (uint)p->classes;
    const uint step = WIDTH * (uint)team_items();
    realv nans = REALV(0);
    block_sum rest = {REALV(0), REALV(0)};
    FOR_VECTORS(WIDTH * (uint)team_item(), classes, classes, {
        realv x = load_logits(k->logits, base + (long)c * p->inner, p->inner, lanes, -REAL_INF);
        block_sum_add(&rest, x == REALV(top) ? REALV(0) : exp(deviation(k, x, ref)));
        nans += isnan(x) ? REALV(1) : REALV(0);
    })
    real4 sums = team_sum4((real4)(block_sum_value(rest), sum_lanes(nans), 0, 0), k->scratch);
    sums.x += expm1(deviation_1(k, top, ref));
    return sums;
}

/* ---------------------------------------------------------------- the row ---------------------------- */

/* A row, read: lse = ref + log_sum. Where the row has no softmax (a NaN, a +inf, nothing but -inf), log_sum
 * and inverse_sum are NaN. */
typedef struct row_sums {
    real ref, log_sum, inverse_sum; /* inverse_sum: 1 / sum exp(z - ref) */
    real lse, lse_residual;
    real u, dot, entropy; /* u of softmax: sum u p */
    long argmax, beaten;
} row_sums;

#if FROM_LSE
/* The row as the forward pass saved it, for a gradient made later. `classes` 0: nothing of it is read. */
static row_sums sum_row(const call *k, long row, long base, uint classes, real x_target) {
    row_sums r = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    r.ref = GET(k, lse, row);
    r.lse = r.ref;
    r.log_sum = HAS(k, lse_residual) ? GET(k, lse_residual, row) : REAL(0);
    if (!isfinite(r.lse)) r.log_sum = REAL_NAN;
    r.inverse_sum = exp(-r.log_sum);
#if U != U_NONE
    const uint step = WIDTH * (uint)team_items();
    block_sum u = {REALV(0), REALV(0)};
    FOR_VECTORS(WIDTH * (uint)team_item(), classes, classes, { block_sum_add(&u, load_u(k, row, c, lanes)); })
    r.u = team_sum4((real4)(block_sum_value(u), 0, 0, 0), k->scratch).x;
#endif
    return r;
}

#else
/* The lanes' and the items' first largest logit: the first NaN if there is one. */
static long first_best(const call *k, const row_scan *s, real top) {
    const long after_nans = 1L << 32; /* more than any class */
    real best[WIDTH];
    MASK_NAME at[WIDTH];
    TO_LANES(s->best, best);
    TO_LANES(s->best_at, at);
    long first = LONG_MAX;
    for (int lane = 0; lane < WIDTH; lane++) {
        if (isnan(best[lane])) first = min(first, (long)at[lane]);
        if (best[lane] == top) first = min(first, (long)at[lane] + after_nans);
    }
    first = team_min_long(first, k->scratch);
    return first >= after_nans ? first - after_nans : first;
}

/* The row, read. `classes` 0: nothing of it is read, and nothing that is returned matters. */
static row_sums sum_row(const call *k, long row, long base, uint classes, real x_target) {
    row_scan s = scan_row(k, row, base, classes, x_target);
    const real top = team_max(s.top, k->scratch);
    rebase(k, &s, top);
    const real4 sums = team_sum4(
        (real4)(block_sum_value(s.exp), block_sum_value(s.u), block_sum_value(s.dot), block_sum_value(s.ent)),
        k->scratch);

    row_sums r = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    const real sum = sums.x;
    const bool plain = sum > 0; /* not NaN, not 0 */
    r.ref = s.ref;
    r.log_sum = plain ? log(sum) : REAL_NAN;
    r.lse = top; /* where it is not plain: -inf or +inf, but for a NaN */
    if (classes > 0 && !(sum >= REAL(1.125))) {
        const real4 closer = look_closer(k, base, top, s.ref);
        if (plain)
            r.log_sum = log1p(closer.x);
        else if (closer.y != 0)
            r.lse = REAL_NAN;
    }
    r.inverse_sum = plain ? 1 / sum : REAL_NAN;
    if (plain) { /* two-sum: lse + lse_residual is ref + log_sum */
        r.lse = s.ref + r.log_sum;
        const real part = r.lse - s.ref;
        r.lse_residual = (s.ref - (r.lse - part)) + (r.log_sum - part);
    }
    r.u = OP == OP_SOFTMAX ? sums.y * r.inverse_sum : sums.y;
    r.dot = sums.z;
    r.entropy = r.log_sum + sums.w * r.inverse_sum;
#if STATS
    r.argmax = first_best(k, &s, top);
    MASK_NAME beaten[WIDTH];
    TO_LANES(s.beaten, beaten);
    for (int lane = 0; lane < WIDTH; lane++) r.beaten += beaten[lane];
    r.beaten = team_sum_long(r.beaten, k->scratch);
#endif
    return r;
}
#endif

#endif
