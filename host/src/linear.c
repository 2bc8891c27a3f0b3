/* SPDX-License-Identifier: Apache-2.0
 * Chooses how a call of linear cross entropy is cut into blocks. No other file does. */
#include "linear.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arrays.h"
#include "error.h"
#include "gemm.h"
#include "schedule.h"
#include "sizes.h"
#include "workspace.h"

enum { ALIGNMENT = 64 }; /* of spans: a vector of 16 f32 */

#define DEFAULT_WORKSPACE (UINT64_C(64) << 20)

static uint64_t budget_of(const clxent_desc *d) {
    return d->workspace_bytes ? d->workspace_bytes : DEFAULT_WORKSPACE;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* ---------------------------------------------------------------- the plans for logits ---------------- */

/* The outputs that calls may ask for. */
static uint32_t outputs_of(const clxent_desc *d) {
    return d->outputs ? d->outputs : clx_possible_outputs(d);
}

static bool gives(const clxent_desc *d, int array) {
    return (outputs_of(d) >> array) & 1;
}

static bool gives_gradients(const clxent_desc *d) {
    return gives(d, CLXENT_A_grad_hidden) || gives(d, CLXENT_A_grad_classifier) ||
           gives(d, CLXENT_A_grad_classifier_bias);
}

/* The desc of the cross entropy of so many of the classes, in a block of f32 logits. The gradient takes their
 * place if it is f32. */
static clxent_desc desc_of_logits(const clxent_desc *d, clxent_dtype grad, int64_t classes, uint32_t flags,
                                  uint32_t outputs) {
    clxent_desc logits = *d;
    logits.op = CLXENT_CROSS_ENTROPY;
    logits.flags = (d->flags & CLXENT_ATOMIC) | flags;
    logits.outputs = outputs;
    logits.grad_dtype = grad;
    logits.classes = logits.classes_padded = classes;
    logits.row_stride = logits.grad_row_stride = logits.targets_row_stride = classes;
    logits.log_probs_row_stride = logits.grad_output_row_stride = classes;
    logits.features = 0;
    logits.hidden_dtype = logits.classifier_dtype = logits.classifier_bias_dtype = CLXENT_DTYPE_DEFAULT;
    logits.grad_hidden_dtype = logits.grad_classifier_dtype = CLXENT_DTYPE_DEFAULT;
    logits.grad_classifier_bias_dtype = CLXENT_DTYPE_DEFAULT;
    logits.hidden_row_stride = logits.classifier_row_stride = 0;
    logits.grad_hidden_row_stride = logits.grad_classifier_row_stride = 0;
    logits.workspace_bytes = 0;
    return logits;
}

/* The outputs of the loss of logits that stand for those of a linear plan; 0: any. */
static uint32_t outputs_of_logits(const clxent_desc *d) {
    if (d->outputs == 0) return 0;
    const uint32_t own =
        CLXENT_OUT_GRAD_HIDDEN | CLXENT_OUT_GRAD_CLASSIFIER | CLXENT_OUT_GRAD_CLASSIFIER_BIAS;
    return (d->outputs & ~own) | (gives_gradients(d) ? CLXENT_OUT_GRAD : 0);
}

/* ---------------------------------------------------------------- the workspace ----------------------- */

/* The bytes that schedule split keeps of a block's rows. */
static int64_t part_bytes(clxent_ctx *ctx, const clxent_desc *d, const clx_linear_cut *cut) {
    const bool whole = cut->form == CLX_BY_ROWS;
    const clxent_desc logits = desc_of_logits(d, cut->factors, cut->tile, 0, whole ? 0 : CLXENT_OUT_STATE);
    clxent_schedule schedule = CLXENT_SCHEDULE_AUTO;
    clx_split split = {0, 0};
    if (clx_choose_schedule(ctx, &logits, schedule, cut->block, &schedule, &split) != CLXENT_OK)
        return 0; /* the plan for the logits is refused for the same reason */
    const int64_t row = split.parts * CLX_PART_REALS * (int64_t)sizeof(float);
    return schedule == CLXENT_SCHEDULE_SPLIT ? cut->block * row : 0;
}

/* The bytes of each span; 0: the cut has no use for it. */
static void sizes_of(const clxent_desc *d, const clx_linear_cut *cut, int64_t bytes[CLX_LINEAR_SPANS]) {
    const int64_t features = d->features, real = sizeof(float);
    const int64_t factor = (int64_t)clxent_dtype_size(cut->factors);
    const bool by_rows = cut->form == CLX_BY_ROWS, by_classes = cut->form == CLX_BY_CLASSES;
    const bool rounds_classifier =
        gives(d, CLXENT_A_grad_classifier) && d->grad_classifier_dtype != CLXENT_F32;
    const bool rounds_bias =
        gives(d, CLXENT_A_grad_classifier_bias) && d->grad_classifier_bias_dtype != CLXENT_F32;
    const int64_t hidden_rows = cut->sums_hidden ? d->rows : cut->block;
    const bool takes_place = by_rows && gives(d, CLXENT_A_grad_hidden); /* of the hidden states */
    memset(bytes, 0, CLX_LINEAR_SPANS * sizeof *bytes);
    bytes[CLX_LOGITS] = cut->block * cut->tile * real;
    if (cut->factors != CLXENT_F32 && gives_gradients(d))
        bytes[CLX_GRAD_LOGITS] = cut->block * cut->tile * factor;
    bytes[CLX_HIDDEN] = cut->block * features * (takes_place ? real : factor);
    if (gives(d, CLXENT_A_grad_hidden) && !by_rows) bytes[CLX_GRAD_HIDDEN] = hidden_rows * features * real;
    if (d->classifier_dtype != cut->factors) bytes[CLX_CLASSIFIER] = cut->part * features * factor;
    if (rounds_classifier)
        bytes[CLX_GRAD_CLASSIFIER] = (cut->sums_classifier ? d->classes : cut->part) * features * real;
    if (rounds_bias) bytes[CLX_GRAD_BIAS] = (by_classes ? cut->tile : d->classes) * real;
    if (by_rows) return;
    bytes[CLX_STATES] = ((by_classes ? d->rows : cut->block) + cut->block) * CLXENT_STATE_COLUMNS * real;
}

/* The bytes that a block takes, which workspace_bytes limits. INT64_MAX stands for too many. */
static int64_t block_bytes(clxent_ctx *ctx, const clxent_desc *d, const clx_linear_cut *cut) {
    int64_t spans[CLX_LINEAR_SPANS];
    double bytes = (double)part_bytes(ctx, d, cut);
    sizes_of(d, cut, spans);
    for (int i = 0; i < CLX_LINEAR_SPANS; i++)
        bytes += (double)clx_divided_up(spans[i], ALIGNMENT) * ALIGNMENT;
    return bytes > 9e18 ? INT64_MAX : (int64_t)bytes;
}

static bool fits(clxent_ctx *ctx, const clxent_desc *d, const clx_linear_cut *cut) {
    return (uint64_t)block_bytes(ctx, d, cut) <= budget_of(d);
}

static void add_span(int64_t *at, int64_t *end, int64_t bytes) {
    *at = *end;
    *end += clx_divided_up(bytes, ALIGNMENT) * ALIGNMENT;
}

/* Lays out the workspace: what the plans for logits keep of all rows, the order of the rows, the spans. */
static void lay_out(clx_linear *l, const clxent_desc *d) {
    int64_t spans[CLX_LINEAR_SPANS], kept_at = 0;
    const clxent_plan *plans[] = {l->score, l->slice, l->last_score, l->last_slice};
    int64_t kept = 0;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
        if (plans[i]) kept = most(kept, clx_workspace_for(plans[i], d->rows, d->rows, l->cut.block).bytes);
    const int64_t order = d->rows + 1 + clx_divided_up(d->rows, CLX_ORDER_ROWS);
    l->bytes = 0;
    add_span(&kept_at, &l->bytes, kept);
    add_span(&l->order_at, &l->bytes, order * (int64_t)sizeof(clx_i32));
    sizes_of(d, &l->cut, spans);
    for (int i = 0; i < CLX_LINEAR_SPANS; i++) {
        l->at[i] = -1;
        if (spans[i] > 0) add_span(&l->at[i], &l->bytes, spans[i]);
    }
}

/* ---------------------------------------------------------------- the cost ---------------------------- */

/* The multiplications that a device makes in the time in which it reads a byte of memory, in pairs with an
 * addition, in products of matrices. Measured on CPUs: 45 to 50 Gmul/s of f32, 120 to 330 of bf16, and 10
 * GB/s a core. Of a GPU like an H100: 25 Tmul/s of f32, 3.3 TB/s. */
static double multiplications_per_byte(const clxent_ctx *ctx, clxent_dtype factors) {
    if (factors != CLXENT_F32) return 20;
    return ctx->info.type == CLXENT_DEVICE_GPU ? 7.5 : 5;
}

/* The cost of a row's logit and its gradients, in multiplications of a row with a class: the products, and
 * the traffic that does not stay in caches. host/doc/internals/linear.md derives it. */
static double cost_of(const clxent_ctx *ctx, const clxent_desc *d, const clx_linear_cut *cut) {
    const bool by_rows = cut->form == CLX_BY_ROWS, by_classes = cut->form == CLX_BY_CLASSES;
    const int hidden = gives(d, CLXENT_A_grad_hidden), classifier = gives(d, CLXENT_A_grad_classifier);
    const int gradients = gives_gradients(d);
    const bool apart = by_classes && hidden && !cut->sums_hidden;
    const int logits = 1 + (!by_rows && gradients) + apart;
    const int products = logits + hidden + classifier;
    /* bytes for each element of the classifier and each block of rows that passes over it */
    const double factor = (double)clxent_dtype_size(cut->factors);
    const double convert = d->classifier_dtype == cut->factors ? 0 : 6;
    double of_classifier = (logits + hidden) * (factor + convert) + 8 * classifier;
    if (by_classes) of_classifier = factor + convert + apart * (8 + convert);
    /* bytes for each logit, and for each element of hidden and each tile of classes that passes over it */
    const double of_logits = logits * 8 + factor * (gradients + hidden + classifier);
    const double of_hidden = factor * logits + 8 * hidden + factor * classifier;
    const double traffic =
        of_classifier / (double)cut->block + of_logits / (double)d->features + of_hidden / (double)cut->tile;
    return products + multiplications_per_byte(ctx, cut->factors) * traffic;
}

/* ---------------------------------------------------------------- the choice -------------------------- */

/* The largest value in [1, most_value] of *field with which the cut fits; 0: none. Leaves the value in the
 * cut. `like`, unless NULL, is a field that has the same value. */
static int64_t largest(clxent_ctx *ctx, const clxent_desc *d, clx_linear_cut *cut, int64_t *field,
                       int64_t *like, int64_t most_value) {
    int64_t fitting = 0, beyond = most_value + 1;
    while (beyond - fitting > 1) {
        *field = fitting + (beyond - fitting) / 2;
        if (like) *like = *field;
        if (fits(ctx, d, cut))
            fitting = *field;
        else
            beyond = *field;
    }
    *field = fitting;
    if (like) *like = fitting;
    return fitting;
}

/* Makes blocks or tiles of about one size. */
static int64_t evened(int64_t whole, int64_t piece, int64_t unit) {
    const int64_t pieces = clx_divided_up(whole, piece);
    const int64_t even = clx_divided_up(clx_divided_up(whole, pieces), unit) * unit;
    return even <= piece ? even : piece;
}

/* The classes of a product that takes or gives a part of the classifier in f32: about an eighth of the
 * workspace, and few enough for a CPU's caches. */
static int64_t part_of(const clxent_desc *d) {
    const int64_t bytes =
        (int64_t)(budget_of(d) / 8 < (UINT64_C(4) << 20) ? budget_of(d) / 8 : UINT64_C(4) << 20);
    return least(d->classes, most(1, bytes / (int64_t)sizeof(float) / d->features));
}

typedef struct choice {
    clx_linear_cut cut;
    double cost;
    bool found;
} choice;

static void consider(choice *best, clxent_ctx *ctx, const clxent_desc *d, const clx_linear_cut *cut) {
    const double cost = cost_of(ctx, d, cut);
    if (best->found && cost >= best->cost) return;
    *best = (choice){*cut, cost, true};
}

/* Whether the blocks of a cut may add to grad_classifier one after the other. */
static bool can_add_up(const clxent_desc *d, const clx_linear_cut *cut) {
    return !gives(d, CLXENT_A_grad_classifier) || d->grad_classifier_dtype == CLXENT_F32 ||
           cut->block >= d->rows || cut->sums_classifier || cut->form == CLX_BY_CLASSES;
}

static void consider_rows(choice *best, clxent_ctx *ctx, const clxent_desc *d, clxent_dtype factors,
                          bool sums_classifier) {
    clx_linear_cut cut = {.form = CLX_BY_ROWS,
                          .tile = d->classes,
                          .part = part_of(d),
                          .factors = factors,
                          .sums_classifier = sums_classifier};
    const int64_t rows = most(d->rows, 1);
    if (largest(ctx, d, &cut, &cut.block, NULL, rows) == 0) return;
    cut.block = evened(rows, cut.block, 1);
    if (can_add_up(d, &cut)) consider(best, ctx, d, &cut);
}

static void consider_tiles(choice *best, clxent_ctx *ctx, const clxent_desc *d, clxent_dtype factors,
                           clx_linear_form form, bool sums_hidden, int64_t block) {
    enum { VECTOR = 16 };
    clx_linear_cut cut = {.form = form, .block = block, .factors = factors, .sums_hidden = sums_hidden};
    if (largest(ctx, d, &cut, &cut.tile, &cut.part, d->classes) == 0) return;
    cut.tile = cut.part = evened(d->classes, cut.tile, cut.tile >= VECTOR ? VECTOR : 1);
    if (can_add_up(d, &cut)) consider(best, ctx, d, &cut);
}

static choice choose(clxent_ctx *ctx, const clxent_desc *d, clxent_dtype factors) {
    choice best = {.found = false};
    consider_rows(&best, ctx, d, factors, false);
    consider_rows(&best, ctx, d, factors, true);
    for (int64_t block = least(most(d->rows, 1), 4096); block > 0; block /= 2)
        for (clx_linear_form form = CLX_BY_TILES; form <= CLX_BY_CLASSES; form++) {
            consider_tiles(&best, ctx, d, factors, form, false, block);
            if (form == CLX_BY_CLASSES) consider_tiles(&best, ctx, d, factors, form, true, block);
        }
    return best;
}

/* The smallest workspace_bytes with which there is a cut. */
static uint64_t least_bytes(clxent_ctx *ctx, const clxent_desc *d, clxent_dtype factors) {
    clxent_desc with = *d;
    uint64_t too_little = budget_of(d), enough = too_little;
    for (bool found = false; !found && enough <= UINT64_MAX / 2; found = choose(ctx, &with, factors).found)
        with.workspace_bytes = enough *= 2;
    while (enough - too_little > 1) {
        with.workspace_bytes = too_little + (enough - too_little) / 2;
        if (choose(ctx, &with, factors).found)
            enough = with.workspace_bytes;
        else
            too_little = with.workspace_bytes;
    }
    return enough;
}

/* ---------------------------------------------------------------- the plan ---------------------------- */

static clxent_status make_plans(clxent_ctx *ctx, const clxent_desc *d, clx_linear *l) {
    const clx_linear_cut *cut = &l->cut;
    const bool by_rows = cut->form == CLX_BY_ROWS;
    const int64_t rest = d->classes % cut->tile;
    const struct {
        clxent_plan **plan;
        bool wanted;
        int64_t classes;
        uint32_t flags, outputs;
    } plans[] = {
        {&l->score, true, cut->tile, 0, by_rows ? outputs_of_logits(d) : CLXENT_OUT_STATE},
        {&l->slice, !by_rows, cut->tile, CLXENT_FROM_STATE, outputs_of_logits(d)},
        {&l->last_score, rest > 0, rest, 0, CLXENT_OUT_STATE},
        {&l->last_slice, rest > 0, rest, CLXENT_FROM_STATE, outputs_of_logits(d)},
    };
    l->last_tile = rest > 0 ? rest : cut->tile;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        if (!plans[i].wanted) continue;
        clxent_desc logits =
            desc_of_logits(d, cut->factors, plans[i].classes, plans[i].flags, plans[i].outputs);
        const clxent_status status =
            clx_plan_make(plans[i].plan, ctx, &logits, CLXENT_SCHEDULE_AUTO, cut->block);
        if (status != CLXENT_OK) return status;
    }
    return CLXENT_OK;
}

/* The provider, and the type that it takes. Of f16 the range is too small for gradients by logits. */
static clxent_status choose_gemm(clxent_ctx *ctx, const clxent_desc *d, clxent_gemm *gemm,
                                 clxent_dtype *factors) {
    const bool both = d->hidden_dtype == CLXENT_BF16 && d->classifier_dtype == CLXENT_BF16;
    const clxent_status status = clx_gemm_of(ctx, both ? CLXENT_BF16 : CLXENT_F32, gemm);
    if (status != CLXENT_OK) return status;
    *factors = both && clx_gemm_takes(gemm, CLXENT_BF16) ? CLXENT_BF16 : CLXENT_F32;
    return CLXENT_OK;
}

clxent_status clx_linear_make(clxent_plan *plan, clxent_schedule schedule) {
    clxent_ctx *ctx = plan->ctx;
    const clxent_desc *d = &plan->desc;
    if (schedule != CLXENT_SCHEDULE_AUTO)
        return clx_fail(&ctx->error, CLXENT_ERR_UNSUPPORTED, "schedule %s: %s chooses its own; give auto",
                        clxent_schedule_name(schedule), clxent_op_name(d->op));
    clxent_gemm gemm;
    clxent_dtype factors;
    clxent_status status = choose_gemm(ctx, d, &gemm, &factors);
    if (status != CLXENT_OK) return status;
    const choice best = choose(ctx, d, factors);
    if (!best.found)
        return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT,
                        "workspace_bytes %" PRIu64 " is too little for %" PRId64 " rows of %" PRId64
                        " features: give at least %" PRIu64,
                        budget_of(d), d->rows, d->features, least_bytes(ctx, d, factors));
    clx_linear *l = plan->linear = calloc(1, sizeof *l);
    if (l == NULL) return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for a plan");
    l->cut = best.cut;
    l->gemm = gemm;
    status = make_plans(ctx, d, l);
    if (status == CLXENT_OK) status = clx_order_kernels(ctx, &l->order);
    if (status != CLXENT_OK) return status;
    lay_out(l, d);
    plan->schedule = l->score->schedule;
    return CLXENT_OK;
}

void clx_linear_destroy(clx_linear *l) {
    if (l == NULL) return;
    clxent_plan_destroy(l->score);
    clxent_plan_destroy(l->slice);
    clxent_plan_destroy(l->last_score);
    clxent_plan_destroy(l->last_slice);
    free(l);
}
