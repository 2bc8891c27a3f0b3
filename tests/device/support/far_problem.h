/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses of few small rows that stand far apart, so that their elements' numbers need more than 32 bits. An
 * array spans more than 2^32 elements and 2^33 bytes, but the tests touch only a small part of it. far.c
 * computes the losses in buffers, far_arrays.c in host arrays.
 *
 * The tests must notice an element's number or a byte's number that a kernel cuts to 32 bits. The number may
 * count from the array's start or from its first row. At each place that such a cut number of a row names,
 * there is a decoy. An input's decoy holds values of another row; an output's decoy holds a pattern that must
 * stay. A cut number can be negative; in front of the array there is memory for it, which holds zeros. */
#ifndef TEST_FAR_PROBLEM_H
#define TEST_FAR_PROBLEM_H

#include <clxent/clxent_experimental.h>

#include "expect.h"

#include <stdbool.h>

enum {
    FAR_OUTER = 17, /* a vector of sixteen rows, and one more row */
    FAR_CLASSES = 37,
    FAR_INNER = 3, /* at most */
    FAR_ROWS = FAR_OUTER * FAR_INNER,
    FAR_ELEMENTS = FAR_ROWS * FAR_CLASSES,
    FAR_MARGIN = 13,
    FAR_ROOM = FAR_INNER * FAR_CLASSES + FAR_MARGIN, /* the most elements of a place */
    FAR_PLACES = 5 * FAR_OUTER
};
/* FAR_STRIDE is the number of elements from one outer index to the next. The multiples of 2^28 pass each
 * power of two from 2^28 on. The odd rest keeps the places of cut numbers apart. FAR_START is the number of
 * elements before the first row. With it, the eleventh of sixteen rows is the first beyond 2^32. */
#define FAR_STRIDE (((int64_t)1 << 28) + 1009)
#define FAR_START  ((int64_t)3 << 29)

typedef struct far_case {
    const char *name;
    clxent_op op;
    clxent_targets targets;
    clxent_dtype logits, probabilities; /* the type of logits and grad; of probability targets */
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
    const double *expected; /* the elements of an output; NULL: the array is an input */
    const double *bound;
    clxent_dtype dtype;
    size_t bytes;          /* from `memory` to the end of the last place */
    unsigned char *memory; /* sparse and zero; guard memory stands in front of it */
    int place_count;       /* the FAR_OUTER rows come first, then the decoys */
    int64_t places[FAR_PLACES];
    unsigned char images[FAR_PLACES][FAR_ROOM * sizeof(float)]; /* before the call */
} far_array;

/* The arrays that are not (N,C): one element a row or one a call. */
typedef struct far_numbers {
    int64_t targets[FAR_ROWS], argmax[FAR_ROWS], counts[4];
    float loss, row_loss[FAR_ROWS], lse[FAR_ROWS], lse_residual[FAR_ROWS];
} far_numbers;

typedef struct far_problem {
    const far_case *kind;
    clxent_desc desc;
    clxent_schedule schedule;
    far_array arrays[FAR_ARRAYS];
    far_numbers numbers; /* the inputs, and the outputs' contents before the call */
    size_t numbers_at;   /* offset of their room in the logits' memory, behind the last place */
    reference_result expected;
    double values[FAR_ARRAYS][2][FAR_ELEMENTS]; /* [0]: inputs and results; [1]: the results' bounds */
    double row_loss[2][FAR_ROWS], lse[2][FAR_ROWS];
    int64_t argmax[FAR_ROWS];
} far_problem;

/* Gives the arrays their memory. Skips the test when the process lacks the address space. */
void far_map(far_problem *f);
void far_unmap(far_problem *f);

/* Moves `count` bytes between a place and the host. `at` is the offset from the array's `memory`. */
typedef void far_move(void *user, far_name array, size_t at, void *bytes, size_t count);

/* Writes every place of the arrays. */
void far_write(const far_problem *f, far_move *put, void *user);

/* Reads the places back. Checks the results, and checks that the call changed nothing else. `numbers` are as
 * the call left them. */
void far_check(const far_problem *f, const far_numbers *numbers, far_move *get, void *user);

/* True when the case asks for the output. */
bool far_wants(const far_problem *f, uint32_t output);

/* Sets the arrays of a call, which is a clxent_buffers or a clxent_arrays. MATRIX(name) gives the array of
 * that far_name from its first row on, or an absent array if the problem does not have it. NUMBERS(member,
 * wanted) gives the member of far_numbers, or an absent array if `wanted` is false. */
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

/* Runs the cases on the schedules that suit the device's speed. Prints how many rows it checked. */
int far_main(const char *group, void (*check)(far_problem *f));

#endif
