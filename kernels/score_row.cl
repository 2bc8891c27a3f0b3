/* SPDX-License-Identifier: Apache-2.0
 *
 * score_row(): a team of one or more items (team.cl) reads one row, sums it up and writes its outputs.
 * (rows.cl has score_rows(), for rows side by side.) */
#ifndef CLX_SCORE_ROW_CL
#define CLX_SCORE_ROW_CL
#include "sum_row.cl"

/* Whether this item stores class c of a row. */
static bool stores_class(const row_at *at, long c) {
    return c >= at->from && c < at->to && ((c - at->from) / WIDTH) % team_items() == team_item();
}

/* Stores the gradient of the target's class again, with the target's own part. The item that stored it first
 * does this. */
static void write_target_gradient(const call *k, const row_at *at, row_target t, const row_sums *r,
                                  const row_grad *grad, real x_target) {
#if OP == OP_CROSS_ENTROPY && U != U_PROBABILITY
    if (!stores_class(at, t.y)) return;
    STORE_GRAD(gradient_by_target(k, t, r, grad, x_target), k->grad, at->grad + t.y * class_step(k));
#endif
}

/* Writes a value to the gradient of classes from .. to of a row. */
static void fill_gradient(const call *k, const row_at *at, uint from, uint to, real value) {
    const uint step = WIDTH * (uint)team_items();
    FOR_VECTORS(from + WIDTH * (uint)team_item(), to, to,
                { store_grad(REALV(value), k->grad, at->grad + c * class_step(k), class_step(k), lanes); })
}

/* The task of scoring a row. A row that does not count is read only if an output describes its logits, and it
 * has logits. */
typedef struct row_task {
    row_at at;
    row_target target;
    real x_target;
    bool counted, read, has_grad;
} row_task;

/* !from_logits: the caller sets x_target, since the logits may be overwritten already. */
static row_task find_task(const call *k, long row, bool from_logits) {
    row_task t;
    t.at = find_row(k, row);
    t.target = resolve_target(k, row);
    t.counted = t.target.state == ROW_COUNTED;
    t.read = OP != OP_NLL && (t.counted || (is_described(k) && !(k->p->flags & CLX_NO_LOGITS)));
    t.has_grad = t.counted && HAS(k, grad);
    t.x_target =
        t.counted && from_logits ? LOAD_LOGIT(k->logits, t.at.logits + t.target.y * class_step(k)) : REAL(0);
    return t;
}

/* Writes the outputs that have one number a row. */
static void write_numbers(const call *k, long row, const row_task *t, row_sums r) {
    if (t->read) write_description(k, row, r);
#if (OP == OP_CROSS_ENTROPY || OP == OP_NLL) && !FROM_LSE
    if (t->counted) {
        const long_sum x_part = long_sum_of(t->x_target);
        write_counted_loss(k, row, t->target, r,
                           OP == OP_NLL ? x_part : target_deviation(k, t->x_target, r.ref));
    } else {
        write_loss(k, row, REAL(0), REAL(0), REAL(0));
    }
    if (HAS(k, rank)) {
        const long others = FROM_STATE && (k->p->flags & CLX_ADD_RANK) ? k->rank[AT(k, rank, row)] : 0;
        k->rank[AT(k, rank, row)] = t->counted ? others + r.before : 0;
    }
#endif
}

/* Writes the outputs that have one number a class: of the classes t->at.from .. to, and the padding behind
 * the last one. */
static void write_row(const call *k, long row, const row_task *t, row_sums r, row_kept *kept) {
    const row_at *at = &t->at;
    const bool last = at->to == (uint)k->p->classes;
    const uint end = last ? (uint)k->p->classes_padded : at->to;
    row_grad grad = no_grad();
    if (t->has_grad) grad = row_gradient(k, row, t->target, r);
#if OP == OP_NLL
    if (HAS(k, grad)) fill_gradient(k, at, at->from, end, REAL(0));
    if (t->has_grad && stores_class(at, t->target.y))
        STORE_GRAD(-grad.target * grad.unit, k->grad, at->grad + t->target.y * class_step(k));
#else
    const bool all_nan = U == U_NONE && t->has_grad && isnan(grad.spread);
    if (logits_are_gone(kept) || (t->has_grad && !all_nan) || HAS(k, log_probs) || HAS(k, probs))
        write_classes(k, at, &r, &grad, t->has_grad && !all_nan, kept);
    if (all_nan) fill_gradient(k, at, at->from, at->to, REAL_NAN);
    if (HAS(k, grad) && (t->counted || !(k->p->flags & CLX_NO_GRAD)))
        fill_gradient(k, at, t->counted ? at->to : at->from, end, REAL(0));
    if (t->has_grad) write_target_gradient(k, at, t->target, &r, &grad, t->x_target);
#endif
}

/* Scores one row. */
HAS_BARRIER static void score_row(const call *k, long row) {
    const row_task t = find_task(k, row, true);
    row_sums r = no_sums();
    row_kept kept;
    start_keeping(k, &kept, KEEP && t.has_grad && !is_described(k));
#if OP != OP_NLL
    r = sum_row(k, row, &t.at, t.read, rank_target_of(t.x_target, t.target.y), &kept);
#endif
    if (team_item() == 0) write_numbers(k, row, &t, r);
    team_barrier();
    write_row(k, row, &t, r, &kept);
}

#endif
