/* SPDX-License-Identifier: Apache-2.0
 *
 * Linear cross entropy through clxent_enqueue(), on a program's own queue, in order and out of order. All
 * inputs stand in one cl_mem and all outputs in another. The results must have the bits of clxent_run(), with
 * the plan's workspace and with the caller's, and the call must write nothing else. */
#include "leave.h"
#include "support/device_call.h"
#include "support/linear_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const cl_command_queue_properties queues[] = {0, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE};
enum { QUEUES = sizeof queues / sizeof *queues, CANARY = 0x5C };

static const linear_options plain = {"plain", .reduction = CLXENT_MEAN},
                            none_stats = {"none_stats", .reduction = CLXENT_NONE, .stats = 1};

/* The trial's memory on the device. */
typedef struct device_memory {
    cl_mem inputs, outputs, workspace;
    size_t workspace_bytes;
} device_memory;

static cl_mem copy_of(const owner *o, void *memory, size_t bytes) {
    cl_int code;
    cl_mem mem = clCreateBuffer(o->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, memory, &code);
    assert_cl(code);
    return mem;
}

/* A workspace of exactly as many bytes as the plan needs, with a canary behind it. */
enum { BEHIND = 64 };

static device_memory device_memory_open(const owner *o, const linear_trial *t, const clxent_plan *plan) {
    device_memory d = {.inputs = copy_of(o, t->inputs.memory, t->inputs.used),
                       .outputs = copy_of(o, t->before, t->outputs.used)};
    assert_int_equal(clxent_workspace_bytes(plan, &d.workspace_bytes), CLXENT_OK);
    unsigned char *canaries = malloc(d.workspace_bytes + BEHIND);
    assert_non_null(canaries);
    memset(canaries, CANARY, d.workspace_bytes + BEHIND);
    d.workspace = copy_of(o, canaries, d.workspace_bytes + BEHIND);
    free(canaries);
    return d;
}

static void device_memory_close(device_memory *d) {
    assert_cl(clReleaseMemObject(d->inputs));
    assert_cl(clReleaseMemObject(d->outputs));
    assert_cl(clReleaseMemObject(d->workspace));
}

static clxent_buffers buffers_of(const linear_trial *t, const device_memory *d) {
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    const clxent_array *arrays = &t->arrays.logits;
    clxent_buffer *buffers = &b.logits;
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        const unsigned char *data = arrays[i].data;
        if (!data) continue;
        const bool input = data >= t->inputs.memory && data < t->inputs.memory + t->inputs.used;
        buffers[i] = input ? (clxent_buffer){d->inputs, (size_t)(data - t->inputs.memory)}
                           : (clxent_buffer){d->outputs, (size_t)(data - t->outputs.memory)};
    }
    b.rows = t->arrays.rows;
    b.scalars = t->arrays.scalars;
    return b;
}

static void read_memory(const owner *o, cl_mem mem, size_t offset, size_t bytes, void *to, cl_event after) {
    assert_cl(clEnqueueReadBuffer(o->queue, mem, CL_TRUE, offset, bytes, to, after ? 1 : 0,
                                  after ? &after : NULL, NULL));
}

/* Compares the outputs with those of clxent_run(), which stand in the trial. Looks behind the workspace. */
static void same_as_run(const owner *o, const linear_trial *t, const device_memory *d, cl_event done) {
    unsigned char *got = malloc(t->outputs.used), behind[BEHIND], canaries[BEHIND];
    assert_non_null(got);
    read_memory(o, d->outputs, 0, t->outputs.used, got, done);
    assert_memory_equal(got, t->outputs.memory, t->outputs.used);
    free(got);
    memset(canaries, CANARY, sizeof canaries);
    read_memory(o, d->workspace, d->workspace_bytes, BEHIND, behind, NULL);
    assert_memory_equal(behind, canaries, BEHIND);
}

static void one_trial(const owner *o, const linear_options *options, const linear_limits *limits, rng *r) {
    linear_trial t;
    linear_trial_draw(&t, options, limits, r);
    clxent_plan *plan = linear_trial_plan(&t, o->ctx);
    linear_trial_run_plan(&t, o->ctx, plan);
    linear_trial_check(&t);
    device_memory d = device_memory_open(o, &t, plan);
    clxent_buffers b = buffers_of(&t, &d);
    cl_int code;
    for (int own = 0; own < 2; own++) {
        cl_event there, done = NULL, gate = clCreateUserEvent(o->context, &code);
        assert_cl(code);
        if (own) b.workspace = (clxent_buffer){d.workspace, 0};
        /* An interpreter runs a queue when it is flushed, so its call does not wait for the test. */
        const cl_uint waits = expect_effort() != EFFORT_TINY;
        assert_cl(clEnqueueWriteBuffer(o->queue, d.outputs, CL_FALSE, 0, t.outputs.used, t.before, waits,
                                       waits ? &gate : NULL, &there));
        expect_status("clxent_enqueue", o->ctx, clxent_enqueue(plan, &b, 1, &there, &done), CLXENT_OK);
        assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
        same_as_run(o, &t, &d, done);
        assert_int_equal(status_of(done), CL_COMPLETE);
        assert_cl(clReleaseEvent(gate));
        assert_cl(clReleaseEvent(there));
        assert_cl(clReleaseEvent(done));
    }
    device_memory_close(&d);
    clxent_plan_destroy(plan);
    linear_trial_free(&t);
}

static linear_limits draw_limits(int i, rng *r) {
    const bool tiny = expect_effort() == EFFORT_TINY;
    return (linear_limits){.rows = rng_integer(r, 1, tiny ? 8 : 100),
                           .classes = rng_integer(r, 1, tiny ? 20 : 200),
                           .features = rng_integer(r, 1, tiny ? 10 : 60),
                           .types = i % 2 ? (int)rng_integer(r, 0, LINEAR_ALL_TYPES - 1) : 0,
                           .grads = i % 4 ? LINEAR_ALL_GRADS : (int)rng_integer(r, 0, 7),
                           .ignored = i % 3 ? 0.4 : -1.0,
                           .strides = i % 2,
                           .add = i / 2 % 2,
                           .bad = i == 5};
}

static void each_queue(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(1));
    const int count = (int[]){2, 4, 8}[expect_effort()];
    for (int q = 0; q < QUEUES; q++) {
        owner o;
        if (!owner_open(&o, queues[q])) continue;
        for (int i = 0; i < count; i++) {
            const linear_limits limits = draw_limits(i, &r);
            one_trial(&o, i % 4 == 3 ? &none_stats : &plain, &limits, &r);
        }
        owner_close(&o);
    }
}

/* The same, with a workspace so small that there are many blocks: blocks must not overtake each other. */
static void small_workspaces(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(2));
    for (int q = 0; q < QUEUES; q++) {
        owner o;
        if (!owner_open(&o, queues[q])) continue;
        for (int i = 0; i < (expect_effort() == EFFORT_FULL ? 4 : 1); i++) {
            linear_limits limits = draw_limits(2 * i, &r);
            clxent_desc d = CLXENT_DESC_INIT;
            d.op = CLXENT_LINEAR_CROSS_ENTROPY;
            d.rows = limits.rows + 5; /* linear_draw.c may add as many */
            d.classes = limits.classes;
            d.features = limits.features;
            limits.workspace_bytes = linear_least_workspace(o.ctx, &d) * (uint64_t)(1 + i);
            limits.grads = LINEAR_ALL_GRADS;
            one_trial(&o, &plain, &limits, &r);
        }
        owner_close(&o);
    }
}

/* Calls of one plan, one after the other, that nobody waits for: each has its own arrays, and all use the
 * plan's workspace. */
static void back_to_back(void **state) {
    (void)state;
    enum { CALLS = 4 };
    for (int q = 0; q < QUEUES; q++) {
        owner o;
        if (!owner_open(&o, queues[q])) continue;
        linear_trial t;
        rng r = rng_start(rng_seed(3));
        const linear_limits limits = {
            .rows = 20, .classes = 30, .features = 10, .grads = LINEAR_ALL_GRADS, .ignored = 0.2};
        linear_trial_draw(&t, &plain, &limits, &r);
        clxent_plan *plan = linear_trial_plan(&t, o.ctx);
        linear_trial_run_plan(&t, o.ctx, plan);
        device_memory d[CALLS];
        cl_event done[CALLS];
        for (int k = 0; k < CALLS; k++) {
            d[k] = device_memory_open(&o, &t, plan);
            const clxent_buffers b = buffers_of(&t, &d[k]);
            expect_status("clxent_enqueue", o.ctx, clxent_enqueue(plan, &b, 0, NULL, &done[k]), CLXENT_OK);
        }
        for (int k = CALLS - 1; k >= 0; k--) {
            same_as_run(&o, &t, &d[k], done[k]);
            assert_cl(clReleaseEvent(done[k]));
            device_memory_close(&d[k]);
        }
        clxent_plan_destroy(plan);
        linear_trial_free(&t);
        owner_close(&o);
    }
}

/* A plan of linear cross entropy has no phases and no states. */
static void phases_and_states(void **state) {
    (void)state;
    owner o;
    linear_trial t;
    rng r = rng_start(rng_seed(4));
    const linear_limits limits = {.rows = 4, .classes = 5, .features = 3, .ignored = -1.0};
    assert_true(owner_open(&o, 0));
    linear_trial_draw(&t, &plain, &limits, &r);
    clxent_plan *plan = linear_trial_plan(&t, o.ctx);
    device_memory d = device_memory_open(&o, &t, plan);
    const clxent_buffers b = buffers_of(&t, &d);
    cl_event done = (cl_event)(void *)&o;
    expect_status("begin", o.ctx, clxent_enqueue_begin(plan, &b, 0, NULL, &done), CLXENT_ERR_UNSUPPORTED);
    assert_null(done);
    assert_says(clxent_ctx_last_error(o.ctx),
                "clxent_enqueue_begin(): linear-cross-entropy makes its own logits|clxent_enqueue()");
    expect_status("rows", o.ctx, clxent_enqueue_rows(plan, 0, 4, &b, 0, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(o.ctx), "clxent_enqueue_rows(): no call of this plan is open");
    expect_status("end", o.ctx, clxent_enqueue_end(plan, &b, 0, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(o.ctx), "clxent_enqueue_end(): no call of this plan is open");

    static float states[2 * 4 * CLXENT_STATE_COLUMNS], out[4 * CLXENT_STATE_COLUMNS];
    expect_status("merge", o.ctx,
                  clxent_merge_states(plan, NULL, 4, 2, CLXENT_ARRAY(states, sizeof states),
                                      CLXENT_ARRAY(out, sizeof out)),
                  CLXENT_ERR_UNSUPPORTED);
    assert_says(clxent_ctx_last_error(o.ctx), "clxent_merge_states(): the plan has no states");
    done = (cl_event)(void *)&o;
    expect_status("merge on the device", o.ctx,
                  clxent_enqueue_merge_states(plan, NULL, 4, 2, b.hidden, b.loss, 0, NULL, &done),
                  CLXENT_ERR_UNSUPPORTED);
    assert_null(done);
    assert_says(clxent_ctx_last_error(o.ctx), "clxent_enqueue_merge_states(): the plan has no states");
    clxent_desc desc = t.desc;
    assert_int_equal(clxent_state_columns(&desc), 0);

    expect_status("a whole call", o.ctx, clxent_enqueue(plan, &b, 0, NULL, NULL), CLXENT_OK);
    assert_cl(clFinish(o.queue));
    device_memory_close(&d);
    clxent_plan_destroy(plan);
    linear_trial_free(&t);
    owner_close(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_queue), cmocka_unit_test(small_workspaces),
                                       cmocka_unit_test(back_to_back), cmocka_unit_test(phases_and_states)};
    return leave(cmocka_run_group_tests(tests, NULL, NULL));
}
