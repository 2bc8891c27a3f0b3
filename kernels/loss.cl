/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss of a row and its gradient, from the sums that row.cl gathered: score_row(), which every schedule
 * runs on its rows. The formulas are those of clxent.h; PyTorch's cross_entropy where it has them. */
#ifndef CLX_LOSS_CL
#define CLX_LOSS_CL
#include "row.cl"

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
static void write_loss(const call *k, long row, real log_prob, real ce, real z) {
    if (HAS(k, row_loss)) k->row_loss[AT(k, row_loss, row)] = ce + z;
    if (HAS(k, log_prob)) k->log_prob[AT(k, log_prob, row)] = log_prob;
    if (HAS(k, loss) && k->p->reduction == CLX_NONE) k->loss[AT(k, loss, row)] = ce + z;
    if (k->p->flags & CLX_KEEP_ROWS) {
        ((__global real *)(k->workspace + k->p->row_ce_at))[row] = ce;
        ((__global real *)(k->workspace + k->p->row_z_at))[row] = z;
    }
}

/* z_y - ref as a sum in two parts: with its rounding kept, the loss is as good as its last operation. */
static long_sum target_deviation(const call *k, real x, real ref) {
    long_sum d = {deviation_1(k, x, ref), 0};
#if !SOFTCAP
    if (isfinite(d.sum)) {
        const real scaled = k->logit_scale * x;
        d.sum = scaled;
        d.low = fma(k->logit_scale, x, -scaled);
        long_sum_add(&d, -ref);
    }
#endif
    return d;
}

/* Scores a counted row; `d` is z_y - ref. (1-e) w_y (lse - z_y) + (e/C) sum_c w_c (lse - z_c), or
 * sum_c q_c (lse - z_c), and s lse^2; with lse - z_c = log_sum + (ref - z_c). */
static void write_counted_loss(const call *k, long row, row_target t, row_sums r, long_sum d) {
    if (isfinite(d.sum)) long_sum_add(&d, -r.log_sum);
    const real log_prob = isnan(r.log_sum) ? REAL_NAN : long_sum_value(d);
#if OP == OP_CROSS_ENTROPY && U == U_PROBABILITY
    real ce = r.u * r.log_sum + r.dot;
#else
    real ce = weigh((1 - k->label_smoothing) * t.weight, -log_prob);
#endif
#if OP == OP_CROSS_ENTROPY && U == U_WEIGHT
    ce += k->label_smoothing / REAL(k->p->classes) * (r.u * r.log_sum + r.dot);
#endif
    real z = k->z_loss == 0 ? REAL(0) : k->z_loss * r.lse * r.lse;
    if (isnan(r.log_sum)) ce = z = REAL_NAN;
    ce = weigh(t.row_weight, ce);
    z = weigh(t.row_weight, z);
    write_loss(k, row, log_prob, ce, z);
    if ((k->p->flags & CLX_ATOMIC) && HAS(k, loss))
        atomic_add_real(k->loss + AT(k, loss, 0),
                        ce / ce_divisor(k) + (k->z_loss == 0 ? REAL(0) : z / z_divisor(k)));
}

/* The gradient by a logit: slope * (spread * p_c - q_c), q_c = u_factor * u_c, and `target` more of the
 * target's class. Softmax: slope * spread * p_c * (u_c - u). */
typedef struct row_grad {
    real spread, u_factor, target;
    real masked; /* of a masked class: 0; NaN in a row whose gradient is NaN */
} row_grad;

static row_grad row_gradient(const call *k, long row, row_target t, row_sums r) {
    real g = k->grad_scalar;
    row_grad grad = {g, 0, 0, 0};
#if OP == OP_LOG_SOFTMAX
    grad.spread = -g * r.u;
    grad.u_factor = -g;
#elif OP == OP_CROSS_ENTROPY || OP == OP_NLL
    if (HAS(k, grad_output)) g *= GET(k, grad_output, k->p->reduction == CLX_NONE ? row : 0);
    real share = g * t.row_weight / ce_divisor(k);
    real q_sum = 0;
#if U == U_PROBABILITY
    grad.u_factor = share;
    q_sum = r.u;
#else
    grad.target = share * ((1 - k->label_smoothing) * t.weight);
    q_sum = (1 - k->label_smoothing) * t.weight;
#if U == U_WEIGHT
    real smoothing = k->label_smoothing / REAL(k->p->classes);
    grad.u_factor = share * smoothing;
    q_sum += smoothing * r.u;
#endif
#endif
    grad.spread = share * q_sum;
    if (k->z_loss != 0) grad.spread += g * t.row_weight / z_divisor(k) * 2 * k->z_loss * r.lse;
#endif
    if (isnan(r.log_sum)) grad.spread = REAL_NAN;
    grad.masked = isnan(grad.spread) ? REAL_NAN : REAL(0);
    return grad;
}

/* `q`: u_c for softmax. */
static realv logit_gradient(const call *k, row_sums r, row_grad grad, realv x, realv e, realv q) {
    realv p = e * r.inverse_sum;
#if OP == OP_SOFTMAX
    realv by_z = grad.spread * p * (q - r.u);
#else
    realv by_z = fma(REALV(grad.spread), p, -q);
#endif
#if SOFTCAP
    realv t = capped(k, x);
    by_z *= fma(-t, t, REALV(1));
#endif
    return x == REALV(-REAL_INF) ? REALV(grad.masked) : k->logit_scale * by_z;
}

/* Whether this item is the one that stores class c of a row. */
static bool stores_class(long c) {
    return (c / WIDTH) % team_items() == team_item();
}

/* The second pass: log_probs, probs and, when has_grad, the gradient. */
static void write_classes(const call *k, long row, long base, row_target t, row_sums r, row_grad grad,
                          bool has_grad, real x_target) {
    const clx_params *p = k->p;
    const uint classes = (uint)p->classes;
    const uint step = WIDTH * (uint)team_items();
    const long inner = p->inner;
    const long out = AT(k, log_probs, row_start(k, row, p->log_probs_stride));
    const long probs_out = AT(k, probs, row_start(k, row, p->log_probs_stride));
    const long grad_out = AT(k, grad, row_start(k, row, p->grad_stride));
    FOR_VECTORS(WIDTH * (uint)team_item(), classes, classes, {
        realv x = load_logits(k->logits, base + (long)c * inner, inner, lanes, -REAL_INF);
        realv d = deviation(k, x, r.ref);
        realv e = exp(d);
        if (HAS(k, log_probs)) store_real(d - r.log_sum, k->log_probs, out + (long)c * inner, inner, lanes);
        if (HAS(k, probs)) store_real(e * r.inverse_sum, k->probs, probs_out + (long)c * inner, inner, lanes);
        if (has_grad) {
            realv u = load_u(k, row, c, lanes);
            realv q = OP == OP_SOFTMAX ? u : grad.u_factor * u;
            realv g = logit_gradient(k, r, grad, x, e, q);
            store_grad(g, k->grad, grad_out + (long)c * inner, inner, lanes);
        }
    })
#if (OP == OP_CROSS_ENTROPY || OP == OP_NLL) && U != U_PROBABILITY
    /* The item that stored the target's class stores it again, with the target's own part. */
    if (has_grad && stores_class(t.y)) {
        realv x = REALV(x_target);
        realv e = exp(deviation(k, x, r.ref));
        realv q = REALV(grad.target + grad.u_factor * t.weight);
        STORE_GRAD(first_lane(logit_gradient(k, r, grad, x, e, q)), k->grad, grad_out + t.y * inner);
    }
#endif
}

/* Writes 0 to the gradient of classes from .. to of a row. */
static void zero_gradient(const call *k, long row, uint from, uint to) {
    const clx_params *p = k->p;
    const uint step = WIDTH * (uint)team_items();
    const long grad_out = AT(k, grad, row_start(k, row, p->grad_stride));
    FOR_VECTORS(from + WIDTH * (uint)team_item(), to, to,
                { store_grad(REALV(0), k->grad, grad_out + (long)c * p->inner, p->inner, lanes); })
}

/* Whether the logits are to be described, for every row. A saved lse is an input. */
static bool is_described(const call *k) {
    return (!FROM_LSE && (HAS(k, lse) || HAS(k, lse_residual))) || HAS(k, argmax) || HAS(k, entropy) ||
           HAS(k, log_probs) || HAS(k, probs);
}

static void write_description(const call *k, long row, row_sums r) {
    if (!FROM_LSE && HAS(k, lse)) k->lse[AT(k, lse, row)] = r.lse;
    if (!FROM_LSE && HAS(k, lse_residual)) k->lse_residual[AT(k, lse_residual, row)] = r.lse_residual;
    if (HAS(k, argmax)) k->argmax[AT(k, argmax, row)] = r.argmax;
    if (HAS(k, entropy)) k->entropy[AT(k, entropy, row)] = r.entropy;
}

/* All of one row. A row that does not count is read only where its logits are to be described: the passes run
 * over 0 classes then. */
static void score_row(const call *k, long row) {
    const clx_params *p = k->p;
    const bool first = team_item() == 0;
    const row_target t = resolve_target(k, row);
    const bool counted = t.state == ROW_COUNTED;
    const bool has_grad = counted && HAS(k, grad);
    const long base = AT(k, logits, row_start(k, row, p->logits_stride));
    const real x_target = counted ? LOAD_LOGIT(k->logits, base + t.y * p->inner) : REAL(0);
    row_sums r = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

#if OP != OP_NLL
    const bool read = counted || is_described(k);
    r = sum_row(k, row, base, read ? (uint)p->classes : 0, x_target);
    if (first && read) write_description(k, row, r);
#endif
#if (OP == OP_CROSS_ENTROPY || OP == OP_NLL) && !FROM_LSE
    if (first && !counted) write_loss(k, row, REAL(0), REAL(0), REAL(0));
    if (first && counted) {
        const long_sum x_part = {x_target, 0};
        write_counted_loss(k, row, t, r, OP == OP_NLL ? x_part : target_deviation(k, x_target, r.ref));
    }
    if (first && HAS(k, rank)) k->rank[AT(k, rank, row)] = counted ? r.beaten - (isnan(x_target) ? 1 : 0) : 0;
#endif

    team_barrier();
    row_grad grad = {0, 0, 0, 0};
    if (has_grad) grad = row_gradient(k, row, t, r);
#if OP == OP_NLL
    if (HAS(k, grad)) zero_gradient(k, row, 0, (uint)p->classes_padded);
    if (has_grad && stores_class(t.y))
        STORE_GRAD(-grad.target, k->grad, AT(k, grad, row_start(k, row, p->grad_stride)) + t.y * p->inner);
#else
    if (has_grad || HAS(k, log_probs) || HAS(k, probs))
        write_classes(k, row, base, t, r, grad, has_grad, x_target);
    if (HAS(k, grad)) zero_gradient(k, row, counted ? (uint)p->classes : 0, (uint)p->classes_padded);
#endif
}

#endif
