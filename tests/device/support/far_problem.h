/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses of few small rows that stand so far apart that their elements' numbers need more than 32 bits: an
 * array of them spans more than 2^32 elements and 2^33 bytes, and hardly any of it is ever touched. far.c
 * computes them in buffers, far_arrays.c in host arrays.
 *
 * A number that was cut to 32 bits must not go unnoticed. So where a row's place would be with its element's
 * or its byte's number cut, with or without the array's start, there is a decoy: for an input the logits of
 * another row, for an output a pattern that must stay. What a sign bit makes negative is memory too, and
 * zero. */
#ifndef TEST_FAR_PROBLEM_H
#define TEST_FAR_PROBLEM_H

#include <clxent/clxent_experimental.h>

#include "expect.h"

#include <stdbool.h>

enum {
    FAR_OUTER = 17, /* sixteen rows that a vector of rows takes together, and one more */
    FAR_CLASSES = 37,
    FAR_INNER = 3, /* at most */
    FAR_ROWS = FAR_OUTER * FAR_INNER,
    FAR_ELEMENTS = FAR_ROWS * FAR_CLASSES,
    FAR_MARGIN = 13,
    FAR_ROOM = FAR_INNER * FAR_CLASSES + FAR_MARGIN, /* elements of a place, at most */
    FAR_PLACES = 5 * FAR_OUTER
};
/* Elements: from one outer index to the next (the multiple of 2^28 passes each power of two on its way, the
 * odd rest keeps what is cut apart), and before the first, so that of sixteen rows the eleventh is the first
 * beyond 2^32.
 */
#define FAR_STRIDE (((int64_t)1 << 28) + 1009)
#define FAR_START  ((int64_t)3 << 29)

typedef struct far_case {
    const char *name;
    clxent_op op;
    clxent_targets targets;
    clxent_dtype logits, probabilities; /* logits and grad; probability targets */
    int64_t inner;
    bool in_place, saved; /* saved: CLXENT_GRAD_FROM_LSE */
    uint32_t outputs;
} far_case;

/* The (N,C) arrays. */
typedef enum far_name {
    FAR_LOGITS,
    FAR_TARGETS,
    FAR_GRAD_OUTPUT,
    FAR_LOG_PROBS,
    FAR_PROBS,
    FAR_GRAD,
    FAR_ARRAYS
} far_name;

typedef struct far_array {
    const char *name;
    bool present;
    const double *expected; /* of an output, element by element; NULL: an input */
    const double *bound;
    clxent_dtype dtype;
    size_t bytes;          /* from `memory` on: up to behind its last place */
    unsigned char *memory; /* sparse, zero; more of it before and behind */
    int place_count;       /* first the FAR_OUTER rows, then the decoys */
    int64_t places[FAR_PLACES];
    unsigned char images[FAR_PLACES][FAR_ROOM * sizeof(float)]; /* before the call */
} far_array;

/* Everything that is not (N,C): one a row or one a call. */
typedef struct far_numbers {
    int64_t targets[FAR_ROWS], argmax[FAR_ROWS], counts[4];
    float loss, row_loss[FAR_ROWS], lse[FAR_ROWS], lse_residual[FAR_ROWS];
} far_numbers;

typedef struct far_problem {
    const far_case *kind;
    clxent_desc desc;
    clxent_schedule schedule;
    far_array arrays[FAR_ARRAYS];
    far_numbers numbers; /* inputs, and what outputs hold before the call */
    size_t numbers_at;   /* room for them in the logits' memory, behind the last place */
    reference_result expected;
    double values[FAR_ARRAYS][2][FAR_ELEMENTS]; /* of inputs and results; bounds */
    double row_loss[2][FAR_ROWS], lse[2][FAR_ROWS];
    int64_t argmax[FAR_ROWS];
} far_problem;

/* Gives the arrays their memory. Skips the test where there is no address space for it. */
void far_map(far_problem *f);
void far_unmap(far_problem *f);

/* How `bytes` are moved between a place and the host: `at` is the offset from the array's `memory`. */
typedef void far_move(void *user, far_name array, size_t at, void *bytes, size_t count);

/* Writes every place of the arrays. */
void far_write(const far_problem *f, far_move *put, void *user);

/* Reads them back: results where they belong, all else as it was. `numbers` as the call left them. */
void far_check(const far_problem *f, const far_numbers *numbers, far_move *get, void *user);

/* Whether an output is asked for. */
bool far_wants(const far_problem *f, uint32_t output);

/* What a call is given, be it a clxent_buffers or a clxent_arrays: MATRIX(name), the array of that far_name
 * from its first row on, absent where it is not there; NUMBERS(member, wanted), the member of far_numbers. */
#define FAR_BIND(call, f, MATRIX, NUMBERS)                                                             \
    do {                                                                                               \
        const bool saved_ = (f)->kind->saved, softmax_ = (f)->desc.op == CLXENT_SOFTMAX;               \
        const bool nll_ = (f)->desc.op == CLXENT_NLL;                                                  \
        *(nll_ ? &(call)->log_probs : &(call)->logits) = MATRIX(FAR_LOGITS);                           \
        if (!nll_) (call)->log_probs = MATRIX(FAR_LOG_PROBS);                                          \
        (call)->grad = MATRIX((f)->kind->in_place ? FAR_LOGITS : FAR_GRAD);                            \
        (call)->probs = MATRIX(FAR_PROBS);                                                             \
        (call)->targets =                                                                              \
            (f)->arrays[FAR_TARGETS].present ? MATRIX(FAR_TARGETS) : NUMBERS(targets, !softmax_);      \
        (call)->grad_output = MATRIX(FAR_GRAD_OUTPUT);                                                 \
        (call)->loss = NUMBERS(loss, far_wants(f, CLXENT_OUT_LOSS));                                   \
        (call)->row_loss = NUMBERS(row_loss, far_wants(f, CLXENT_OUT_ROW_LOSS));                       \
        (call)->lse = NUMBERS(lse, saved_ || far_wants(f, CLXENT_OUT_LSE));                            \
        (call)->lse_residual = NUMBERS(lse_residual, saved_ || far_wants(f, CLXENT_OUT_LSE_RESIDUAL)); \
        (call)->argmax = NUMBERS(argmax, far_wants(f, CLXENT_OUT_ARGMAX));                             \
        (call)->counts = NUMBERS(counts, !softmax_);                                                   \
    } while (0)

/* Runs the cases on the schedules that the device is worth trying with, and prints how many rows were
 * checked. */
int far_main(const char *group, void (*check)(far_problem *f));

#endif
