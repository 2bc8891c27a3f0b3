/* SPDX-License-Identifier: Apache-2.0
 *
 * See device_call.h. */
#include "device_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CANARY = 0x5C };

void assert_cl_at(cl_int code, const char *what, const char *file, int line) {
    if (code == CL_SUCCESS) return;
    print_error("%s: %d\n", what, (int)code);
    _fail(file, line);
}

static cl_device_id first_device(void) {
    cl_platform_id platforms[16];
    cl_uint n_platforms = 0;
    assert_cl(clGetPlatformIDs(16, platforms, &n_platforms));
    for (cl_uint i = 0; i < n_platforms && i < 16; i++) {
        cl_device_id device;
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, NULL) == CL_SUCCESS) return device;
    }
    fail_msg("no OpenCL device");
    return NULL;
}

bool owner_open(owner *o, cl_command_queue_properties properties) {
    *o = (owner){.device = first_device()};
    cl_command_queue_properties has = 0;
    assert_cl(clGetDeviceInfo(o->device, CL_DEVICE_QUEUE_PROPERTIES, sizeof has, &has, NULL));
    if (properties & ~has) return false;
    cl_int code;
    o->context = clCreateContext(NULL, 1, &o->device, NULL, NULL, &code);
    assert_cl(code);
    o->queue = clCreateCommandQueue(o->context, o->device, properties, &code);
    assert_cl(code);
    clxent_error err;
    if (clxent_ctx_create_from_queue(&o->ctx, o->queue, NULL, &err) != CLXENT_OK) fail_msg("%s", err.message);
    assert_ptr_equal(clxent_ctx_queue(o->ctx), o->queue);
    return true;
}

void owner_close(owner *o) {
    clxent_ctx_destroy(o->ctx);
    if (o->queue) assert_cl(clReleaseCommandQueue(o->queue));
    if (o->context) assert_cl(clReleaseContext(o->context));
}

clxent_plan *owner_plan(const owner *o) {
    clxent_desc d = CLXENT_DESC_INIT;
    d.rows = CALL_ROWS;
    d.classes = CALL_CLASSES;
    d.outputs = CLXENT_OUT_LOSS | CLXENT_OUT_ROW_LOSS | CLXENT_OUT_GRAD | CLXENT_OUT_COUNTS;
    clxent_plan *plan = NULL;
    expect_about("the plan of a device call");
    expect_status("plan", o->ctx, clxent_plan_create(&plan, o->ctx, &d), CLXENT_OK);
    return plan;
}

static int64_t target_of(int row) {
    return row * 8;
}

void call_open(const owner *o, device_call *call, float gap, bool upload) {
    call->gap = gap;
    unsigned char canaries[CALL_BYTES];
    memset(canaries, CANARY, sizeof canaries);
    memcpy(call->image, canaries, sizeof canaries);
    for (int r = 0; r < CALL_ROWS; r++) {
        const int64_t target = target_of(r);
        memcpy(call->image + AT_TARGETS + 8 * r, &target, sizeof target);
        for (int c = 0; c < CALL_CLASSES; c++) {
            const float logit = c == target ? gap : 0;
            memcpy(call->image + AT_LOGITS + 4 * (r * CALL_CLASSES + c), &logit, sizeof logit);
        }
    }
    cl_int code;
    call->mem = clCreateBuffer(o->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, CALL_BYTES,
                               upload ? call->image : canaries, &code);
    assert_cl(code);
}

void call_close(device_call *call) {
    assert_cl(clReleaseMemObject(call->mem));
}

clxent_buffers call_buffers(const device_call *call) {
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    b.logits = (clxent_buffer){call->mem, AT_LOGITS};
    b.targets = (clxent_buffer){call->mem, AT_TARGETS};
    b.loss = (clxent_buffer){call->mem, AT_LOSS};
    b.row_loss = (clxent_buffer){call->mem, AT_ROW_LOSS};
    b.grad = (clxent_buffer){call->mem, AT_GRAD};
    b.counts = (clxent_buffer){call->mem, AT_COUNTS};
    return b;
}

/* Takes element i of the array at `at`, and writes a canary in its place. */
static double take_real(unsigned char *result, int at, int i) {
    float value;
    memcpy(&value, result + at + 4 * i, sizeof value);
    memset(result + at + 4 * i, CANARY, sizeof value);
    return (double)value;
}

void call_check(const owner *o, const device_call *call, cl_event after, size_t workspace_bytes) {
    unsigned char result[CALL_BYTES];
    assert_cl(clEnqueueReadBuffer(o->queue, call->mem, CL_TRUE, 0, CALL_BYTES, result, after ? 1 : 0,
                                  after ? &after : NULL, NULL));
    const double others = exp(-(double)call->gap), loss = log1p((CALL_CLASSES - 1) * others);
    const double p_target = 1 / (1 + (CALL_CLASSES - 1) * others);
    assert_near(take_real(result, AT_LOSS, 0), loss, loss_bound(loss));
    for (int r = 0; r < CALL_ROWS; r++) {
        assert_near(take_real(result, AT_ROW_LOSS, r), loss, loss_bound(loss));
        for (int c = 0; c < CALL_CLASSES; c++) {
            const double grad = c == target_of(r) ? p_target - 1 : others * p_target;
            assert_near(take_real(result, AT_GRAD, r * CALL_CLASSES + c), grad / CALL_ROWS,
                        grad_bound(2.0 / CALL_ROWS));
        }
    }
    static const int64_t counts[4] = {CALL_ROWS, 0, 0, -1};
    assert_memory_equal(result + AT_COUNTS, counts, sizeof counts);
    memset(result + AT_COUNTS, CANARY, sizeof counts);
    memset(result + AT_WORKSPACE, CANARY, workspace_bytes);
    assert_memory_equal(result, call->image, CALL_BYTES);
}

cl_int status_of(cl_event event) {
    cl_int status = CL_QUEUED;
    assert_cl(clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL));
    return status;
}
