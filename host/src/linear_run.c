/* SPDX-License-Identifier: Apache-2.0
 * A call of linear cross entropy: the order of its products, of the loss of their logits, and of the copies
 * between them. linear.h names the three forms. */
#include <string.h>

#include "linear.h"
#include "linear_steps.h"
#include "phases.h"
#include "sizes.h"

typedef struct run {
    clxent_plan *plan;
    const clx_linear *l;
    const clx_call *call;
    clx_call logits; /* the call of the loss of a block of logits */
    cl_mem workspace;
    size_t offset;
    clx_launch launch; /* of copies and products */
    clx_submit submit;
    void *provider;
    bool hidden, classifier, bias; /* which gradients the call asks for */
    bool described;                /* whether rows that do not count have logits too */
} run;

/* Rows [first, end) in the order of the rows: a block. */
typedef struct block {
    int64_t first, end;
    bool is_first;
} block;

/* The classes of a tile. */
typedef struct tile {
    int64_t first, classes;
    clxent_plan *score, *slice;
} tile;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool has(const run *r, int array) {
    return r->call->slots[array].present;
}

static int64_t block_count(const run *r) {
    return clx_divided_up(r->call->rows, r->l->cut.block);
}

static int64_t tile_count(const run *r) {
    return clx_divided_up(r->plan->desc.classes, r->l->cut.tile);
}

static block block_of(const run *r, int64_t i) {
    const int64_t first = i * r->l->cut.block;
    return (block){first, least(first + r->l->cut.block, r->call->rows), i == 0};
}

static tile tile_of(const run *r, int64_t i) {
    const clx_linear *l = r->l;
    if (i < tile_count(r) - 1 || l->last_score == NULL)
        return (tile){i * l->cut.tile, l->cut.tile, l->score, l->slice};
    return (tile){i * l->cut.tile, l->last_tile, l->last_score, l->last_slice};
}

/* ---------------------------------------------------------------- where things are -------------------- */

static clx_rows array_rows(const run *r, int array) {
    const clx_slot *slot = &r->call->slots[array];
    return (clx_rows){slot->mem, (int64_t)(slot->offset / clxent_dtype_size(slot->dtype)),
                      clx_features_stride(&r->plan->desc, array), slot->dtype};
}

static clx_rows typed_rows(const run *r, clx_linear_span span, int64_t stride, clxent_dtype dtype) {
    const int64_t at = ((int64_t)r->offset + r->l->at[span]) / (int64_t)clxent_dtype_size(dtype);
    return (clx_rows){r->workspace, at, stride, dtype};
}

/* Rows of f32. */
static clx_rows span_rows(const run *r, clx_linear_span span, int64_t stride) {
    return typed_rows(r, span, stride, CLXENT_F32);
}

static clx_rows features_rows(const run *r, clx_linear_span span) {
    return span_rows(r, span, r->plan->desc.features);
}

/* The factors of products, in the workspace. */
static clx_rows hidden_rows(const run *r) {
    return typed_rows(r, CLX_HIDDEN, r->plan->desc.features, r->l->cut.factors);
}

static clx_linear_span grad_span(const clx_linear *l) {
    return l->at[CLX_GRAD_LOGITS] < 0 ? CLX_LOGITS : CLX_GRAD_LOGITS;
}

static clx_rows grad_rows(const run *r, const tile *t) {
    return typed_rows(r, grad_span(r->l), t->classes, r->l->cut.factors);
}

/* A copy or a sum of so many rows, of which row 0 is at the place `first` of the order. */
static clx_copy copy_of(const run *r, int64_t rows, int64_t columns, int64_t first) {
    return (clx_copy){.rows = rows,
                      .columns = columns,
                      .first = first,
                      .order_at = (int64_t)r->offset + r->l->order_at,
                      .order_rows = r->call->rows};
}

/* A product of a block. `counted`: see clxent_product. */
static clxent_product product_of(const run *r, const block *b, int64_t m, int64_t n, int64_t k, int counted) {
    const int64_t order_at = (int64_t)r->offset + r->l->order_at;
    const size_t count_at = (size_t)(order_at + r->call->rows * (int64_t)sizeof(clx_i32));
    return (clxent_product){.m = m,
                            .n = n,
                            .k = k,
                            .counted = counted,
                            .first_row = b->first,
                            .row_count = {r->workspace, count_at}};
}

static clxent_status submit(run *r) {
    return r->launch.count ? r->submit(r->provider, &r->launch) : CLXENT_OK;
}

/* ---------------------------------------------------------------- copies and products ----------------- */

/* Brings the block's hidden states to the workspace. `counted`: those of rows that do not count are 0. */
static clxent_status gather(run *r, const block *b, bool counted) {
    clx_copy p = copy_of(r, b->end - b->first, r->plan->desc.features, b->first);
    p.from_order = 1;
    p.counted = counted;
    return clx_add_copy(&r->launch, array_rows(r, CLXENT_A_hidden), hidden_rows(r), &p);
}

/* Brings gradients by hidden states of rows in order to their rows; 0 for rows that do not count. */
static clxent_status scatter(run *r, clx_rows from, int64_t first, int64_t end) {
    clx_copy p = copy_of(r, end - first, r->plan->desc.features, first);
    p.to_order = 1;
    p.counted = 1;
    const clxent_status status = clx_add_copy(&r->launch, from, array_rows(r, CLXENT_A_grad_hidden), &p);
    return status == CLXENT_OK ? submit(r) : status;
}

/* The classes that a product takes at once. */
static int64_t part_of(const run *r, const tile *t, bool in_parts) {
    return in_parts ? least(r->l->cut.part, t->classes) : t->classes;
}

static bool is_converted(const run *r) {
    return r->plan->desc.classifier_dtype != r->l->cut.factors;
}

/* The classifier of so many classes from class `first` on, as a factor. */
static clxent_status take_classifier(run *r, int64_t first, int64_t classes, clx_rows *out) {
    const clx_rows given = clx_rows_from(array_rows(r, CLXENT_A_classifier), first, 0);
    *out = given;
    if (!is_converted(r)) return CLXENT_OK;
    *out = features_rows(r, CLX_CLASSIFIER); /* f32: bf16 is never converted */
    const clx_copy p = copy_of(r, classes, r->plan->desc.features, 0);
    return clx_add_copy(&r->launch, given, *out, &p);
}

/* The block's logits of a tile. */
static clxent_status make_logits(run *r, const block *b, const tile *t) {
    const clxent_desc *d = &r->plan->desc;
    const clx_rows logits = span_rows(r, CLX_LOGITS, t->classes);
    const int64_t rows = b->end - b->first, part = part_of(r, t, is_converted(r));
    clxent_status status = CLXENT_OK;
    if (has(r, CLXENT_A_classifier_bias)) {
        const clx_copy p = copy_of(r, rows, t->classes, b->first);
        status = clx_add_copy(&r->launch, clx_rows_from(array_rows(r, CLXENT_A_classifier_bias), 0, t->first),
                              logits, &p);
    }
    for (int64_t c = 0; c < t->classes && status == CLXENT_OK; c += part) {
        const int64_t classes = least(part, t->classes - c);
        clxent_product p = product_of(r, b, rows, classes, d->features, r->described ? 0 : 'm');
        clx_rows classifier;
        p.b.transposed = 1;
        p.beta = has(r, CLXENT_A_classifier_bias) ? 1 : 0;
        status = take_classifier(r, t->first + c, classes, &classifier);
        if (status != CLXENT_OK) break;
        clx_add_product(&r->launch, &r->l->gemm, hidden_rows(r), classifier, clx_rows_from(logits, 0, c), &p);
        status = submit(r);
    }
    return status;
}

/* Adds the block's part of the gradient by the tile's classifier. */
static clxent_status add_classifier_gradient(run *r, const block *b, const tile *t) {
    const clxent_desc *d = &r->plan->desc;
    const clx_linear_cut *cut = &r->l->cut;
    const bool rounds = d->grad_classifier_dtype != CLXENT_F32, adds = d->flags & CLXENT_ADD_GRAD_CLASSIFIER;
    const bool rounds_now = rounds && !cut->sums_classifier && cut->form != CLX_BY_CLASSES;
    const int64_t part = part_of(r, t, rounds_now);
    clxent_status status = CLXENT_OK;
    for (int64_t c = 0; c < t->classes && status == CLXENT_OK; c += part) {
        const int64_t classes = least(part, t->classes - c);
        clxent_product p = product_of(r, b, classes, d->features, b->end - b->first, 'k');
        const clx_rows array = clx_rows_from(array_rows(r, CLXENT_A_grad_classifier), t->first + c, 0);
        clx_rows sum = rounds ? features_rows(r, CLX_GRAD_CLASSIFIER) : array;
        if (rounds && cut->sums_classifier) sum = clx_rows_from(sum, t->first + c, 0);
        p.a.transposed = 1;
        p.beta = !b->is_first || (adds && !rounds) ? 1 : 0;
        clx_add_product(&r->launch, &r->l->gemm, clx_rows_from(grad_rows(r, t), 0, c), hidden_rows(r), sum,
                        &p);
        if (rounds_now) {
            clx_copy copy = copy_of(r, classes, d->features, 0);
            copy.add = adds;
            status = clx_add_copy(&r->launch, sum, array, &copy);
        }
        if (status == CLXENT_OK) status = submit(r);
    }
    return status;
}

/* Adds the block's part of the gradient by the tile's bias. */
static clxent_status add_bias_gradient(run *r, const block *b, const tile *t) {
    const clxent_desc *d = &r->plan->desc;
    const bool rounds = d->grad_classifier_bias_dtype != CLXENT_F32;
    const int64_t first = rounds && r->l->cut.form == CLX_BY_CLASSES ? 0 : t->first;
    const clx_rows to =
        rounds ? span_rows(r, CLX_GRAD_BIAS, 0) : array_rows(r, CLXENT_A_grad_classifier_bias);
    clx_copy p = copy_of(r, b->end - b->first, t->classes, b->first);
    p.counted = 1;
    p.add = !b->is_first || ((d->flags & CLXENT_ADD_GRAD_CLASSIFIER) && !rounds);
    const clxent_status status = clx_add_sum(&r->launch, grad_rows(r, t), clx_rows_from(to, 0, first), &p);
    return status == CLXENT_OK ? submit(r) : status;
}

/* Rounds a sum of the workspace to its place in an array. */
static clxent_status round_sum(run *r, clx_rows from, clx_rows to, int64_t rows, int64_t columns) {
    clx_copy p = copy_of(r, rows, columns, 0);
    p.add = (r->plan->desc.flags & CLXENT_ADD_GRAD_CLASSIFIER) != 0;
    const clxent_status status = clx_add_copy(&r->launch, from, to, &p);
    return status == CLXENT_OK ? submit(r) : status;
}

/* Rounds the summed gradients by classifier and bias of the classes of a tile, if they are to be rounded. */
static clxent_status round_tile(run *r, const tile *t) {
    const clxent_desc *d = &r->plan->desc;
    clxent_status status = CLXENT_OK;
    if (r->classifier && d->grad_classifier_dtype != CLXENT_F32)
        status = round_sum(r, features_rows(r, CLX_GRAD_CLASSIFIER),
                           clx_rows_from(array_rows(r, CLXENT_A_grad_classifier), t->first, 0), t->classes,
                           d->features);
    if (status == CLXENT_OK && r->bias && d->grad_classifier_bias_dtype != CLXENT_F32)
        status = round_sum(r, span_rows(r, CLX_GRAD_BIAS, 0),
                           clx_rows_from(array_rows(r, CLXENT_A_grad_classifier_bias), 0, t->first), 1,
                           t->classes);
    return status;
}

/* Adds the tile's part of the block's gradient by hidden to `sum`; `is_first`: writes it. */
static clxent_status add_hidden_gradient(run *r, const block *b, const tile *t, clx_rows sum, bool is_first) {
    const clxent_desc *d = &r->plan->desc;
    const int64_t part = part_of(r, t, is_converted(r));
    clxent_status status = CLXENT_OK;
    for (int64_t c = 0; c < t->classes && status == CLXENT_OK; c += part) {
        const int64_t classes = least(part, t->classes - c);
        clxent_product p = product_of(r, b, b->end - b->first, d->features, classes, 'm');
        clx_rows classifier;
        p.beta = is_first && c == 0 ? 0 : 1;
        status = take_classifier(r, t->first + c, classes, &classifier);
        if (status != CLXENT_OK) break;
        clx_add_product(&r->launch, &r->l->gemm, clx_rows_from(grad_rows(r, t), 0, c), classifier, sum, &p);
        status = submit(r);
    }
    return status;
}

/* Adds the block's and the tile's part of the gradients by classifier and bias. */
static clxent_status add_class_gradients(run *r, const block *b, const tile *t) {
    clxent_status status = CLXENT_OK;
    /* 0 times a NaN is a NaN: a provider that takes rows that do not count must find 0 in them */
    if (r->classifier && !r->l->gemm.heeds_row_count) status = gather(r, b, true);
    if (status == CLXENT_OK && r->classifier) status = add_classifier_gradient(r, b, t);
    if (status == CLXENT_OK && r->bias) status = add_bias_gradient(r, b, t);
    return status;
}

/* ---------------------------------------------------------------- the loss of logits ------------------ */

/* Opens a launch of the loss of a block's logits of a tile. */
static void open_launch(run *r, clx_launch *launch, clxent_plan *plan, const block *b, const tile *t,
                        uint32_t outputs) {
    const clx_linear *l = r->l;
    const int64_t rows = r->call->rows;
    clx_call *call = &r->logits;
    call->outputs = outputs;
    call->first_row = b->first;
    call->end_row = b->end;
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        if (clx_is_output(i)) call->slots[i].present = (outputs >> i) & 1;
    }
    call->slots[CLXENT_A_state].present = plan == t->slice || (outputs & CLXENT_OUT_STATE);
    clx_launch_init(launch, plan, call);
    const clx_workspace kept = clx_workspace_for(plan, rows, rows, l->cut.block);
    launch->workspace = r->workspace;
    clx_place_workspace(&launch->params, plan, &kept, r->offset, 0, b->first);
    launch->params.order_at = (int64_t)r->offset + l->order_at;
    launch->params.class_begin = t->first;
    launch->params.at[CLXENT_A_class_weight] += t->first;
    if (!r->described) launch->params.flags |= CLX_NO_LOGITS;
    if (l->gemm.heeds_row_count) launch->params.flags |= CLX_NO_GRAD;
}

/* Where the states of a block are. All rows have a place if the form is by classes. */
static clx_rows states_of(const run *r, const block *b) {
    const int64_t first = r->l->cut.form == CLX_BY_CLASSES ? b->first : 0;
    return clx_rows_from(span_rows(r, CLX_STATES, CLXENT_STATE_COLUMNS), first, 0);
}

/* How many rows have a state in the workspace. */
static int64_t state_rows(const run *r) {
    return r->l->cut.form == CLX_BY_CLASSES ? r->plan->desc.rows : r->l->cut.block;
}

/* Sums up the block's logits of a tile: into the block's states if the tile is the first, else into new ones,
 * which it then merges with these. */
static clxent_status score_tile(run *r, const block *b, const tile *t) {
    clx_launch launch;
    clx_kernel *kernels = NULL;
    const clx_rows states = states_of(r, b);
    const int64_t new_row = state_rows(r) - (r->l->cut.form == CLX_BY_CLASSES ? b->first : 0);
    const bool is_first = t->first == 0;
    open_launch(r, &launch, t->score, b, t, CLXENT_OUT_STATE);
    launch.params.at[CLXENT_A_state] =
        clx_rows_from(states, (is_first ? 0 : new_row) - b->first, 0).at; /* of the row at place 0 */
    clxent_status status = clx_add_rows(&launch, &r->logits, b->first, b->end);
    if (status == CLXENT_OK) status = r->submit(r->provider, &launch);
    if (status != CLXENT_OK || is_first) return status;

    status = clx_plan_row_kernels(t->score, CLXENT_OUT_STATE, &r->logits.scalars, &kernels);
    if (status != CLXENT_OK) return status;
    launch.params.at[CLXENT_A_state] = states.at;
    launch.params.row_parts_at = states.at * (int64_t)sizeof(float);
    launch.params.parts = 2;
    launch.params.rows = new_row; /* from one array of states to the other */
    launch.params.first_row = 0;
    launch.params.end_row = b->end - b->first;
    clx_add_kernel(&launch, &kernels[CLX_MERGE_STATES], (size_t)(b->end - b->first), 1,
                   CLX_ROW_SCRATCH_BYTES);
    return r->submit(r->provider, &launch);
}

/* Gives outputs of the block's rows, and the gradient by the logits of a tile, from the states. */
static clxent_status finish_tile(run *r, const block *b, const tile *t, uint32_t outputs, bool adds_rank) {
    clx_launch launch;
    open_launch(r, &launch, t->slice, b, t, outputs);
    launch.params.at[CLXENT_A_state] = clx_rows_from(states_of(r, b), -b->first, 0).at;
    if (adds_rank) launch.params.flags |= CLX_ADD_RANK;
    const clxent_status status = clx_add_rows(&launch, &r->logits, b->first, b->end);
    return status == CLXENT_OK ? r->submit(r->provider, &launch) : status;
}

/* ---------------------------------------------------------------- the three forms --------------------- */

static uint32_t gradient_bit(const run *r) {
    return r->hidden || r->classifier || r->bias ? CLXENT_OUT_GRAD : 0;
}

/* The outputs of rows. */
static uint32_t row_outputs(const run *r) {
    return r->call->outputs & ((1u << CLXENT_A_hidden) - 1) & ~(uint32_t)CLXENT_OUT_COUNTS;
}

static clxent_status run_by_rows(run *r) {
    const tile all = tile_of(r, 0);
    clxent_status status = CLXENT_OK;
    for (int64_t i = 0; i < block_count(r) && status == CLXENT_OK; i++) {
        const block b = block_of(r, i);
        const clx_rows hidden = features_rows(r, CLX_HIDDEN); /* the gradient takes the place, last of all */
        clx_launch launch;
        status = gather(r, &b, false);
        if (status == CLXENT_OK) status = make_logits(r, &b, &all);
        if (status != CLXENT_OK) break;
        open_launch(r, &launch, all.score, &b, &all, row_outputs(r) | gradient_bit(r));
        status = clx_add_rows(&launch, &r->logits, b.first, b.end);
        if (status == CLXENT_OK) status = r->submit(r->provider, &launch);
        if (status == CLXENT_OK) status = add_class_gradients(r, &b, &all);
        if (status == CLXENT_OK && r->hidden) status = add_hidden_gradient(r, &b, &all, hidden, true);
        if (status == CLXENT_OK && r->hidden) status = scatter(r, hidden, b.first, b.end);
    }
    return status;
}

/* Makes the states of a block. The logits of the last tile stay. */
static clxent_status score_block(run *r, const block *b) {
    clxent_status status = gather(r, b, false);
    for (int64_t i = 0; i < tile_count(r) && status == CLXENT_OK; i++) {
        const tile t = tile_of(r, i);
        status = make_logits(r, b, &t);
        if (status == CLXENT_OK) status = score_tile(r, b, &t);
    }
    return status;
}

/* Outputs and gradients of a block, whose states are merged. It begins with the last tile, whose logits are
 * there if `is_scored`. */
static clxent_status finish_block(run *r, const block *b, bool is_scored) {
    const int64_t tiles = tile_count(r);
    const uint32_t each = gradient_bit(r) | (r->call->outputs & CLXENT_OUT_RANK);
    const clx_rows hidden = r->hidden ? features_rows(r, CLX_GRAD_HIDDEN) : (clx_rows){.mem = NULL};
    clxent_status status = CLXENT_OK;
    for (int64_t i = 0; i < (each ? tiles : 1) && status == CLXENT_OK; i++) {
        const tile t = tile_of(r, (i + tiles - 1) % tiles);
        if (i > 0 || !is_scored) {
            /* a provider that takes all rows has got 0 for hidden states of rows that do not count */
            if (!r->l->gemm.heeds_row_count || i == 0) status = gather(r, b, false);
            if (status == CLXENT_OK) status = make_logits(r, b, &t);
        }
        if (status == CLXENT_OK) status = finish_tile(r, b, &t, i == 0 ? row_outputs(r) | each : each, i > 0);
        if (status == CLXENT_OK) status = add_class_gradients(r, b, &t);
        if (status == CLXENT_OK && r->hidden) status = add_hidden_gradient(r, b, &t, hidden, i == 0);
    }
    return status == CLXENT_OK && r->hidden ? scatter(r, hidden, b->first, b->end) : status;
}

static clxent_status run_by_tiles(run *r) {
    clxent_status status = CLXENT_OK;
    for (int64_t i = 0; i < block_count(r) && status == CLXENT_OK; i++) {
        const block b = block_of(r, i);
        status = score_block(r, &b);
        if (status == CLXENT_OK) status = finish_block(r, &b, true);
    }
    return status;
}

/* All blocks of a tile, whose states are merged. */
static clxent_status finish_classes(run *r, int64_t number, bool gives_rows, bool gives_hidden) {
    const tile t = tile_of(r, number);
    const uint32_t each = CLXENT_OUT_GRAD | (gives_rows ? r->call->outputs & CLXENT_OUT_RANK : 0);
    const uint32_t outputs = gives_rows && number == 0 ? row_outputs(r) | each : each;
    clxent_status status = CLXENT_OK;
    for (int64_t i = 0; i < block_count(r) && status == CLXENT_OK; i++) {
        const block b = block_of(r, i);
        status = gather(r, &b, false);
        if (status == CLXENT_OK) status = make_logits(r, &b, &t);
        if (status == CLXENT_OK) status = finish_tile(r, &b, &t, outputs, number > 0);
        if (status == CLXENT_OK) status = add_class_gradients(r, &b, &t);
        if (status == CLXENT_OK && gives_hidden)
            status = add_hidden_gradient(
                r, &b, &t, clx_rows_from(features_rows(r, CLX_GRAD_HIDDEN), b.first, 0), number == 0);
    }
    return status == CLXENT_OK ? round_tile(r, &t) : status;
}

static clxent_status run_by_classes(run *r) {
    const bool apart = r->hidden && !r->l->cut.sums_hidden;
    const bool class_gradients = r->classifier || r->bias;
    clxent_status status = CLXENT_OK;
    for (int64_t i = 0; i < block_count(r) && status == CLXENT_OK; i++) {
        const block b = block_of(r, i);
        status = score_block(r, &b);
        if (status == CLXENT_OK && (apart || !class_gradients)) {
            run rows = *r; /* the gradients by classifier and bias come after all rows */
            rows.classifier = rows.bias = false;
            status = finish_block(&rows, &b, true);
        }
    }
    for (int64_t i = 0; i < tile_count(r) && class_gradients && status == CLXENT_OK; i++)
        status = finish_classes(r, i, !apart, r->hidden && !apart);
    if (status == CLXENT_OK && r->hidden && class_gradients && !apart)
        status = scatter(r, features_rows(r, CLX_GRAD_HIDDEN), 0, r->call->rows);
    return status;
}

/* ---------------------------------------------------------------- the call ---------------------------- */

/* A call without rows: the gradients by classifier and bias are 0, or stay what they are. */
static clxent_status run_empty(run *r) {
    const clxent_desc *d = &r->plan->desc;
    if (d->flags & CLXENT_ADD_GRAD_CLASSIFIER) return CLXENT_OK;
    clxent_status status = CLXENT_OK;
    clx_copy p = copy_of(r, d->classes, d->features, 0);
    p.counted = 1; /* no row counts: all are 0 */
    if (r->classifier) {
        const clx_rows to = array_rows(r, CLXENT_A_grad_classifier);
        status = clx_add_copy(&r->launch, to, to, &p);
    }
    p.rows = 1;
    p.columns = d->classes;
    if (status == CLXENT_OK && r->bias) {
        const clx_rows to = array_rows(r, CLXENT_A_grad_classifier_bias);
        status = clx_add_copy(&r->launch, to, to, &p);
    }
    return status == CLXENT_OK ? submit(r) : status;
}

/* Counts the rows, makes the divisors, and puts the rows in order. */
static clxent_status begin(run *r, bool orders) {
    clx_launch launch;
    const tile t = tile_of(r, 0);
    const block all = {0, r->call->rows, true};
    const int64_t items = clx_divided_up(r->call->rows, CLX_ORDER_ROWS);
    clx_kernel *order = r->l->order;
    open_launch(r, &launch, t.slice ? t.slice : t.score, &all, &t,
                (r->call->outputs & ((1u << CLXENT_A_hidden) - 1)) | gradient_bit(r));
    clx_add_begin(&launch, &r->logits, 0, r->call->rows);
    if (orders && items > 0)
        clx_add_kernel(&launch, &order[CLX_ORDER_COUNT], (size_t)items, 1, CLX_ROW_SCRATCH_BYTES);
    if (orders) clx_add_kernel(&launch, &order[CLX_ORDER_SUM], 1, 1, CLX_ROW_SCRATCH_BYTES);
    if (orders && items > 0)
        clx_add_kernel(&launch, &order[CLX_ORDER_PLACE], (size_t)items, 1, CLX_ROW_SCRATCH_BYTES);
    return launch.count ? r->submit(r->provider, &launch) : CLXENT_OK;
}

static clxent_status end(run *r) {
    clx_launch launch;
    const tile t = tile_of(r, 0);
    const block all = {0, r->call->rows, true};
    open_launch(r, &launch, t.slice ? t.slice : t.score, &all, &t, r->call->outputs & CLXENT_OUT_LOSS);
    clx_add_end(&launch, &r->logits, 0, r->call->rows);
    return launch.count ? r->submit(r->provider, &launch) : CLXENT_OK;
}

/* Rounds the sums of all of grad_classifier and its bias, in the forms that have them. */
static clxent_status round_all(run *r) {
    const clxent_desc *d = &r->plan->desc;
    const tile all = {.first = 0, .classes = d->classes};
    run sums = *r;
    if (r->l->cut.form == CLX_BY_CLASSES) return CLXENT_OK; /* finish_classes() has rounded each tile */
    sums.classifier = r->classifier && r->l->cut.sums_classifier;
    return round_tile(&sums, &all);
}

clxent_status clx_linear_run(clxent_plan *plan, const clx_call *call, cl_mem workspace, size_t offset,
                             clx_submit submit_launch, void *provider) {
    const uint32_t described =
        CLXENT_OUT_LSE | CLXENT_OUT_LSE_RESIDUAL | CLXENT_OUT_ARGMAX | CLXENT_OUT_ENTROPY;
    run r = {.plan = plan,
             .l = plan->linear,
             .call = call,
             .logits = *call,
             .workspace = workspace,
             .offset = offset,
             .launch = {.plan = plan, .workspace = workspace},
             .submit = submit_launch,
             .provider = provider,
             .hidden = call->outputs & CLXENT_OUT_GRAD_HIDDEN,
             .classifier = call->outputs & CLXENT_OUT_GRAD_CLASSIFIER,
             .bias = call->outputs & CLXENT_OUT_GRAD_CLASSIFIER_BIAS,
             .described = call->outputs & described};
    const bool reads_rows = clx_reads_rows(call);
    r.logits.slots[CLXENT_A_hidden].present = r.logits.slots[CLXENT_A_classifier].present = false;
    r.logits.slots[CLXENT_A_classifier_bias].present = false;
    const clx_slot block_slot = {
        .present = true,
        .mem = workspace,
        .offset = offset + (size_t)plan->linear->at[CLX_LOGITS],
        .dtype = CLXENT_F32,
    };
    r.logits.slots[CLXENT_A_logits] = r.logits.slots[CLXENT_A_state] = block_slot;
    r.logits.slots[CLXENT_A_grad] =
        (clx_slot){.present = true,
                   .mem = workspace,
                   .offset = offset + (size_t)plan->linear->at[grad_span(plan->linear)],
                   .dtype = plan->linear->cut.factors};
    clxent_status status = begin(&r, reads_rows);
    if (status != CLXENT_OK || !reads_rows) return status;
    if (call->rows == 0)
        status = run_empty(&r);
    else if (plan->linear->cut.form == CLX_BY_ROWS)
        status = run_by_rows(&r);
    else if (plan->linear->cut.form == CLX_BY_TILES)
        status = run_by_tiles(&r);
    else
        status = run_by_classes(&r);
    if (status == CLXENT_OK && call->rows > 0) status = round_all(&r);
    return status == CLXENT_OK ? end(&r) : status;
}
