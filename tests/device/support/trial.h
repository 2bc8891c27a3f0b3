/* SPDX-License-Identifier: Apache-2.0
 *
 * A random problem, for the device and for the reference alike. trial_draw.c makes one, trial_check.c
 * holds the device's results against the reference; random.c says which there are to be.
 */
#ifndef CLXENT_TESTS_TRIAL_H
#define CLXENT_TESTS_TRIAL_H

#include <stdbool.h>

#include <clxent/clxent_experimental.h>

#include "expect.h"
#include "rng.h"

/* What a kernel is compiled for. Many shapes and scalars are drawn for each. */
typedef struct variant {
    const char *name;
    clxent_op op;
    clxent_targets targets;
    clxent_dtype logits, grad, probabilities; /* default: logits f32, the others as the logits */
    int softcap, smoothing, stats;            /* stats: argmax, rank, entropy are asked for */
    int saved;                                /* the gradient from a saved lse too, which is another kernel */
} variant;

/* What is drawn unless it is wanted one way. */
typedef enum trial_choice { DRAWN, ALWAYS, NEVER } trial_choice;

typedef struct trial_limits {
    int64_t classes;      /* exactly */
    int64_t fewest, rows; /* rows from `fewest` (0: 1) to `rows` ... */
    int64_t elements;     /* ... with at most about so many elements in all */
    clxent_schedule schedule;
    const clxent_device_info *device;
    trial_choice scale, strided; /* a logit_scale other than 1; inner above 1 */
    int saved;                   /* the outputs that variant.saved needs, whatever is drawn */
} trial_limits;

enum { TRIAL_BLOCKS = 24 };

typedef struct trial {
    const variant *v;
    clxent_desc desc;
    clxent_schedule schedule;
    clxent_scalars scalars; /* arrays.scalars, where the call has its own */
    clxent_arrays arrays;
    clxent_status expect;
    clxent_dtype logits_dtype, grad_dtype, probs_dtype, real; /* none of them the default */
    reference_problem p; /* logits and target_probs left out: read from the arrays, row by row */
    const void *logits;  /* as they were: arrays.logits may be the gradient by now */
    int in_place;
    void *blocks[TRIAL_BLOCKS];
    int block_count;
} trial;

/* Draws all of it and describes it by expect_about(). */
void trial_draw(trial *t, const variant *v, const trial_limits *limits, rng *r);
void trial_free(trial *t);

/* `count` elements, filled with TRIAL_FILL; freed with the trial. */
enum { TRIAL_FILL = 0x7B };
void *trial_room(trial *t, int64_t count, size_t size);

/* Elements of an (N,C) array of that stride (0: dense) and that many classes a row. */
int64_t trial_elements(const trial *t, int64_t row_stride, int64_t classes);
/* Where (row, c) stands in it. */
int64_t trial_at(const trial *t, int64_t row_stride, int64_t classes, int64_t row, int64_t c);

/* Whether llvmpipe, which leaves long loops, has refused the schedule for rows that long. */
bool trial_is_too_long(const clxent_ctx *ctx, clxent_status status);

/* All of a trial: drawn, planned, run, checked. False: the device has not this schedule for such a row. */
bool trial_run(clxent_ctx *ctx, const variant *v, const trial_limits *limits, rng *r);

/* Every output of the call against the reference. */
void trial_check(trial *t);
/* The gradient once more, from the lse and lse_residual that the call gave, where it gave both. Other
 * outputs of the trial are gone after it. */
void trial_check_saved(trial *t, clxent_ctx *ctx);

#endif
