/* SPDX-License-Identifier: Apache-2.0 */
#include "arrays.h"

#include <clxent/clxent_opencl.h>

/* The public structs have the table's order. */
#define IN_ORDER(number, name, ...)                                                         \
    _Static_assert(offsetof(clxent_arrays, name) ==                                         \
                       offsetof(clxent_arrays, logits) + (number) * sizeof(clxent_array),   \
                   #name " of clxent_arrays stands where the table says");                  \
    _Static_assert(offsetof(clxent_buffers, name) ==                                        \
                       offsetof(clxent_buffers, logits) + (number) * sizeof(clxent_buffer), \
                   #name " of clxent_buffers stands where the table says");
CLXENT_ARRAY_MAP(IN_ORDER)
_Static_assert(CLXENT_A_COUNT <= 31, "a bit of an int32 for each array");

/* The columns of the table: what a desc computes. */
typedef enum column { CE, SOFT, SAVED, NLL, SM, LSM, LIN, COLUMNS } column;

typedef enum shape {
    CLASSES,
    ROWS,
    MATRIX,
    PADDED,
    STATES,
    HIDDEN,
    CLASSIFIER,
    COUNTS,
    TOKENS,
    TARGETS,
    LOSS,
    GRADS,
    ONE
} shape;

typedef enum element {
    OF_LOGITS,
    OF_GRAD,
    OF_TARGETS,
    OF_SEGMENT,
    OF_HIDDEN,
    OF_CLASSIFIER,
    OF_BIAS,
    OF_GRAD_HIDDEN,
    OF_GRAD_CLASSIFIER,
    OF_GRAD_BIAS,
    OF_REAL,
    OF_I64
} element;

static const struct line {
    const char *name;
    bool is_output;
    shape shape;
    element element;
    clx_use uses[COLUMNS];
} lines[] = {
#define SIDE_INPUT  false
#define SIDE_OUTPUT true
#define LINE(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin) \
    {#name,                                                                             \
     SIDE_##side,                                                                       \
     shape,                                                                             \
     OF_##type,                                                                         \
     {CLX_##ce, CLX_##soft, CLX_##saved, CLX_##nll, CLX_##sm, CLX_##lsm, CLX_##lin}},
    CLXENT_ARRAY_MAP(LINE)
#undef LINE
};

static column column_of(const clxent_desc *d) {
    switch (d->op) {
    case CLXENT_NLL:
        return NLL;
    case CLXENT_SOFTMAX:
        return SM;
    case CLXENT_LOG_SOFTMAX:
        return LSM;
    case CLXENT_LINEAR_CROSS_ENTROPY:
        return LIN;
    default:
        break;
    }
    if (d->flags & CLXENT_GRAD_FROM_LSE) return SAVED;
    return d->targets == CLXENT_TARGETS_PROBABILITY ? SOFT : CE;
}

clx_use clx_use_of(const clxent_desc *d, int array) {
    const clx_use use = lines[array].uses[column_of(d)];
    if (use != CLX_GIVE) return use;
    if (array == CLXENT_A_state && (d->flags & CLXENT_FROM_STATE)) return CLX_TAKE;
    const bool of_slices = array == CLXENT_A_state || array == CLXENT_A_counts;
    return clx_is_slice(d) && !of_slices ? CLX_NO : CLX_GIVE;
}

const char *clx_op_text(const clxent_desc *d) {
    switch (column_of(d)) {
    case SAVED:
        return "cross-entropy from a saved lse";
    case SOFT:
        return "cross-entropy with probability targets";
    case CE:
        if (clx_is_slice(d)) return "a slice of the classes without CLXENT_FROM_STATE";
        return clxent_op_name(d->op);
    default:
        return clxent_op_name(d->op);
    }
}

const char *clx_array_name(int array) {
    return lines[array].name;
}

bool clx_is_output(int array) {
    return lines[array].is_output;
}

uint32_t clx_possible_outputs(const clxent_desc *d) {
    uint32_t outputs = 0;
    for (int array = 0; array < CLXENT_A_COUNT; array++)
        if (clx_use_of(d, array) == CLX_GIVE) outputs |= 1u << array;
    return outputs;
}

int clx_scored_array(const clxent_desc *d) {
    return d->op == CLXENT_NLL ? CLXENT_A_log_probs : CLXENT_A_logits;
}

int clx_argument_of(const clxent_desc *d, int array) {
    return array == clx_scored_array(d) ? CLXENT_A_logits : array;
}

clxent_dtype clx_array_dtype(const clxent_desc *d, int array) {
    if (array == clx_scored_array(d)) return d->logits_dtype;
    switch (lines[array].element) {
    case OF_LOGITS:
        return d->logits_dtype;
    case OF_GRAD:
        return d->grad_dtype;
    case OF_TARGETS:
        return d->targets_dtype;
    case OF_SEGMENT:
        return d->segment_dtype;
    case OF_HIDDEN:
        return d->hidden_dtype;
    case OF_CLASSIFIER:
        return d->classifier_dtype;
    case OF_BIAS:
        return d->classifier_bias_dtype;
    case OF_GRAD_HIDDEN:
        return d->grad_hidden_dtype;
    case OF_GRAD_CLASSIFIER:
        return d->grad_classifier_dtype;
    case OF_GRAD_BIAS:
        return d->grad_classifier_bias_dtype;
    case OF_I64:
        return CLXENT_I64;
    default:
        return clx_real(d);
    }
}

/* ---------------------------------------------------------------- shapes ------------------------------ */

/* The array's shape for this desc; never TARGETS, LOSS or GRADS, which depend on the desc. */
static shape shape_of(const clxent_desc *d, int array) {
    const shape by_reduction = d->reduction == CLXENT_NONE ? ROWS : ONE;
    switch (lines[array].shape) {
    case TARGETS:
        return d->targets == CLXENT_TARGETS_PROBABILITY  ? MATRIX
               : d->targets == CLXENT_TARGETS_NEXT_TOKEN ? TOKENS
                                                         : ROWS;
    case LOSS:
        return by_reduction;
    case GRADS:
        return clx_is_softmax(d) ? MATRIX : by_reduction;
    case TOKENS:
        return d->targets == CLXENT_TARGETS_NEXT_TOKEN ? TOKENS : ROWS;
    default:
        return lines[array].shape;
    }
}

static int64_t stride_of(const clxent_desc *d, int array) {
    if (array == clx_scored_array(d)) return d->row_stride;
    switch (array) {
    case CLXENT_A_grad:
        return d->grad_row_stride;
    case CLXENT_A_targets:
        return d->targets_row_stride;
    case CLXENT_A_grad_output:
        return d->grad_output_row_stride;
    default: /* log_probs and probs share one */
        return d->log_probs_row_stride;
    }
}

bool clx_matrix_of(const clxent_desc *d, int array, int64_t *stride, int64_t *outer_elements) {
    const shape s = shape_of(d, array);
    if (s != MATRIX && s != PADDED) return false;
    *stride = stride_of(d, array);
    *outer_elements = (s == PADDED ? d->classes_padded : d->classes) * d->inner;
    return true;
}

bool clx_has_rows(const clxent_desc *d, int array) {
    const shape s = shape_of(d, array);
    return s == ROWS || s == MATRIX || s == PADDED || s == STATES || s == HIDDEN || s == TOKENS;
}

int64_t clx_features_stride(const clxent_desc *d, int array) {
    switch (array) {
    case CLXENT_A_hidden:
        return d->hidden_row_stride;
    case CLXENT_A_classifier:
        return d->classifier_row_stride;
    case CLXENT_A_grad_hidden:
        return d->grad_hidden_row_stride;
    case CLXENT_A_grad_classifier:
        return d->grad_classifier_row_stride;
    default:
        return 0;
    }
}

/* The extent of rows [first, end) of an array with H elements a row. */
static clx_extent features_extent(const clxent_desc *d, int array, int64_t first, int64_t end) {
    const int64_t stride = clx_features_stride(d, array);
    return (clx_extent){first * stride, (end - 1) * stride + d->features};
}

clx_extent clx_extent_of(const clxent_desc *d, int array, int64_t first, int64_t end) {
    int64_t stride = 0, outer_elements = 0;
    if (first == end) return (clx_extent){0, 0};
    if (clx_matrix_of(d, array, &stride, &outer_elements))
        return (clx_extent){first / d->inner * stride, (end / d->inner - 1) * stride + outer_elements};
    if (shape_of(d, array) == HIDDEN) return features_extent(d, array, first, end);
    if (shape_of(d, array) == STATES)
        return (clx_extent){first * CLXENT_STATE_COLUMNS, end * CLXENT_STATE_COLUMNS};
    if (shape_of(d, array) != TOKENS) return (clx_extent){first, end};
    const int64_t length = d->sequence_length, stored = d->tokens_per_sequence, last = end - 1;
    const int64_t has_next = last % length + 1 < stored;
    return (clx_extent){first / length * stored + first % length,
                        last / length * stored + last % length + has_next + 1};
}

int64_t clx_longest_extent(const clxent_desc *d, int array, int64_t rows) {
    if (shape_of(d, array) != TOKENS || rows == 0) {
        const clx_extent e = clx_extent_of(d, array, 0, rows);
        return e.end - e.first;
    }
    const int64_t length = d->sequence_length;
    const int64_t sequences_ended = (rows + length - 2) / length; /* before the last row, at most */
    return rows + sequences_ended * (d->tokens_per_sequence - length) + 1;
}

clx_piece clx_piece_of(const clxent_desc *d, int array, int64_t first, int64_t end) {
    int64_t stride = 0, outer_elements = 0;
    if (clx_matrix_of(d, array, &stride, &outer_elements)) {
        const int64_t classes = outer_elements / d->inner;
        return (clx_piece){.first = first / d->inner * stride + first % d->inner,
                           .runs = classes,
                           .apart = d->inner,
                           .elements = classes * (end - first)};
    }
    const clx_extent e = clx_extent_of(d, array, first, end);
    return (clx_piece){.first = e.first, .runs = 1, .apart = 0, .elements = e.end - e.first};
}

int64_t clx_array_elements(const clxent_desc *d, int array, int64_t rows) {
    switch (shape_of(d, array)) {
    case CLASSES:
        return d->classes_total;
    case CLASSIFIER:
        return features_extent(d, array, 0, d->classes).end;
    case COUNTS:
        return 4;
    case ONE:
        return 1;
    default:
        return clx_extent_of(d, array, 0, rows).end;
    }
}
