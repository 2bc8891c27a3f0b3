/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over rows. Before the row pass: the counts, and the divisors of a mean. They depend on targets and
 * weights but not on logits, so they can come first, and the row pass writes the finished gradient. After the
 * row pass: the loss.
 *
 * Both have two steps and a fixed order. In the first step a team sums up a chunk of CLX_CHUNK_ROWS rows. In
 * the second step one team sums up the chunks; the team of a single chunk does both steps. Sums are
 * compensated (sums.cl), since a device may lack f64. A launch of the first step may have some of the chunks.
 * A chunk is CLX_CHUNK_ROWS rows counted from row 0 in every launch, so the order of the sums is that of a
 * single launch.
 *
 * Launch rule, with ROWS 1: local size a power of two; in the first step one work-group a chunk, from
 * first_row on, the first row of a chunk; in the second step one group. With ROWS 16, for CPU devices, a
 * work-item replaces the group and has rows side by side in its lanes. Bytes: the targets and weights are
 * read once; the row losses are read once.
 *
 * Pieces: params.h number.cl fma.cl exp.cl sums.cl team.cl type_f32.cl type_f16.cl type_bf16.cl type_f64.cl
 *         storage.cl call.cl.
 * Options:
 *     ROWS         16: rows side by side, for CPU devices; or 1
 *     REAL_F64     1: the reals are f64 (number.cl)
 *     FMA, LANES_IN_MEMORY, BARRIERS_INLINE    as in row.cl */
#ifndef ROWS
#define ROWS 1
#endif
#define TEAM          (ROWS == 1)
#define WIDTH         ROWS
#define SCRATCH_BYTES CLX_REDUCE_SCRATCH_BYTES
#if ROWS == 1
#define TEAM_NUMBER get_group_id(0)
#else
#define TEAM_NUMBER get_global_id(0)
#endif
#include "call.cl"

static long chunk_count(const clx_params *p) {
    return (p->rows + CLX_CHUNK_ROWS - 1) / CLX_CHUNK_ROWS;
}

/* The chunk of this team. */
static long own_chunk(const clx_params *p) {
    return p->first_row / CLX_CHUNK_ROWS + (long)TEAM_NUMBER;
}

/* FIRST_ROW(x): the first of rows side by side; a macro, since x is of longs or of reals. NAME_ahead(x, by):
 * in each lane, the value `by` lanes ahead; lane 0 follows the last. */
#if ROWS == 1
#define FIRST_ROW(x) (x)
#define DEFINE_AHEAD(name, type, rows_type)      \
    static rows_type name(rows_type x, int by) { \
        return x;                                \
    }
#else
#define FIRST_ROW(x) ((x).s0)
#define DEFINE_AHEAD(name, type, rows_type)      \
    static rows_type name(rows_type x, int by) { \
        type lane[2 * ROWS];                     \
        TO_LANES(x, lane);                       \
        TO_LANES(x, lane + ROWS);                \
        return FROM_LANES(lane + by);            \
    }
#endif
DEFINE_AHEAD(longs_ahead, long, rowlong)
DEFINE_AHEAD(reals_ahead, real, rowreal)

static wide_sum sum_ahead(wide_sum s, int by) {
    const wide_sum ahead = {{reals_ahead(s.plain.sum, by), reals_ahead(s.plain.low, by)},
                            {reals_ahead(s.large.sum, by), reals_ahead(s.large.low, by)}};
    return ahead;
}

static void store_sum(wide_sum s, __global clx_wide_sum *out) {
    out->sum = BITS_OF(FIRST_ROW(s.plain.sum));
    out->low = BITS_OF(FIRST_ROW(s.plain.low));
    out->large = BITS_OF(FIRST_ROW(s.large.sum));
    out->large_low = BITS_OF(FIRST_ROW(s.large.low));
}

static wide_sum load_sum(__global const clx_wide_sum *stored) {
    wide_sum s;
    s.plain.sum = REAL_OF(stored->sum);
    s.plain.low = REAL_OF(stored->low);
    s.large.sum = REAL_OF(stored->large);
    s.large.low = REAL_OF(stored->large_low);
    return s;
}

/* ---------------------------------------------------------------- before the rows ------------------- */

typedef struct tally {
    rowlong counted, ignored, bad, first_bad; /* first_bad: LONG_MAX for none */
    wide_sum divisor, z_divisor;
} tally;

static tally empty_tally(void) {
    tally t;
    t.counted = t.ignored = t.bad = 0;
    t.first_bad = LONG_MAX;
    t.divisor = t.z_divisor = wide_sum_of(0);
    return t;
}

static tally merge_tallies(tally a, tally b) {
    a.counted += b.counted;
    a.ignored += b.ignored;
    a.bad += b.bad;
    a.first_bad = min(a.first_bad, b.first_bad);
    wide_sum_merge(&a.divisor, b.divisor);
    wide_sum_merge(&a.z_divisor, b.z_divisor);
    return a;
}

/* The tallies of the rows `by` lanes ahead. */
static tally tally_ahead(tally t, int by) {
    const tally ahead = {longs_ahead(t.counted, by), longs_ahead(t.ignored, by),
                         longs_ahead(t.bad, by),     longs_ahead(t.first_bad, by),
                         sum_ahead(t.divisor, by),   sum_ahead(t.z_divisor, by)};
    return ahead;
}

DEFINE_TEAM_FOLD(team_tally, tally, sum = merge_tallies(sum, other))

static void store_counts(tally t, __global clx_row_counts *out) {
    const long first_bad = FIRST_ROW(t.first_bad);
    out->counted = FIRST_ROW(t.counted);
    out->ignored = FIRST_ROW(t.ignored);
    out->bad = FIRST_ROW(t.bad);
    out->first_bad = first_bad == LONG_MAX ? -1 : first_bad;
}

static void store_tally(tally t, __global clx_counts *out) {
    store_counts(t, &out->rows);
    store_sum(t.divisor, &out->divisor);
    store_sum(t.z_divisor, &out->z_divisor);
}

static tally load_tally(__global const clx_counts *c) {
    tally t;
    t.counted = c->rows.counted;
    t.ignored = c->rows.ignored;
    t.bad = c->rows.bad;
    t.first_bad = c->rows.first_bad < 0 ? LONG_MAX : c->rows.first_bad;
    t.divisor = load_sum(&c->divisor);
    t.z_divisor = load_sum(&c->z_divisor);
    return t;
}

/* The mean over no counted row. */
static real empty_mean(const clx_params *p) {
    return p->flags & CLX_EMPTY_ZERO ? REAL(0) : REAL_NAN;
}

/* Stores a divisor: NaN in place of 0, so that the quotient is NaN. */
static void store_divisor(wide_sum sum, __global clx_bits *value, __global clx_bits *unit) {
    const wide d = wide_sum_value(sum);
    const real x = FIRST_ROW(d.value);
    *value = BITS_OF(x == 0 ? REAL_NAN : x);
    *unit = BITS_OF(FIRST_ROW(d.unit));
}

/* Stores the tally of all rows: the totals, `counts`, and with CLX_ATOMIC the value that rows add to. */
static void finish_tally(const call *k, tally t) {
    const clx_params *p = k->p;
    __global clx_totals *totals = (__global clx_totals *)(k->workspace + p->totals_at);
    store_counts(t, &totals->rows);
    store_divisor(t.divisor, &totals->divisor, &totals->divisor_unit);
    store_divisor(t.z_divisor, &totals->z_divisor, &totals->z_divisor_unit);
    if (HAS(k, counts)) {
        __global long *out = k->counts + AT(k, counts, 0);
        out[0] = totals->rows.counted;
        out[1] = totals->rows.ignored;
        out[2] = totals->rows.bad;
        out[3] = totals->rows.first_bad;
    }
    if ((p->flags & CLX_ATOMIC) && HAS(k, loss))
        k->loss[AT(k, loss, 0)] =
            p->reduction == CLX_MEAN && totals->rows.counted == 0 ? empty_mean(p) : REAL(0);
}

__kernel void count_rows(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long chunk = own_chunk(&params);
    const long end = min(params.rows, (chunk + 1) * CLX_CHUNK_ROWS);
    const bool weighted = HAS(&k, row_weight) || HAS(&k, class_weight);
    rowmask counted = 0, ignored = 0, bad = 0, first_bad = CLX_CHUNK_ROWS;
    tally t = empty_tally();
    for (long row = chunk * CLX_CHUNK_ROWS + team_item() * ROWS; row < end; row += team_items() * ROWS) {
        k.live = (int)min((long)ROWS, end - row);
        const row_target target = resolve_target(&k, row);
        const rowmask is_counted = target.state == ROW_COUNTED, is_bad = target.state == ROW_BAD;
        const rowmask in_chunk = (rowmask)(int)(row - chunk * CLX_CHUNK_ROWS) + LANE_NUMBERS;
        counted += is_counted ? (rowmask)1 : (rowmask)0;
        ignored += target.state == ROW_IGNORED ? (rowmask)1 : (rowmask)0;
        bad += is_bad ? (rowmask)1 : (rowmask)0;
        first_bad = is_bad ? min(first_bad, in_chunk) : first_bad;
        if (weighted) {
            wide_sum_add(&t.divisor, is_counted ? target.row_weight * target.weight : ROWREAL(0));
            wide_sum_add(&t.z_divisor, is_counted ? target.row_weight : ROWREAL(0));
        }
    }
    t.counted = TO_ROWLONG(counted);
    t.ignored = TO_ROWLONG(ignored);
    t.bad = TO_ROWLONG(bad);
    if (!weighted) t.divisor = t.z_divisor = wide_sum_of(TO_REALV(counted));
    /* Compared as ints: Mesa 22.3 gets `long < 1024 ? ... : LONG_MAX` wrong. */
    const rowlong none = TO_ROWLONG(first_bad == (rowmask)CLX_CHUNK_ROWS);
    t.first_bad = none ? (rowlong)LONG_MAX : TO_ROWLONG(first_bad) + chunk * CLX_CHUNK_ROWS;
    t = team_tally(t, k.scratch);
    for (int by = ROWS / 2; by > 0; by /= 2) t = merge_tallies(t, tally_ahead(t, by));
    if (team_item() != 0) return;
    if (chunk_count(&params) == 1)
        finish_tally(&k, t);
    else
        store_tally(t, (__global clx_counts *)(workspace + params.count_partials_at) + chunk);
}

/* Adds up the tallies of the chunks. */
__kernel void finish_count(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long chunks = chunk_count(&params);
    __global const clx_counts *partials = (__global const clx_counts *)(workspace + params.count_partials_at);
    tally t = empty_tally();
    for (long chunk = team_item(); chunk < chunks; chunk += team_items())
        t = merge_tallies(t, load_tally(partials + chunk));
    t = team_tally(t, k.scratch);
    if (team_item() == 0) finish_tally(&k, t);
}

/* ---------------------------------------------------------------- after the rows -------------------- */

typedef struct loss_sums {
    wide_sum ce, z;
} loss_sums;

static loss_sums no_losses(void) {
    loss_sums s;
    s.ce = s.z = wide_sum_of(0);
    return s;
}

static loss_sums merge_losses(loss_sums a, loss_sums b) {
    wide_sum_merge(&a.ce, b.ce);
    wide_sum_merge(&a.z, b.z);
    return a;
}

static loss_sums losses_ahead(loss_sums s, int by) {
    const loss_sums ahead = {sum_ahead(s.ce, by), sum_ahead(s.z, by)};
    return ahead;
}

DEFINE_TEAM_FOLD(team_losses, loss_sums, sum = merge_losses(sum, other))

/* Stores the loss, from the sums over all rows. */
static void finish_sums(const call *k, loss_sums sums) {
    const clx_params *p = k->p;
    rowreal value = wide_quotient(wide_sum_value(sums.ce), ce_divisor(k));
    if (k->z_loss != 0) value += wide_quotient(wide_sum_value(sums.z), z_divisor(k));
    if (p->reduction == CLX_MEAN && totals_of(k)->rows.counted == 0) value = empty_mean(p);
    k->loss[AT(k, loss, 0)] = FIRST_ROW(value);
}

__kernel void sum_losses(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long chunk = own_chunk(&params);
    const long end = min(params.rows, (chunk + 1) * CLX_CHUNK_ROWS);
    __global const real *kept = (__global const real *)workspace;
    loss_sums sums = no_losses();
    for (long row = chunk * CLX_CHUNK_ROWS + team_item() * ROWS; row < end; row += team_items() * ROWS) {
        k.live = (int)min((long)ROWS, end - row);
        wide_sum_add(&sums.ce, LOAD_ROWS(&k, kept, params.row_ce_at + row));
        if (k.z_loss != 0) wide_sum_add(&sums.z, LOAD_ROWS(&k, kept, params.row_z_at + row));
    }
    sums = team_losses(sums, k.scratch);
    for (int by = ROWS / 2; by > 0; by /= 2) sums = merge_losses(sums, losses_ahead(sums, by));
    if (team_item() != 0) return;
    if (chunk_count(&params) == 1) {
        finish_sums(&k, sums);
    } else {
        __global clx_loss_sums *out = (__global clx_loss_sums *)(workspace + params.loss_partials_at) + chunk;
        store_sum(sums.ce, &out->ce);
        store_sum(sums.z, &out->z);
    }
}

/* Adds up the sums of the chunks. */
__kernel void finish_loss(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long chunks = chunk_count(&params);
    __global const clx_loss_sums *partials =
        (__global const clx_loss_sums *)(workspace + params.loss_partials_at);
    loss_sums sums = no_losses();
    for (long chunk = team_item(); chunk < chunks; chunk += team_items()) {
        const loss_sums others = {load_sum(&partials[chunk].ce), load_sum(&partials[chunk].z)};
        sums = merge_losses(sums, others);
    }
    sums = team_losses(sums, k.scratch);
    if (team_item() == 0) finish_sums(&k, sums);
}
