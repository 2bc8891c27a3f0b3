/* SPDX-License-Identifier: Apache-2.0
 * One call of a plan, from clxent_run or clxent_enqueue alike: which arrays there are, what they must hold,
 * and what the kernels are told. */
#ifndef CLX_CALL_H
#define CLX_CALL_H

#include <clxent/clxent_opencl.h>

#include "arrays.h"
#include "params.h"
#include "plan.h"

typedef struct clx_slot {
    bool present;
    void *host;       /* clxent_run: the array; enqueue: NULL */
    cl_mem mem;       /* what the kernels are given */
    size_t offset;    /* bytes into mem */
    size_t available; /* bytes from there on */
    /* as the plan's desc says */
    clxent_dtype dtype;
    bool is_output;
    size_t bytes; /* that the call touches */
} clx_slot;

typedef struct clx_call {
    int64_t rows;
    clxent_scalars scalars;
    uint32_t outputs; /* CLXENT_OUT_... bits */
    clx_slot slots[CLXENT_A_COUNT];
} clx_call;

clxent_status clx_call_from_arrays(clxent_plan *plan, const clxent_arrays *arrays, clx_call *out);
clxent_status clx_call_from_buffers(clxent_plan *plan, const clxent_buffers *buffers, clx_call *out);

/* Whether two arrays of a checked call share bytes. */
bool clx_overlap(const clx_slot *a, const clx_slot *b);

/* "160 bytes at address 0x7ffc2c00", "160 bytes at offset 64 of a buffer of 4096". */
enum { CLX_SLOT_TEXT = 112 };
const char *clx_slot_text(char text[CLX_SLOT_TEXT], const clx_slot *slot, size_t bytes);

clx_params clx_call_params(const clxent_plan *plan, const clx_call *call);

/* Tells the kernels that the (N,C) arrays hold so many rows of one outer index and no other: those rows' runs
 * one after another. Row 0 would be at the place of the first of them, less its number. */
void clx_pack_piece(clx_params *params, int64_t rows);

/* Tells the kernels where the scratch is: `layout`, at an offset of the workspace, its places for rows
 * beginning with row first_kept and row first_split. */
void clx_place_workspace(clx_params *params, const clxent_plan *plan, const clx_workspace *layout,
                         size_t offset, int64_t first_kept, int64_t first_split);

#endif
