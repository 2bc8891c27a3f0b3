/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments that every kernel takes; a row's target, whether the row counts, and its weights.
 *
 * Launch rule of all kernels: argument 0 is clx_params by value. The arrays of CLXENT_ARRAY_MAP follow in its
 * order; an absent one is NULL. The workspace and the local scratch (params.h) are last. */
#ifndef CLX_CALL_CL
#define CLX_CALL_CL
#ifndef IN_ORDER
#define IN_ORDER 0
#endif
#include "exp.cl"
#include "storage.cl"
#include "team.cl"

/* The elements of an array argument, by its type and side in the table. NLL's log-probabilities are passed as
 * logits. Targets are integers of the type params.targets_int, or PROBS_T; segments are integers of the type
 * params.segment_int. */
#define OF_LOGITS  LOGITS_T
#define OF_GRAD    GRAD_T
#define OF_TARGETS uchar
#define OF_SEGMENT uchar
#define OF_REAL    real
#define OF_I64     long
/* These arrays are for products.cl alone. */
#define OF_HIDDEN          uchar
#define OF_CLASSIFIER      uchar
#define OF_BIAS            uchar
#define OF_GRAD_HIDDEN     uchar
#define OF_GRAD_CLASSIFIER uchar
#define OF_GRAD_BIAS       uchar
#define SIDE_INPUT         const
#define SIDE_OUTPUT        /* the kernel may write it */

#define ARRAY_MEMBER(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin) \
    __global SIDE_##side OF_##type *name;

typedef struct call {
    const clx_params *p;
    CLXENT_ARRAY_MAP(ARRAY_MEMBER)
    __global uchar *workspace;
    team_scratch *scratch;
    int present; /* bit CLXENT_A_name: the call has the array */
    /* the scalars, as numbers */
    real label_smoothing, z_loss, softcap, logit_scale, grad_scalar;
    real class_unit; /* a power of two, at most 1 / (2 classes_total) */
    exp_constants exp;
    int live; /* rows side by side that exist: ROWS, but at the end fewer */
#if IN_ORDER
    long place; /* of the row in the order of order.cl */
#endif
} call;

#define ARRAY_ARGUMENT(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin) \
    __global SIDE_##side OF_##type *name,
#define CALL_ARGUMENTS \
    const clx_params given, CLXENT_ARRAY_MAP(ARRAY_ARGUMENT) __global uchar *workspace, team_scratch *scratch

/* A kernel begins with OPEN_CALL(k), which declares the call k and its params. It reads all fields of the
 * argument, one by one, and nothing else reads the argument: Mesa 22.3 warns of a kernel argument that is
 * read inside a branch, and may read it wrong. Mesa has hidden arguments too. So inside a branch no struct is
 * initialized with {0, 0}, and the kernels do not call get_global_id(), log(), log1p() or expm1(), which have
 * tables there. (f64 code may call them: Mesa 22.3 has no f64.) */
#define PLACE_OF(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin) given.at[number],
#define ARRAY_OF(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin) name,
#define FIELD_OF(type, name)                                                                given.name,
#define PARAMS_INIT \
    { {CLXENT_ARRAY_MAP(PLACE_OF)}, CLX_PARAMS_MAP(FIELD_OF) }
#define CALL_INIT                                                                                 \
    {                                                                                             \
        &params, CLXENT_ARRAY_MAP(ARRAY_OF) workspace, scratch, params.present,                   \
            REAL_OF(params.label_smoothing), REAL_OF(params.z_loss), REAL_OF(params.softcap),     \
            REAL_OF(params.logit_scale), REAL_OF(params.grad_output), REAL_OF(params.class_unit), \
            exp_constants_of(params.classes > 0 ? REAL(1) : REAL(0)), ROWS NO_PLACE               \
    }
#if IN_ORDER
#define NO_PLACE , 0
#else
#define NO_PLACE
#endif
#define OPEN_CALL(k)                       \
    const clx_params params = PARAMS_INIT; \
    call k = CALL_INIT

/* These are macros, since they take the name of an array. */
#define HAS(k, name) (((k)->present >> CLXENT_A_##name) & 1)
/* The index of element `i` of an array in its buffer. */
#define AT(k, name, i)  ((k)->p->at[CLXENT_A_##name] + (i))
#define GET(k, name, i) ((k)->name[AT(k, name, i)])

/* The rows of a call in order (order.cl). Behind the last one is the number of rows that count. */
static __global int *order_of(const call *k) {
    return (__global int *)(k->workspace + k->p->order_at);
}

/* With IN_ORDER 1 a row of logits, gradient or state is at its place in that order, and its other numbers are
 * at the row itself. take_row() gives the row at a place, which becomes the call's row. PLACE() is a macro,
 * since without IN_ORDER it is the row. */
#if IN_ORDER
#define PLACE(k, row) ((k)->place)
static long take_row(call *k, long place) {
    k->place = place;
    return order_of(k)[place];
}
#else
#define PLACE(k, row) (row)
static long take_row(call *k, long place) {
    return place;
}
#endif

/* Elements from one class of a row to the next. */
static long class_step(const call *k) {
    return STRIDED ? k->p->inner : 1;
}

/* The index of element (row, class 0) in an (N,C) array whose outer indices are `stride` elements apart. */
static long row_start(const call *k, long row, long stride) {
    const long inner = class_step(k);
    return inner == 1 ? row * stride : (row / inner) * stride + row % inner;
}

/* ROW_ABSENT: a lane without a row. */
enum { ROW_COUNTED = 0, ROW_IGNORED = 1, ROW_BAD = 2, ROW_ABSENT = 3 };

typedef struct row_target {
    rowmask state;
    rowlong y;      /* the target's class minus class_begin: outside 0 .. classes if another slice has it; 0
                     * for probability targets and for a row that does not count */
    rowreal weight; /* class_weight[y] */
    rowreal row_weight;
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

/* Elements of the rows row .. row + live in an array with one element a row. A load gives 0 in the other
 * lanes. These are macros, since the arrays have elements of several types. */
#if ROWS == 1
#define load_integers(p, type, at)         load_integer(p, type, at)
#define load_integers_from(k, p, type, at) load_integer(p, type, at)
#define LOAD_ROWS(k, p, at)                ((p)[at])
#define GET_ROWS(k, name, row)             GET(k, name, row)
#define STORE_ROWS(k, x, p, at)            ((p)[at] = (x))
#define PUT_ROWS(k, name, row, x)          (GET(k, name, row) = (x))
#define PUT_ROWS_LONG                      PUT_ROWS
#define ROW_NUMBERS(k)                     0L
#define IS_LIVE(k)                         1
#else
#define LOAD_ROWS(k, p, at)            load_real(p, at, 1, (k)->live, REAL(0))
#define GET_ROWS(k, name, row)         LOAD_ROWS(k, (k)->name, AT(k, name, row))
#define STORE_ROWS(k, x, p, at)        store_real(x, p, at, 1, (k)->live)
#define PUT_ROWS(k, name, row, x)      STORE_ROWS(k, x, (k)->name, AT(k, name, row))
#define ROW_NUMBERS(k)                 min(TO_ROWLONG(LANE_NUMBERS), ROWLONG((k)->live - 1))
#define IS_LIVE(k)                     (LANE_NUMBERS < (rowmask)((k)->live))

/* The integers at the indices `at`. */
static rowlong load_integers(__global const uchar *p, int type, rowlong at) {
    long lane[ROWS];
    TO_LANES(at, lane);
    for (int i = 0; i < ROWS; i++) lane[i] = load_integer(p, type, lane[i]);
    return FROM_LANES(lane);
}

/* Adjacent integers from index `at` on, one for each row. */
static rowlong load_integers_from(const call *k, __global const uchar *p, int type, long at) {
    if (k->live == ROWS) {
        switch (type) {
        case CLX_INT_I64:
            return CLX_VLOAD(0, (__global const long *)p + at);
        case CLX_INT_I32:
            return TO_ROWLONG(CLX_VLOAD(0, (__global const int *)p + at));
        case CLX_INT_U16:
            return TO_ROWLONG(CLX_VLOAD(0, (__global const ushort *)p + at));
        default:
            return TO_ROWLONG(CLX_VLOAD(0, p + at));
        }
    }
    return load_integers(p, type, at + ROW_NUMBERS(k));
}

static void store_longs(const call *k, rowlong x, __global long *p, long at) {
    long lane[ROWS];
    TO_LANES(x, lane);
    for (int i = 0; i < k->live; i++) p[at + i] = lane[i];
}
#define PUT_ROWS_LONG(k, name, row, x) store_longs(k, x, (k)->name, AT(k, name, row))
#endif

/* For each row, the element at its index `at` of an array of reals. */
static rowreal load_reals(__global const real *p, rowlong at) {
#if ROWS == 1
    return p[at];
#else
    long lane[ROWS];
    real x[ROWS];
    TO_LANES(at, lane);
    for (int i = 0; i < ROWS; i++) x[i] = p[lane[i]];
    return FROM_LANES(x);
#endif
}

/* The targets of the rows from `row` on. */
static row_target resolve_target(const call *k, long row) {
    const clx_params *p = k->p;
    row_target t;
    t.state = ROW_COUNTED;
    t.y = 0;
    t.weight = t.row_weight = REAL(1);
    if (HAS(k, row_weight)) t.row_weight = GET_ROWS(k, row_weight, row);
    t.state = IS_LIVE(k) ? (rowmask)ROW_COUNTED : (rowmask)ROW_ABSENT;
    if (p->targets == CLX_PROBABILITY || !HAS(k, targets)) return t;

    rowlong y;
    rowmask ignored = 0;
    if (p->targets == CLX_NEXT_TOKEN) {
        const rowlong number = row + ROW_NUMBERS(k);
        const rowlong sequence = number / p->sequence_length;
        const rowlong position = number - sequence * p->sequence_length;
        const rowlong here = sequence * p->tokens_per_sequence + position;
        const rowlong has_next = position + 1 < p->tokens_per_sequence;
        const rowlong at = has_next ? here + 1 : here;
        ignored = TO_ROWMASK(!has_next);
        if (HAS(k, segment))
            ignored |= TO_ROWMASK(load_integers(k->segment, p->segment_int, AT(k, segment, here)) !=
                                  load_integers(k->segment, p->segment_int, AT(k, segment, at)));
        y = load_integers(k->targets, p->targets_int, AT(k, targets, at));
    } else {
        y = load_integers_from(k, k->targets, p->targets_int, AT(k, targets, row));
    }
    if (p->flags & CLX_IGNORE) ignored |= TO_ROWMASK(y == p->ignore_index);
    const rowmask bad = TO_ROWMASK((y < 0) | (y >= p->classes_total));
    t.state = !IS_LIVE(k) ? t.state : ignored ? (rowmask)ROW_IGNORED : bad ? (rowmask)ROW_BAD : t.state;
    t.y = TO_ROWLONG(t.state == ROW_COUNTED) ? y - p->class_begin : (rowlong)0L;
    if (HAS(k, class_weight)) t.weight = load_reals(k->class_weight, AT(k, class_weight, t.y));
    return t;
}

/* weight * x, where 0 times inf is 0. 0 times NaN is NaN. */
static rowreal weigh(rowreal weight, rowreal x) {
    return (weight == 0) & isinf(x) ? ROWREAL(0) : weight * x;
}

static __global const clx_totals *totals_of(const call *k) {
    return (__global const clx_totals *)(k->workspace + k->p->totals_at);
}

/* The divisor of a mean; 1 for the other reductions. */
static wide mean_divisor(const call *k, __global const clx_bits *value, __global const clx_bits *unit) {
    const bool is_mean = k->p->reduction == CLX_MEAN;
    wide d;
    d.value = is_mean ? REAL_OF(*value) : REAL(1);
    d.unit = is_mean ? REAL_OF(*unit) : REAL(1);
    return d;
}

static wide ce_divisor(const call *k) {
    __global const clx_totals *totals = totals_of(k);
    return mean_divisor(k, &totals->divisor, &totals->divisor_unit);
}

static wide z_divisor(const call *k) {
    __global const clx_totals *totals = totals_of(k);
    return mean_divisor(k, &totals->z_divisor, &totals->z_divisor_unit);
}

#endif
