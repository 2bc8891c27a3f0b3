/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "call.h"
#include "error.h"

enum { COLUMNS = CLXENT_STATE_COLUMNS };

int64_t clxent_state_columns(const clxent_desc *desc) {
    return desc && desc->op == CLXENT_CROSS_ENTROPY && !(desc->flags & CLXENT_GRAD_FROM_LSE) ? COLUMNS : 0;
}

clxent_status clx_check_has_states(const clxent_plan *plan, const char *function) {
    const clxent_desc *d = &plan->desc;
    if (clx_uses_states(d)) return CLXENT_OK;
    return clx_fail(&plan->ctx->error, CLXENT_ERR_UNSUPPORTED,
                    "%s: the plan has no states: outputs 0x%x has no CLXENT_OUT_STATE 0x%x, flags 0x%x no "
                    "CLXENT_FROM_STATE",
                    function, d->outputs, (unsigned)CLXENT_OUT_STATE, d->flags);
}

/* ---------------------------------------------------------------- one state --------------------------- */

/* An array of states, read as doubles: a double holds every f32. */
typedef struct state_array {
    const void *data;
    bool f64;
} state_array;

static double column_of(const state_array *s, int64_t state, int column) {
    const int64_t at = state * COLUMNS + column;
    return s->f64 ? ((const double *)s->data)[at] : (double)((const float *)s->data)[at];
}

/* The number in two columns, which may be none: NaN, or out of range. */
static double pair_of(const state_array *s, int64_t state, int high) {
    return 65536 * column_of(s, state, high) + column_of(s, state, high + 1);
}

/* The number in two columns; -1: they hold no valid number. */
static int64_t number_of(const state_array *s, int64_t state, int high) {
    const double number = pair_of(s, state, high);
    return number >= 0 && number <= INT32_MAX ? (int64_t)number : -1;
}

typedef struct slice {
    int64_t begin, end;
} slice;

static slice slice_of(const state_array *s, int64_t state) {
    return (slice){number_of(s, state, CLXENT_STATE_BEGIN_HIGH), number_of(s, state, CLXENT_STATE_END_HIGH)};
}

static double kind_of(const clxent_plan *plan, const clxent_scalars *scalars) {
    if (plan->desc.targets == CLXENT_TARGETS_PROBABILITY) return CLXENT_STATE_OF_PROBABILITIES;
    return scalars->label_smoothing > 0 ? CLXENT_STATE_OF_WEIGHTS : CLXENT_STATE_PLAIN;
}

/* How messages call the array of a state: `state`, or one of the `states`. */
enum { THE_STATE = -1, NAME_TEXT = 32 };
static const char *name_array(char text[NAME_TEXT], int64_t which) {
    if (which == THE_STATE) return "state";
    snprintf(text, NAME_TEXT, "states[%" PRId64 "]", which);
    return text;
}

/* `which`: THE_STATE, or the number of the array among the `states`. */
static clxent_status check_state(const clxent_plan *plan, const clxent_scalars *scalars, const state_array *s,
                                 int64_t state, int64_t row, int64_t which) {
    char name[NAME_TEXT];
    const double kind = column_of(s, state, CLXENT_STATE_KIND), expected = kind_of(plan, scalars);
    const slice c = slice_of(s, state);
    if (kind != expected)
        return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT,
                        "%s: row %" PRId64 " is of kind %g, this plan's are %g (64 times the version, "
                        "and 1 with label smoothing, 2 with probability targets)",
                        name_array(name, which), row, clx_shown(kind), expected);
    if (c.begin < 0 || c.end <= c.begin || c.end > plan->desc.classes_total)
        return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT,
                        "%s: row %" PRId64
                        " is of the classes [%.10g, %.10g), which is no slice of classes_total %" PRId64,
                        name_array(name, which), row, clx_shown(pair_of(s, state, CLXENT_STATE_BEGIN_HIGH)),
                        clx_shown(pair_of(s, state, CLXENT_STATE_END_HIGH)), plan->desc.classes_total);
    return CLXENT_OK;
}

clxent_status clx_check_whole_states(const clxent_plan *plan, const clxent_scalars *scalars,
                                     const void *states, int64_t rows) {
    const state_array s = {states, clx_real(&plan->desc) == CLXENT_F64};
    for (int64_t row = 0; row < rows; row++) {
        const clxent_status status = check_state(plan, scalars, &s, row, row, THE_STATE);
        if (status != CLXENT_OK) return status;
        const slice c = slice_of(&s, row);
        if (c.begin != 0 || c.end != plan->desc.classes_total)
            return clx_fail(&plan->ctx->error, CLXENT_ERR_ARGUMENT,
                            "state: row %" PRId64 " is of the classes [%" PRId64 ", %" PRId64 ") of %" PRId64
                            ": merge the states of all slices first",
                            row, c.begin, c.end, plan->desc.classes_total);
    }
    return CLXENT_OK;
}

/* ---------------------------------------------------------------- merging ----------------------------- */

/* The sums of a state, which merge with those of a neighbouring slice; see CLXENT_STATE_MAP. */
typedef struct sums {
    double ref, own, others, u, dot, entropy, best, target;
    int64_t best_at;
    bool nans, here;
} sums;

static sums load(const state_array *s, int64_t state) {
    return (sums){
        .ref = column_of(s, state, CLXENT_STATE_REFERENCE),
        .own = column_of(s, state, CLXENT_STATE_OWN),
        .others = column_of(s, state, CLXENT_STATE_OTHERS),
        .u = column_of(s, state, CLXENT_STATE_U),
        .dot = column_of(s, state, CLXENT_STATE_DOT),
        .entropy = column_of(s, state, CLXENT_STATE_ENTROPY),
        .best = column_of(s, state, CLXENT_STATE_BEST),
        .target = column_of(s, state, CLXENT_STATE_TARGET),
        .best_at = number_of(s, state, CLXENT_STATE_BEST_HIGH),
        .nans = column_of(s, state, CLXENT_STATE_NANS) != 0,
        .here = column_of(s, state, CLXENT_STATE_HERE) != 0,
    };
}

static sums rebased(sums s, double ref, double scale) {
    if (s.ref == ref) return s;
    s.nans = isnan(s.others);
    if (s.ref != -INFINITY) {
        const double d = scale * (ref - s.ref), factor = exp(-d);
        s.others += s.own;
        s.entropy *= factor;
        if (factor > 0) s.entropy += d * factor * s.others;
        if (s.u != 0) s.dot += (ref - s.ref) * s.u;
        s.others *= factor;
        s.own = 0;
    }
    s.ref = ref;
    return s;
}

static sums added(sums a, sums b) {
    const bool same = a.best == b.best || (isnan(a.best) && isnan(b.best));
    if (same ? b.best_at < a.best_at : b.best > a.best || (isnan(b.best) && !isnan(a.best))) {
        a.best = b.best;
        a.best_at = b.best_at;
    }
    a.own += b.own;
    a.others += b.others;
    a.u += b.u;
    a.dot += b.dot;
    a.entropy += b.entropy;
    a.nans |= b.nans;
    if (b.here) a.target = b.target;
    a.here |= b.here;
    return a;
}

static void store(void *out, bool f64, int64_t row, double kind, slice c, const sums *s) {
    const double columns[COLUMNS] = {
        [CLXENT_STATE_KIND] = kind,
        [CLXENT_STATE_BEGIN_HIGH] = (double)(c.begin >> 16),
        [CLXENT_STATE_BEGIN_LOW] = (double)(c.begin & 0xffff),
        [CLXENT_STATE_END_HIGH] = (double)(c.end >> 16),
        [CLXENT_STATE_END_LOW] = (double)(c.end & 0xffff),
        [CLXENT_STATE_REFERENCE] = s->ref,
        [CLXENT_STATE_OWN] = s->own,
        [CLXENT_STATE_OTHERS] = s->others,
        [CLXENT_STATE_U] = s->u,
        [CLXENT_STATE_DOT] = s->dot,
        [CLXENT_STATE_ENTROPY] = s->entropy,
        [CLXENT_STATE_NANS] = s->nans,
        [CLXENT_STATE_BEST] = s->best,
        [CLXENT_STATE_BEST_HIGH] = (double)(s->best_at >> 16),
        [CLXENT_STATE_BEST_LOW] = (double)(s->best_at & 0xffff),
        [CLXENT_STATE_TARGET] = s->target,
        [CLXENT_STATE_HERE] = s->here,
    };
    for (int i = 0; i < COLUMNS; i++)
        if (f64)
            ((double *)out)[row * COLUMNS + i] = columns[i];
        else
            ((float *)out)[row * COLUMNS + i] = (float)columns[i];
}

/* The classes that the states of a row cover together. */
static slice classes_of(const state_array *s, int64_t row, int64_t rows, size_t count) {
    slice all = slice_of(s, row);
    for (size_t i = 1; i < count; i++) {
        const slice c = slice_of(s, (int64_t)i * rows + row);
        if (c.begin < all.begin) all.begin = c.begin;
        if (c.end > all.end) all.end = c.end;
    }
    return all;
}

/* Whether each slice begins where the slice before it ends, or where `all` begins. Callers mostly give slices
 * so. The slice before states[0] is the last one, since each device may begin with its own slice. */
static bool in_order(const state_array *s, int64_t row, int64_t rows, size_t count, slice all) {
    int64_t end = slice_of(s, (int64_t)(count - 1) * rows + row).end;
    for (size_t i = 0; i < count; i++) {
        const slice c = slice_of(s, (int64_t)i * rows + row);
        if (c.begin != end && c.begin != all.begin) return false;
        end = c.end;
    }
    return true;
}

/* Checks the states of a row. Their slices must be side by side. */
static clxent_status check_row(const clxent_plan *plan, const clxent_scalars *scalars, const state_array *s,
                               int64_t row, int64_t rows, size_t count) {
    clxent_error *err = &plan->ctx->error;
    int64_t classes = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t state = (int64_t)i * rows + row;
        const clxent_status status = check_state(plan, scalars, s, state, row, (int64_t)i);
        if (status != CLXENT_OK) return status;
        const slice c = slice_of(s, state);
        classes += c.end - c.begin;
    }
    const slice all = classes_of(s, row, rows, count);
    if (classes < all.end - all.begin)
        return clx_fail(err, CLXENT_ERR_ARGUMENT,
                        "states: those of row %" PRId64 " have %" PRId64 " of the classes [%" PRId64
                        ", %" PRId64 "): they leave a gap",
                        row, classes, all.begin, all.end);
    /* Slices with the right number of classes overlap only where they leave a gap too, and no slice ends
     * where a gap does. So slices in order do neither. Only others need the slow search. */
    if (classes == all.end - all.begin && in_order(s, row, rows, count, all)) return CLXENT_OK;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            const slice a = slice_of(s, (int64_t)j * rows + row), b = slice_of(s, (int64_t)i * rows + row);
            if (a.begin < b.end && b.begin < a.end)
                return clx_fail(err, CLXENT_ERR_ARGUMENT,
                                "states[%zu] and states[%zu] overlap in row %" PRId64 ": classes [%" PRId64
                                ", %" PRId64 ") and [%" PRId64 ", %" PRId64 ")",
                                j, i, row, a.begin, a.end, b.begin, b.end);
        }
    return CLXENT_OK;
}

static clxent_status check_array(clxent_error *err, const char *name, const clxent_array *a, int64_t rows,
                                 size_t count, size_t element) {
    const uint64_t needed = (uint64_t)count * (uint64_t)rows * COLUMNS * element;
    if (rows > 0 && (a->data == NULL || a->bytes < needed))
        return clx_fail(err, CLXENT_ERR_BUFFER,
                        "%s has %zu bytes, %" PRIu64 " are needed: %zu times %" PRId64 " rows of %d columns",
                        name, a->data ? a->bytes : 0, needed, count, rows, COLUMNS);
    if ((uintptr_t)a->data % element != 0)
        return clx_fail(err, CLXENT_ERR_BUFFER,
                        "%s starts at address 0x%" PRIxPTR ", not a multiple of %zu, the size of a column",
                        name, (uintptr_t)a->data, element);
    return CLXENT_OK;
}

/* `out` may be the first of the arrays in `states`, since each row is read before it is written. */
static clxent_status check_overlap(clxent_error *err, const void *states, const void *out, uint64_t bytes,
                                   size_t count) {
    const uintptr_t from = (uintptr_t)states, to = (uintptr_t)out;
    if (from == to || (to > from ? to - from >= count * bytes : from - to >= bytes)) return CLXENT_OK;
    return clx_fail(err, CLXENT_ERR_BUFFER,
                    "out (address 0x%" PRIxPTR ", %" PRIu64 " bytes) overlaps states (address 0x%" PRIxPTR
                    ", %" PRIu64 " bytes); it may be their first array, from the same address on",
                    to, bytes, from, count * bytes);
}

static void merge_row(const state_array *s, int64_t row, int64_t rows, size_t count, double scale,
                      double kind, void *out) {
    double ref = -INFINITY;
    for (size_t i = 0; i < count; i++)
        ref = fmax(ref, column_of(s, (int64_t)i * rows + row, CLXENT_STATE_REFERENCE));
    sums whole = rebased(load(s, row), ref, scale);
    for (size_t i = 1; i < count; i++)
        whole = added(whole, rebased(load(s, (int64_t)i * rows + row), ref, scale));
    store(out, s->f64, row, kind, classes_of(s, row, rows, count), &whole);
}

clxent_status clxent_merge_states(const clxent_plan *plan, const clxent_scalars *scalars, int64_t rows,
                                  size_t count, clxent_array states, clxent_array out) {
    if (plan == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_error *err = &plan->ctx->error;
    const clxent_desc *d = &plan->desc;
    const bool f64 = clx_real(d) == CLXENT_F64;
    const size_t element = f64 ? sizeof(double) : sizeof(float);
    const state_array s = {states.data, f64};
    clxent_scalars given;
    clxent_status status = clx_check_has_states(plan, "clxent_merge_states()");
    if (status == CLXENT_OK) status = clx_call_scalars(err, d, scalars, &given);
    if (status == CLXENT_OK) status = clx_check_merge(err, d, rows, count);
    if (status == CLXENT_OK) status = check_array(err, "states", &states, rows, count, element);
    if (status == CLXENT_OK) status = check_array(err, "out", &out, rows, 1, element);
    const uint64_t bytes = (uint64_t)rows * COLUMNS * element; /* of one array */
    if (status == CLXENT_OK) status = check_overlap(err, states.data, out.data, bytes, count);
    for (int64_t row = 0; row < rows && status == CLXENT_OK; row++)
        status = check_row(plan, &given, &s, row, rows, count);
    if (status != CLXENT_OK) return status;
    const double scale = given.softcap != 0 ? 1 : given.logit_scale, kind = kind_of(plan, &given);
    for (int64_t row = 0; row < rows; row++) merge_row(&s, row, rows, count, scale, kind, out.data);
    return CLXENT_OK;
}
