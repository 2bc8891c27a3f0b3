/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays with elements for each row go through the device a block of rows at a time. The other arrays and the
 * workspace stay on the device for the whole call. A call that fits as one block is one launch, like an
 * enqueued call. Otherwise there are two passes. The first counts, from targets, segments and row weights
 * alone, in blocks of whole chunks. The second computes the rows, in blocks of whole outer indices; where not
 * even one outer index fits, in pieces of one. In the caller's (N,C) arrays a piece is a run of rows for each
 * class. The library copies a piece one run after another, and tells the kernels that these runs are the
 * whole array. */
#include "stream.h"

#include <assert.h>

#include "blocks.h"
#include "error.h"
#include "staging.h"

/* A copied block has about so many bytes. They are enough for a copy to run at full speed. They are few
 * enough for a CPU device's caches, and for the first upload and the last download, which nothing overlaps,
 * to cost little. */
#define COPIED_BLOCK_BYTES (UINT64_C(8) << 20)

enum { MAX_SLOTS = 2 }; /* one block is copied while one is computed */

/* Device memory for a block, and the event of its last use. */
typedef struct block_slot {
    clx_staged staged[CLXENT_A_COUNT];
    cl_event done; /* the block's last command; NULL: none */
} block_slot;

typedef struct stream {
    clxent_plan *plan;
    clx_blocks blocks;
    const clx_call *call;
    clx_transfers *transfers;
    int scored;                        /* the array of the logits */
    bool in_place;                     /* grad is the logits' own memory */
    uint32_t row_arrays, count_arrays; /* bit i: array i has rows; array i has rows and is read to count */
    uint64_t whole_bytes;              /* of the arrays that stay */
    clx_staged whole[CLXENT_A_COUNT], workspace;
    block_slot slots[MAX_SLOTS];
} stream;

/* A pass over all rows of the call, a block at a time. */
typedef struct pass {
    bool counts; /* the pass that counts, before the rows' pass */
    uint32_t arrays;
    bool in_pieces; /* blocks are pieces of an outer index, and none crosses its end */
    int64_t unit;   /* rows that stay together */
    clxent_status (*work)(clx_blocks *, int64_t first, int64_t end);
    int64_t block; /* rows */
    int slot_count;
} pass;

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* ---------------------------------------------------------------- the arrays -------------------------- */

/* The array whose shape the memory has: in place the logits' memory has the gradient's shape, since the
 * gradient's padding is written too. */
static int shape_of(const stream *s, int array) {
    return s->in_place && array == s->scored ? CLXENT_A_grad : array;
}

static bool is_in(uint32_t arrays, int array) {
    return (arrays >> array) & 1;
}

/* Tells the arrays that have rows from those that stay. */
static void sort_arrays(stream *s) {
    const clxent_desc *d = &s->plan->desc;
    const uint32_t numbers = 1u << CLXENT_A_targets | 1u << CLXENT_A_row_weight | 1u << CLXENT_A_segment;
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        const clx_slot *slot = &s->call->slots[i];
        if (!slot->present || slot->bytes == 0 || (i == CLXENT_A_grad && s->in_place)) continue;
        if (clx_has_rows(d, i))
            s->row_arrays |= 1u << i;
        else
            s->whole_bytes += slot->bytes;
    }
    s->count_arrays = s->row_arrays & numbers;
    if (d->targets == CLXENT_TARGETS_PROBABILITY) s->count_arrays &= ~(1u << CLXENT_A_targets);
}

/* ---------------------------------------------------------------- the size of blocks ------------------ */

/* The bytes of an array that are enough for any block of so many rows. */
static uint64_t room_of(const stream *s, int array, bool in_pieces, int64_t block) {
    const clxent_desc *d = &s->plan->desc;
    const int shape = shape_of(s, array);
    const uint64_t size = clxent_dtype_size(s->call->slots[array].dtype);
    if (in_pieces) return (uint64_t)clx_piece_of(d, shape, 0, block).elements * size;
    const clx_extent all = clx_extent_of(d, shape, 0, s->call->rows);
    return size * least((uint64_t)clx_longest_extent(d, shape, block), (uint64_t)(all.end - all.first));
}

static uint64_t room_of_block(const stream *s, uint32_t arrays, bool in_pieces, int64_t block) {
    uint64_t bytes = 0;
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (is_in(arrays, i)) bytes += room_of(s, i, in_pieces, block);
    return bytes;
}

/* The workspace of a pass. The rows' pass chooses it together with its block; the pass that counts uses the
 * same. */
static clx_workspace workspace_of_pass(const stream *s, const pass *p, int64_t block) {
    return p->counts ? s->blocks.layout : clx_blocks_workspace(&s->blocks, block);
}

/* The bytes on the device during the pass. Those of the rows' pass are enough for the pass that counts before
 * it. */
static uint64_t memory_for(const stream *s, const pass *p, int64_t block, int slots) {
    const uint64_t stays = s->whole_bytes + (uint64_t)workspace_of_pass(s, p, block).bytes;
    const uint64_t blocks = (uint64_t)slots * room_of_block(s, p->arrays, p->in_pieces, block);
    if (p->counts || !clx_counts_first(&s->blocks.launch, s->call)) return stays + blocks;
    const int64_t chunk = (int64_t)least(CLX_CHUNK_ROWS, (uint64_t)s->call->rows);
    return stays + most(blocks, room_of_block(s, s->count_arrays, false, chunk));
}

static bool fits(const stream *s, const pass *p, int64_t block, int slots, uint64_t block_bytes) {
    const clxent_ctx *ctx = s->plan->ctx;
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (is_in(p->arrays, i) && room_of(s, i, p->in_pieces, block) > ctx->info.largest_buffer_bytes)
            return false;
    return (uint64_t)workspace_of_pass(s, p, block).bytes <= ctx->info.largest_buffer_bytes &&
           room_of_block(s, p->arrays, p->in_pieces, block) <= block_bytes &&
           memory_for(s, p, block, slots) <= clx_memory_budget(ctx);
}

/* The rows that blocks divide: those of the call, or those of an outer index. */
static int64_t whole_of(const stream *s, const pass *p) {
    return p->in_pieces ? s->plan->desc.inner : s->call->rows;
}

/* The largest block of up to block_bytes bytes that fits so many times; 0: none fits. */
static int64_t largest_block(const stream *s, const pass *p, int slots, uint64_t block_bytes) {
    const int64_t whole = whole_of(s, p);
    int64_t fitting = 0, beyond = clx_divided_up(whole, p->unit) + 1; /* in units */
    while (beyond - fitting > 1) {
        const int64_t units = fitting + (beyond - fitting) / 2;
        const int64_t block = (int64_t)least((uint64_t)(units * p->unit), (uint64_t)whole);
        if (fits(s, p, block, slots, block_bytes))
            fitting = units;
        else
            beyond = units;
    }
    return (int64_t)least((uint64_t)(fitting * p->unit), (uint64_t)whole);
}

/* Refuses a call whose smallest block does not fit. make_buffer() (staging.c) refuses a single buffer that is
 * too large. */
static clxent_status check_least(const stream *s, const pass *p, int64_t unit) {
    clxent_ctx *ctx = s->plan->ctx;
    const unsigned long long needed = memory_for(s, p, unit, 1);
    const char *plural = unit == 1 ? "" : "s";
    if (needed <= clx_memory_budget(ctx)) return CLXENT_OK;
    if (ctx->memory_bytes)
        return clx_fail(
            &ctx->error, CLXENT_ERR_MEMORY,
            "memory_bytes %llu is too little: this call takes %llu bytes of the device with blocks "
            "of %lld row%s; give at least %llu",
            (unsigned long long)ctx->memory_bytes, needed, (long long)unit, plural, needed);
    return clx_fail(
        &ctx->error, CLXENT_ERR_MEMORY,
        "%s has %llu bytes of memory: this call takes %llu with blocks of %lld row%s; take a device "
        "with more",
        ctx->info.name, (unsigned long long)ctx->info.global_memory_bytes, needed, (long long)unit, plural);
}

/* Whether the pass's blocks are copied to the device; else the device uses them in place. */
static bool is_copied(const stream *s, const pass *p) {
    return p->in_pieces || !s->plan->ctx->info.unified_memory;
}

/* Chooses the pass's block, and how many are on the device at a time. */
static clxent_status divide(const stream *s, pass *p) {
    if (!p->counts && p->unit > 1 && s->call->rows > 0 && !fits(s, p, p->unit, 1, UINT64_MAX)) {
        p->in_pieces = true;
        p->unit = 1;
    }
    const int64_t whole = whole_of(s, p);
    const int64_t unit = (int64_t)least((uint64_t)p->unit, (uint64_t)whole);
    p->block = whole;
    p->slot_count = 1;
    const clxent_status status = check_least(s, p, unit);
    if (status != CLXENT_OK || whole == 0) return status;

    int64_t block = (int64_t)most((uint64_t)largest_block(s, p, 1, UINT64_MAX), (uint64_t)unit);
    if (is_copied(s, p)) {
        const int64_t wanted = largest_block(s, p, 1, COPIED_BLOCK_BYTES);
        block = (int64_t)least((uint64_t)block, most((uint64_t)wanted, (uint64_t)unit));
        const int64_t in_each = block < whole ? largest_block(s, p, MAX_SLOTS, UINT64_MAX) : 0;
        if (in_each > 0) {
            p->slot_count = MAX_SLOTS;
            block = (int64_t)least((uint64_t)block, (uint64_t)in_each);
        }
    }
    if (block >= whole) return CLXENT_OK;
    const int64_t units = clx_divided_up(whole, unit);
    const int64_t blocks = clx_divided_up(whole, block);
    p->block = clx_divided_up(units, blocks) * unit; /* all blocks have about one size */
    return CLXENT_OK;
}

/* The end of the block that begins with row `first`. */
static int64_t end_of_block(const stream *s, const pass *p, int64_t first) {
    const int64_t whole = whole_of(s, p);
    const int64_t left = p->in_pieces ? whole - first % whole : whole - first;
    return first + (int64_t)least((uint64_t)left, (uint64_t)p->block);
}

/* ---------------------------------------------------------------- a block ----------------------------- */

/* Waits until nothing uses the slot. */
static clxent_status wait_for(stream *s, block_slot *slot, int64_t first) {
    clxent_ctx *ctx = s->plan->ctx;
    if (slot->done == NULL) return CLXENT_OK;
    const cl_int code = ctx->cl.WaitForEvents(1, &slot->done);
    ctx->cl.ReleaseEvent(slot->done);
    slot->done = NULL;
    if (code == CL_SUCCESS) return CLXENT_OK;
    return clx_fail_cl(&ctx->error, code, "clWaitForEvents(a block of rows before row %lld)",
                       (long long)first);
}

/* Whether an output has gaps between its rows. */
static bool has_gaps(const stream *s, int array) {
    int64_t stride = 0, touched = 0;
    return clx_matrix_of(&s->plan->desc, shape_of(s, array), &stride, &touched) && stride > touched;
}

/* The block's part of one array: its place and its form in the caller's array. */
static clx_piece piece_of(const stream *s, const pass *p, int array, int64_t first, int64_t end) {
    const clxent_desc *d = &s->plan->desc;
    if (p->in_pieces) return clx_piece_of(d, shape_of(s, array), first, end);
    const clx_extent e = clx_extent_of(d, shape_of(s, array), first, end);
    return (clx_piece){.first = e.first, .runs = 1, .elements = e.end - e.first};
}

/* Stages rows [first, end) in the slot, and tells the kernels where row 0 would be. */
static clxent_status stage(stream *s, const pass *p, block_slot *slot, int64_t first, int64_t end) {
    clx_launch *launch = &s->blocks.launch;
    if (p->in_pieces) clx_pack_piece(&launch->params, end - first);
    for (int i = 0; i < CLXENT_A_COUNT && first < end; i++) {
        const clx_slot *given = &s->call->slots[i];
        clx_staged *staged = &slot->staged[i];
        if (!is_in(p->arrays, i)) continue;
        const clx_piece piece = piece_of(s, p, i, first, end);
        const size_t size = clxent_dtype_size(given->dtype);
        const size_t room = (size_t)room_of(s, i, p->in_pieces, p->block);
        staged->name = clx_array_name(i);
        staged->host = (char *)given->host + (size_t)piece.first * size;
        staged->bytes = (size_t)piece.elements * size;
        staged->runs = (size_t)piece.runs;
        staged->apart = (size_t)piece.apart * size;
        staged->is_copied = is_copied(s, p);
        staged->is_output = given->is_output || (i == s->scored && s->in_place);
        staged->is_read = !given->is_output || (!p->in_pieces && has_gaps(s, i));
        assert(staged->bytes <= room);
        const clxent_status status = clx_stage(launch->plan->ctx, s->transfers, staged, room);
        if (status != CLXENT_OK) return status;
        const int argument = clx_argument_of(&launch->plan->desc, i);
        launch->arrays[argument] = staged->mem;
        int64_t stride = 0, elements = 0; /* of an (N,C) array; in a piece a row's classes are `rows` apart */
        const bool packed = p->in_pieces && clx_matrix_of(&launch->plan->desc, i, &stride, &elements);
        launch->params.at[argument] = packed ? -first : -piece.first;
    }
    if (s->in_place) {
        launch->arrays[CLXENT_A_grad] = launch->arrays[CLXENT_A_logits];
        launch->params.at[CLXENT_A_grad] = launch->params.at[CLXENT_A_logits];
    }
    return CLXENT_OK;
}

/* Enqueues the transfer of the block's outputs to the host. The slot is in use until that is done. */
static clxent_status collect(stream *s, block_slot *slot) {
    clxent_ctx *ctx = s->plan->ctx;
    cl_event *last = &s->transfers->computed;
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        if (slot->staged[i].mem == NULL || !slot->staged[i].is_output) continue;
        const clxent_status status = clx_stage_collect(ctx, s->transfers, &slot->staged[i]);
        if (status != CLXENT_OK) return status;
        last = &s->transfers->downloaded;
    }
    if (*last == NULL) return CLXENT_OK; /* nothing was enqueued */
    const cl_int code = ctx->cl.RetainEvent(*last);
    if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clRetainEvent");
    slot->done = *last;
    return CLXENT_OK;
}

static clxent_status run_block(stream *s, const pass *p, block_slot *slot, int64_t first, int64_t end) {
    clxent_status status = wait_for(s, slot, first);
    if (status == CLXENT_OK) status = stage(s, p, slot, first, end);
    if (status == CLXENT_OK) status = p->work(&s->blocks, first, end);
    return status == CLXENT_OK ? collect(s, slot) : status;
}

/* ---------------------------------------------------------------- passes ------------------------------ */

static clxent_status submit(void *transfers, clx_launch *launch) {
    return clx_transfers_launch(transfers, launch);
}

static void release_slots(stream *s) {
    clxent_ctx *ctx = s->plan->ctx;
    for (int i = 0; i < MAX_SLOTS; i++) { /* enqueued commands keep the buffers that they use */
        for (int array = 0; array < CLXENT_A_COUNT; array++)
            clx_stage_release(ctx, &s->slots[i].staged[array]);
        if (s->slots[i].done) ctx->cl.ReleaseEvent(s->slots[i].done);
        s->slots[i].done = NULL;
    }
}

/* Enqueues all blocks, waits for them, and releases their memory. A call without rows has one block without
 * rows. */
static clxent_status run_pass(stream *s, const pass *p) {
    const int64_t rows = s->call->rows;
    clxent_status status = CLXENT_OK;
    int64_t first = 0, number = 0;
    do {
        const int64_t end = end_of_block(s, p, first);
        status = run_block(s, p, &s->slots[number++ % p->slot_count], first, end);
        first = end;
    } while (first < rows && status == CLXENT_OK);
    for (int i = 0; i < p->slot_count && status == CLXENT_OK; i++)
        status = wait_for(s, &s->slots[(number + i) % p->slot_count], rows);
    release_slots(s);
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (is_in(s->row_arrays, i) || i == CLXENT_A_grad)
            s->blocks.launch.arrays[clx_argument_of(&s->plan->desc, i)] = NULL;
    return status;
}

/* ---------------------------------------------------------------- the call ---------------------------- */

static clxent_status stage_whole(stream *s) {
    clxent_ctx *ctx = s->plan->ctx;
    const size_t bytes = (size_t)s->blocks.layout.bytes;
    const bool copied = !ctx->info.unified_memory;
    s->workspace = (clx_staged){.name = "the workspace", .bytes = bytes, .is_output = true};
    clxent_status status = clx_stage(ctx, s->transfers, &s->workspace, bytes);
    s->blocks.launch.workspace = s->workspace.mem;
    for (int i = 0; i < CLXENT_A_COUNT && status == CLXENT_OK; i++) {
        const clx_slot *slot = &s->call->slots[i];
        if (!slot->present || slot->bytes == 0 || clx_has_rows(&s->plan->desc, i)) continue;
        s->whole[i] = (clx_staged){.name = clx_array_name(i),
                                   .host = slot->host,
                                   .bytes = slot->bytes,
                                   .is_copied = copied,
                                   .is_output = slot->is_output,
                                   .is_read = !slot->is_output};
        status = clx_stage(ctx, s->transfers, &s->whole[i], slot->bytes);
        s->blocks.launch.arrays[i] = s->whole[i].mem;
    }
    return status;
}

static clxent_status run_passes(stream *s) {
    pass rows = {.arrays = s->row_arrays, .unit = s->plan->desc.inner, .work = clx_blocks_rows};
    pass count = {
        .counts = true, .arrays = s->count_arrays, .unit = CLX_CHUNK_ROWS, .work = clx_blocks_begin};
    const bool reads_rows = clx_reads_rows(s->call);
    bool counts = clx_counts_first(&s->blocks.launch, s->call);
    clxent_status status = reads_rows ? divide(s, &rows) : CLXENT_OK;
    if (status != CLXENT_OK) return status;
    if (reads_rows && rows.block == s->call->rows) { /* one launch */
        rows.work = clx_blocks_all;
        counts = false;
    }
    clx_blocks_start(&s->blocks, rows.block);
    if (counts) status = divide(s, &count);
    if (status == CLXENT_OK) status = stage_whole(s);
    if (status == CLXENT_OK && counts) status = run_pass(s, &count);
    if (status == CLXENT_OK && reads_rows) status = run_pass(s, &rows);
    return status;
}

clxent_status clx_stream(clxent_plan *plan, const clx_call *call, clx_transfers *transfers) {
    stream s = {.plan = plan,
                .blocks = {.call = call, .submit = submit, .provider = transfers},
                .call = call,
                .transfers = transfers,
                .scored = clx_scored_array(&plan->desc),
                .in_place = clx_is_in_place(&plan->desc, call)};
    clx_launch_init(&s.blocks.launch, plan, call);
    sort_arrays(&s);
    clxent_status status = run_passes(&s);
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        if (status == CLXENT_OK) status = clx_stage_collect(plan->ctx, transfers, &s.whole[i]);
        clx_stage_release(plan->ctx, &s.whole[i]);
    }
    clx_stage_release(plan->ctx, &s.workspace);
    return status;
}
