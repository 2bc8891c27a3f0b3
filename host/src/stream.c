/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <inttypes.h>

#include "error.h"

/* A block that is copied has about so many bytes: enough for a copy to run at full speed, few enough for the
 * first upload and the last download, which nothing overlaps, not to matter, and for a CPU device's caches.
 */
#define COPIED_BLOCK_BYTES (UINT64_C(8) << 20)

enum { MAX_SLOTS = 2 }; /* one block is copied while one is computed */

/* Device memory for a block, and who uses it. */
typedef struct block_slot {
    clx_staged staged[CLX_ARRAYS];
    cl_event done; /* the block's last command; NULL: none */
} block_slot;

typedef struct stream {
    clx_launch launch; /* the call's, with the block's arrays */
    const clx_call *call;
    clx_transfers *transfers;
    bool in_place;
    int64_t block; /* outer indices at a time */
    int slot_count;
    block_slot slots[MAX_SLOTS];
} stream;

/* An (N,C) array of the call: bytes from one outer index to the next, and of one that are touched. */
typedef struct matrix {
    uint64_t stride, touched;
} matrix;

/* grad is the logits' own memory. */
static bool is_in_place(const clx_call *call) {
    const clx_slot *logits = &call->slots[CLX_A_logits], *grad = &call->slots[CLX_A_grad];
    return logits->present && grad->present && logits->host == grad->host;
}

/* Whether the array is one, with memory of its own. */
static bool get_matrix(const stream *s, int array, matrix *out) {
    const clxent_desc *d = &s->launch.plan->desc;
    const clx_slot *given = &s->call->slots[array];
    const size_t size = clxent_dtype_size(given->dtype);
    int64_t stride = 0, touched = 0;
    if (!given->present || given->bytes == 0 || (array == CLX_A_grad && s->in_place)) return false;
    if (!clx_matrix_of(d, array, &stride, &touched)) return false;
    if (array == CLX_A_logits && s->in_place) /* the gradient's padding is written too */
        touched = d->classes_padded * d->inner;
    *out = (matrix){(uint64_t)stride * size, (uint64_t)touched * size};
    return true;
}

/* ---------------------------------------------------------------- how large a block ------------------- */

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Outer indices of this stride in so many bytes. The gap behind the last one needs none. */
static uint64_t outer_in(uint64_t bytes, matrix m) {
    return bytes < m.touched ? 0 : 1 + (bytes - m.touched) / m.stride;
}

/* Sets how many blocks of how many outer indices are on the device at a time. */
static clxent_status divide(stream *s, int64_t outer) {
    clxent_plan *plan = s->launch.plan;
    clxent_ctx *ctx = plan->ctx;
    const bool copied = !ctx->info.unified_memory;
    const uint64_t budget = ctx->memory_bytes ? ctx->memory_bytes : ctx->info.global_memory_bytes;
    uint64_t whole = (uint64_t)clx_workspace_of(plan).bytes, fit_buffer = UINT64_MAX;
    matrix all = {0, 0}; /* the (N,C) arrays together */
    for (int i = 0; i < CLX_ARRAYS; i++) {
        matrix m;
        if (get_matrix(s, i, &m)) {
            all.stride += m.stride;
            all.touched += m.touched;
            fit_buffer = least(fit_buffer, outer_in(ctx->info.largest_buffer_bytes, m));
        } else if (s->call->slots[i].present && !(i == CLX_A_grad && s->in_place)) {
            whole += s->call->slots[i].bytes;
        }
    }
    s->block = outer;
    s->slot_count = 1;
    if (all.stride == 0 || outer == 0) return CLXENT_OK;

    const uint64_t room = whole < budget ? budget - whole : 0;
    uint64_t most = least(outer_in(room, all), fit_buffer);
    if (most == 0)
        return clx_fail(&ctx->error, CLXENT_ERR_MEMORY,
                        "one %s of the (N,C) arrays needs %" PRIu64 " bytes beside %" PRIu64
                        " for the other arrays; there are %" PRIu64
                        " (memory_bytes) in buffers of at most %" PRIu64,
                        plan->desc.inner == 1 ? "row" : "outer index", all.touched, whole, budget,
                        ctx->info.largest_buffer_bytes);
    if (copied) {
        const uint64_t in_each = outer_in(room / MAX_SLOTS, all);
        const uint64_t wanted = COPIED_BLOCK_BYTES / all.stride;
        most = least(most, wanted ? wanted : 1);
        if (most < (uint64_t)outer && in_each > 0) {
            s->slot_count = MAX_SLOTS;
            most = least(most, in_each);
        }
    }
    if (most >= (uint64_t)outer) return CLXENT_OK;
    const int64_t blocks = outer / (int64_t)most + (outer % (int64_t)most != 0);
    s->block = outer / blocks + (outer % blocks != 0); /* of about one size */
    return CLXENT_OK;
}

/* ---------------------------------------------------------------- a block ----------------------------- */

/* Waits until nothing uses the slot. */
static clxent_status wait_for(stream *s, block_slot *slot, int64_t first) {
    clxent_ctx *ctx = s->launch.plan->ctx;
    if (slot->done == NULL) return CLXENT_OK;
    const cl_int code = ctx->cl.WaitForEvents(1, &slot->done);
    ctx->cl.ReleaseEvent(slot->done);
    slot->done = NULL;
    if (code == CL_SUCCESS) return CLXENT_OK;
    return clx_fail_cl(&ctx->error, code, "clWaitForEvents(a block of rows before row %" PRId64 ")",
                       first * s->launch.plan->desc.inner);
}

/* Stages outer indices [first, first + count) in the slot, and tells the kernels where row 0 would be. */
static clxent_status stage(stream *s, block_slot *slot, int64_t first, int64_t count) {
    clx_launch *launch = &s->launch;
    clxent_ctx *ctx = launch->plan->ctx;
    for (int i = 0; i < CLX_ARRAYS; i++) {
        const clx_slot *given = &s->call->slots[i];
        clx_staged *staged = &slot->staged[i];
        matrix m;
        if (!get_matrix(s, i, &m)) continue;
        staged->name = clx_array_name(&launch->plan->desc, i);
        /* Within the array, whose bytes a size_t holds. */
        staged->host = (char *)given->host + (size_t)((uint64_t)first * m.stride);
        staged->bytes = (size_t)((uint64_t)(count - 1) * m.stride + m.touched);
        staged->is_output = given->is_output || (i == CLX_A_logits && s->in_place);
        staged->is_read = !given->is_output || m.stride > m.touched;
        const clxent_status status =
            clx_stage(ctx, s->transfers, staged, (size_t)((uint64_t)(s->block - 1) * m.stride + m.touched));
        if (status != CLXENT_OK) return status;
        launch->arrays[i] = staged->mem;
        launch->params.at[i] = -first * (int64_t)(m.stride / clxent_dtype_size(given->dtype));
    }
    if (s->in_place) {
        launch->arrays[CLX_A_grad] = launch->arrays[CLX_A_logits];
        launch->params.at[CLX_A_grad] = launch->params.at[CLX_A_logits];
    }
    return CLXENT_OK;
}

/* Enqueues the way back of the block's outputs; the slot is in use until that is done. */
static clxent_status collect(stream *s, block_slot *slot) {
    clxent_ctx *ctx = s->launch.plan->ctx;
    cl_event *last = &s->transfers->computed;
    for (int i = 0; i < CLX_ARRAYS; i++) {
        if (!slot->staged[i].is_output) continue;
        const clxent_status status = clx_stage_collect(ctx, s->transfers, &slot->staged[i]);
        if (status != CLXENT_OK) return status;
        last = &s->transfers->downloaded;
    }
    const cl_int code = ctx->cl.RetainEvent(*last);
    if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clRetainEvent");
    slot->done = *last;
    return CLXENT_OK;
}

static clxent_status run_block(stream *s, block_slot *slot, int64_t first, int64_t count) {
    const int64_t inner = s->launch.plan->desc.inner;
    clxent_status status = wait_for(s, slot, first);
    if (status == CLXENT_OK) status = stage(s, slot, first, count);
    if (status == CLXENT_OK)
        status = clx_launch_rows(&s->launch, s->call, first * inner, (first + count) * inner);
    if (status == CLXENT_OK) status = clx_transfers_launch(s->transfers, &s->launch);
    return status == CLXENT_OK ? collect(s, slot) : status;
}

clxent_status clx_stream_rows(const clx_launch *launch, const clx_call *call, clx_transfers *transfers) {
    clxent_ctx *ctx = launch->plan->ctx;
    const int64_t outer = call->rows / launch->plan->desc.inner;
    stream s = {.launch = *launch, .call = call, .transfers = transfers, .in_place = is_in_place(call)};
    if (!(call->outputs & ~(uint32_t)CLXENT_OUT_COUNTS)) return CLXENT_OK; /* no kernel reads the rows */

    clxent_status status = divide(&s, outer);
    int64_t number = 0;
    for (int64_t first = 0; first < outer && status == CLXENT_OK; first += s.block, number++) {
        const int64_t count = outer - first < s.block ? outer - first : s.block;
        status = run_block(&s, &s.slots[number % s.slot_count], first, count);
    }
    for (int i = 0; i < MAX_SLOTS; i++) { /* what is enqueued keeps the buffers that it uses */
        for (int array = 0; array < CLX_ARRAYS; array++) clx_stage_release(ctx, &s.slots[i].staged[array]);
        if (s.slots[i].done) ctx->cl.ReleaseEvent(s.slots[i].done);
    }
    return status;
}
