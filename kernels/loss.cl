/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss of a row and its gradient, from the sums that row.cl gathered: score_row(), which every schedule
 * runs on its rows. The formulas are those of clxent.h; PyTorch's cross_entropy where it has them. */
#ifndef CLX_LOSS_CL
#define CLX_LOSS_CL
#include "row.cl"

#if REAL_F64 && defined(cl_khr_int64_base_atomics)
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
#endif

/* Adds to *p what other rows add to it at the same time. The first read is atomic too. */
static void atomic_add_real(volatile __global real *p, real x) {
#if REAL_F64 && defined(cl_khr_int64_base_atomics)
    volatile __global ulong *bits = (volatile __global ulong *)p;
    ulong seen = atom_add(bits, 0UL);
    for (;;) {
        ulong found = atom_cmpxchg(bits, seen, BITS_OF(REAL_OF(seen) + x));
        if (found == seen) return;
        seen = found;
    }
#elif !REAL_F64
    volatile __global uint *bits = (volatile __global uint *)p;
    uint seen = atomic_or(bits, 0u);
    for (;;) {
        uint found = atomic_cmpxchg(bits, seen, as_uint(as_float(seen) + x));
        if (found == seen) return;
        seen = found;
    }
#endif
}

/* What a row adds to the loss, undivided: ce its cross entropy, z its z-loss, both weighted. */
static void write_loss(const call *k, long row, rowreal log_prob, rowreal ce, rowreal z) {
    if (HAS(k, row_loss)) PUT_ROWS(k, row_loss, row, ce + z);
    if (HAS(k, log_prob)) PUT_ROWS(k, log_prob, row, log_prob);
    if (HAS(k, loss) && k->p->reduction == CLX_NONE) PUT_ROWS(k, loss, row, ce + z);
    if (k->p->flags & CLX_KEEP_ROWS) {
        __global real *kept = (__global real *)k->workspace;
        STORE_ROWS(k, ce, kept, k->p->row_ce_at + row);
        if (k->z_loss != 0) STORE_ROWS(k, z, kept, k->p->row_z_at + row);
    }
}

/* What the rows add to a mean or a sum by themselves. */
static void add_loss(const call *k, rowmask counted, rowreal x) {
#if ROWS == 1
    if (counted) atomic_add_real(k->loss + AT(k, loss, 0), x);
#else
    real lane[ROWS];
    MASK_NAME is_counted[ROWS];
    TO_LANES(x, lane);
    TO_LANES(counted, is_counted);
    for (int i = 0; i < ROWS; i++)
        if (is_counted[i]) atomic_add_real(k->loss + AT(k, loss, 0), lane[i]);
#endif
}

/* z_y - ref as a sum in two parts: with its rounding kept, the loss is as good as its last operation. The
 * difference of two halves fits. */
static long_sum target_deviation(const call *k, rowreal x, rowreal ref) {
#if SOFTCAP
    const long_sum d = long_sum_of(deviation_1(k, x, ref));
#else
    const rowreal scale = k->logit_scale;
    long_sum halves = long_sum_of(x / 2);
    long_sum_add(&halves, -ref / 2);
    long_sum d = long_sum_of(scale * halves.sum);
    d.low = (fma(scale, halves.sum, -d.sum) + scale * halves.low) * 2;
    d.sum *= 2;
#endif
    return d;
}

/* share sum_c u_c (lse - z_c), from the sums in U_UNIT; with lse - z_c = log_sum + (ref - z_c). */
static rowreal over_classes(const call *k, row_sums r, real share) {
    const real in_unit = share / U_UNIT(k);
    return in_unit * r.u * r.log_sum + IN_Z(k, in_unit) * r.dot;
}

/* Scores a row, with 0 if it is not counted; `d` is z_y - ref. (1-e) w_y (lse - z_y) + (e/C) sum_c w_c (lse -
 * z_c), or sum_c q_c (lse - z_c), and s lse^2. */
static void write_counted_loss(const call *k, long row, row_target t, row_sums r, long_sum d) {
    const rowreal zero = ROWREAL(0), nan_ = ROWREAL(REAL_NAN);
    const rowmask counted = t.state == ROW_COUNTED, has_softmax = !isnan(r.log_sum);
    long_sum_add(&d, -r.log_sum);
    rowreal log_prob = has_softmax ? long_sum_value(d) : nan_;
#if OP == OP_CROSS_ENTROPY && U == U_PROBABILITY
    rowreal ce = over_classes(k, r, REAL(1));
#else
    rowreal ce = weigh((1 - k->label_smoothing) * t.weight, -log_prob);
#endif
#if OP == OP_CROSS_ENTROPY && U == U_WEIGHT
    ce += over_classes(k, r, k->label_smoothing / REAL(k->p->classes));
#endif
    ce = has_softmax ? weigh(t.row_weight, ce) : weigh(t.row_weight, nan_);
    ce = counted ? ce : zero;
    log_prob = counted ? log_prob : zero;
    rowreal z = zero;
    if (k->z_loss != 0) {
        z = has_softmax ? k->z_loss * r.lse * r.lse : nan_;
        z = counted ? weigh(t.row_weight, z) : zero;
    }
    write_loss(k, row, log_prob, ce, z);
    if ((k->p->flags & CLX_ATOMIC) && HAS(k, loss)) {
        rowreal x = wide_quotient(wide_of(ce), ce_divisor(k));
        if (k->z_loss != 0) x += wide_quotient(wide_of(z), z_divisor(k));
        add_loss(k, counted, x);
    }
}

/* The gradient by a logit: spread e_c - q_c, with e_c = exp(z_c - ref), q_c = u_factor * u_c, and `target`
 * more of the target's class. Softmax: spread e_c (u_c - u). Times the slope of the cap. The logit's scale is
 * in all of them.
 *
 * spread = q_sum / sum + z, q_sum the sum of all q_c, the target's own included, and z of z-loss. Where a
 * class has nearly all of the probability, spread e_c and q_c are nearly the same: 1 - p_c comes from the
 * others' exponentials then, and the gradient is (q_sum - q_c) p_c + z e_c - q_c (1 - p_c), that of softmax
 * p_c (u_c (1 - p_c) - sum of the others' u p).
 *
 * All of them in `unit`: LARGE where z fits only once it is multiplied by e_c, 1 / LARGE where the divisor is
 * in units of LARGE, since weights that add up to it are as large. */
typedef struct row_grad {
    rowreal spread, u_factor, target;
    rowreal q_sum, z;
    rowreal beside; /* class targets: the part of spread that is not the target's own; target is all of its */
    rowreal at_ref; /* e_c of a class at ref: 1, or NaN where exponentials are relative to an older one */
    rowreal masked; /* of a masked class: 0; NaN in a row whose gradient is NaN */
    rowreal unit;   /* a power of two */
} row_grad;

static row_grad no_grad(void) {
    row_grad g;
    g.spread = g.u_factor = g.target = g.q_sum = g.z = g.beside = g.at_ref = g.masked = 0;
    g.unit = 1;
    return g;
}

/* What z-loss s adds to spread: 2 s lse share scale / sum. */
static rowreal z_loss_spread(const call *k, const row_sums *r, rowreal share) {
    return share * k->z_loss * r->lse * (k->logit_scale * r->inverse_sum) * 2;
}

static row_grad row_gradient(const call *k, long row, row_target t, row_sums r) {
    rowreal g = k->grad_scalar;
    row_grad grad = no_grad();
    grad.spread = g;
    grad.at_ref = 1;
#if OP == OP_LOG_SOFTMAX
    grad.u_factor = -g;
    grad.q_sum = grad.spread = -g * r.u;
#elif OP == OP_CROSS_ENTROPY || OP == OP_NLL
    if (HAS(k, grad_output))
        g *= k->p->reduction == CLX_NONE ? GET_ROWS(k, grad_output, row) : ROWREAL(GET(k, grad_output, 0));
    const wide divisor = ce_divisor(k);
    grad.unit = 1 / divisor.unit;
    if (k->z_loss != 0) {
        const wide of_z = z_divisor(k);
        const rowreal z_share = g * t.row_weight / of_z.value;
        grad.z = z_loss_spread(k, &r, z_share / of_z.unit);
        grad.unit = isinf(grad.z) ? ROWREAL(LARGE) : grad.unit;
        grad.z = z_loss_spread(k, &r, z_share * (1 / grad.unit / of_z.unit));
    }
    const rowreal share = g * t.row_weight / divisor.value * (1 / grad.unit / divisor.unit);
    rowreal q_sum = 0;
#if U == U_PROBABILITY
    grad.u_factor = share;
    q_sum = r.u / U_UNIT(k);
#else
    rowreal own = (1 - k->label_smoothing) * t.weight, others = 0;
#if U == U_WEIGHT
    const real smoothing = k->label_smoothing / REAL(k->p->classes);
    own += smoothing * t.weight;
    others = smoothing / U_UNIT(k) * (r.u - U_UNIT(k) * t.weight);
    grad.u_factor = share * smoothing;
    grad.beside = share * others;
#endif
    grad.target = share * own;
    q_sum = own + others;
#endif
    grad.q_sum = grad.spread = share * q_sum;
#endif
    grad.spread *= k->logit_scale * r.inverse_sum;
    grad.spread += grad.z;
    grad.beside *= k->logit_scale * r.inverse_sum;
    grad.beside += grad.z;
    grad.u_factor *= k->logit_scale;
    grad.target *= k->logit_scale;
    grad.q_sum *= k->logit_scale;
    grad.spread = isnan(r.log_sum) ? ROWREAL(REAL_NAN) : grad.spread;
    grad.masked = isnan(grad.spread) ? ROWREAL(REAL_NAN) : ROWREAL(0);
    return grad;
}

/* exp(z - ref) of a class that far from ref; from a saved lse, its probability but for inverse_sum. */
static realv exp_of_deviation(const call *k, const row_sums *r, realv d) {
#if FROM_LSE
    d -= (realv)(r->log_sum);
#endif
    return exp_of(&k->exp, d);
}

#if FROM_LSE
/* 1 - p of a class that far from the saved lse, with all its digits where p is nearly 1; not by expm1(), for
 * which see call.cl. */
static realv others_of(const call *k, const row_sums *r, realv d) {
    const realv log_p = fmin(d - (realv)(r->lse_residual), REALV(0));
    return -tanh_of(&k->exp, log_p / 2) * (1 + exp_of(&k->exp, log_p));
}
#endif

/* `q`: u_c for softmax. `others`: 1 - p_c; from a forward pass that of a class at ref will do. */
static realv gradient_by_z(const row_sums *r, const row_grad *grad, realv e, realv q, realv others) {
#if OP == OP_SOFTMAX
    const realv at_ref =
        grad->spread * r->inverse_sum * ((q * r->rest - ((realv)(r->dot) - q)) - (realv)(r->u_beside));
    return e == (realv)(grad->at_ref) ? at_ref : grad->spread * e * (q - r->u);
#else
    realv g = fma((realv)(grad->spread), e, -q);
#if U != U_NONE
    const realv of_others = fma(grad->q_sum - q, (realv)(r->inverse_sum), (realv)(grad->z)) * e;
    g = (FROM_LSE ? e > REALV(0.5f) : e == (realv)(grad->at_ref)) ? of_others - q * others : g;
#endif
    return OP == OP_CROSS_ENTROPY ? g * grad->unit : g;
#endif
}

/* The slope of the cap. */
static realv slope_of(const call *k, realv x) {
#if SOFTCAP
    const realv t = capped(k, x);
    return fma(-t, t, REALV(1));
#else
    return REALV(1);
#endif
}

/* By the logit x of a target's class: beside e - target (1 - p). */
static rowreal gradient_by_target(const call *k, row_target t, const row_sums *r, const row_grad *grad,
                                  rowreal x) {
    const rowreal d = deviation_1(k, x, r->ref);
    const rowreal e = first_lane(exp_of_deviation(k, r, (realv)(d)));
#if FROM_LSE
    const rowreal others = first_lane(others_of(k, r, (realv)(d)));
#else
    const rowreal others = (r->rest + (1 - e)) * r->inverse_sum;
#endif
    rowreal g = fma(grad->beside, e, -(grad->target * others)) * grad->unit;
    g *= first_lane(slope_of(k, (realv)(x)));
    return (x == -REAL_INF) | isnan(grad->spread) ? grad->masked : g;
}

static realv gradient_by_logit(const call *k, const row_sums *r, const row_grad *grad, realv x, realv e,
                               realv q) {
#if FROM_LSE && U != U_NONE
    const realv others = others_of(k, r, deviation(k, x, r->ref));
#else
    const realv others = r->rest * r->inverse_sum;
#endif
    realv g = gradient_by_z(r, grad, e, q, others) * slope_of(k, x);
#if SOFTCAP || U != U_NONE || ROWS > 1 /* else spread e is 0 there anyway, but for the target */
    g = x == REALV(-REAL_INF) ? (realv)(grad->masked) : g;
#endif
    return g;
}

#if ROWS == 1
/* What is subtracted for the classes c .. c + lanes; u_c for softmax. */
static realv load_q(const call *k, const row_at *at, const row_grad *grad, uint c, int lanes) {
    realv u = load_u(k, at, c, lanes);
    return OP == OP_SOFTMAX ? u : grad->u_factor * u;
}

/* Whether this item is the one that stores class c of a row. */
static bool stores_class(const row_at *at, long c) {
    return c >= at->from && c < at->to && ((c - at->from) / WIDTH) % team_items() == team_item();
}

/* `write(c, lanes)` for the item's vectors of a row: first the whole ones. */
#define FOR_ROW(from, end, write)                                        \
    {                                                                    \
        const uint item = (from) + WIDTH * (uint)team_item();            \
        const uint count = ((end) - (from)) / step;                      \
        FOR_WHOLE_VECTORS(item, count, { write(c, lanes); })             \
        FOR_VECTORS(item + count * step, end, end, { write(c, lanes); }) \
    }

/* Without U a row whose gradient is NaN is filled with it, and the others have none. */
static void store_gradient(const call *k, const row_at *at, realv g, uint c, int lanes) {
    const long step = class_step(k);
#if U == U_NONE
    store_grad_numbers(g, k->grad, at->grad + c * step, step, lanes);
#else
    store_grad(g, k->grad, at->grad + c * step, step, lanes);
#endif
}

/* The second pass: log_probs, probs and, when has_grad, the gradient. */
static void write_vector(const call *k, const row_at *at, const row_sums *r, const row_grad *grad,
                         bool has_grad, realv x, uint c, int lanes) {
    const long step = class_step(k);
    const realv d = deviation(k, x, r->ref);
    if (HAS(k, log_probs)) store_real(d - r->log_sum, k->log_probs, at->log_probs + c * step, step, lanes);
    if (!HAS(k, probs) && !has_grad) return;
    const realv e = exp_of_deviation(k, r, d);
    if (HAS(k, probs)) store_real(e * r->inverse_sum, k->probs, at->probs + c * step, step, lanes);
    if (has_grad) {
        const realv g = gradient_by_logit(k, r, grad, x, e, load_q(k, at, grad, c, lanes));
        store_gradient(k, at, g, c, lanes);
    }
}

#if TEAM
/* From the last tile back. */
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
#else
static void write_classes(const call *k, const row_at *at, const row_sums *r, const row_grad *grad,
                          bool has_grad, row_kept *kept) {
    const uint step = WIDTH * (uint)team_items();
#define WRITE(c, lanes) write_vector(k, at, r, grad, has_grad, load_row(k, at, c, lanes), c, lanes)
    FOR_ROW(at->from, at->to, WRITE)
#undef WRITE
}
#endif

#if KEEP
/* The gradient, from what the first pass left. */
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

/* The item that stored the target's class stores it again, with the target's own part. */
static void write_target_gradient(const call *k, const row_at *at, row_target t, const row_sums *r,
                                  const row_grad *grad, real x_target) {
#if OP == OP_CROSS_ENTROPY && U != U_PROBABILITY
    if (!stores_class(at, t.y)) return;
    STORE_GRAD(gradient_by_target(k, t, r, grad, x_target), k->grad, at->grad + t.y * class_step(k));
#endif
}

/* Writes a value to the gradient of classes from .. to of a row. */
static void fill_gradient(const call *k, const row_at *at, uint from, uint to, real value) {
    const uint step = WIDTH * (uint)team_items();
    FOR_VECTORS(from + WIDTH * (uint)team_item(), to, to,
                { store_grad(REALV(value), k->grad, at->grad + c * class_step(k), class_step(k), lanes); })
}

#endif

/* Whether the logits are to be described, for every row. A saved lse is an input. */
static bool is_described(const call *k) {
    return (!FROM_LSE && (HAS(k, lse) || HAS(k, lse_residual))) || HAS(k, argmax) || HAS(k, entropy) ||
           HAS(k, log_probs) || HAS(k, probs);
}

static void write_description(const call *k, long row, row_sums r) {
    if (!FROM_LSE && HAS(k, lse)) PUT_ROWS(k, lse, row, r.lse);
    if (!FROM_LSE && HAS(k, lse_residual)) PUT_ROWS(k, lse_residual, row, r.lse_residual);
    if (HAS(k, argmax)) PUT_ROWS_LONG(k, argmax, row, r.argmax);
    if (HAS(k, entropy)) PUT_ROWS(k, entropy, row, r.entropy);
}

#if ROWS == 1
/* What a row is to be scored with. A row that does not count is read only where its logits are to be
 * described. */
typedef struct row_task {
    row_at at;
    row_target target;
    real x_target;
    bool counted, read, has_grad;
} row_task;

/* !from_logits: x_target is to come from elsewhere, the logits may be overwritten already. */
static row_task find_task(const call *k, long row, bool from_logits) {
    row_task t;
    t.at = find_row(k, row);
    t.target = resolve_target(k, row);
    t.counted = t.target.state == ROW_COUNTED;
    t.read = OP != OP_NLL && (t.counted || is_described(k));
    t.has_grad = t.counted && HAS(k, grad);
    t.x_target =
        t.counted && from_logits ? LOAD_LOGIT(k->logits, t.at.logits + t.target.y * class_step(k)) : REAL(0);
    return t;
}

/* The outputs of a row that are one number. */
static void write_numbers(const call *k, long row, const row_task *t, row_sums r) {
    if (t->read) write_description(k, row, r);
#if (OP == OP_CROSS_ENTROPY || OP == OP_NLL) && !FROM_LSE
    if (t->counted) {
        const long_sum x_part = long_sum_of(t->x_target);
        write_counted_loss(k, row, t->target, r,
                           OP == OP_NLL ? x_part : target_deviation(k, t->x_target, r.ref));
    } else {
        write_loss(k, row, REAL(0), REAL(0), REAL(0));
    }
    if (HAS(k, rank)) k->rank[AT(k, rank, row)] = t->counted ? r.before : 0;
#endif
}

/* The outputs of a row that are one a class; the classes t->at.from .. to, and what is padded behind them. */
static void write_row(const call *k, long row, const row_task *t, row_sums r, row_kept *kept) {
    const row_at *at = &t->at;
    const bool last = at->to == (uint)k->p->classes;
    const uint end = last ? (uint)k->p->classes_padded : at->to;
    row_grad grad = no_grad();
    if (t->has_grad) grad = row_gradient(k, row, t->target, r);
#if OP == OP_NLL
    if (HAS(k, grad)) fill_gradient(k, at, at->from, end, REAL(0));
    if (t->has_grad && stores_class(at, t->target.y))
        STORE_GRAD(-grad.target * grad.unit, k->grad, at->grad + t->target.y * class_step(k));
#else
    const bool all_nan = U == U_NONE && t->has_grad && isnan(grad.spread);
#if KEEP
    if (kept->on) write_kept(k, at, &r, &grad, kept);
#endif
    if (!kept->on && ((t->has_grad && !all_nan) || HAS(k, log_probs) || HAS(k, probs)))
        write_classes(k, at, &r, &grad, t->has_grad && !all_nan, kept);
    if (all_nan) fill_gradient(k, at, at->from, at->to, REAL_NAN);
    if (HAS(k, grad)) fill_gradient(k, at, t->counted ? at->to : at->from, end, REAL(0));
    if (t->has_grad) write_target_gradient(k, at, t->target, &r, &grad, t->x_target);
#endif
}

/* All of one row. */
HAS_BARRIER static void score_row(const call *k, long row) {
    const row_task t = find_task(k, row, true);
    row_sums r = no_sums();
    row_kept kept;
    start_keeping(k, &kept, KEEP && t.has_grad && !is_described(k));
#if OP != OP_NLL
    r = sum_row(k, row, &t.at, t.read, rank_target_of(t.x_target, t.target.y), &kept);
#endif
    if (team_item() == 0) write_numbers(k, row, &t, r);
    team_barrier();
    write_row(k, row, &t, r, &kept);
}
#endif

#endif
