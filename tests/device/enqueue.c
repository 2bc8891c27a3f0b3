/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_enqueue() on queues that the program owns: in order, out of order and profiling; ranges of one
 * buffer; events in and out; calls one after the other without waiting; workspaces; reference counts.
 * enqueue_wrong_use.c tests the refusals. */
#include "leave.h"
#include "support/device_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const cl_command_queue_properties queues[] = {0, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE,
                                                     CL_QUEUE_PROFILING_ENABLE};
enum { QUEUES = sizeof queues / sizeof *queues };

static void enqueue(const owner *o, clxent_plan *plan, const clxent_buffers *b, cl_uint n_wait,
                    const cl_event *wait, cl_event *event) {
    expect_about("enqueue");
    expect_status("enqueue", o->ctx, clxent_enqueue(plan, b, n_wait, wait, event), CLXENT_OK);
}

static cl_ulong time_of(cl_event event, cl_profiling_info what) {
    cl_ulong time = 0;
    assert_cl(clGetEventProfilingInfo(event, what, sizeof time, &time, NULL));
    return time;
}

/* Runs one call on each kind of queue, and checks its event. */
static void each_queue(void **state) {
    (void)state;
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        clxent_plan *plan = owner_plan(&o);
        device_call call;
        call_open(&o, &call, 3, true);
        const clxent_buffers b = call_buffers(&call);
        cl_event before = NULL, done = NULL;
        assert_cl(clEnqueueMarkerWithWaitList(o.queue, 0, NULL, &before));
        enqueue(&o, plan, &b, 1, &before, &done);
        assert_non_null(done);
        assert_cl(clWaitForEvents(1, &done));
        assert_int_equal(status_of(done), CL_COMPLETE);
        if (queues[i] &
            CL_QUEUE_PROFILING_ENABLE) { /* the event times the last kernel; a marker times the start */
            const cl_ulong from = time_of(done, CL_PROFILING_COMMAND_START);
            const cl_ulong to = time_of(done, CL_PROFILING_COMMAND_END);
            const cl_ulong start = time_of(before, CL_PROFILING_COMMAND_END);
            assert_true(0 < from && from <= to);
            if (to > CL_QUEUED)
                assert_true(0 < start && start <= from); /* rusticl 22.3 returns states in place of times */
            print_message("queue %d: the call took %llu ns, its last kernel %llu\n", i,
                          (unsigned long long)(to - start), (unsigned long long)(to - from));
        }
        assert_cl(clReleaseEvent(before));
        call_check(&o, &call, done, 0);
        assert_cl(clReleaseEvent(done));
        enqueue(&o, plan, &b, 0, NULL, NULL); /* no event wanted */
        assert_cl(clFinish(o.queue));
        call_check(&o, &call, NULL, 0);
        call_close(&call);
        clxent_plan_destroy(plan);
        owner_close(&o);
    }
}

/* The call returns before its inputs exist. It reads them only after its wait list is complete, and its event
 * completes only after that. */
static void waits_without_blocking(void **state) {
    (void)state;
    if (expect_effort() == EFFORT_TINY)
        skip(); /* Oclgrind runs the queue inside clFlush(), so clFlush() would wait for ever */
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        clxent_plan *plan = owner_plan(&o);
        device_call call;
        call_open(&o, &call, 5, false); /* canaries; the inputs come later */
        const clxent_buffers b = call_buffers(&call);
        cl_int code;
        cl_event gate = clCreateUserEvent(o.context, &code), there, done;
        assert_cl(code);
        assert_cl(
            clEnqueueWriteBuffer(o.queue, call.mem, CL_FALSE, 0, CALL_BYTES, call.image, 1, &gate, &there));
        enqueue(&o, plan, &b, 1, &there, &done);
        assert_cl(clFlush(o.queue));
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        assert_int_not_equal(status_of(done), CL_COMPLETE);
        assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
        call_check(&o, &call, done, 0);
        assert_int_equal(status_of(done), CL_COMPLETE);
        assert_cl(clReleaseEvent(gate));
        assert_cl(clReleaseEvent(there));
        assert_cl(clReleaseEvent(done));
        call_close(&call);
        clxent_plan_destroy(plan);
        owner_close(&o);
    }
}

/* Many calls of one plan use its workspace one after the other. Nobody waits for a call. */
static void back_to_back(void **state) {
    (void)state;
    enum { CALLS = 12 };
    static device_call calls[CALLS];
    const int count = expect_effort() == EFFORT_TINY ? 3 : CALLS;
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        clxent_plan *plan = owner_plan(&o);
        cl_event done[CALLS];
        for (int k = 0; k < count; k++) call_open(&o, &calls[k], (float)k, true);
        for (int k = 0; k < count; k++) {
            const clxent_buffers b = call_buffers(&calls[k]);
            enqueue(&o, plan, &b, 0, NULL, &done[k]);
        }
        for (int k = count - 1; k >= 0; k--) {
            call_check(&o, &calls[k], done[k], 0);
            assert_cl(clReleaseEvent(done[k]));
            call_close(&calls[k]);
        }
        clxent_plan_destroy(plan);
        owner_close(&o);
    }
}

/* Two calls share a workspace. The second has no wait list, but it must not overtake the first, which waits.
 */
static void behind_a_call_that_waits(void **state) {
    (void)state;
    if (expect_effort() == EFFORT_TINY) skip(); /* clFlush() would wait for ever, as above */
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        clxent_plan *plan = owner_plan(&o);
        device_call calls[2];
        cl_int code;
        cl_event gate = clCreateUserEvent(o.context, &code), done[2];
        assert_cl(code);
        for (int k = 0; k < 2; k++) {
            call_open(&o, &calls[k], 2 + (float)k, true);
            const clxent_buffers b = call_buffers(&calls[k]);
            enqueue(&o, plan, &b, k == 0, k == 0 ? &gate : NULL, &done[k]);
        }
        assert_cl(clFlush(o.queue));
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        assert_int_not_equal(status_of(done[1]), CL_COMPLETE);
        assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
        for (int k = 0; k < 2; k++) {
            call_check(&o, &calls[k], done[k], 0);
            assert_cl(clReleaseEvent(done[k]));
            call_close(&calls[k]);
        }
        assert_cl(clReleaseEvent(gate));
        clxent_plan_destroy(plan);
        owner_close(&o);
    }
}

/* Each call has its own workspace of exactly clxent_workspace_bytes(). */
static void own_workspaces(void **state) {
    (void)state;
    enum { CALLS = 4 };
    static device_call calls[CALLS];
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        clxent_plan *plan = owner_plan(&o);
        size_t bytes = 0;
        assert_int_equal(clxent_workspace_bytes(plan, &bytes), CLXENT_OK);
        assert_in_range(bytes, 0, CALL_BYTES - AT_WORKSPACE - 8); /* leaves a canary behind the workspace */
        cl_event done[CALLS];
        for (int k = 0; k < CALLS; k++) {
            call_open(&o, &calls[k], 0.5F * (float)k, true);
            clxent_buffers b = call_buffers(&calls[k]);
            b.workspace = (clxent_buffer){calls[k].mem, AT_WORKSPACE};
            enqueue(&o, plan, &b, 0, NULL, &done[k]);
        }
        for (int k = 0; k < CALLS; k++) {
            call_check(&o, &calls[k], done[k], bytes);
            assert_cl(clReleaseEvent(done[k]));
            call_close(&calls[k]);
        }
        clxent_plan_destroy(plan);
        owner_close(&o);
    }
}

/* clxent_enqueue() does not fail because of a bad target. counts reports it, and its row adds nothing. */
static void bad_targets_are_counted(void **state) {
    (void)state;
    owner o;
    assert_true(owner_open(&o, 0));
    clxent_plan *plan = owner_plan(&o);
    device_call call;
    call_open(&o, &call, 2, true);
    const int64_t bad = CALL_CLASSES;
    assert_cl(clEnqueueWriteBuffer(o.queue, call.mem, CL_TRUE, AT_TARGETS + 8 * 4, 8, &bad, 0, NULL, NULL));
    const clxent_buffers b = call_buffers(&call);
    enqueue(&o, plan, &b, 0, NULL, NULL);
    float loss, row_loss[CALL_ROWS];
    int64_t counts[4];
    assert_cl(clEnqueueReadBuffer(o.queue, call.mem, CL_TRUE, AT_LOSS, 4, &loss, 0, NULL, NULL));
    assert_cl(clEnqueueReadBuffer(o.queue, call.mem, CL_TRUE, AT_ROW_LOSS, 24, row_loss, 0, NULL, NULL));
    assert_cl(clEnqueueReadBuffer(o.queue, call.mem, CL_TRUE, AT_COUNTS, 32, counts, 0, NULL, NULL));
    const double expected = log1p((CALL_CLASSES - 1) * exp(-2));
    assert_near(loss, expected, loss_bound(expected));
    assert_same(row_loss[4], 0);
    assert_near(row_loss[5], expected, loss_bound(expected));
    assert_memory_equal(counts, ((const int64_t[]){CALL_ROWS - 1, 0, 1, 4}), sizeof counts);
    call_close(&call);
    clxent_plan_destroy(plan);
    owner_close(&o);
}

/* A call of no rows still writes the reduced loss, and its event completes. */
static void no_rows(void **state) {
    (void)state;
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        clxent_plan *plan = owner_plan(&o);
        device_call call;
        call_open(&o, &call, 1, true);
        clxent_buffers b = call_buffers(&call);
        b.rows = 0;
        cl_event done = NULL;
        enqueue(&o, plan, &b, 0, NULL, &done);
        assert_non_null(done);
        float loss = 0;
        int64_t counts[4] = {0};
        assert_cl(clEnqueueReadBuffer(o.queue, call.mem, CL_TRUE, AT_LOSS, 4, &loss, 1, &done, NULL));
        assert_cl(clEnqueueReadBuffer(o.queue, call.mem, CL_TRUE, AT_COUNTS, 32, counts, 1, &done, NULL));
        assert_same(loss, NAN);
        assert_memory_equal(counts, ((const int64_t[]){0, 0, 0, -1}), sizeof counts);
        assert_cl(clReleaseEvent(done));

        const clxent_buffers nothing = CLXENT_BUFFERS_INIT; /* no outputs either */
        clxent_buffers none = nothing;
        none.rows = 0;
        enqueue(&o, plan, &none, 0, NULL, &done);
        assert_cl(clWaitForEvents(1, &done));
        assert_cl(clReleaseEvent(done));
        call_close(&call);
        clxent_plan_destroy(plan);
        owner_close(&o);
    }
}

/* clxent_run() on the program's queue, in order or not, while a call of the same plan is in the queue. */
static void host_arrays_on_each_queue(void **state) {
    (void)state;
    const int runs = expect_effort() == EFFORT_TINY ? 2 : 20;
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        clxent_plan *plan = owner_plan(&o);
        for (int k = 0; k < runs; k++) {
            static float logits[CALL_ROWS * CALL_CLASSES], grad[CALL_ROWS * CALL_CLASSES];
            const int64_t targets[CALL_ROWS] = {0, 0, 0, 0, 0, 0};
            float loss = 0;
            for (int r = 0; r < CALL_ROWS; r++) logits[r * CALL_CLASSES] = (float)k;
            memset(grad, 0, sizeof grad);
            clxent_arrays a = CLXENT_ARRAYS_INIT;
            a.logits = CLXENT_ARRAY(logits, sizeof logits);
            a.targets = CLXENT_ARRAY(targets, sizeof targets);
            a.loss = CLXENT_ARRAY(&loss, sizeof loss);
            a.grad = CLXENT_ARRAY(grad, sizeof grad);
            expect_about("queue properties %u", (unsigned)queues[i]);
            device_call call;
            cl_event done = NULL;
            call_open(&o, &call, 3, true);
            const clxent_buffers b = call_buffers(&call);
            expect_status("enqueue", o.ctx, clxent_enqueue(plan, &b, 0, NULL, &done), CLXENT_OK);
            expect_status("run", o.ctx, clxent_run(plan, &a), CLXENT_OK);
            call_check(&o, &call, done, 0);
            assert_cl(clReleaseEvent(done));
            call_close(&call);
            const double expected = log1p((CALL_CLASSES - 1) * exp(-k));
            assert_near(loss, expected, loss_bound(expected));
            assert_near(grad[CALL_CLASSES], expm1(-expected) / CALL_ROWS, grad_bound(2.0 / CALL_ROWS));
        }
        clxent_plan_destroy(plan);
        owner_close(&o);
    }
}

/* One queue has two contexts with a plan each. The program destroys one context before its plan. */
static void contexts_side_by_side(void **state) {
    (void)state;
    owner o;
    assert_true(owner_open(&o, 0));
    owner second = o;
    assert_int_equal(clxent_ctx_create_from_queue(&second.ctx, o.queue, NULL, NULL), CLXENT_OK);
    clxent_plan *plans[] = {owner_plan(&o), owner_plan(&second)};
    clxent_ctx_destroy(second.ctx); /* its plan keeps the device open */
    device_call calls[2];
    for (int k = 0; k < 2; k++) {
        call_open(&o, &calls[k], 1 + 2 * (float)k, true);
        const clxent_buffers b = call_buffers(&calls[k]);
        assert_int_equal(clxent_enqueue(plans[k], &b, 0, NULL, NULL), CLXENT_OK);
    }
    for (int k = 0; k < 2; k++) {
        call_check(&o, &calls[k], NULL, 0);
        call_close(&calls[k]);
        clxent_plan_destroy(plans[k]);
    }
    owner_close(&o);
}

typedef struct references {
    cl_uint context, queue, mem;
} references;

static references count_references(const owner *o, cl_mem mem) {
    references c = {0};
    assert_cl(clGetContextInfo(o->context, CL_CONTEXT_REFERENCE_COUNT, sizeof c.context, &c.context, NULL));
    assert_cl(clGetCommandQueueInfo(o->queue, CL_QUEUE_REFERENCE_COUNT, sizeof c.queue, &c.queue, NULL));
    assert_cl(clGetMemObjectInfo(mem, CL_MEM_REFERENCE_COUNT, sizeof c.mem, &c.mem, NULL));
    return c;
}

/* Opens a context and a plan, uses them and destroys them. */
static void open_use_close(owner *o, const device_call *call) {
    assert_int_equal(clxent_ctx_create_from_queue(&o->ctx, o->queue, NULL, NULL), CLXENT_OK);
    clxent_plan *plan = owner_plan(o);
    clxent_buffers b = call_buffers(call);
    cl_event done;
    enqueue(o, plan, &b, 0, NULL, &done);
    enqueue(o, plan, &b, 0, NULL, NULL);
    assert_cl(clWaitForEvents(1, &done));
    assert_cl(clReleaseEvent(done));
    b.loss.offset = CALL_BYTES;
    assert_int_equal(clxent_enqueue(plan, &b, 0, NULL, NULL), CLXENT_ERR_BUFFER);
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(o->ctx);
    o->ctx = NULL;
    assert_cl(clFinish(o->queue));
}

/* clxent releases every object that it retains. A driver may release its own references after clFinish(), and
 * those of the last commands even later. So a count may vary, but it must not grow with every round. */
static void references_are_given_back(void **state) {
    (void)state;
    const cl_uint rounds = 20;
    if (expect_effort() == EFFORT_TINY)
        skip(); /* on Oclgrind a layer keeps every buffer, and a buffer keeps its context */
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        device_call call;
        call_open(&o, &call, 1, true);
        clxent_ctx_destroy(o.ctx); /* each round opens its own */
        open_use_close(&o, &call);
        const references before = count_references(&o, call.mem);
        for (cl_uint k = 0; k < rounds; k++) open_use_close(&o, &call);
        const references after = count_references(&o, call.mem);
        assert_true(after.context < before.context + rounds);
        assert_true(after.queue < before.queue + rounds);
        assert_true(after.mem < before.mem + rounds);
        call_close(&call);
        owner_close(&o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_queue),
        cmocka_unit_test(waits_without_blocking),
        cmocka_unit_test(back_to_back),
        cmocka_unit_test(behind_a_call_that_waits),
        cmocka_unit_test(own_workspaces),
        cmocka_unit_test(bad_targets_are_counted),
        cmocka_unit_test(no_rows),
        cmocka_unit_test(host_arrays_on_each_queue),
        cmocka_unit_test(contexts_side_by_side),
        cmocka_unit_test(references_are_given_back),
    };
    return leave(cmocka_run_group_tests_name("enqueue", tests, NULL, NULL));
}
