/* SPDX-License-Identifier: Apache-2.0
 *
 * What is summed over rows: before the row pass the counts and the divisors of a mean, which need targets and
 * weights but no logits, so that the row pass can write the finished gradient; after it the loss.
 *
 * Both in two steps, with a fixed order: one work-group a chunk of CLX_CHUNK_ROWS rows, then one work-group
 * over the chunks. Sums keep what rounding takes off, since a device may lack f64.
 *
 * Launch rule: local size a power of two; the first step `chunks` groups, the second one group.
 * Bytes: the targets and weights once; the row losses once. */
#define TEAM 1
#include "call.cl"

static long chunk_count(const clx_params *p) {
    return (p->rows + CLX_CHUNK_ROWS - 1) / CLX_CHUNK_ROWS;
}

/* ---------------------------------------------------------------- before the rows ------------------- */

typedef struct tally {
    long counted, ignored, bad, first_bad; /* first_bad: LONG_MAX for none */
    long_sum divisor, z_divisor;
} tally;

static tally empty_tally(void) {
    tally t = {0, 0, 0, LONG_MAX, {0, 0}, {0, 0}};
    return t;
}

/* The team's tallies together, stored by its first item. */
static void store_tally(const call *k, tally t, __global clx_counts *out) {
    t.counted = team_sum_long(t.counted, k->scratch);
    t.ignored = team_sum_long(t.ignored, k->scratch);
    t.bad = team_sum_long(t.bad, k->scratch);
    t.first_bad = team_min_long(t.first_bad, k->scratch);
    t.divisor = team_long_sum(t.divisor, k->scratch);
    t.z_divisor = team_long_sum(t.z_divisor, k->scratch);
    if (team_item() != 0) return;
    out->counted = t.counted;
    out->ignored = t.ignored;
    out->bad = t.bad;
    out->first_bad = t.first_bad == LONG_MAX ? -1 : t.first_bad;
    out->divisor = BITS_OF(t.divisor.sum);
    out->divisor_low = BITS_OF(t.divisor.low);
    out->z_divisor = BITS_OF(t.z_divisor.sum);
    out->z_divisor_low = BITS_OF(t.z_divisor.low);
}

__kernel void count_rows(CALL_ARGUMENTS) {
    const call k = CALL_INIT;
    const long chunk = get_group_id(0);
    const long end = min(params.rows, (chunk + 1) * CLX_CHUNK_ROWS);
    tally t = empty_tally();
    for (long row = chunk * CLX_CHUNK_ROWS + team_item(); row < end; row += team_items()) {
        row_target target = resolve_target(&k, row);
        if (target.state == ROW_COUNTED) {
            t.counted++;
            long_sum_add(&t.divisor, target.row_weight * target.weight);
            long_sum_add(&t.z_divisor, target.row_weight);
        } else if (target.state == ROW_IGNORED) {
            t.ignored++;
        } else {
            t.bad++;
            t.first_bad = min(t.first_bad, row);
        }
    }
    store_tally(&k, t, (__global clx_counts *)(workspace + params.count_partials_at) + chunk);
}

/* The mean over no row at all. */
static real empty_mean(const clx_params *p) {
    return p->flags & CLX_EMPTY_ZERO ? REAL(0) : REAL_NAN;
}

/* The chunks' tallies together. With CLX_ATOMIC also the value that rows add to. */
__kernel void finish_count(CALL_ARGUMENTS) {
    const call k = CALL_INIT;
    const long chunks = chunk_count(&params);
    __global const clx_counts *partials = (__global const clx_counts *)(workspace + params.count_partials_at);
    __global clx_counts *totals = (__global clx_counts *)(workspace + params.totals_at);
    tally t = empty_tally();
    for (long chunk = team_item(); chunk < chunks; chunk += team_items()) {
        __global const clx_counts *c = partials + chunk;
        t.counted += c->counted;
        t.ignored += c->ignored;
        t.bad += c->bad;
        if (c->first_bad >= 0) t.first_bad = min(t.first_bad, c->first_bad);
        long_sum divisor = {REAL_OF(c->divisor), REAL_OF(c->divisor_low)};
        long_sum z_divisor = {REAL_OF(c->z_divisor), REAL_OF(c->z_divisor_low)};
        long_sum_merge(&t.divisor, divisor);
        long_sum_merge(&t.z_divisor, z_divisor);
    }
    store_tally(&k, t, totals);
    if (team_item() != 0) return;
    if (HAS(&k, counts)) {
        __global long *out = counts + AT(&k, counts, 0);
        out[0] = totals->counted;
        out[1] = totals->ignored;
        out[2] = totals->bad;
        out[3] = totals->first_bad;
    }
    if ((params.flags & CLX_ATOMIC) && HAS(&k, loss))
        loss[AT(&k, loss, 0)] =
            params.reduction == CLX_MEAN && totals->counted == 0 ? empty_mean(&params) : REAL(0);
}

/* ---------------------------------------------------------------- after the rows -------------------- */

static void store_loss_sums(const call *k, long_sum ce, long_sum z, __global clx_loss_sums *out) {
    ce = team_long_sum(ce, k->scratch);
    z = team_long_sum(z, k->scratch);
    if (team_item() != 0) return;
    out->ce = BITS_OF(ce.sum);
    out->ce_low = BITS_OF(ce.low);
    out->z = BITS_OF(z.sum);
    out->z_low = BITS_OF(z.low);
}

__kernel void sum_losses(CALL_ARGUMENTS) {
    const call k = CALL_INIT;
    const long chunk = get_group_id(0);
    const long end = min(params.rows, (chunk + 1) * CLX_CHUNK_ROWS);
    __global const real *row_ce = (__global const real *)(workspace + params.row_ce_at);
    __global const real *row_z = (__global const real *)(workspace + params.row_z_at);
    long_sum ce = {0, 0};
    long_sum z = {0, 0};
    for (long row = chunk * CLX_CHUNK_ROWS + team_item(); row < end; row += team_items()) {
        long_sum_add(&ce, row_ce[row]);
        long_sum_add(&z, row_z[row]);
    }
    store_loss_sums(&k, ce, z, (__global clx_loss_sums *)(workspace + params.loss_partials_at) + chunk);
}

__kernel void finish_loss(CALL_ARGUMENTS) {
    const call k = CALL_INIT;
    const long chunks = chunk_count(&params);
    __global clx_loss_sums *partials = (__global clx_loss_sums *)(workspace + params.loss_partials_at);
    long_sum ce = {0, 0};
    long_sum z = {0, 0};
    for (long chunk = team_item(); chunk < chunks; chunk += team_items()) {
        long_sum chunk_ce = {REAL_OF(partials[chunk].ce), REAL_OF(partials[chunk].ce_low)};
        long_sum chunk_z = {REAL_OF(partials[chunk].z), REAL_OF(partials[chunk].z_low)};
        long_sum_merge(&ce, chunk_ce);
        long_sum_merge(&z, chunk_z);
    }
    real ce_sum = long_sum_value(team_long_sum(ce, k.scratch));
    real z_sum = long_sum_value(team_long_sum(z, k.scratch));
    if (team_item() != 0) return;
    real value = ce_sum / ce_divisor(&k) + (k.z_loss == 0 ? REAL(0) : z_sum / z_divisor(&k));
    if (params.reduction == CLX_MEAN && totals_of(&k)->counted == 0) value = empty_mean(&params);
    loss[AT(&k, loss, 0)] = value;
}
