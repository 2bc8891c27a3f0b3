/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss of a row and its gradient, from the sums of row.cl, for one row and for rows side by side. The
 * formulas are those of clxent.h, which agree with PyTorch's cross_entropy where it has them. */
#ifndef CLX_LOSS_CL
#define CLX_LOSS_CL
#include "row.cl"

#if REAL_F64 && defined(cl_khr_int64_base_atomics)
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
#endif

/* Adds x to *p while other rows add to it too. The first read is atomic as well. */
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

/* Writes the loss of a row, before a mean divides it: its cross entropy ce and its z-loss z, both
 * weighted. */
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

/* Adds the counted rows' x to the loss of a mean or a sum (CLX_ATOMIC). */
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

/* z_y - ref as a sum in two parts. The second part has the rounding error, so that the loss is as good as its
 * last operation. It is computed from x / 2 and ref / 2, whose difference does not overflow. */
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

/* share sum_c u_c (lse - z_c), from the sums, which are in u_unit. lse - z_c = log_sum + (ref - z_c). */
static rowreal over_classes(const call *k, row_sums r, real share) {
    const real in_unit = share / u_unit(k);
    return in_unit * r.u * r.log_sum + IN_Z(k, in_unit) * r.dot;
}

/* Computes and writes the loss of a row: 0 if the row does not count. `d` is z_y - ref. The cross entropy is
 * (1-e) w_y (lse - z_y) + (e/C) sum_c w_c (lse - z_c), or for probability targets sum_c q_c (lse - z_c). The
 * z-loss is s lse^2. The row's weight multiplies both. */
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
    ce += over_classes(k, r, k->label_smoothing / REAL(k->p->classes_total));
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

/* The gradient by a logit is spread e_c - q_c, with e_c = exp(z_c - ref) and q_c = u_factor * u_c; for the
 * target's class q_c has `target` added. For softmax it is spread e_c (u_c - u). The slope of the softcap
 * multiplies it. All factors contain logit_scale.
 *
 * spread = q_sum / sum + z. q_sum is the sum of all q_c, the target's own included; z is the part of z-loss.
 * Where a class has nearly all of the probability, spread e_c and q_c are nearly the same. Then 1 - p_c comes
 * from the other classes' exponentials, and the gradient is (q_sum - q_c) p_c + z e_c - q_c (1 - p_c); for
 * softmax it is p_c (u_c (1 - p_c) - sum of the others' u p).
 *
 * All factors are in units of `unit`: LARGE where z is finite only after e_c multiplies it; 1 / LARGE where
 * the divisor is in units of LARGE, since the weights that add up to it are as large; else 1. */
typedef struct row_grad {
    rowreal spread, u_factor, target;
    rowreal q_sum, z;
    rowreal beside; /* class targets: spread without the target's own part, which is `target` */
    rowreal at_ref; /* e_c of a class at ref: 1; NaN where exponentials are relative to an older ref */
    rowreal masked; /* the gradient of a masked class: 0; NaN in a row whose gradient is NaN */
    rowreal unit;   /* a power of two */
} row_grad;

static row_grad no_grad(void) {
    row_grad g;
    g.spread = g.u_factor = g.target = g.q_sum = g.z = g.beside = g.at_ref = g.masked = 0;
    g.unit = 1;
    return g;
}

/* The part of z-loss s in spread: 2 s lse share scale / sum. */
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
    q_sum = r.u / u_unit(k);
#else
    rowreal own = (1 - k->label_smoothing) * t.weight, others = 0;
#if U == U_WEIGHT
    const real smoothing = k->label_smoothing / REAL(k->p->classes_total);
    own += smoothing * t.weight;
    others = smoothing / u_unit(k) * (r.u - u_unit(k) * t.weight);
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

/* exp(z - ref) of a class whose z - ref is d. With FROM_LSE, this times inverse_sum is the class's
 * probability. */
static realv exp_of_deviation(const call *k, const row_sums *r, realv d) {
#if FROM_LSE
    d -= (realv)(r->log_sum);
#endif
    return exp_of(&k->exp, d);
}

#if FROM_LSE
/* 1 - p of a class whose z - lse is d, with all its digits where p is nearly 1. It does not call expm1(): see
 * call.cl. */
static realv others_of(const call *k, const row_sums *r, realv d) {
    const realv log_p = fmin(d - (realv)(r->lse_residual), REALV(0));
    return -tanh_of(&k->exp, log_p / 2) * (1 + exp_of(&k->exp, log_p));
}
#endif

/* `q` is q_c; for softmax u_c. `others` is 1 - p_c. Without FROM_LSE it is only used for a class at ref, so
 * the 1 - p of such a class will do. */
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

/* The slope of the softcap. */
static realv slope_of(const call *k, realv x) {
#if SOFTCAP
    const realv t = capped(k, x);
    return fma(-t, t, REALV(1));
#else
    return REALV(1);
#endif
}

/* The gradient by the logit x of the target's class: beside e - target (1 - p). */
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
/* In other programs spread e of a masked class is 0, and the target's class is stored again. */
#if SOFTCAP || U != U_NONE || ROWS > 1
    g = x == REALV(-REAL_INF) ? (realv)(grad->masked) : g;
#endif
    return g;
}

/* Whether an output describes the logits, of every row, counted or not. A saved lse is an input, not an
 * output. */
static bool is_described(const call *k) {
    return (!FROM_LSE && (HAS(k, lse) || HAS(k, lse_residual))) || HAS(k, argmax) || HAS(k, entropy) ||
           HAS(k, log_probs) || HAS(k, probs) || gives_state(k);
}

static void write_description(const call *k, long row, row_sums r) {
    if (!FROM_LSE && HAS(k, lse)) PUT_ROWS(k, lse, row, r.lse);
    if (!FROM_LSE && HAS(k, lse_residual)) PUT_ROWS(k, lse_residual, row, r.lse_residual);
    if (HAS(k, argmax)) PUT_ROWS_LONG(k, argmax, row, r.argmax);
    if (HAS(k, entropy)) PUT_ROWS(k, entropy, row, r.entropy);
}

#endif
