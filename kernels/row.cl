/* SPDX-License-Identifier: Apache-2.0
 *
 * A row, from its logits to its loss and its gradient: the arithmetic of clxent, written once for every
 * schedule. A team (team.cl) of one or more work-items runs score_row() on a row.
 *
 * Algorithm. One pass over the classes keeps, for what was read so far, the largest logit and sums that are
 * relative to one of about that size (an online softmax: Milakov and Gimelshein 2018), a tile at a time:
 * first the tile's maximum, then the tile's exponentials, so that sums are rescaled once a tile at most. Sums
 * are chains of CHAIN additions, joined by compensated ones. Then, where asked, a second pass writes
 * log_probs, probs and the gradient. Reads each logit once (twice with a second pass, from cache where the
 * row fits; a team keeps what it can on chip, scan_team.cl), writes each asked element once; with KEEP the
 * first pass leaves the exponentials where the gradient is to stand, and the second has only to scale them.
 * The gradient may replace the logits: whatever a team reads of a row, but for the element being replaced, it
 * has read before the first store.
 *
 * Work: item i of n takes the vectors of WIDTH classes number i, i + n, i + 2n, ...; TILE of them are a tile.
 *
 * Built for: OP (clxent_op), SOFTCAP (0, 1), SCALED (0: logit_scale is 1), STATS (0, 1: rank,
 * entropy), and U, what each class brings beside its logit: U_NONE, U_WEIGHT (label smoothing: class_weight
 * or 1), U_PROBABILITY (weighted, smoothed probability target), U_GRAD_OUTPUT (softmax, log-softmax
 * backward). FROM_LSE: the first pass was run by an earlier call, which saved lse. */
#ifndef CLX_ROW_CL
#define CLX_ROW_CL
#include "call.cl"

#ifndef TILE
#define TILE 8
#endif
/* Additions one after the other before a compensated one: the error bound rests on it. A divisor or a
 * multiple of TILE. */
#define CHAIN 8
#ifndef OP
#define OP 0
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

/* Whether the first pass can leave exponentials for the second: where the gradient is to stand, or, where
 * that is too short, in local memory. */
#define KEEP       (!TEAM && !REAL_F64 && !FROM_LSE && OP != OP_NLL)
#define KEPT_LOCAL (KEEP && GRAD != REAL_STORE)

/* `statement` for the item's vectors from class `from` on, below `end` and below `classes`: `c` is the class
 * of lane 0, `lanes` how many lanes hold classes, all but in the row's last vector. (A tail after the loop
 * instead of a shorter last vector in it is what PoCL 3.1 gets wrong: it takes the loop's counter for
 * uniform.) */
#define FOR_VECTORS(from, end, classes, statement)                             \
    for (uint c = (from); c < (end) && c < (classes); c += step) {             \
        const int lanes = WIDTH == 1 ? 1 : (int)min((uint)WIDTH, (classes)-c); \
        statement                                                              \
    }

/* The same for `count` vectors that are known to be whole: no test in the loop. */
#define FOR_WHOLE_VECTORS(from, count, statement) \
    for (uint i_ = 0; i_ < (count); i_++) {       \
        const uint c = (from) + i_ * step;        \
        enum { lanes = WIDTH };                   \
        statement                                 \
    }

/* ---------------------------------------------------------------- one logit -------------------------- */

/* tanh(scale x / cap): z is cap times it. */
static realv capped(const call *k, realv x) {
    realv t = tanh_of(&k->exp, x * (k->logit_scale / k->softcap));
#if !EXP_POLYNOMIAL
    t = x == REALV(REAL_INF) ? REALV(1) : t; /* not every device's tanh gives exactly that */
#endif
    return t;
}

/* Softcap's z; -inf for a masked class. */
static realv capped_logit(const call *k, realv x) {
    return x == REALV(-REAL_INF) ? x : k->softcap * capped(k, x);
}

/* A reference is a logit before the scale, so that those equal to it are at exactly 0, however large they
 * are; under a softcap it is a z, and a saved lse is one too. IN_Z: a difference of two, in z. */
#if SCALED && !SOFTCAP && !FROM_LSE
#define IN_Z(k, difference) ((difference) * (k)->logit_scale)
#else
#define IN_Z(k, difference) (difference)
#endif
#if SOFTCAP
#define AS_REFERENCE(k, x) first_lane(capped_logit(k, (realv)(x)))
#else
#define AS_REFERENCE(k, x) (x)
#endif

/* How far z is from that of a reference. */
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
#if WIDTH == 1 || ROWS > 1
#define FIRST_LANE(x) (x)
#else
#define FIRST_LANE(x) (LANE_NUMBERS == (maskv)0 ? REALV(x) : REALV(0))
#endif

DEFINE_SUB_GROUP_FOLD(team_max, real, sub_group_reduce_max, sum = fmax(sum, other))
DEFINE_SUB_GROUP_FOLD(team_sum, real, sub_group_reduce_add, sum += other)

/* ---------------------------------------------------------------- the first pass --------------------- */

/* Exponents are relative to `ref`, which moves when a logit is more than REBASE_ABOVE larger. So a row of
 * which one class has all but 1/9 of the probability has that class at ref. */
#define REBASE_ABOVE REAL(2)

/* The unit of cross entropy's sums over the classes, in front of each term, or masks of -FLT_MAX would make
 * them infinite: the smoothing term is divided by the classes in the end, and probabilities add up to 1. A
 * power of two, so that no digit changes. */
#define U_UNIT(k) (OP != OP_CROSS_ENTROPY ? REAL(1) : U == U_WEIGHT ? (k)->class_unit : REAL(0.25f))

/* What an item has gathered from the classes that it has met. */
typedef struct row_scan {
    rowmask met; /* a logit that is not masked */
    rowreal ref; /* it, or a larger one: what exponents are relative to */
    rowreal own; /* how many equal to it were met with it; kept out of exp, so that a sum of little more than
                  * 1 keeps its digits */
    block_sum exp; /* sum exp(z - ref) of the others */
    block_sum u;   /* sum u; cross entropy: in U_UNIT; softmax: sum u exp(z - ref) of those not at ref */
    block_sum dot; /* cross entropy: sum u (ref - x), in U_UNIT; softmax: sum u of those at ref */
    block_sum ent; /* sum exp(z - ref) (ref - z) */
    maskv before;  /* of each lane */
    real best;     /* the largest logit, NaNs passed over, and the first tile that has it */
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

/* u of softmax's backward pass is what it is; of a probability target t it is smoothed and weighted. */
static realv u_of_probability(const call *k, realv weight, realv t) {
    return weight * (t * (1 - k->label_smoothing) + k->label_smoothing / REAL(k->p->classes));
}

#if ROWS > 1
#include "tile.cl"
#else
/* Where a row is: element 0 of its class 0 in each array, found once, so that the loops do not. And which of
 * its classes are the team's: from .. to. */
typedef struct row_at {
    long logits, grad, log_probs, probs, u, class_weight;
    uint from, to;
} row_at;

static row_at find_row(const call *k, long row) {
    const clx_params *p = k->p;
    row_at at;
    at.logits = AT(k, logits, row_start(k, row, p->logits_stride));
    at.grad = AT(k, grad, row_start(k, row, p->grad_stride));
    at.log_probs = AT(k, log_probs, row_start(k, row, p->log_probs_stride));
    at.probs = AT(k, probs, row_start(k, row, p->log_probs_stride));
#if U == U_GRAD_OUTPUT
    at.u = AT(k, grad_output, row_start(k, row, p->grad_output_stride));
#elif U == U_PROBABILITY
    at.u = AT(k, targets, row_start(k, row, p->targets_stride));
#else
    at.u = 0;
#endif
    at.class_weight = AT(k, class_weight, 0);
    at.from = 0;
    at.to = (uint)p->classes;
    return at;
}

/* u of the classes c .. c + lanes of a row; 0 in the other lanes. */
static realv load_u(const call *k, const row_at *at, uint c, int lanes) {
#if U == U_GRAD_OUTPUT
    const long step = class_step(k);
    return load_real(k->grad_output, at->u + c * step, step, lanes, REAL(0));
#elif U != U_NONE
    realv w = LANE_NUMBERS < (maskv)lanes ? REALV(1) : REALV(0);
    if (HAS(k, class_weight)) w = load_real(k->class_weight, at->class_weight + c, 1, lanes, REAL(0));
#if U == U_PROBABILITY
    const long step = class_step(k);
    __global const PROBS_T *probabilities = (__global const PROBS_T *)k->targets;
    realv t = load_probs(probabilities, at->u + c * step, step, lanes, REAL(0));
    w = u_of_probability(k, w, t);
#endif
    return w;
#else
    return REALV(0);
#endif
}

/* The classes c .. c + lanes of a row; -inf in the other lanes. */
static realv load_row(const call *k, const row_at *at, uint c, int lanes) {
    return load_logits(k->logits, at->logits + c * class_step(k), class_step(k), lanes, -REAL_INF);
}
#endif

/* Moves the sums to a larger reference. */
static void rebase(const call *k, row_scan *s, rowreal ref) {
    const rowreal shift = s->met ? IN_Z(k, ref - s->ref) : ROWREAL(0);
    const rowreal factor = exp(-shift);
    block_sum_add(&s->exp, FIRST_LANE(s->own));
#if STATS
    const rowreal moved = factor > 0 ? shift * factor : ROWREAL(0); /* a shift may be infinite */
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

#if ROWS == 1
/* Whether a tile with this largest logit needs a larger reference first. */
static bool ref_moves(const call *k, const row_scan *s, real top) {
    return s->met ? deviation_1(k, top, s->ref) > REBASE_ABOVE : top != -REAL_INF;
}
#endif

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

/* What rank compares a row's classes with: the target's logit and class. */
typedef struct rank_target {
    realv x;
    maskv y;
} rank_target;

static rank_target rank_target_of(real x, long y) {
    const rank_target t = {REALV(x), (maskv)((MASK_NAME)y)};
    return t;
}

/* The classes of a vector's lanes, the first of which is of class c; of rows side by side it is one class. */
static maskv class_numbers(uint c) {
    return (maskv)((MASK_NAME)c) + (ROWS > 1 ? (maskv)0 : LANE_NUMBERS);
}

/* Which of the classes `number` stand before the target, when sorted: a NaN before every number, the smaller
 * class before its equals. This is argmax's order, so that rank is 0 where argmax is the target. */
static maskv stands_before(realv x, maskv number, rank_target t) {
    const maskv equal = (x == t.x) | (isnan(x) & isnan(t.x));
    return (x > t.x) | (isnan(x) & !isnan(t.x)) | (equal & (number < t.y));
}

/* Adds a vector to the block's sums, but for its exponentials, and gives these. `c`: the class of its first
 * lane. */
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
    const realv unit = REALV(U_UNIT(k));
    b->u = fma(u, unit, b->u);
#if SOFTCAP
    const realv below = unit * -d;
#else
    const realv below = fma(x, -unit, (realv)(s->ref * U_UNIT(k)));
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
    block_sum_add_finite(&s->exp, b->exp); /* exp(REBASE_ABOVE) at most */
#if U != U_NONE
    block_sum_add(&s->u, b->u);
    block_sum_add(&s->dot, b->dot);
#endif
#if STATS
    block_sum_add(&s->ent, b->ent);
    s->before += b->before;
#endif
}

/* The larger of two; b's NaNs are passed over. */
static realv larger(realv a, realv b) {
    return b > a ? b : a;
}

#if ROWS == 1
#if TEAM
#include "scan_team.cl"
#else
#include "scan_item.cl"
#endif

/* The item's first class, of those of `count` vectors from class `from` on, whose logit is `x`, NaN for a
 * NaN; INT_MAX for none. */
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

/* The item's first NaN; INT_MAX for none. */
static int first_nan(const call *k, const row_at *at) {
    const uint first = at->from + WIDTH * (uint)team_item();
    return first < at->to ? first_class(k, at, first, UINT_MAX, REAL_NAN) : INT_MAX;
}

#endif /* ROWS == 1 */

/* ---------------------------------------------------------------- the row ---------------------------- */

/* A row, read: lse = ref + log_sum. Where the row has no softmax (a NaN, a +inf, nothing but -inf), log_sum
 * and inverse_sum are NaN. */
typedef struct row_sums {
    rowreal ref, log_sum, inverse_sum; /* inverse_sum: 1 / sum exp(z - ref) */
    rowreal lse, lse_residual;
    rowreal u, dot, entropy; /* as a part's, at its end; u of softmax: sum u p */
    rowreal u_beside;        /* softmax: sum u exp(z - ref) of those not at ref */
    rowlong argmax, before;
    rowreal rest; /* sum exp(z - ref) without one class at ref: what a confident row's 1 would hide */
} row_sums;

static row_sums no_sums(void) {
    row_sums r;
    r.ref = r.log_sum = r.inverse_sum = r.lse = r.lse_residual = r.entropy = r.rest = 0;
    r.u = r.u_beside = r.dot = 0;
    r.argmax = r.before = 0;
    return r;
}

#if FROM_LSE
/* The row as the forward pass saved it, for a gradient made later; without u. What rounding took off lse is
 * a factor, which costs the exponents no rounding; where it is large (lse beyond 3e7), log_sum, which is
 * taken off them: exp() of either alone may be 0 or infinite. */
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

#if ROWS == 1
/* !read: nothing of the row is read. */
HAS_BARRIER static row_sums sum_row(const call *k, long row, const row_at *at, bool read, rank_target target,
                                    row_kept *kept) {
    row_sums r = saved_row(k, row);
#if U != U_NONE
    const uint step = WIDTH * (uint)team_items();
    block_sum u = no_block_sum();
    const uint to = read ? at->to : 0;
    FOR_VECTORS(WIDTH * (uint)team_item(), to, to,
                { block_sum_add(&u, U_UNIT(k) * load_u(k, at, c, lanes)); })
    r.u = team_sum(block_sum_value(u), k->scratch);
#endif
    return r;
}
#endif

#else
/* What is known of a part of a row, relative to `ref`; see row_scan. */
typedef struct row_part {
    rowreal ref; /* -inf: only masked classes */
    rowreal own, exp, u, dot, ent;
    rowreal best;    /* for argmax: the largest logit, a NaN if there is one, */
    rowmask best_at; /* and the first class that has it */
    rowmask before;
    rowmask nans; /* with a ref of +inf: whether there are any */
} row_part;

#if ROWS == 1
/* Relative to another, larger reference. */
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

/* Two parts of the same reference together. */
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
/* part_add() of a sub-group's parts. */
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

/* What the team's items have met, together. `kept`: its logits are no more. */
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
    if (HAS(k, argmax) && s.best_tile < at->to) p.best_at = first_class(k, at, s.best_tile, TILE, s.best);
    if (isnan(p.exp) && (HAS(k, argmax) || p.ref == REAL_INF) && !kept) {
        const int nan_at = first_nan(k, at);
        p.nans = nan_at != INT_MAX;
        if (p.nans) p.best = REAL_NAN;
        if (p.nans) p.best_at = nan_at;
    }
    return team_part(p, k->scratch);
}

#endif

/* The row from all its parts. */
static row_sums finish_row(const call *k, row_part p) {
    row_sums r;
    const rowreal nan_ = ROWREAL(REAL_NAN);
    const rowreal sum = p.exp + p.own;
    const rowmask plain = (sum > 0) & (p.ref < REAL_INF);     /* not NaN, not 0 */
    const rowmask near_1 = (p.own > 0) & (sum < REAL(1.125)); /* then own is 1 */
    r.ref = p.ref;
    r.log_sum = plain ? log_of_sum(sum, near_1, p.exp) : nan_;
    r.inverse_sum = plain ? 1 / sum : nan_;
    /* the z of ref, + log_sum: lse is what of it one number holds, lse_residual the rest */
    const rowreal z = IN_Z(k, r.ref);
    long_sum parts = long_sum_of(z);
#if SCALED && !SOFTCAP
    parts.low = fma(r.ref, ROWREAL(k->logit_scale), -z);
#endif
    long_sum_add(&parts, r.log_sum);
    const rowreal lse = long_sum_value(parts);
    r.lse_residual = isfinite(lse) ? (parts.sum - lse) + parts.low : ROWREAL(0);
    /* not plain: nothing but masked classes; +inf without a NaN; a NaN */
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

#if ROWS == 1
/* The row, read. !read: nothing of it is, and nothing that is returned matters. */
HAS_BARRIER static row_sums sum_row(const call *k, long row, const row_at *at, bool read, rank_target target,
                                    row_kept *kept) {
    return finish_row(k, part_of(k, at, scan_row(k, at, read, target, kept), kept->on));
}
#endif
#endif

#endif
