/* SPDX-License-Identifier: Apache-2.0
 *
 * A random problem, for the device and for the reference. trial_draw.c draws a trial. trial_check.c runs it
 * and compares the device's results with the reference. A test, such as random.c, chooses the limits. */
#ifndef CLXENT_TESTS_TRIAL_H
#define CLXENT_TESTS_TRIAL_H

#include <stdbool.h>

#include <clxent/clxent_experimental.h>

#include "expect.h"
#include "rng.h"

/* The options that a kernel is compiled for. The tests draw many shapes and scalars for each variant. */
typedef struct variant {
    const char *name;
    clxent_op op;
    clxent_targets targets;
    clxent_dtype logits, grad, probabilities; /* default: logits f32, the others as the logits */
    int softcap, smoothing, stats;            /* stats: the call asks for argmax, rank and entropy */
    int saved;                                /* a second kernel computes the gradient from a saved lse */
} variant;

/* A choice that is drawn or fixed. */
typedef enum trial_choice { DRAWN, ALWAYS, NEVER } trial_choice;

typedef struct trial_limits {
    int64_t classes;      /* exactly */
    int64_t fewest, rows; /* the fewest (0: 1) and the most rows */
    int64_t elements;     /* about the most elements in all */
    clxent_schedule schedule;
    const clxent_device_info *device;
    trial_choice scale, strided; /* scale: a logit_scale other than 1; strided: inner above 1 */
    trial_choice masks;          /* masked targets, and rows that are all masked or have a NaN or an inf */
    int saved;                   /* true: always ask for the outputs that variant.saved needs */
} trial_limits;

enum { TRIAL_BLOCKS = 24 };

typedef struct trial {
    const variant *v;
    clxent_desc desc;
    clxent_schedule schedule;
    clxent_scalars scalars; /* the scalars in effect; arrays.scalars points here if the call has its own */
    clxent_arrays arrays;
    clxent_status expect;
    clxent_dtype logits_dtype, grad_dtype, probs_dtype, real; /* never CLXENT_DTYPE_DEFAULT */
    reference_problem p; /* without logits and target_probs: trial_check.c reads them row by row */
    const void *logits;  /* the logits before the call, which may write the gradient into arrays.logits */
    int in_place;
    void *blocks[TRIAL_BLOCKS];
    int block_count;
} trial;

/* Draws the whole trial and describes it by expect_about(). */
void trial_draw(trial *t, const variant *v, const trial_limits *limits, rng *r);
void trial_free(trial *t);

/* Memory for `count` elements, filled with TRIAL_FILL. trial_free() frees it. */
enum { TRIAL_FILL = 0x7B };
void *trial_room(trial *t, int64_t count, size_t size);

/* The number of elements of an (N,C) array with this stride (0: dense) and so many classes a row. */
int64_t trial_elements(const trial *t, int64_t row_stride, int64_t classes);
/* The index of element (row, c) in such an array. */
int64_t trial_at(const trial *t, int64_t row_stride, int64_t classes, int64_t row, int64_t c);

/* True when the library refused the schedule because llvmpipe ends loops that are too long for such rows. */
bool trial_is_too_long(const clxent_ctx *ctx, clxent_status status);

/* Draws, plans, runs and checks a trial. False when the device cannot run this schedule on such a row. */
bool trial_run(clxent_ctx *ctx, const variant *v, const trial_limits *limits, rng *r);

/* Compares every output of the call with the reference. */
void trial_check(trial *t);
/* Computes and checks the gradient again, from the lse that the call wrote, with and without its
 * lse_residual. Does nothing if the call wrote no lse, or no gradient beside the logits. Removes the other
 * outputs. */
void trial_check_saved(trial *t, clxent_ctx *ctx);

#endif
