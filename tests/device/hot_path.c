/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_enqueue() after the first call. It makes no OpenCL object except events, compiles nothing and waits
 * for nothing; layers/refuse_slow.c refuses such calls. The library allocates no host memory; the linker puts
 * the functions below between the library and malloc(). */
#include "leave.h"
#include "support/device_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned long allocations;

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

void *__wrap_malloc(size_t bytes) {
    allocations++;
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes) {
    allocations++;
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes) {
    allocations++;
    return __real_realloc(old, bytes);
}

static void refuse_slow(bool on) {
    assert_int_equal(on ? setenv("CLXENT_REFUSE_SLOW", "1", 1) : unsetenv("CLXENT_REFUSE_SLOW"), 0);
}

/* Calls for some outputs and for all, with and without an event. Checks results after the layer is off. */
static void call_again(const owner *o, clxent_plan *plan, device_call *call, bool own_workspace) {
    for (int which = 0; which < 4; which++) {
        clxent_buffers b = call_buffers(call);
        cl_event done = NULL;
        if (own_workspace) b.workspace = (clxent_buffer){call->mem, AT_WORKSPACE};
        clxent_buffers less = b;
        if (which & 1) less.grad.mem = NULL;
        if (which & 2) less.counts.mem = less.loss.mem = NULL;
        refuse_slow(true);
        const unsigned long before = allocations;
        const clxent_status status = clxent_enqueue(plan, &less, 0, NULL, NULL);
        const clxent_status all = clxent_enqueue(plan, &b, 0, NULL, &done);
        const unsigned long after = allocations;
        refuse_slow(false);
        expect_status("enqueue of some outputs", o->ctx, status, CLXENT_OK);
        expect_status("enqueue of all outputs", o->ctx, all, CLXENT_OK);
        expect_integer("allocations", which, (int64_t)(after - before), 0);
        assert_non_null(done);
        assert_cl(clWaitForEvents(1, &done));
        size_t scratch = 0;
        if (own_workspace) expect_status("bytes", o->ctx, clxent_workspace_bytes(plan, &scratch), CLXENT_OK);
        call_check(o, call, done, scratch);
        assert_cl(clReleaseEvent(done));
    }
}

static void later_calls(void **state) {
    (void)state;
    owner o;
    assert_true(owner_open(&o, 0));
    const unsigned long before = allocations;
    clxent_plan *plan = owner_plan(&o);
    assert_true(allocations > before); /* proves that the wrappers count */
    device_call call;
    call_open(&o, &call, 3, true);
    const clxent_buffers b = call_buffers(&call);

    refuse_slow(true); /* the first call must make the plan's workspace, so it fails here */
    const clxent_status refused = clxent_enqueue(plan, &b, 0, NULL, NULL);
    refuse_slow(false);
    expect_status("first enqueue", o.ctx, refused, CLXENT_ERR_MEMORY);
    expect_status("first enqueue", o.ctx, clxent_enqueue(plan, &b, 0, NULL, NULL), CLXENT_OK);

    call_again(&o, plan, &call, false);
    call_close(&call);
    clxent_plan_destroy(plan);
    owner_close(&o);
}

/* If the caller gives the workspace, even the first call is fast. */
static void first_call_with_a_workspace(void **state) {
    (void)state;
    owner o;
    assert_true(owner_open(&o, 0));
    clxent_plan *plan = owner_plan(&o);
    device_call call;
    call_open(&o, &call, 3, true);
    call_again(&o, plan, &call, true);
    call_close(&call);
    clxent_plan_destroy(plan);
    owner_close(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_calls),
        cmocka_unit_test(first_call_with_a_workspace),
    };
    return leave(cmocka_run_group_tests_name("hot path", tests, NULL, NULL));
}
