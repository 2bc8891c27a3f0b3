/* SPDX-License-Identifier: Apache-2.0
 *
 * One row in memory: where its classes are, and how they are read, a vector at a time. (tile.cl has rows side
 * by side.) */
#ifndef CLX_ROW_AT_CL
#define CLX_ROW_AT_CL
#include "row.cl"

/* Runs `statement` for the item's vectors from class `from` on, below `end` and below `classes`. `c` is the
 * class of lane 0. `lanes` is how many lanes hold classes: all of them, except in the row's last vector. (The
 * shorter last vector must stay in the loop: PoCL 3.1 takes the loop's counter for uniform, and gets a tail
 * behind the loop wrong.) A macro, since OpenCL C has no pointers to functions. */
#define FOR_VECTORS(from, end, classes, statement)                             \
    for (uint c = (from); c < (end) && c < (classes); c += step) {             \
        const int lanes = WIDTH == 1 ? 1 : (int)min((uint)WIDTH, (classes)-c); \
        statement                                                              \
    }

/* The same for `count` vectors that are whole, without a test in the loop. */
#define FOR_WHOLE_VECTORS(from, count, statement) \
    for (uint i_ = 0; i_ < (count); i_++) {       \
        const uint c = (from) + i_ * step;        \
        enum { lanes = WIDTH };                   \
        statement                                 \
    }

/* Where a row is: the index of its class 0 in each array, found once and not in the loops. The team has the
 * row's classes from .. to. */
typedef struct row_at {
    long logits, grad, log_probs, probs, u, class_weight;
    uint from, to;
} row_at;

static row_at find_row(const call *k, long row) {
    const clx_params *p = k->p;
    row_at at;
    at.logits = AT(k, logits, row_start(k, PLACE(k, row), p->logits_stride));
    at.grad = AT(k, grad, row_start(k, PLACE(k, row), p->grad_stride));
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

/* The logits of the classes c .. c + lanes of a row; -inf in the other lanes. */
static realv load_row(const call *k, const row_at *at, uint c, int lanes) {
    return load_logits(k->logits, at->logits + c * class_step(k), class_step(k), lanes, -REAL_INF);
}

static rank_target rank_target_of(real x, long y) {
    const rank_target t = {REALV(x), (maskv)((MASK_NAME)y)};
    return t;
}

#endif
