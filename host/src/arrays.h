/* SPDX-License-Identifier: Apache-2.0
 * Facts about each array of a call for a desc, from the table of clxent_arrays.h: its name, whether the
 * operation takes or gives it, its type, and which of its elements belong to which rows. */
#ifndef CLX_ARRAYS_H
#define CLX_ARRAYS_H

#include <clxent/clxent.h>

#include <stdbool.h>

#include "params.h"

/* Whether an operation takes or gives an array. */
typedef enum clx_use { CLX_NO, CLX_MAY, CLX_TAKE, CLX_GRAD, CLX_GIVE } clx_use;
clx_use clx_use_of(const clxent_desc *desc, int array);

/* How messages call the operation: "nll", "cross-entropy with probability targets". */
const char *clx_op_text(const clxent_desc *desc);

const char *clx_array_name(int array);

/* Whether the array is an output of some operation. */
bool clx_is_output(int array);

/* The outputs that the operation gives: bits CLXENT_OUT_.... */
uint32_t clx_possible_outputs(const clxent_desc *desc);

/* The array whose rows are scored: logits; for nll log_probs, which the kernels take as their logits. */
int clx_scored_array(const clxent_desc *desc);

/* The kernels' argument for an array. */
int clx_argument_of(const clxent_desc *desc, int array);

clxent_dtype clx_array_dtype(const clxent_desc *desc, int array);

/* Whether the plan gives or takes the states of rows. */
static inline bool clx_uses_states(const clxent_desc *desc) {
    return (desc->outputs & CLXENT_OUT_STATE) || (desc->flags & CLXENT_FROM_STATE);
}

/* Whether the plan has a slice of its vocabulary and no state that covers the other slices. */
static inline bool clx_is_slice(const clxent_desc *desc) {
    return desc->classes < desc->classes_total && !(desc->flags & CLXENT_FROM_STATE);
}

/* Softmax and log-softmax have no targets and no loss. */
static inline bool clx_is_softmax(const clxent_desc *desc) {
    return desc->op == CLXENT_SOFTMAX || desc->op == CLXENT_LOG_SOFTMAX;
}

/* Arithmetic and its outputs are f64 with f64 logits, f32 otherwise. */
static inline clxent_dtype clx_real(const clxent_desc *desc) {
    return desc->logits_dtype == CLXENT_F64 ? CLXENT_F64 : CLXENT_F32;
}

/* The number of elements that a call of so many rows touches. */
int64_t clx_array_elements(const clxent_desc *desc, int array, int64_t rows);

/* Whether the array has elements for each row: an (N,C) array, one number a row, or the tokens. All rows
 * share the other arrays: class_weight, counts, and a loss or grad_output of one element. */
bool clx_has_rows(const clxent_desc *desc, int array);

/* The shape of an (N,C) array: elements from one outer index to the next, and elements within one. Returns
 * false for other arrays. */
bool clx_matrix_of(const clxent_desc *desc, int array, int64_t *stride, int64_t *outer_elements);

/* The elements from a row to the next of an array with H elements a row: hidden, classifier and their
 * gradients. 0 for other arrays. */
int64_t clx_features_stride(const clxent_desc *desc, int array);

/* Elements [first, end) of an array. */
typedef struct clx_extent {
    int64_t first, end;
} clx_extent;

/* The elements that rows [first, end) touch in an array that has rows. For an (N,C) array first and end are
 * multiples of inner. The last row of a part of a sequence also takes the token behind it. */
clx_extent clx_extent_of(const clxent_desc *desc, int array, int64_t first, int64_t end);

/* The length of the longest extent of so many rows, whichever row is the first. */
int64_t clx_longest_extent(const clxent_desc *desc, int array, int64_t rows);

/* Rows [first, end) of one outer index. An (N,C) array has a run of elements for each class, with one element
 * for each row. Another array that has rows has one run, the extent of the rows. */
typedef struct clx_piece {
    int64_t first;       /* the first run's first element */
    int64_t runs, apart; /* elements from a run's start to the next one's */
    int64_t elements;    /* of all runs */
} clx_piece;
clx_piece clx_piece_of(const clxent_desc *desc, int array, int64_t first, int64_t end);

#endif
