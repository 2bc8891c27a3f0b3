/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedule "split", for few rows of very many classes, and for calls that have a slice of the classes.
 * Several teams share a row, so that the whole device works on it. split_scan sums up the parts of a row.
 * split_rows merges the parts, or takes the row's state (FROM_STATE), and writes the outputs. split_state
 * gives the state of a row; merge_states merges the states of several slices.
 *
 * Launch rule of the first two: params.parts teams a row, the teams of a row side by side. With CPU 1 (for
 * CPU devices) a team is a work-item, with any local size. With CPU 0 a team is a work-group, with a power of
 * two as local size. Bytes: each logit is read once, and once more by a second pass. A part's reals are
 * written once, and each team of the row reads them.
 *
 * Pieces: params.h number.cl fma.cl exp.cl sums.cl team.cl type_f32.cl type_f16.cl type_bf16.cl type_f64.cl
 *         storage.cl call.cl row.cl loss.cl row_at.cl write.cl scan.h; with CPU 1 scan_item.cl; else
 *         scan_team.cl; sum_row.cl score_row.cl state.cl.
 * Options: those of every row kernel (row.cl), except OP_NLL and FROM_LSE 1, which are not split; and
 *     WIDTH, TILE  as in wide.cl with CPU 1, else as in group.cl
 *     CPU          1: the device is a CPU
 *     FROM_STATE   1: the sums of a row come from `state`; split_scan only counts classes for rank
 *     SUBGROUPS    with CPU 0: as in group.cl */
#ifndef CPU
#define CPU 0
#endif
#if CPU
#define TEAM           0
#define EXP_POLYNOMIAL 1
#define TEAM_NUMBER    get_global_id(0)
#ifndef WIDTH
#define WIDTH 16
#endif
#ifndef TILE
#define TILE 8
#endif
#else
#define TEAM        1
#define TEAM_NUMBER get_group_id(0)
#ifndef WIDTH
#define WIDTH 4
#endif
#ifndef TILE
#define TILE 4
#endif
#endif
#include "state.cl"

/* The parts of the row at a place in the workspace, CLX_PART_REALS each. (Without IN_ORDER a row's place is
 * its number.) */
static __global real *parts_of(const call *k, long place) {
    return (__global real *)(k->workspace + k->p->row_parts_at) + place * k->p->parts * CLX_PART_REALS;
}

/* Limits a task to the team's part. */
static void take_part(const call *k, row_task *t, int part) {
    t->at.from = (uint)(part * k->p->part_classes);
    t->at.to = (uint)min(k->p->classes, (part + 1) * k->p->part_classes);
}

static __global real *state_of(const call *k, long place) {
    return k->state + AT(k, state, place * CLXENT_STATE_COLUMNS);
}

__kernel void split_scan(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long place = params.first_row + (long)TEAM_NUMBER / params.parts;
    const int part = (int)((long)TEAM_NUMBER % params.parts);
    if (place >= params.end_row) return;
    const long row = take_row(&k, place);
    row_task t = find_task(&k, row, false);
#if FROM_STATE
    const target_logit target = load_target(state_of(&k, place) + CLXENT_STATE_REFERENCE);
#else
    const target_logit target = target_logit_of(&k, &t);
#endif
    row_kept kept;
    start_keeping(&k, &kept, false);
    take_part(&k, &t, part);
    /* No lane behind the last class comes before the target. Such a lane is -inf, as a masked target is. But
     * the target's number may be behind it, where the target is in a later slice. */
    const rank_target goal = rank_target_of(target.x, min(t.target.y, (long)t.at.to));
    row_part own = part_of(&k, &t.at, scan_row(&k, &t.at, t.read, goal, &kept), false);
    if (own.best_at != INT_MAX) own.best_at += (int)params.class_begin;
    if (team_item() != 0) return;
    __global real *to = parts_of(&k, place) + part * CLX_PART_REALS;
    store_part(to, &own, target);
    store_number(to + CLX_PART_BEFORE_HIGH, own.before);
}

/* How many classes come before the target, in all parts. */
static int before_of(const call *k, long place) {
    __global const real *parts = parts_of(k, place);
    long before = 0;
    for (int i = 0; i < k->p->parts; i++)
        before += load_number(parts + i * CLX_PART_REALS + CLX_PART_BEFORE_HIGH);
    return (int)before;
}

__kernel void split_rows(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long place = params.first_row + (long)TEAM_NUMBER / params.parts;
    const int part = (int)((long)TEAM_NUMBER % params.parts);
    if (place >= params.end_row) return;
    const long row = take_row(&k, place);
#if FROM_STATE
    __global const real *parts = state_of(&k, place) + CLXENT_STATE_REFERENCE;
    row_part whole = load_part(parts);
    if (!is_whole(&k, state_of(&k, place))) whole.own = whole.exp = REAL_NAN;
    if (HAS(&k, rank)) whole.before = before_of(&k, place);
#else
    __global const real *parts = parts_of(&k, place);
    row_part whole = merge_parts_of(&k, parts, CLX_PART_REALS, (int)params.parts);
    whole.before = before_of(&k, place);
#endif
    const row_sums r = finish_row(&k, whole);

    row_task t = find_task(&k, row, false);
    row_kept kept;
    t.x_target = load_target(parts).x;
    start_keeping(&k, &kept, false);
    if (team_item() == 0 && part == 0) write_numbers(&k, row, &t, r);
    team_barrier();
    take_part(&k, &t, part);
    write_row(&k, row, &t, r, &kept);
}

/* Writes the state of a row, from its parts. One work-item a row. */
__kernel void split_state(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long row = params.first_row + (long)get_global_id(0);
    if (row >= params.end_row) return;
    __global const real *parts = parts_of(&k, row);
    const row_part whole = merge_parts_of(&k, parts, CLX_PART_REALS, (int)params.parts);
    store_state(state_of(&k, row), &whole, load_target(parts), params.class_begin,
                params.class_begin + params.classes);
}

/* Whether another of `count` slices ends where slice i begins. The search begins with the slice before it,
 * since callers give slices in order. */
static bool follows_a_slice(__global const real *states, long apart, int count, int i) {
    const long begin = load_number(states + i * apart + CLXENT_STATE_BEGIN_HIGH);
    for (int n = 1; n < count; n++) {
        const int other = i < n ? i - n + count : i - n;
        if (load_number(states + other * apart + CLXENT_STATE_END_HIGH) == begin) return true;
    }
    return false;
}

/* Writes the state of a row, from `parts` states of slices of its classes. One work-item a row. The workspace
 * argument has these states: arrays (N, columns), one behind the other. If a state is not of this program's
 * kind, or the slices do not adjoin, the KIND of the result is 0, and outputs that are made from it are
 * NaN. */
__kernel void merge_states(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long row = params.first_row + (long)get_global_id(0);
    if (row >= params.end_row) return;
    const long apart = params.rows * CLXENT_STATE_COLUMNS;
    __global const real *states =
        (__global const real *)(workspace + params.row_parts_at) + row * CLXENT_STATE_COLUMNS;
    long begin = LONG_MAX, end = 0, classes = 0;
    bool of_kind = true;
    for (int i = 0; i < params.parts; i++) {
        __global const real *state = states + i * apart;
        const long from = load_number(state + CLXENT_STATE_BEGIN_HIGH);
        const long to = load_number(state + CLXENT_STATE_END_HIGH);
        of_kind = of_kind && state[CLXENT_STATE_KIND] == STATE_KIND;
        begin = min(begin, from);
        end = max(end, to);
        classes += to - from;
    }
    /* Slices of the right number of classes in all have an overlap only where they leave a gap too. */
    bool adjoin = classes == end - begin;
    for (int i = 0; i < params.parts && adjoin; i++)
        adjoin = load_number(states + i * apart + CLXENT_STATE_BEGIN_HIGH) == begin ||
                 follows_a_slice(states, apart, (int)params.parts, i);
    __global const real *parts = states + CLXENT_STATE_REFERENCE;
    const row_part whole = merge_parts_of(&k, parts, apart, (int)params.parts);
    store_state(state_of(&k, row), &whole, merge_targets_of(parts, apart, (int)params.parts), begin, end);
    if (!of_kind || !adjoin) state_of(&k, row)[CLXENT_STATE_KIND] = REAL(0);
}
