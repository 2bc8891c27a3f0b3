/* SPDX-License-Identifier: Apache-2.0
 *
 * The sums over a row's logits: the arithmetic of the first pass, for one row and for rows side by side. And
 * the options of the row kernels.
 *
 * Algorithm. One pass over the classes keeps the largest logit so far, and sums relative to a logit of about
 * that size (an online softmax: Milakov and Gimelshein 2018). It takes a tile at a time: first the tile's
 * maximum, then the tile's exponentials, so that it rescales the sums at most once a tile. Sums are chains of
 * CHAIN additions, joined by compensated ones. Where the call asks for log_probs, probs or the gradient, a
 * second pass writes them. Each logit is read once; with a second pass twice, from cache where the row fits.
 * A team keeps as much as it can on chip (scan_team.cl). Each element of an output is written once. With KEEP
 * the first pass stores the exponentials in the gradient's place, and the second pass only scales them. The
 * gradient may replace the logits: before its first store, a team has read all that it needs of a row, except
 * the element that the store replaces.
 *
 * Work: item i of n takes the vectors i, i + n, i + 2n, ..., each of WIDTH classes. TILE of them are a tile.
 *
 * Options of every row kernel, which the host passes as -DNAME=VALUE:
 *
 *     OP         clxent_op: OP_CROSS_ENTROPY, OP_NLL, OP_SOFTMAX, OP_LOG_SOFTMAX
 *     U          the number u that each class has beside its logit: U_NONE, none; U_WEIGHT, for label
 *                smoothing, class_weight or 1; U_PROBABILITY, the weighted, smoothed probability target;
 *                U_GRAD_OUTPUT, the grad_output of softmax's and log-softmax's backward pass
 *     SOFTCAP    1: logits are capped
 *     SCALED     0: logit_scale is 1
 *     STATS      1: the call may ask for rank or entropy
 *     FROM_LSE   1: an earlier call ran the first pass, and saved lse
 *     LOGITS, GRAD, PROBS    types of elements: storage.cl
 *     STRIDED    1: a row's classes are not adjacent: storage.cl
 *     IN_ORDER   1: the rows of logits and gradient are in the order of order.cl, those that count first
 *                (group, wide, split)
 *     REAL_F64   1: the reals are f64, as LOGITS is: number.cl
 *     FMA        0: the driver has no usable fma(): fma.cl
 *     LANES_IN_MEMORY, BARRIERS_INLINE    for Oclgrind: number.cl, team.cl */
#ifndef CLX_ROW_CL
#define CLX_ROW_CL
#include "call.cl"

#ifndef TILE
#define TILE 8
#endif
/* Plain additions before a compensated one. The error bound rests on this number. It must be a divisor or a
 * multiple of TILE. */
#define CHAIN 8
#ifndef OP
#define OP OP_CROSS_ENTROPY
#endif
#ifndef SOFTCAP
#define SOFTCAP 0
#endif
#ifndef SCALED
#define SCALED 1
#endif
#ifndef STATS
#define STATS 0
#endif
#ifndef U
#define U U_NONE
#endif
#ifndef FROM_LSE
#define FROM_LSE 0
#endif
#ifndef FROM_STATE
#define FROM_STATE 0
#endif
/* None of them is 0: the preprocessor takes any other name for 0. */
#define OP_CROSS_ENTROPY 1
#define OP_NLL           2
#define OP_SOFTMAX       3
#define OP_LOG_SOFTMAX   4
#define U_NONE           1
#define U_WEIGHT         2
#define U_PROBABILITY    3
#define U_GRAD_OUTPUT    4
#if !OP || !U
#error "OP or U is none of the above"
#endif

/* Whether the first pass can leave exponentials for the second: in the gradient's place, or, where its type
 * is too short, in local memory (KEPT_LOCAL). */
#define KEEP       (!TEAM && !REAL_F64 && !FROM_LSE && OP != OP_NLL)
#define KEPT_LOCAL (KEEP && !CLX_JOIN(HOLDS_REAL_, GRAD))

/* ---------------------------------------------------------------- one logit -------------------------- */

/* tanh(scale x / cap). z is cap times it. */
static realv capped(const call *k, realv x) {
    realv t = tanh_of(&k->exp, x * (k->logit_scale / k->softcap));
#if !EXP_POLYNOMIAL
    t = x == REALV(REAL_INF) ? REALV(1) : t; /* not every device's tanh gives exactly that */
#endif
    return t;
}

/* z under a softcap; -inf for a masked class. */
static realv capped_logit(const call *k, realv x) {
    return x == REALV(-REAL_INF) ? x : k->softcap * capped(k, x);
}

/* A reference is a logit before the scale, so that a logit equal to it deviates by exactly 0, however large
 * both are. Under a softcap it is a z; a saved lse is a z too. IN_Z converts a difference of two references
 * to z. It is a macro, since the difference may be one number or a vector. */
#if SCALED && !SOFTCAP && !FROM_LSE
#define IN_Z(k, difference) ((difference) * (k)->logit_scale)
#else
#define IN_Z(k, difference) (difference)
#endif

static rowreal as_reference(const call *k, rowreal x) {
#if SOFTCAP
    return first_lane(capped_logit(k, (realv)(x)));
#else
    return x;
#endif
}

/* z minus the z of the reference. */
static realv deviation(const call *k, realv x, rowreal ref) {
#if SOFTCAP
    return capped_logit(k, x) - ref;
#elif SCALED && FROM_LSE
    return fma(x, REALV(k->logit_scale), -(realv)(ref));
#else
    return IN_Z(k, x - (realv)(ref));
#endif
}

static rowreal deviation_1(const call *k, rowreal x, rowreal ref) {
    return first_lane(deviation(k, (realv)(x), ref));
}

/* x in a row's first lane, 0 in its others. */
static realv in_first_lane(rowreal x) {
#if WIDTH == 1 || ROWS > 1
    return x;
#else
    return LANE_NUMBERS == (maskv)0 ? REALV(x) : REALV(0);
#endif
}

/* ---------------------------------------------------------------- the first pass --------------------- */

/* Exponents are relative to `ref`. It moves when a logit is more than REBASE_ABOVE larger. So a class with
 * more than 8/9 of a row's probability is at ref. */
#define REBASE_ABOVE REAL(2)

/* The unit of cross entropy's sums over the classes. It multiplies each term, so that masks of -FLT_MAX do
 * not make the sums infinite. The results fit without it: in the end the smoothing term is divided by the
 * number of classes, and probabilities add up to 1. The unit is a power of two, so that no digit changes. */
static real u_unit(const call *k) {
    return OP != OP_CROSS_ENTROPY ? REAL(1) : U == U_WEIGHT ? k->class_unit : REAL(0.25f);
}

/* The sums of an item over the classes that it has met. */
typedef struct row_scan {
    rowmask met; /* whether a logit that is not masked was met */
    rowreal ref; /* the reference: exponents are relative to it */
    rowreal own; /* how many logits of its tile are equal to it; they are not in exp, so that a sum of little
                  * more than 1 keeps its digits */
    block_sum exp; /* sum exp(z - ref) of the other logits */
    block_sum u;   /* sum u; cross entropy: in u_unit; softmax: sum u exp(z - ref) of classes not at ref */
    block_sum dot; /* cross entropy: sum u (ref - x), in u_unit; softmax: sum u of classes at ref */
    block_sum ent; /* sum exp(z - ref) (ref - z) */
    maskv before;  /* classes before the target, for each lane */
    real best;     /* the largest logit that is not NaN, and the first tile that has it */
    uint best_tile;
} row_scan;

static row_scan no_scan(void) {
    row_scan s;
    s.met = 0;
    s.ref = s.own = 0;
    s.exp = s.u = s.dot = s.ent = no_block_sum();
    s.before = (maskv)0;
    s.best = -REAL_INF;
    s.best_tile = 0;
    return s;
}

/* u of a probability target t: smoothed and weighted. */
static realv u_of_probability(const call *k, realv weight, realv t) {
    return weight * (t * (1 - k->label_smoothing) + k->label_smoothing / REAL(k->p->classes_total));
}

/* Moves the sums to a larger reference. */
static void rebase(const call *k, row_scan *s, rowreal ref) {
    const rowreal shift = s->met ? IN_Z(k, ref - s->ref) : ROWREAL(0);
    const rowreal factor = exp(-shift);
    block_sum_add(&s->exp, in_first_lane(s->own));
#if STATS
    const rowreal moved = factor > 0 ? shift * factor : ROWREAL(0); /* shift may be infinite */
    block_sum_scale(&s->ent, factor);
    block_sum_add(&s->ent, moved * (s->exp.sum - s->exp.low));
#endif
#if U != U_NONE && OP == OP_SOFTMAX
    block_sum_add(&s->u, s->dot.sum - s->dot.low);
    block_sum_scale(&s->u, factor);
    s->dot = no_block_sum();
#elif U != U_NONE && OP == OP_CROSS_ENTROPY
    const rowreal half_shift = s->met ? ref / 2 - s->ref / 2 : ROWREAL(0);
    block_sum_add(&s->dot, half_shift * (2 * (s->u.sum - s->u.low)));
#endif
    block_sum_scale(&s->exp, factor);
    s->own = 0;
    s->met = ROW_TRUE;
    s->ref = ref;
}

/* The sums of a block: up to CHAIN vectors. */
typedef struct block_terms {
    realv exp, u, dot, ent;
    maskv before;
} block_terms;

static block_terms no_terms(void) {
    block_terms b;
    b.exp = b.u = b.dot = b.ent = REALV(0);
    b.before = (maskv)0;
    return b;
}

/* The target's logit and class: rank compares a row's classes with them. */
typedef struct rank_target {
    realv x;
    maskv y;
} rank_target;

/* The classes of the lanes of a vector whose first lane is class c. With rows side by side all lanes are
 * class c. */
static maskv class_numbers(uint c) {
    return (maskv)((MASK_NAME)c) + (ROWS > 1 ? (maskv)0 : LANE_NUMBERS);
}

/* Which of the classes `number` come before the target in argmax's order: larger logits first, a NaN before
 * every number, of equals the smaller class first. So rank is 0 where argmax is the target. */
static maskv stands_before(realv x, maskv number, rank_target t) {
    const maskv equal = (x == t.x) | (isnan(x) & isnan(t.x));
    return (x > t.x) | (isnan(x) & !isnan(t.x)) | (equal & (number < t.y));
}

/* Adds a vector to the block's sums, except its exponentials, and returns these. `c` is the class of its
 * first lane. */
static realv scan_vector(const call *k, const row_scan *s, block_terms *b, realv x, realv u, uint c,
                         rank_target target) {
    const realv d = deviation(k, x, s->ref);
    const realv e = exp_of(&k->exp, d);
#if U != U_NONE
#if OP == OP_SOFTMAX
    const realv at_ref = d == REALV(0) ? u : REALV(0);
    b->u += ((e == REALV(0)) | (d == REALV(0))) ? REALV(0) : e * u;
    b->dot += at_ref;
#elif OP == OP_LOG_SOFTMAX
    b->u += u;
#else
    const realv unit = REALV(u_unit(k));
    b->u = fma(u, unit, b->u);
#if SOFTCAP
    const realv below = unit * -d;
#else
    const realv below = fma(x, -unit, (realv)(s->ref * u_unit(k)));
#endif
    b->dot = u == REALV(0) ? b->dot : fma(u, below, b->dot);
#endif
#endif
#if STATS
    b->ent -= e == REALV(0) ? REALV(0) : e * d;
    b->before += stands_before(x, class_numbers(c), target) ? (maskv)1 : (maskv)0;
#endif
    return e;
}

static void add_block(row_scan *s, const block_terms *b) {
    block_sum_add_finite(&s->exp, b->exp); /* no exponential is above exp(REBASE_ABOVE) */
#if U != U_NONE
    block_sum_add(&s->u, b->u);
    block_sum_add(&s->dot, b->dot);
#endif
#if STATS
    block_sum_add(&s->ent, b->ent);
    s->before += b->before;
#endif
}

/* The larger of two; a where b is NaN. */
static realv larger(realv a, realv b) {
    return b > a ? b : a;
}

/* ---------------------------------------------------------------- the row ---------------------------- */

/* The sums of a whole row. lse is log_sum plus the z of ref. Where the row has no softmax (a NaN, a +inf,
 * nothing but -inf), log_sum and inverse_sum are NaN. */
typedef struct row_sums {
    rowreal ref, log_sum, inverse_sum; /* inverse_sum: 1 / sum exp(z - ref) */
    rowreal lse, lse_residual;
    rowreal u, dot, entropy; /* as in row_part, of all classes; softmax: u is sum u p */
    rowreal u_beside;        /* softmax: sum u exp(z - ref) of classes not at ref */
    rowlong argmax, before;
    rowreal rest; /* sum exp(z - ref) without one class at ref, whose 1 would hide a confident row's others */
} row_sums;

static row_sums no_sums(void) {
    row_sums r;
    r.ref = r.log_sum = r.inverse_sum = r.lse = r.lse_residual = r.entropy = r.rest = 0;
    r.u = r.u_beside = r.dot = 0;
    r.argmax = r.before = 0;
    return r;
}

/* Whether the state is an output. */
static bool gives_state(const call *k) {
    return FROM_STATE ? false : HAS(k, state);
}

/* Whether the call needs the largest logit and the first class that has it. */
static bool finds_best(const call *k) {
    return FROM_STATE ? false : HAS(k, argmax) || HAS(k, state);
}

#if FROM_LSE
/* The row as the forward pass saved it, for a gradient made later; u is missing. The residual of lse becomes
 * the factor inverse_sum, so that it adds no rounding to the exponents. A large residual (of an lse beyond
 * 3e7) becomes log_sum, which is subtracted from the exponents: exp() of either alone may be 0 or
 * infinite. */
static row_sums saved_row(const call *k, long row) {
    row_sums r = no_sums();
    r.ref = GET_ROWS(k, lse, row);
    r.lse = r.ref;
    const rowreal residual = HAS(k, lse_residual) ? GET_ROWS(k, lse_residual, row) : ROWREAL(0);
    const rowmask large = fabs(residual) > REAL(1);
    r.log_sum = large ? residual : ROWREAL(0);
    r.log_sum = isfinite(r.lse) ? r.log_sum : ROWREAL(REAL_NAN);
    r.inverse_sum = exp(large ? ROWREAL(0) : -residual);
    r.lse_residual = residual;
    return r;
}

#else
/* The sums of a part of a row, relative to `ref`; see row_scan. */
typedef struct row_part {
    rowreal ref; /* -inf: all classes are masked */
    rowreal own, exp, u, dot, ent;
    rowreal best;    /* with finds_best(): the largest logit, or a NaN if there is one, */
    rowmask best_at; /* and the first class that has it */
    rowmask before;
    rowmask nans; /* whether there is a NaN; known where ref is +inf */
} row_part;

/* The sums of a row, from the merged sums of all its parts. */
static row_sums finish_row(const call *k, row_part p) {
    row_sums r;
    const rowreal nan_ = ROWREAL(REAL_NAN);
    const rowreal sum = p.exp + p.own;
    const rowmask plain = (sum > 0) & (p.ref < REAL_INF);     /* sum is not NaN, not 0 */
    const rowmask near_1 = (p.own > 0) & (sum < REAL(1.125)); /* then own is 1 */
    r.ref = p.ref;
    r.log_sum = plain ? log_of_sum(sum, near_1, p.exp) : nan_;
    r.inverse_sum = plain ? 1 / sum : nan_;
    /* lse is the z of ref plus log_sum, rounded to one number; lse_residual is the rest */
    const rowreal z = IN_Z(k, r.ref);
    long_sum parts = long_sum_of(z);
#if SCALED && !SOFTCAP
    parts.low = fma(r.ref, ROWREAL(k->logit_scale), -z);
#endif
    long_sum_add(&parts, r.log_sum);
    const rowreal lse = long_sum_value(parts);
    r.lse_residual = isfinite(lse) ? (parts.sum - lse) + parts.low : ROWREAL(0);
    /* not plain: only masked classes give -inf, +inf without a NaN gives +inf, a NaN gives NaN */
    const rowmask infinite = (r.ref == REAL_INF) & !p.nans;
    r.lse = plain ? lse : sum == 0 ? ROWREAL(-REAL_INF) : infinite ? ROWREAL(REAL_INF) : nan_;
    r.u = OP == OP_SOFTMAX ? (p.u + p.dot) * r.inverse_sum : p.u;
    r.u_beside = p.u;
    r.dot = p.dot;
    r.entropy = r.log_sum + p.ent * r.inverse_sum;
    r.argmax = TO_ROWLONG(p.best_at);
    r.before = TO_ROWLONG(p.before);
    r.rest = p.exp + (p.own - 1);
    return r;
}

#endif

#endif
