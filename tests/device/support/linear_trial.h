/* SPDX-License-Identifier: Apache-2.0
 *
 * A random problem of linear cross entropy, for the device and for the reference. linear_draw.c draws it.
 * linear_trial.c runs it. */
#ifndef CLXENT_TESTS_LINEAR_TRIAL_H
#define CLXENT_TESTS_LINEAR_TRIAL_H

#include <clxent/clxent_experimental.h>

#include <stdbool.h>

#include "linear_check.h"
#include "rng.h"

/* Options that need a program of their own. The tests draw shapes, types and values for each set. */
typedef struct linear_options {
    const char *name;
    clxent_reduction reduction;
    int softcap, smoothing, scale, z_loss, next_token;
    int stats; /* asks for argmax, rank and entropy */
} linear_options;

/* The outputs that a trial asks for. With no gradient at all the call is a forward pass. */
enum {
    LINEAR_GRAD_HIDDEN = 1,
    LINEAR_GRAD_CLASSIFIER = 2,
    LINEAR_GRAD_BIAS = 4,
    LINEAR_ALL_GRADS = 7,
    LINEAR_ALL_TYPES = 27
};

typedef enum linear_bias { BIAS_DRAWN, BIAS_NONE, BIAS_SMALL, BIAS_LARGE, BIAS_MASKS } linear_bias;
typedef enum linear_poison { POISON_NONE, POISON_NAN, POISON_INFINITE } linear_poison;

typedef struct linear_limits {
    int64_t rows, classes, features; /* exactly */
    int types;                       /* 0: all f32; below LINEAR_ALL_TYPES: a mix of f32, f16 and bf16 */
    int grads;                       /* LINEAR_GRAD_ bits */
    linear_bias bias;
    linear_poison poison; /* in the middle row of hidden */
    int poison_ignored;   /* that row is ignored */
    double ignored;       /* the part of the rows that is ignored; below 0: no ignore_index */
    int strides;          /* room between rows */
    int add;              /* CLXENT_ADD_GRAD_CLASSIFIER */
    int bad;              /* some targets are no class */
    int plain_outputs;    /* of the outputs, only loss and gradients */
    uint64_t workspace_bytes;
} linear_limits;

typedef struct linear_arena {
    unsigned char *memory;
    size_t used;
} linear_arena;

enum { LINEAR_BLOCKS = 16 };

typedef struct linear_trial {
    clxent_desc desc;
    clxent_arrays arrays;
    clxent_scalars scalars; /* arrays.scalars points here if the call has its own */
    clxent_status expect;
    reference_linear p;
    linear_expected expected;
    linear_arena inputs, outputs; /* all arrays stand in these two */
    unsigned char *before;        /* what `outputs` holds before a call */
    void *blocks[LINEAR_BLOCKS];  /* the reference's arrays */
    int block_count;
} linear_trial;

/* Draws a trial, computes what is expected, and describes it by expect_about(). `t` must not move after it.
 */
void linear_trial_draw(linear_trial *t, const linear_options *o, const linear_limits *limits, rng *r);
void linear_trial_free(linear_trial *t);

/* The mix of types with that number: any two of the six arrays have each pair of types in three mixes. */
void linear_types(clxent_desc *desc, int types);

/* Makes a plan of the trial's desc for its outputs. Fails the test when the library refuses it. */
clxent_plan *linear_trial_plan(const linear_trial *t, clxent_ctx *ctx);
/* Puts the outputs' memory back to what it was before a call. */
void linear_trial_reset(linear_trial *t);
/* Resets the outputs and runs the call, with a plan of its own, or with this one. */
void linear_trial_run(linear_trial *t, clxent_ctx *ctx);
void linear_trial_run_plan(linear_trial *t, clxent_ctx *ctx, clxent_plan *plan);
void linear_trial_check(const linear_trial *t);

/* The least workspace_bytes that a plan of this desc may have: the last number in the message of the plan
 * that is refused for 1 byte. */
uint64_t linear_least_workspace(clxent_ctx *ctx, const clxent_desc *desc);

#endif
