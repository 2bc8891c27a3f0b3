/* SPDX-License-Identifier: Apache-2.0
 *
 * The second pass over one row: it writes a vector of classes at a time. */
#ifndef CLX_WRITE_CL
#define CLX_WRITE_CL
#include "loss.cl"
#include "row_at.cl"

/* The q that gradient_by_z() takes for the classes c .. c + lanes: q_c; for softmax u_c. */
static realv load_q(const call *k, const row_at *at, const row_grad *grad, uint c, int lanes) {
    realv u = load_u(k, at, c, lanes);
    return OP == OP_SOFTMAX ? u : grad->u_factor * u;
}

/* With U_NONE the stored values need not be NaN: write_row() fills a row whose gradient is NaN afterwards. */
static void store_gradient(const call *k, const row_at *at, realv g, uint c, int lanes) {
    const long step = class_step(k);
#if U == U_NONE
    store_grad_numbers(g, k->grad, at->grad + c * step, step, lanes);
#else
    store_grad(g, k->grad, at->grad + c * step, step, lanes);
#endif
}

/* Writes log_probs, probs and, if has_grad, the gradient. */
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

#endif
