/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of a call in order: first those that count, then the others, each kind in the order of the rows.
 * Linear cross entropy computes its blocks of logits in this order, and no product takes the rows behind the
 * last that counts. The host does not know how many these are.
 *
 * The order is in the workspace, at order_at: the row at each place, then the number of rows that count, then
 * for each item of order_count the number of rows that count before its own. All are ints.
 *
 * Launch rule: order_count and order_rows have an item for each CLX_ORDER_ROWS rows, order_sum has one item.
 * Bytes: the targets are read twice.
 *
 * Pieces: params.h number.cl fma.cl exp.cl sums.cl team.cl type_f32.cl type_f16.cl type_bf16.cl type_f64.cl
 *         storage.cl call.cl.
 * Options:
 *     FMA, LANES_IN_MEMORY, BARRIERS_INLINE    as in row.cl */
#define TEAM  0
#define ROWS  1
#define WIDTH 1
#include "call.cl"

static bool is_counted(const call *k, long row) {
    const row_target target = resolve_target(k, row);
    return target.state == ROW_COUNTED;
}

static __global int *counts_before(const call *k) {
    return order_of(k) + k->p->rows + 1;
}

__kernel void order_count(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long item = (long)get_global_id(0);
    const long first = item * CLX_ORDER_ROWS, end = min(params.rows, first + CLX_ORDER_ROWS);
    int counted = 0;
    for (long row = first; row < end; row++) counted += is_counted(&k, row) ? 1 : 0;
    if (first < end) counts_before(&k)[item] = counted;
}

__kernel void order_sum(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long items = (params.rows + CLX_ORDER_ROWS - 1) / CLX_ORDER_ROWS;
    __global int *before = counts_before(&k);
    int sum = 0;
    for (long i = 0; i < items; i++) {
        const int counted = before[i];
        before[i] = sum;
        sum += counted;
    }
    order_of(&k)[params.rows] = sum;
}

__kernel void order_rows(CALL_ARGUMENTS) {
    OPEN_CALL(k);
    const long item = (long)get_global_id(0);
    const long first = item * CLX_ORDER_ROWS, end = min(params.rows, first + CLX_ORDER_ROWS);
    if (first >= end) return;
    __global int *order = order_of(&k);
    long counted = counts_before(&k)[item];
    long other = order[params.rows] + first - counted;
    for (long row = first; row < end; row++) {
        const bool counts = is_counted(&k, row);
        order[counts ? counted : other] = (int)row;
        counted += counts ? 1 : 0;
        other += counts ? 0 : 1;
    }
}
