/* SPDX-License-Identifier: Apache-2.0
 *
 * A call in phases gives the same bits as one call, whatever its blocks and their order. The test draws
 * problems of every kind. It uses queues in order and out of order, and workspaces of the plan and of the
 * caller. It also checks the refusals. */
#include <clxent/clxent_experimental.h>

#include "said.h"
#include "support/device_call.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- the bits of one call ---------------- */

static const variant variants[] = {
    {"smoothing_stats", .smoothing = 1, .stats = 1},
    {"f16_next_token", .targets = CLXENT_TARGETS_NEXT_TOKEN, .logits = CLXENT_F16},
    {"probabilities", .targets = CLXENT_TARGETS_PROBABILITY, .probabilities = CLXENT_F16},
    {"nll", .op = CLXENT_NLL},
    {"softmax", .op = CLXENT_SOFTMAX},
    {"log_softmax", .op = CLXENT_LOG_SOFTMAX},
};
enum { VARIANTS = sizeof variants / sizeof *variants, MOST_BLOCKS = 6 };

/* The classes of an (N,C) array, and its stride. Returns 0 for an array of another shape. */
static int64_t classes_of(const trial *t, int array, int64_t *stride) {
    const clxent_desc *d = &t->desc;
    const int64_t padded = d->classes_padded ? d->classes_padded : d->classes;
    const bool softmax = d->op == CLXENT_SOFTMAX || d->op == CLXENT_LOG_SOFTMAX;
    int64_t classes = 0;
    *stride = 0;
    if (array == CLXENT_A_logits || (array == CLXENT_A_log_probs && d->op == CLXENT_NLL)) {
        classes = d->classes;
        *stride = d->row_stride ? d->row_stride : padded * d->inner;
    } else if (array == CLXENT_A_grad) {
        classes = padded;
        *stride = d->grad_row_stride ? d->grad_row_stride : padded * d->inner;
    } else if (array == CLXENT_A_log_probs || array == CLXENT_A_probs) {
        classes = d->classes;
        *stride = d->log_probs_row_stride ? d->log_probs_row_stride : classes * d->inner;
    } else if (array == CLXENT_A_targets && d->targets == CLXENT_TARGETS_PROBABILITY) {
        classes = d->classes;
        *stride = d->targets_row_stride ? d->targets_row_stride : classes * d->inner;
    } else if (array == CLXENT_A_grad_output && softmax) {
        classes = d->classes;
        *stride = d->grad_output_row_stride ? d->grad_output_row_stride : classes * d->inner;
    }
    return classes;
}

static size_t element_size(const trial *t, int array) {
    const clxent_dtype dtype =
        array == CLXENT_A_grad      ? t->grad_dtype
        : array == CLXENT_A_targets ? t->probs_dtype
        : array == CLXENT_A_logits || (array == CLXENT_A_log_probs && t->desc.op == CLXENT_NLL)
            ? t->logits_dtype
            : t->real;
    return clxent_dtype_size(dtype);
}

/* Copies the trial's arrays to the device. A gradient in place of the logits uses their buffer. */
static void upload(const owner *o, const trial *t, clxent_buffers *b) {
    const clxent_array *arrays = &t->arrays.logits;
    clxent_buffer *buffers = &b->logits;
    clxent_buffers_init(b);
    b->scalars = t->arrays.scalars;
    b->rows = t->arrays.rows;
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        cl_int code = CL_SUCCESS;
        if (arrays[i].data == NULL) continue;
        for (int j = 0; j < i; j++)
            if (arrays[j].data == arrays[i].data) buffers[i] = buffers[j];
        if (buffers[i].mem == NULL)
            buffers[i].mem = clCreateBuffer(o->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                            arrays[i].bytes ? arrays[i].bytes : 1, arrays[i].data, &code);
        assert_cl(code);
    }
}

static void release(const clxent_buffers *b) {
    const clxent_buffer *buffers = &b->logits;
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        bool again = false;
        for (int j = 0; j < i; j++) again |= buffers[j].mem == buffers[i].mem;
        if (buffers[i].mem && !again) assert_cl(clReleaseMemObject(buffers[i].mem));
    }
}

/* Checks that every byte of every array is the same after both calls. */
static void compare(const owner *o, const trial *t, const clxent_buffers *whole,
                    const clxent_buffers *blocks) {
    const clxent_array *arrays = &t->arrays.logits;
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        if (arrays[i].bytes == 0) continue;
        unsigned char *expected = malloc(arrays[i].bytes), *got = malloc(arrays[i].bytes);
        assert_true(expected && got);
        assert_cl(clEnqueueReadBuffer(o->queue, (&whole->logits)[i].mem, CL_TRUE, 0, arrays[i].bytes,
                                      expected, 0, NULL, NULL));
        assert_cl(clEnqueueReadBuffer(o->queue, (&blocks->logits)[i].mem, CL_TRUE, 0, arrays[i].bytes, got, 0,
                                      NULL, NULL));
        for (size_t at = 0; at < arrays[i].bytes; at++)
            expect_integer("byte of an array", i * 1000000 + (int64_t)at, got[at], expected[at]);
        free(expected);
        free(got);
    }
}

/* The arrays of a block. If the block has rows, its (N,C) arrays begin with its first row. */
static clxent_buffers block_of(const trial *t, const clxent_buffers *all, int64_t first_row, int64_t rows) {
    clxent_buffers b = *all;
    if (rows == 0) return b;
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        int64_t stride = 0;
        if (classes_of(t, i, &stride))
            (&b.logits)[i].offset += (size_t)(first_row / t->desc.inner * stride) * element_size(t, i);
    }
    return b;
}

/* Cuts `units` into blocks and shuffles them. Some blocks may be empty. */
static int cut(int64_t units, int64_t first[MOST_BLOCKS], int64_t end[MOST_BLOCKS], rng *r) {
    const int count = (int)rng_integer(r, 1, MOST_BLOCKS);
    for (int i = 0; i < count; i++) first[i] = i == 0 ? 0 : rng_integer(r, 0, units);
    for (int i = 1; i < count; i++) /* sort the cuts */
        for (int j = i; j > 0 && first[j] < first[j - 1]; j--) {
            const int64_t swapped = first[j];
            first[j] = first[j - 1];
            first[j - 1] = swapped;
        }
    for (int i = 0; i < count; i++) end[i] = i + 1 < count ? first[i + 1] : units;
    for (int i = count - 1; i > 0; i--) { /* shuffle the blocks */
        const int j = (int)rng_integer(r, 0, i);
        const int64_t f = first[i], e = end[i];
        first[i] = first[j], end[i] = end[j];
        first[j] = f, end[j] = e;
    }
    return count;
}

static void run_in_phases(const owner *o, clxent_plan *plan, const trial *t, const clxent_buffers *b,
                          rng *r) {
    int64_t first[MOST_BLOCKS], end[MOST_BLOCKS];
    const int64_t inner = t->desc.inner;
    const int count = cut(t->p.rows / inner, first, end, r);
    cl_event begun = NULL, done = NULL;
    expect_status("begin", o->ctx, clxent_enqueue_begin(plan, b, 0, NULL, &begun), CLXENT_OK);
    for (int i = 0; i < count; i++) {
        const int64_t first_row = first[i] * inner, rows = (end[i] - first[i]) * inner;
        const clxent_buffers block = block_of(t, b, first_row, rows);
        expect_status("rows", o->ctx, clxent_enqueue_rows(plan, first_row, rows, &block, 1, &begun, NULL),
                      CLXENT_OK);
    }
    expect_status("end", o->ctx, clxent_enqueue_end(plan, b, 0, NULL, &done), CLXENT_OK);
    assert_cl(clWaitForEvents(1, &done));
    assert_cl(clReleaseEvent(begun));
    assert_cl(clReleaseEvent(done));
    assert_cl(clFinish(o->queue));
}

static void run_trial(const owner *o, const variant *v, const trial_limits *limits, bool own_workspace,
                      rng *r) {
    trial t;
    clxent_plan *plan = NULL;
    clxent_buffers whole, blocks;
    cl_mem workspace = NULL;
    trial_draw(&t, v, limits, r);
    t.desc.flags &= ~(uint32_t)CLXENT_ATOMIC; /* with it, the last bits of a loss vary */
    expect_status("plan", o->ctx, clxent_plan_create_scheduled(&plan, o->ctx, &t.desc, limits->schedule),
                  CLXENT_OK);
    upload(o, &t, &whole);
    upload(o, &t, &blocks);
    if (own_workspace) {
        size_t bytes = 0;
        cl_int code = CL_SUCCESS;
        assert_int_equal(clxent_workspace_bytes(plan, &bytes), CLXENT_OK);
        workspace = clCreateBuffer(o->context, CL_MEM_READ_WRITE, bytes + 16, NULL, &code);
        assert_cl(code);
        blocks.workspace = (clxent_buffer){workspace, 16};
    }
    expect_status("clxent_enqueue", o->ctx, clxent_enqueue(plan, &whole, 0, NULL, NULL), CLXENT_OK);
    assert_cl(clFinish(o->queue));
    run_in_phases(o, plan, &t, &blocks, r);
    compare(o, &t, &whole, &blocks);
    release(&whole);
    release(&blocks);
    if (workspace) assert_cl(clReleaseMemObject(workspace));
    clxent_plan_destroy(plan);
    trial_free(&t);
}

/* Gives the compiled programs of one context to the other. */
static void share_programs(const clxent_ctx *from, clxent_ctx *to) {
    size_t bytes = 0;
    assert_int_equal(clxent_ctx_export_programs((clxent_ctx *)from, NULL, 0, &bytes), CLXENT_OK);
    void *blob = malloc(bytes);
    assert_non_null(blob);
    assert_int_equal(clxent_ctx_export_programs((clxent_ctx *)from, blob, bytes, &bytes), CLXENT_OK);
    assert_int_equal(clxent_ctx_import_programs(to, blob, bytes), CLXENT_OK);
    free(blob);
}

/* The kinds have few classes and many in turn, so that each kind compiles the kernels of one schedule. */
static void bits_of_one_call(void **state) {
    const variant *v = *state;
    const int64_t number = v - variants;
    const test_effort effort = expect_effort();
    if (effort != EFFORT_FULL && number >= 2) skip();
    owner o[2];
    rng r = rng_start(rng_seed(20261128) + (uint64_t)number);
    clxent_device_info device = CLXENT_DEVICE_INFO_INIT;
    assert_true(owner_open(&o[0], 0));
    const bool has_other = owner_open(&o[1], CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    assert_int_equal(clxent_ctx_device(o[0].ctx, &device), CLXENT_OK);
    static const clxent_schedule schedules[] = {CLXENT_SCHEDULE_AUTO,  CLXENT_SCHEDULE_AUTO,
                                                CLXENT_SCHEDULE_SPLIT, CLXENT_SCHEDULE_AUTO,
                                                CLXENT_SCHEDULE_GROUP, CLXENT_SCHEDULE_AUTO};
    const trial_limits limits = {.classes = number % 2 ? 7 : 300,
                                 .schedule = schedules[number],
                                 .rows = 3000,
                                 .elements = effort == EFFORT_TINY ? 300 : 30000,
                                 .device = &device,
                                 .scale = NEVER,
                                 .strided = number % 3 == 0 ? ALWAYS : NEVER};
    for (int round = 0; round < (effort == EFFORT_TINY ? 2 : 6); round++) {
        const int queue = round % 2 && has_other;
        if (round == 1 && has_other) share_programs(o[0].ctx, o[1].ctx);
        run_trial(&o[queue], v, &limits, round / 2 % 2, &r);
    }
    for (int i = 0; i < 1 + has_other; i++) owner_close(&o[i]);
}

/* ---------------------------------------------------------------- refusals ---------------------------- */

typedef struct opened {
    owner o;
    clxent_plan *plan;
    device_call call;
    clxent_buffers b;
} opened;

static void open_all(opened *p) {
    assert_true(owner_open(&p->o, 0));
    p->plan = owner_plan(&p->o);
    call_open(&p->o, &p->call, 3, true);
    p->b = call_buffers(&p->call);
}

static void close_all(opened *p) {
    call_close(&p->call);
    clxent_plan_destroy(p->plan);
    owner_close(&p->o);
}

static clxent_status call_begin(opened *p) {
    return clxent_enqueue_begin(p->plan, &p->b, 0, NULL, NULL);
}

static clxent_status call_rows(opened *p, int64_t first_row, int64_t count) {
    clxent_buffers block = p->b;
    const size_t at = (size_t)(first_row > 0 && first_row <= CALL_ROWS ? first_row : 0);
    block.logits.offset += at * CALL_CLASSES * sizeof(float);
    block.grad.offset += at * CALL_CLASSES * sizeof(float);
    return clxent_enqueue_rows(p->plan, first_row, count, &block, 0, NULL, NULL);
}

static clxent_status call_end(opened *p) {
    return clxent_enqueue_end(p->plan, &p->b, 0, NULL, NULL);
}

static size_t workspace_of(const opened *p) {
    size_t bytes = 0;
    assert_int_equal(clxent_workspace_bytes(p->plan, &bytes), CLXENT_OK);
    return bytes;
}

static void assert_refused(const opened *p, clxent_status got, clxent_status expected, const char *says) {
    assert_int_equal(got, expected);
    assert_int_equal(clxent_ctx_error(p->o.ctx)->status, expected);
    assert_says(clxent_ctx_last_error(p->o.ctx), says);
}

/* A refusal does not change the open call. In the end the call has the results of one call. */
static void wrong_order(void **state) {
    (void)state;
    opened p;
    open_all(&p);
    assert_refused(&p, call_rows(&p, 0, 2), CLXENT_ERR_ARGUMENT,
                   "clxent_enqueue_rows()|no call|clxent_enqueue_begin()");
    assert_refused(&p, call_end(&p), CLXENT_ERR_ARGUMENT,
                   "clxent_enqueue_end()|no call|clxent_enqueue_begin()");
    assert_int_equal(call_begin(&p), CLXENT_OK);
    assert_int_equal(call_rows(&p, 2, 3), CLXENT_OK);
    assert_refused(&p, call_rows(&p, 1, 2), CLXENT_ERR_ARGUMENT, "rows [2, 3) of [1, 3) already");
    assert_refused(&p, call_rows(&p, 0, 6), CLXENT_ERR_ARGUMENT, "rows [2, 5) of [0, 6) already");
    assert_refused(&p, call_rows(&p, 5, 2), CLXENT_ERR_SHAPE, "rows 2|row 5|[0, 1]|6 rows");
    assert_refused(&p, call_rows(&p, 7, 0), CLXENT_ERR_SHAPE, "first_row 7|[0, 6]");
    assert_refused(&p, call_rows(&p, -1, 1), CLXENT_ERR_SHAPE, "first_row -1|[0, 6]");
    assert_refused(&p, call_rows(&p, 0, -1), CLXENT_ERR_SHAPE, "rows -1|[0, 6]");
    assert_refused(&p, call_rows(&p, 0, INT64_MAX), CLXENT_ERR_SHAPE, "rows 9223372036854775807|[0, 6]");
    assert_refused(&p, call_end(&p), CLXENT_ERR_ARGUMENT, "rows [0, 2) of 6");
    assert_int_equal(call_rows(&p, 0, 2), CLXENT_OK);
    assert_refused(&p, call_end(&p), CLXENT_ERR_ARGUMENT, "rows [5, 6) of 6");
    assert_int_equal(call_rows(&p, 5, 1), CLXENT_OK);
    assert_refused(&p, clxent_enqueue(p.plan, &p.b, 0, NULL, NULL), CLXENT_ERR_ARGUMENT,
                   "in phases is open|workspace of its own");
    assert_int_equal(call_end(&p), CLXENT_OK);
    assert_refused(&p, call_end(&p), CLXENT_ERR_ARGUMENT, "clxent_enqueue_end()|no call");
    call_check(&p.o, &p.call, NULL, 0);
    close_all(&p);
}

/* The arguments that must be the same in every phase. */
static void other_arguments(void **state) {
    (void)state;
    opened p;
    open_all(&p);
    const clxent_buffers good = p.b;
    clxent_scalars scalars = CLXENT_SCALARS_INIT;
    scalars.z_loss = 0.5;
    assert_int_equal(call_begin(&p), CLXENT_OK);
    p.b.rows = 5;
    assert_refused(&p, call_rows(&p, 0, 2), CLXENT_ERR_SHAPE, "rows 5|6, those that the call began with");
    assert_refused(&p, call_end(&p), CLXENT_ERR_SHAPE, "rows 5|6");
    p.b = good;
    p.b.scalars = &scalars;
    assert_refused(&p, call_rows(&p, 0, 2), CLXENT_ERR_ARGUMENT, "z_loss 0.5 is not 0");
    p.b = good;
    p.b.loss.mem = NULL;
    assert_refused(&p, call_rows(&p, 0, 2), CLXENT_ERR_BUFFER, "loss is NULL|with it");
    p.b = good;
    p.b.counts.mem = NULL;
    assert_refused(&p, call_rows(&p, 0, 2), CLXENT_ERR_BUFFER, "counts is NULL|with it");
    p.b = good;
    p.b.workspace = (clxent_buffer){p.call.mem, AT_WORKSPACE};
    assert_refused(&p, call_rows(&p, 0, 2), CLXENT_ERR_BUFFER,
                   "workspace is offset 2168 of cl_mem 0x|the call began with NULL, the plan's own");
    p.b = good;
    p.b.logits.mem = NULL;
    assert_refused(&p, call_rows(&p, 0, 2), CLXENT_ERR_BUFFER, "logits is NULL");
    p.b = good;
    p.b.logits.offset = CALL_BYTES - 4;
    assert_refused(&p, call_rows(&p, 0, 2), CLXENT_ERR_BUFFER, "logits has 4 bytes|for 2 rows of 41 classes");
    p.b = good;
    assert_int_equal(call_rows(&p, 0, 6), CLXENT_OK); /* the refusals have not changed the call */
    assert_int_equal(call_end(&p), CLXENT_OK);
    call_check(&p.o, &p.call, NULL, 0);
    assert_int_equal(clxent_enqueue_begin(NULL, &good, 0, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_enqueue_rows(NULL, 0, 0, &good, 0, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_enqueue_end(NULL, &good, 0, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_refused(&p, clxent_enqueue_begin(p.plan, NULL, 0, NULL, NULL), CLXENT_ERR_ARGUMENT,
                   "buffers is NULL");
    assert_refused(&p, clxent_enqueue_rows(p.plan, 0, 0, &good, 1, NULL, NULL), CLXENT_ERR_ARGUMENT,
                   "n_wait is 1|NULL");
    close_all(&p);
}

/* Checks that no call is open after a begin that has failed. Then opens one. */
static void begin_has_failed(opened *p) {
    assert_refused(p, call_rows(p, 0, 6), CLXENT_ERR_ARGUMENT, "no call of this plan is open");
    assert_refused(p, call_end(p), CLXENT_ERR_ARGUMENT, "no call of this plan is open");
    assert_int_equal(call_begin(p), CLXENT_OK);
}

/* A begin that fails drops the open call, whatever is wrong with it. */
static void failed_begin(void **state) {
    (void)state;
    opened p;
    open_all(&p);
    const clxent_buffers good = p.b;
    assert_int_equal(call_begin(&p), CLXENT_OK);
    p.b.rows = 99;
    assert_refused(&p, call_begin(&p), CLXENT_ERR_SHAPE, "rows 99");
    p.b = good;
    begin_has_failed(&p);
    p.b.targets.mem = NULL;
    assert_refused(&p, call_begin(&p), CLXENT_ERR_BUFFER, "targets is NULL");
    p.b = good;
    begin_has_failed(&p);
    assert_refused(&p, clxent_enqueue_begin(p.plan, NULL, 0, NULL, NULL), CLXENT_ERR_ARGUMENT, "buffers");
    begin_has_failed(&p);
    assert_refused(&p, clxent_enqueue_begin(p.plan, &p.b, 1, NULL, NULL), CLXENT_ERR_ARGUMENT, "n_wait is 1");
    begin_has_failed(&p);
    p.b.workspace = (clxent_buffer){p.call.mem, CALL_BYTES};
    assert_refused(&p, call_begin(&p), CLXENT_ERR_BUFFER, "workspace");
    p.b = good;
    begin_has_failed(&p);
    assert_int_equal(call_rows(&p, 0, 6), CLXENT_OK);
    assert_int_equal(call_end(&p), CLXENT_OK);
    call_check(&p.o, &p.call, NULL, 0);
    close_all(&p);
}

/* A phase with another workspace is refused. The message shows what differs, also where the offsets agree. */
static void other_workspaces(void **state) {
    (void)state;
    opened p;
    open_all(&p);
    cl_mem other = clCreateBuffer(p.o.context, CL_MEM_READ_WRITE, CALL_BYTES, NULL, NULL);
    assert_non_null(other);
    char says[128];
    p.b.workspace = (clxent_buffer){p.call.mem, AT_WORKSPACE};
    const clxent_buffers good = p.b;
    assert_int_equal(call_begin(&p), CLXENT_OK);
    p.b.workspace.mem = other;
    snprintf(says, sizeof says,
             "workspace is offset 2168 of cl_mem %p, the call began with offset 2168 of cl_mem %p",
             (void *)other, (void *)p.call.mem);
    assert_refused(&p, call_rows(&p, 0, 6), CLXENT_ERR_BUFFER, says);
    p.b = good;
    p.b.workspace.offset += 8;
    assert_refused(&p, call_rows(&p, 0, 6), CLXENT_ERR_BUFFER, "offset 2176 of|began with offset 2168 of");
    p.b.workspace = (clxent_buffer){NULL, 0};
    assert_refused(&p, call_rows(&p, 0, 6), CLXENT_ERR_BUFFER,
                   "workspace is NULL, the plan's own|began with offset 2168 of cl_mem 0x");
    p.b = good;
    assert_int_equal(call_rows(&p, 0, 6), CLXENT_OK);
    assert_int_equal(call_end(&p), CLXENT_OK);
    call_check(&p.o, &p.call, NULL, workspace_of(&p));
    assert_cl(clReleaseMemObject(other));
    close_all(&p);
}

/* From begin to end, no other call of the plan may use the workspace of the open call: neither as its own nor
 * for an array. Memory beside it is free. */
static void workspace_in_use(void **state) {
    (void)state;
    opened p;
    open_all(&p);
    const size_t bytes = workspace_of(&p), at = AT_WORKSPACE + bytes;
    clxent_buffers other = p.b;
    p.b.workspace = (clxent_buffer){p.call.mem, at};
    assert_int_equal(call_begin(&p), CLXENT_OK);
    const size_t overlaps[] = {at, at + 8, at + bytes - 8, at - 8, at - bytes + 8};
    for (size_t i = 0; i < sizeof overlaps / sizeof *overlaps; i++) {
        other.workspace = (clxent_buffer){p.call.mem, overlaps[i]};
        assert_refused(&p, clxent_enqueue(p.plan, &other, 0, NULL, NULL), CLXENT_ERR_ARGUMENT,
                       "workspace (|bytes at offset|overlaps the workspace (|call in phases, which is open"
                       "|clxent_enqueue_end()");
    }
    other.workspace = (clxent_buffer){p.call.mem, AT_WORKSPACE};
    other.loss.offset = at + bytes - 4;
    assert_refused(&p, clxent_enqueue(p.plan, &other, 0, NULL, NULL), CLXENT_ERR_ARGUMENT,
                   "loss (4 bytes at offset|overlaps the workspace|open");
    other.loss = p.b.loss;
    assert_int_equal(clxent_enqueue(p.plan, &other, 0, NULL, NULL), CLXENT_OK);
    other.workspace.offset = at + bytes;
    assert_int_equal(clxent_enqueue(p.plan, &other, 0, NULL, NULL), CLXENT_OK);
    other.workspace.mem = NULL; /* the plan's own */
    assert_int_equal(clxent_enqueue(p.plan, &other, 0, NULL, NULL), CLXENT_OK);
    assert_int_equal(call_rows(&p, 0, 6), CLXENT_OK);
    assert_int_equal(call_end(&p), CLXENT_OK);
    other.workspace = p.b.workspace;
    assert_int_equal(clxent_enqueue(p.plan, &other, 0, NULL, NULL), CLXENT_OK);
    call_check(&p.o, &p.call, NULL, 3 * bytes);
    close_all(&p);
}

/* The same for merged states. */
static void states_in_a_workspace_in_use(void **state) {
    (void)state;
    opened p;
    open_all(&p);
    clxent_desc d = CLXENT_DESC_INIT;
    d.rows = CALL_ROWS;
    d.classes = CALL_CLASSES;
    d.outputs = CLXENT_OUT_LOSS | CLXENT_OUT_STATE;
    clxent_plan *plan = NULL;
    assert_int_equal(clxent_plan_create(&plan, p.o.ctx, &d), CLXENT_OK);
    const size_t states = CALL_ROWS * CLXENT_STATE_COLUMNS * sizeof(float);
    cl_mem mem = clCreateBuffer(p.o.context, CL_MEM_READ_WRITE, 4096 + 2 * states, NULL, NULL);
    assert_non_null(mem);
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    b.targets = p.b.targets;
    b.workspace = (clxent_buffer){mem, 0};
    assert_int_equal(clxent_enqueue_begin(plan, &b, 0, NULL, NULL), CLXENT_OK);
    const clxent_buffer inside = {mem, 8}, beside = {mem, 4096}, behind = {mem, 4096 + states};
    assert_refused(&p, clxent_enqueue_merge_states(plan, NULL, CALL_ROWS, 1, beside, inside, 0, NULL, NULL),
                   CLXENT_ERR_ARGUMENT, "out (|bytes at offset 8|overlaps the workspace|open");
    assert_refused(&p, clxent_enqueue_merge_states(plan, NULL, CALL_ROWS, 1, inside, beside, 0, NULL, NULL),
                   CLXENT_ERR_ARGUMENT, "states (|bytes at offset 8|overlaps the workspace|open");
    assert_int_equal(clxent_enqueue_merge_states(plan, NULL, CALL_ROWS, 1, beside, behind, 0, NULL, NULL),
                     CLXENT_OK);
    assert_cl(clFinish(p.o.queue));
    assert_cl(clReleaseMemObject(mem));
    clxent_plan_destroy(plan);
    close_all(&p);
}

/* A block of (N,C,d) must have whole outer indices. */
static void pieces_of_an_outer_index(void **state) {
    (void)state;
    opened p;
    open_all(&p);
    clxent_plan *of_pixels = NULL;
    clxent_desc d = CLXENT_DESC_INIT;
    d.rows = CALL_ROWS;
    d.inner = 2;
    d.classes = CALL_CLASSES;
    d.reduction = CLXENT_SUM;
    assert_int_equal(clxent_plan_create(&of_pixels, p.o.ctx, &d), CLXENT_OK);
    assert_int_equal(clxent_enqueue_begin(of_pixels, &p.b, 0, NULL, NULL), CLXENT_OK);
    assert_refused(&p, clxent_enqueue_rows(of_pixels, 1, 2, &p.b, 0, NULL, NULL), CLXENT_ERR_SHAPE,
                   "first_row 1 and rows 2|inner 2");
    assert_refused(&p, clxent_enqueue_rows(of_pixels, 2, 3, &p.b, 0, NULL, NULL), CLXENT_ERR_SHAPE,
                   "first_row 2 and rows 3|inner 2");
    assert_cl(clFinish(p.o.queue));
    clxent_plan_destroy(of_pixels);
    close_all(&p);
}

/* A begin before the end drops the open call. */
static void begun_again(void **state) {
    (void)state;
    opened p;
    open_all(&p);
    assert_int_equal(call_begin(&p), CLXENT_OK);
    assert_int_equal(call_rows(&p, 0, 4), CLXENT_OK);
    assert_int_equal(call_begin(&p), CLXENT_OK);
    assert_int_equal(call_rows(&p, 3, 3), CLXENT_OK);
    assert_int_equal(call_rows(&p, 0, 3), CLXENT_OK);
    assert_int_equal(call_end(&p), CLXENT_OK);
    call_check(&p.o, &p.call, NULL, 0);
    close_all(&p);
}

int main(void) {
    static const struct CMUnitTest refusals[] = {
        cmocka_unit_test(wrong_order),
        cmocka_unit_test(other_arguments),
        cmocka_unit_test(begun_again),
        cmocka_unit_test(failed_begin),
        cmocka_unit_test(other_workspaces),
        cmocka_unit_test(workspace_in_use),
        cmocka_unit_test(states_in_a_workspace_in_use),
        cmocka_unit_test(pieces_of_an_outer_index),
    };
    struct CMUnitTest tests[VARIANTS + sizeof refusals / sizeof *refusals];
    for (int i = 0; i < VARIANTS; i++)
        tests[i] = (struct CMUnitTest){variants[i].name, bits_of_one_call, NULL, NULL, (void *)&variants[i]};
    memcpy(tests + VARIANTS, refusals, sizeof refusals);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
