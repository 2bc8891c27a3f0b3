/* SPDX-License-Identifier: Apache-2.0
 * Linear cross entropy: the loss of logits that are a product, hidden classifier^T, and never stored as a
 * whole. A call makes a block of logits in the workspace, scores it by a plan for logits, and turns its
 * gradient into the gradients by hidden and classifier (linear_run.c). This file declares how a call is cut
 * into blocks; linear.c chooses it. host/doc/internals/linear.md has the cost model. */
#ifndef CLX_LINEAR_H
#define CLX_LINEAR_H

#include <clxent/clxent_opencl.h>

#include "launch.h"
#include "plan.h"

/* How a call is cut. */
typedef enum clx_linear_form {
    CLX_BY_ROWS,   /* a block of rows with all classes: logits, score, gradients; the next block */
    CLX_BY_TILES,  /* a block of rows: the states of all its tiles of classes; then its tiles again */
    CLX_BY_CLASSES /* the states of all rows; then a tile of classes: all its blocks of rows again. Where
                    * grad_classifier has 16 bits, so that a tile of it is summed up in f32 before it is
                    * rounded */
} clx_linear_form;

typedef struct clx_linear_cut {
    clx_linear_form form;
    int64_t block; /* rows of a block */
    int64_t tile;  /* classes of a tile of logits; by rows: all */
    int64_t part;  /* classes of a product, if it takes a converted classifier, or gives a grad_classifier
                    * that is rounded later; else those of the tile */
    clxent_dtype factors; /* the type of what products take: bf16 where hidden and classifier are both bf16
                           * and the provider takes it; else f32 */
    bool sums_classifier; /* by rows: the workspace has an f32 sum for all of grad_classifier */
    bool sums_hidden;     /* by classes: the workspace has an f32 sum for grad_hidden of all rows */
} clx_linear_cut;

/* The spans of the workspace behind the order of the rows. They hold f32, unless factors are bf16. */
typedef enum clx_linear_span {
    CLX_LOGITS,          /* (block, tile), also their gradient if that is f32 */
    CLX_GRAD_LOGITS,     /* (block, tile) of factors in bf16 */
    CLX_HIDDEN,          /* (block, H) of factors; by rows also their gradient, in f32 */
    CLX_GRAD_HIDDEN,     /* (block or N, H) */
    CLX_CLASSIFIER,      /* (part, H) */
    CLX_GRAD_CLASSIFIER, /* (part or C, H) */
    CLX_GRAD_BIAS,       /* (C) */
    CLX_STATES,          /* (block or N, CLXENT_STATE_COLUMNS); behind them those of a tile of a block */
    CLX_LINEAR_SPANS
} clx_linear_span;

typedef struct clx_linear {
    clxent_gemm gemm;
    clx_linear_cut cut;
    clx_kernel *order;       /* the kernels of order.cl */
    clxent_plan *score;      /* by rows: the loss of logits; else the state of a tile */
    clxent_plan *slice;      /* by tiles and by classes: outputs and gradient of a tile, from the state */
    clxent_plan *last_score; /* the same for the last tile, if it has fewer classes; else NULL */
    clxent_plan *last_slice;
    int64_t last_tile;            /* classes of the last tile */
    int64_t order_at;             /* byte offsets in the workspace, multiples of 64 */
    int64_t at[CLX_LINEAR_SPANS]; /* -1: the span is not there */
    int64_t bytes;                /* of all */
} clx_linear;

/* Makes plan->linear. ERR_ARGUMENT: workspace_bytes is too small. */
clxent_status clx_linear_make(clxent_plan *plan, clxent_schedule schedule);
void clx_linear_destroy(clx_linear *linear);

/* Enqueues a call, whose arrays are on the device, by `submit`, which enqueues the steps of a launch. */
typedef clxent_status (*clx_submit)(void *provider, clx_launch *launch);
clxent_status clx_linear_run(clxent_plan *plan, const clx_call *call, cl_mem workspace, size_t offset,
                             clx_submit submit, void *provider);

#endif
