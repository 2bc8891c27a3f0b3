/* SPDX-License-Identifier: Apache-2.0
 * One call of a plan, by clxent_run or clxent_enqueue: which arrays are given, and how large they must be. */
#ifndef CLX_CALL_H
#define CLX_CALL_H

#include <clxent/clxent_opencl.h>

#include "arrays.h"
#include "plan.h"

typedef struct clx_slot {
    bool present;
    void *host;       /* clxent_run: the array; enqueue: NULL */
    cl_mem mem;       /* clxent_run: NULL; enqueue: the buffer */
    size_t offset;    /* bytes into mem */
    size_t available; /* bytes from there on */
    /* as the plan's desc says */
    clxent_dtype dtype;
    bool is_output;
    size_t bytes; /* that the call touches */
} clx_slot;

/* The part of a call to run: all of it, or one of its phases (phases.h). In a phase the (N,C) arrays are
 * those of a block of rows; the other arrays have all rows of the call. */
typedef enum clx_phase { CLX_ALL_PHASES, CLX_BEGIN, CLX_ROWS, CLX_END } clx_phase;

typedef struct clx_call {
    int64_t rows;
    int64_t first_row, end_row; /* the block's */
    clx_phase phase;
    clxent_scalars scalars;
    uint32_t outputs; /* CLXENT_OUT_... bits */
    clx_slot slots[CLXENT_A_COUNT];
} clx_call;

clxent_status clx_call_from_arrays(clxent_plan *plan, const clxent_arrays *arrays, clx_call *out);
clxent_status clx_call_from_buffers(clxent_plan *plan, const clxent_buffers *buffers, clx_call *out);

/* The same for one phase of a call, and for the rows [first_row, end_row), which are in range. */
clxent_status clx_call_of_phase(clxent_plan *plan, const clxent_buffers *buffers, clx_phase phase,
                                int64_t first_row, int64_t end_row, clx_call *out);

/* The scalars of a call: the given ones, which it checks, or the plan's. */
clxent_status clx_call_scalars(clxent_error *err, const clxent_desc *desc, const clxent_scalars *given,
                               clxent_scalars *out);

/* Whether the gradient takes the logits' place. */
bool clx_is_in_place(const clxent_desc *desc, const clx_call *call);

/* Whether `count` arrays of states of so many rows can be merged. */
clxent_status clx_check_merge(clxent_error *err, const clxent_desc *desc, int64_t rows, size_t count);

/* Sets `out` to `needed` bytes of a caller's buffer that is no array of a call. The buffer must have them,
 * and its offset must be a multiple of `alignment`. Messages have its name, and the one about its size ends
 * with the cure. */
clxent_status clx_find_range(clxent_ctx *ctx, const char *name, const clxent_buffer *given, size_t alignment,
                             uint64_t needed, const char *cure, clx_slot *out);

/* Whether two ranges share bytes. An array that a phase ignores has no bytes. */
bool clx_overlap(const clx_slot *a, const clx_slot *b);

/* Whether a workspace of the caller's is large enough and shares no bytes with the call's arrays. */
clxent_status clx_check_workspace(clxent_plan *plan, const clx_call *call, const clxent_buffer *workspace);

#endif
