/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedule "split", for few rows of very many classes: a row over several teams, so that all of the device
 * works on it. Two kernels: split_scan sums up the parts of a row, split_rows puts them together and writes.
 *
 * Launch rule, of both: params.parts teams a row, a row's parts side by side. CPU 1 (for CPU devices): a
 * work-item a part, any local size; CPU 0: a work-group a part, local size a power of two.
 * Bytes: each logit is read once, and once more where a second pass is asked; a row_part written once a part
 * and read by each part of the row.
 *
 * Pieces: params.h number.cl fma.cl exp.cl sums.cl team.cl type_f32.cl type_f16.cl type_bf16.cl type_f64.cl
 *         storage.cl call.cl row.cl loss.cl row_at.cl write.cl scan.h with CPU 1 scan_item.cl; else
 *         scan_team.cl; sum_row.cl score_row.cl.
 * Options: those of every row kernel (row.cl) but OP_NLL and FROM_LSE 1, where rows have no parts, and
 *     WIDTH, TILE  as in wide.cl with CPU 1, else as in group.cl
 *     CPU          1: the device is a CPU
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
#include "score_row.cl"

/* What split_rows needs of split_scan: a part, and the target's logit, which another part may overwrite. */
typedef struct split_part {
    row_part sums;
    real x_target;
} split_part;

static __global split_part *parts_of(const call *k, long row) {
    return (__global split_part *)(k->workspace +
                                   (k->p->row_parts_at + row * k->p->parts * CLX_SPLIT_PART_BYTES));
}

/* Cuts a task down to the team's part. */
static void take_part(const call *k, row_task *t, int part) {
    t->at.from = (uint)(part * k->p->part_classes);
    t->at.to = (uint)min(k->p->classes, (part + 1) * k->p->part_classes);
}

__kernel void split_scan(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long row = params.first_row + (long)TEAM_NUMBER / params.parts;
    const int part = (int)((long)TEAM_NUMBER % params.parts);
    if (row >= params.end_row) return;
    row_task t = find_task(&k, row, true);
    row_kept kept;
    start_keeping(&k, &kept, false);
    take_part(&k, &t, part);
    split_part own;
    own.sums =
        part_of(&k, &t.at, scan_row(&k, &t.at, t.read, rank_target_of(t.x_target, t.target.y), &kept), false);
    own.x_target = t.x_target;
    if (team_item() == 0) parts_of(&k, row)[part] = own;
}

__kernel void split_rows(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long row = params.first_row + (long)TEAM_NUMBER / params.parts;
    const int part = (int)((long)TEAM_NUMBER % params.parts);
    if (row >= params.end_row) return;
    __global const split_part *parts = parts_of(&k, row);
    real ref = -REAL_INF;
    for (int i = 0; i < params.parts; i++) ref = fmax(ref, parts[i].sums.ref);
    row_part whole = part_rebased(&k, parts[0].sums, ref);
    for (int i = 1; i < params.parts; i++) whole = part_add(whole, part_rebased(&k, parts[i].sums, ref));
    const row_sums r = finish_row(&k, whole);

    row_task t = find_task(&k, row, false);
    row_kept kept;
    t.x_target = parts[0].x_target;
    start_keeping(&k, &kept, false);
    if (team_item() == 0 && part == 0) write_numbers(&k, row, &t, r);
    team_barrier();
    take_part(&k, &t, part);
    write_row(&k, row, &t, r, &kept);
}
