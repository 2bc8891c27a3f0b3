/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_enqueue() when an event of its wait list fails. The process must live; PoCL 3.1 ends it when nobody
 * holds the events of the commands behind. The call's event must end as failed, or as complete on rusticl,
 * which runs the kernels anyway. Later calls of the plan must be right and in order. */
#include "leave.h"
#include "said.h"
#include "support/device_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const cl_command_queue_properties queues[] = {0, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE};
enum { QUEUES = sizeof queues / sizeof *queues, FAILURE = -5 };

static cl_event make_gate(const owner *o) {
    cl_int code;
    const cl_event gate = clCreateUserEvent(o->context, &code);
    assert_cl(code);
    return gate;
}

static void enqueue(const owner *o, clxent_plan *plan, const clxent_buffers *b, const cl_event *gate,
                    cl_event *event) {
    expect_status("enqueue", o->ctx, clxent_enqueue(plan, b, gate ? 1 : 0, gate, event), CLXENT_OK);
}

/* Waits until the event is complete or failed, and releases it. */
static void end(cl_event *event) {
    if (*event == NULL) return;
    clWaitForEvents(1, event); /* fails when the event fails */
    assert_true(status_of(*event) <= CL_COMPLETE);
    assert_cl(clReleaseEvent(*event));
    *event = NULL;
}

/* Checks a call that has no wait list. */
static void expect_good_call(const owner *o, clxent_plan *plan) {
    device_call call;
    cl_event done = NULL;
    call_open(o, &call, 3, true);
    const clxent_buffers b = call_buffers(&call);
    enqueue(o, plan, &b, NULL, &done);
    assert_cl(clWaitForEvents(1, &done));
    call_check(o, &call, done, 0);
    end(&done);
    call_close(&call);
}

/* True when the queue fails every command after a failure, also the test's own marker. Mesa does so from
 * version 24 on. A next call is possible only on a new queue, where it must be good. */
static bool is_lost(cl_command_queue queue) {
    cl_event marker = NULL;
    const bool lost = clFinish(queue) != CL_SUCCESS ||
                      clEnqueueMarkerWithWaitList(queue, 0, NULL, &marker) != CL_SUCCESS ||
                      clWaitForEvents(1, &marker) != CL_SUCCESS;
    if (marker) clReleaseEvent(marker);
    if (lost && expect_effort() == EFFORT_FULL) fail_msg("the queue is lost"); /* PoCL must not lose it */
    if (lost) print_message("the queue is lost\n");
    return lost;
}

static void expect_good_next_call(owner *o, clxent_plan **plan, cl_command_queue_properties properties) {
    if (is_lost(o->queue)) {
        clxent_plan_destroy(*plan);
        owner_close(o);
        assert_true(owner_open(o, properties));
        *plan = owner_plan(o);
    }
    expect_good_call(o, *plan);
}

/* Enqueues two calls and then a command of the program. The first call waits for an event, which then fails.
 * The test may ask for the calls' events or not, and may use the plan's workspace or the calls' own. */
static void an_event_fails(const owner *o, clxent_plan *plan, bool with_events, bool own_workspaces) {
    enum { CALLS = 2 };
    device_call calls[CALLS];
    cl_event gate = make_gate(o), done[CALLS] = {NULL};
    float loss = 0;
    expect_about("events %s, workspace %s", with_events ? "wanted" : "not wanted",
                 own_workspaces ? "the call's" : "the plan's");
    for (int k = 0; k < CALLS; k++) {
        call_open(o, &calls[k], 2 + (float)k, true);
        clxent_buffers b = call_buffers(&calls[k]);
        if (own_workspaces) b.workspace = (clxent_buffer){calls[k].mem, AT_WORKSPACE};
        enqueue(o, plan, &b, k == 0 ? &gate : NULL, with_events ? &done[k] : NULL);
    }
    assert_cl(
        clEnqueueReadBuffer(o->queue, calls[1].mem, CL_FALSE, AT_LOSS, sizeof loss, &loss, 0, NULL, NULL));
    assert_cl(clFlush(o->queue));
    assert_cl(clSetUserEventStatus(gate, FAILURE));
    for (int k = 0; k < CALLS; k++) end(&done[k]);
    clFinish(o->queue); /* fails where the queue is lost */
    assert_cl(clReleaseEvent(gate));
    for (int k = 0; k < CALLS; k++) call_close(&calls[k]);
}

/* Runs more rounds than the library's initial room for events. */
static void awaited_events_that_fail(void **state) {
    (void)state;
    const int rounds = expect_effort() == EFFORT_FULL ? 12 : 2;
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        clxent_plan *plan = owner_plan(&o);
        for (int round = 0; round < rounds; round++)
            for (int which = 0; which < 4; which++) {
                an_event_fails(&o, plan, (which & 1) != 0, (which & 2) != 0);
                expect_good_next_call(&o, &plan, queues[i]);
            }
        clxent_plan_destroy(plan);
        owner_close(&o);
    }
}

/* The program's own command fails. On an in-order queue, the call after it may fail too. */
static void a_command_before_fails(void **state) {
    (void)state;
    owner o;
    assert_true(owner_open(&o, 0));
    clxent_plan *plan = owner_plan(&o);
    device_call call;
    cl_event gate = make_gate(&o), written = NULL, done = NULL;
    call_open(&o, &call, 3, false);
    const clxent_buffers b = call_buffers(&call);
    assert_cl(
        clEnqueueWriteBuffer(o.queue, call.mem, CL_FALSE, 0, CALL_BYTES, call.image, 1, &gate, &written));
    expect_about("a write that fails");
    enqueue(&o, plan, &b, NULL, &done);
    assert_cl(clFlush(o.queue));
    assert_cl(clSetUserEventStatus(gate, FAILURE));
    end(&done);
    clFinish(o.queue); /* fails where the queue is lost */
    end(&written);
    assert_cl(clReleaseEvent(gate));
    call_close(&call);
    expect_good_next_call(&o, &plan, 0);
    clxent_plan_destroy(plan);
    owner_close(&o);
}

/* The library refuses to wait for an event that has failed already: PoCL would wait for it for ever. */
static void an_event_that_has_failed(void **state) {
    (void)state;
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        clxent_plan *plan = owner_plan(&o);
        device_call call;
        cl_event gates[2] = {make_gate(&o), make_gate(&o)}, done = gates[0];
        call_open(&o, &call, 3, true);
        const clxent_buffers b = call_buffers(&call);
        assert_cl(clSetUserEventStatus(gates[0], CL_COMPLETE));
        assert_cl(clSetUserEventStatus(gates[1], FAILURE));
        expect_about("an event that has failed");
        expect_status("enqueue", o.ctx, clxent_enqueue(plan, &b, 2, gates, &done), CLXENT_ERR_OPENCL);
        assert_null(done);
        const char *message = clxent_ctx_last_error(o.ctx);
        said(message);
        if (!strstr(message, "wait[1] of 2 has failed with status -5")) fail_msg("%s", message);
        assert_cl(clFinish(o.queue));
        expect_good_call(&o, plan);
        for (int k = 0; k < 2; k++) assert_cl(clReleaseEvent(gates[k]));
        call_close(&call);
        clxent_plan_destroy(plan);
        owner_close(&o);
    }
}

/* Three calls share a workspace. The second fails at once. The third must still not overtake the first. The
 * queue is out of order, because PoCL 3.1 itself loses the order of an in-order queue then. */
static void a_failure_between_two_calls(void **state) {
    (void)state;
    owner o;
    if (!owner_open(&o, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)) skip();
    clxent_plan *plan = owner_plan(&o);
    enum { CALLS = 3 };
    device_call calls[CALLS];
    cl_event gates[CALLS - 1] = {make_gate(&o), make_gate(&o)}, done[CALLS];
    expect_about("a failure between two calls");
    for (int k = 0; k < CALLS; k++) call_open(&o, &calls[k], 2 + (float)k, true);
    for (int k = 0; k < CALLS; k++) {
        const clxent_buffers b = call_buffers(&calls[k]);
        enqueue(&o, plan, &b, k < 2 ? &gates[k] : NULL, &done[k]);
        assert_cl(clFlush(o.queue));
        if (k == 1) assert_cl(clSetUserEventStatus(gates[1], FAILURE));
    }
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    assert_int_not_equal(status_of(done[0]), CL_COMPLETE);
    assert_int_not_equal(status_of(done[2]), CL_COMPLETE);
    assert_cl(clSetUserEventStatus(gates[0], CL_COMPLETE));
    if (!is_lost(o.queue)) {
        for (int k = 0; k < CALLS; k += 2) call_check(&o, &calls[k], done[k], 0);
        assert_int_equal(status_of(done[2]), CL_COMPLETE);
    }
    for (int k = 0; k < CALLS; k++) {
        end(&done[k]);
        call_close(&calls[k]);
    }
    for (int k = 0; k < CALLS - 1; k++) assert_cl(clReleaseEvent(gates[k]));
    clxent_plan_destroy(plan);
    owner_close(&o);
}

/* All calls wait. The library holds their events, however many there are. */
static void many_calls_in_flight(void **state) {
    (void)state;
    enum { CALLS = 100 };
    static device_call calls[CALLS];
    for (int i = 0; i < QUEUES; i++) {
        owner o;
        if (!owner_open(&o, queues[i])) continue;
        clxent_plan *plan = owner_plan(&o);
        const cl_event gate = make_gate(&o);
        cl_event done = NULL;
        expect_about("many calls in flight");
        for (int k = 0; k < CALLS; k++) {
            call_open(&o, &calls[k], (float)(k % 7), true);
            const clxent_buffers b = call_buffers(&calls[k]);
            enqueue(&o, plan, &b, k == 0 ? &gate : NULL, k == CALLS - 1 ? &done : NULL);
        }
        assert_cl(clFlush(o.queue));
        assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
        assert_cl(clWaitForEvents(1, &done));
        for (int k = 0; k < CALLS; k++) {
            call_check(&o, &calls[k], done, 0);
            call_close(&calls[k]);
        }
        end(&done);
        assert_cl(clReleaseEvent(gate));
        clxent_plan_destroy(plan);
        owner_close(&o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(awaited_events_that_fail), cmocka_unit_test(a_command_before_fails),
        cmocka_unit_test(an_event_that_has_failed), cmocka_unit_test(a_failure_between_two_calls),
        cmocka_unit_test(many_calls_in_flight),
    };
    return leave(cmocka_run_group_tests_name("failed events", tests, NULL, NULL));
}
