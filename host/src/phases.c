/* SPDX-License-Identifier: Apache-2.0 */
#include "phases.h"

#include "tuning.h"

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Adds a kernel of so many teams; each work-group is a team. It lowers `wanted`, a power of two, to what the
 * kernel and local memory allow. */
static void add_teams(clx_launch *launch, clx_kernel *kernel, size_t groups, size_t wanted,
                      size_t scratch_bytes) {
    size_t size = least(wanted, kernel->work_group_limit);
    while (size > 1 && size * scratch_bytes > launch->plan->ctx->info.local_memory_bytes) size /= 2;
    if (groups > 0) clx_add_kernel(launch, kernel, groups, size, size * scratch_bytes);
}

/* Adds local memory behind the scratch of the last step, for so many vectors of a row, each of `width`
 * elements of `size` bytes. It has room for all of them, so that the second pass reads no logit again, or for
 * none. It takes at most half of the device's local memory: then one group reads while another waits at a
 * barrier, and on a CPU a row stays in the caches beside it. */
static void hold_vectors(clx_launch *launch, int64_t vectors, int64_t width, size_t size) {
    enum { ALIGNMENT = 128 }; /* of the largest vector */
    clx_step *step = &launch->steps[launch->count - 1];
    const size_t at = (step->scratch_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    const uint64_t bytes = at + (uint64_t)vectors * (uint64_t)width * size;
    if (bytes > launch->plan->ctx->info.local_memory_bytes / 2) return;
    launch->params.held_at = (clx_i32)at;
    launch->params.held_vectors = (clx_i32)vectors;
    step->scratch_bytes = (size_t)bytes;
}

/* Gives a row's second pass local memory. Schedule group keeps there the logits that registers do not hold.
 * Schedule wide keeps there the exponentials, since they do not fit the place of a 16-bit gradient. The
 * kernels do without where it is missing, and leave alone what they have no use for. */
static void hold_row(clx_launch *launch, const clx_call *call) {
    const uint32_t second_pass = CLXENT_OUT_GRAD | CLXENT_OUT_LOG_PROBS | CLXENT_OUT_PROBS;
    const clxent_plan *plan = launch->plan;
    const clxent_desc *desc = &plan->desc;
    if (desc->op == CLXENT_NLL || (desc->flags & CLXENT_GRAD_FROM_LSE)) return;
    if (plan->schedule == CLXENT_SCHEDULE_GROUP && (call->outputs & second_pass)) {
        const int64_t items = (int64_t)launch->steps[launch->count - 1].local_size;
        const int64_t width = plan->tuning.group_width, tile = plan->tuning.group_tile;
        const int64_t rounds = clx_divided_up(desc->classes, width * items);
        if (rounds > tile)
            hold_vectors(launch, (rounds - tile) * items, width, clxent_dtype_size(desc->logits_dtype));
    }
    if (plan->schedule == CLXENT_SCHEDULE_WIDE && (call->outputs & CLXENT_OUT_GRAD) &&
        clxent_dtype_size(desc->grad_dtype) < sizeof(float)) {
        const int64_t width = plan->tuning.wide_width;
        hold_vectors(launch, clx_divided_up(desc->classes, width), width, sizeof(float));
    }
}

/* Adds a kernel of independent work-items. */
static void add_items(clx_launch *launch, clx_kernel *kernel, size_t items, size_t local_size) {
    const size_t groups = (size_t)clx_divided_up((int64_t)items, (int64_t)local_size);
    clx_add_kernel(launch, kernel, groups, local_size, CLX_ROW_SCRATCH_BYTES);
}

static void set_rows(clx_launch *launch, int64_t first, int64_t end) {
    launch->params.first_row = first;
    launch->params.end_row = end;
}

/* Adds two kernels of reduce.cl. The first has a team for each chunk of rows. The second has one team over
 * all chunks; it is left out where there is one chunk, or where these are not the last rows. A team is a
 * work-group, or a work-item with rows side by side. */
static void add_reduction(clx_launch *launch, int first_kernel, int64_t first, int64_t end) {
    const clx_facts *facts = &launch->plan->ctx->facts;
    const size_t team = facts->runs_rows_in_vectors ? 1 : facts->runs_items_in_turn ? 16 : 128;
    clx_kernel *kernels = launch->plan->reduce + first_kernel;
    const int64_t rows = launch->params.rows;
    set_rows(launch, first, end);
    add_teams(launch, &kernels[0], (size_t)clx_divided_up(end - first, CLX_CHUNK_ROWS), team,
              CLX_REDUCE_SCRATCH_BYTES);
    if (end == rows && clx_divided_up(rows, CLX_CHUNK_ROWS) != 1)
        add_teams(launch, &kernels[1], 1, team, CLX_REDUCE_SCRATCH_BYTES);
}

/* Adds a kernel of split.cl that works on the parts of so many rows. */
static void add_parts(clx_launch *launch, clx_kernel *kernel, size_t rows, size_t team,
                      size_t scratch_bytes) {
    const clxent_plan *plan = launch->plan;
    const size_t parts = rows * (size_t)plan->split.parts;
    if (clx_is_wide(&plan->ctx->facts, plan->schedule))
        add_items(launch, kernel, parts, 1);
    else
        add_teams(launch, kernel, parts, team, scratch_bytes);
}

bool clx_counts_first(const clx_launch *launch, const clx_call *call) {
    const uint32_t divided = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD;
    /* a phase does not know what the later phases ask for */
    const bool may_divide = call->phase != CLX_ALL_PHASES || (call->outputs & divided);
    const bool mean = launch->params.reduction == CLX_MEAN && may_divide;
    return !clx_is_softmax(&launch->plan->desc) &&
           (mean || (call->outputs & CLXENT_OUT_COUNTS) || (launch->params.flags & CLX_ATOMIC));
}

bool clx_reads_rows(const clx_call *call) {
    return (call->outputs & ~(uint32_t)CLXENT_OUT_COUNTS) != 0;
}

void clx_add_begin(clx_launch *launch, const clx_call *call, int64_t first, int64_t end) {
    if (clx_counts_first(launch, call)) add_reduction(launch, CLX_COUNT_ROWS, first, end);
}

clxent_status clx_add_rows(clx_launch *launch, const clx_call *call, int64_t first, int64_t end) {
    clx_kernel *kernels = NULL;
    clxent_plan *plan = launch->plan;
    const size_t rows = (size_t)(end - first);
    const size_t scratch =
        clx_real(&plan->desc) == CLXENT_F64 ? CLX_ROW_SCRATCH_BYTES_F64 : CLX_ROW_SCRATCH_BYTES;
    const size_t team = (size_t)clx_group_size(&plan->tuning, plan->desc.classes);
    if (rows == 0 || !clx_reads_rows(call)) return CLXENT_OK;
    const clxent_status status = clx_plan_row_kernels(plan, call->outputs, &call->scalars, &kernels);
    if (status != CLXENT_OK) return status;
    set_rows(launch, first, end);
    switch (plan->schedule) {
    case CLXENT_SCHEDULE_GROUP:
        add_teams(launch, kernels, rows, team, scratch);
        hold_row(launch, call);
        break;
    case CLXENT_SCHEDULE_SPLIT:
        if (!(plan->desc.flags & CLXENT_FROM_STATE) || (call->outputs & CLXENT_OUT_RANK))
            add_parts(launch, &kernels[CLX_SPLIT_SCAN], rows, team, scratch);
        if (call->outputs & CLXENT_OUT_STATE) add_items(launch, &kernels[CLX_SPLIT_STATE], rows, 1);
        if (call->outputs & ~(uint32_t)(CLXENT_OUT_COUNTS | CLXENT_OUT_STATE))
            add_parts(launch, &kernels[CLX_SPLIT_ROWS], rows, team, scratch);
        break;
    case CLXENT_SCHEDULE_WIDE:
        add_items(launch, kernels, rows, 1);
        hold_row(launch, call);
        break;
    default:
        if (plan->ctx->facts.runs_rows_in_vectors)
            add_items(launch, kernels, (size_t)clx_divided_up((int64_t)rows, CLX_ITEM_ROWS), 1);
        else
            add_items(launch, kernels, rows,
                      least((size_t)plan->tuning.lane_group_size, kernels->work_group_limit));
        break;
    }
    return CLXENT_OK;
}

void clx_add_end(clx_launch *launch, const clx_call *call, int64_t first, int64_t end) {
    if ((call->outputs & CLXENT_OUT_LOSS) && (launch->params.flags & CLX_KEEP_ROWS))
        add_reduction(launch, CLX_SUM_LOSSES, first, end);
}
