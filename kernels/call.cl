/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments that every kernel takes, and what a row is to be scored against: its target, whether it
 * counts, its weights.
 *
 * Launch rule of all kernels: argument 0 clx_params by value; 1 to 18 the arrays of CLX_ARRAY_MAP, an absent
 * one bound to any buffer; 19 the workspace; 20 local scratch (params.h). */
#ifndef CLX_CALL_CL
#define CLX_CALL_CL
#include "team.cl"

typedef struct call {
    const clx_params *p;
    __global const LOGITS_T *logits; /* NLL: the log-probabilities */
    __global const uchar *targets;   /* integers of p->targets_int, or PROBS_T */
    __global const real *class_weight, *row_weight;
    __global const uchar *segment;
    __global const real *grad_output;
    __global real *loss, *row_loss, *log_prob, *lse, *lse_residual;
    __global long *argmax, *rank;
    __global real *entropy, *log_probs, *probs;
    __global GRAD_T *grad;
    __global long *counts;
    __global uchar *workspace;
    team_scratch *scratch;
    int present; /* bit CLX_A_name: the array is there */
    /* the scalars, as numbers */
    real label_smoothing, z_loss, softcap, logit_scale, grad_scalar;
} call;

#define CALL_ARGUMENTS                                                                                     \
    const clx_params params, __global const LOGITS_T *logits, __global const uchar *targets,               \
        __global const real *class_weight, __global const real *row_weight, __global const uchar *segment, \
        __global const real *grad_output, __global real *loss, __global real *row_loss,                    \
        __global real *log_prob, __global real *lse, __global real *lse_residual, __global long *argmax,   \
        __global long *rank, __global real *entropy, __global real *log_probs, __global real *probs,       \
        __global GRAD_T *grad, __global long *counts, __global uchar *workspace, team_scratch *scratch

#define CALL_INIT                                                                                           \
    {                                                                                                       \
        &params, logits, targets, class_weight, row_weight, segment, grad_output, loss, row_loss, log_prob, \
            lse, lse_residual, argmax, rank, entropy, log_probs, probs, grad, counts, workspace, scratch,   \
            params.present, REAL_OF(params.label_smoothing), REAL_OF(params.z_loss),                        \
            REAL_OF(params.softcap), REAL_OF(params.logit_scale), REAL_OF(params.grad_output)               \
    }

#define HAS(c, name) (((c)->present >> CLX_A_##name) & 1)
/* Where element `i` of an array stands. */
#define AT(c, name, i)  ((c)->p->at[CLX_A_##name] + (i))
#define GET(c, name, i) ((c)->name[AT(c, name, i)])

/* Elements from one class of a row to the next. */
static long class_step(const call *c) {
    return STRIDED ? c->p->inner : 1;
}

/* Element (row, class 0) of an (N,C) array whose outer indices stand `stride` apart. */
static long row_start(const call *c, long row, long stride) {
    const long inner = class_step(c);
    return inner == 1 ? row * stride : (row / inner) * stride + row % inner;
}

enum { ROW_COUNTED = 0, ROW_IGNORED = 1, ROW_BAD = 2 };

typedef struct row_target {
    int state;
    long y;      /* the class; 0 for probability targets and where the row does not count */
    real weight; /* class_weight[y] */
    real row_weight;
} row_target;

static long load_integer(__global const uchar *p, int type, long at) {
    switch (type) {
    case CLX_INT_I64:
        return ((__global const long *)p)[at];
    case CLX_INT_I32:
        return ((__global const int *)p)[at];
    case CLX_INT_U16:
        return ((__global const ushort *)p)[at];
    default:
        return p[at];
    }
}

static row_target resolve_target(const call *c, long row) {
    const clx_params *p = c->p;
    row_target t = {ROW_COUNTED, 0, REAL(1), REAL(1)};
    if (HAS(c, row_weight)) t.row_weight = GET(c, row_weight, row);
    if (p->targets == CLX_PROBABILITY || !HAS(c, targets)) return t;

    long at = row;
    if (p->targets == CLX_NEXT_TOKEN) {
        long position = row % p->sequence_length;
        long here = (row / p->sequence_length) * p->tokens_per_sequence + position;
        at = here + 1;
        if (position + 1 >= p->tokens_per_sequence) {
            t.state = ROW_IGNORED;
            return t;
        }
        if (HAS(c, segment) && load_integer(c->segment, p->segment_int, AT(c, segment, here)) !=
                                   load_integer(c->segment, p->segment_int, AT(c, segment, at))) {
            t.state = ROW_IGNORED;
            return t;
        }
    }
    long y = load_integer(c->targets, p->targets_int, AT(c, targets, at));
    if ((p->flags & CLX_IGNORE) && y == p->ignore_index) {
        t.state = ROW_IGNORED;
    } else if (y < 0 || y >= p->classes) {
        t.state = ROW_BAD;
    } else {
        t.y = y;
        if (HAS(c, class_weight)) t.weight = GET(c, class_weight, y);
    }
    return t;
}

/* A weight times what it weighs: 0 times inf is 0, 0 times NaN is NaN. */
static real weigh(real weight, real x) {
    return weight == 0 && isinf(x) ? REAL(0) : weight * x;
}

static __global const clx_counts *totals_of(const call *c) {
    return (__global const clx_counts *)(c->workspace + c->p->totals_at);
}

/* The divisor of a mean, a sum in two parts, 0 made NaN: what is divided by it is NaN then. 1 for the other
 * reductions. */
static real mean_divisor(const call *c, __global const clx_bits *sum, __global const clx_bits *low) {
    if (c->p->reduction != CLX_MEAN) return REAL(1);
    real d = REAL_OF(*sum) + REAL_OF(*low);
    return d == 0 ? REAL_NAN : d;
}

static real ce_divisor(const call *c) {
    __global const clx_counts *totals = totals_of(c);
    return mean_divisor(c, &totals->divisor, &totals->divisor_low);
}

static real z_divisor(const call *c) {
    __global const clx_counts *totals = totals_of(c);
    return mean_divisor(c, &totals->z_divisor, &totals->z_divisor_low);
}

#endif
