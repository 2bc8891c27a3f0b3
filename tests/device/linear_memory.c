/* SPDX-License-Identifier: Apache-2.0
 *
 * The device memory that linear cross entropy takes. layers/watch_calls.c records every buffer. Beyond the
 * caller's own buffers, a call of 8192 rows and 262144 classes may hold workspace_bytes, 16 bytes a row and
 * 1 MiB at a time, forward and with all gradients; the logits alone would be 8 GiB.
 *
 * Most rows are ignored, and the library leaves them out of the products. So the call takes seconds, but its
 * memory is that of all rows: how many rows count is known on the device alone. */
#include "leave.h"
#include "support/device_call.h"
#include "support/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 8192, CLASSES = 262144, FEATURES = 64, IGNORED = -100 };
static const uint64_t MIB = UINT64_C(1) << 20;

/* A buffer of the caller, filled with one pattern. */
static cl_mem filled(const owner *o, size_t bytes, const void *pattern, size_t pattern_bytes,
                     uint64_t *total) {
    cl_int code;
    cl_mem mem = clCreateBuffer(o->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    assert_cl(code);
    assert_cl(clEnqueueFillBuffer(o->queue, mem, pattern, pattern_bytes, 0, bytes, 0, NULL, NULL));
    *total += bytes;
    return mem;
}

typedef struct shape {
    int64_t rows, classes, features;
    int64_t counted;   /* every counted-th row counts */
    bool grads, given; /* given: the caller gives the workspace */
    uint64_t workspace_bytes;
} shape;

static clxent_desc desc_of(const shape *s) {
    clxent_desc d = CLXENT_DESC_INIT;
    d.op = CLXENT_LINEAR_CROSS_ENTROPY;
    d.rows = s->rows;
    d.classes = s->classes;
    d.features = s->features;
    d.use_ignore_index = 1;
    d.ignore_index = IGNORED;
    d.workspace_bytes = s->workspace_bytes;
    d.outputs = CLXENT_OUT_LOSS | CLXENT_OUT_ROW_LOSS;
    if (s->grads)
        d.outputs |= CLXENT_OUT_GRAD_HIDDEN | CLXENT_OUT_GRAD_CLASSIFIER | CLXENT_OUT_GRAD_CLASSIFIER_BIAS;
    return d;
}

/* The targets: class 0 in the rows that count. */
static cl_mem targets_of(const owner *o, const shape *s, uint64_t *total) {
    int64_t *targets = malloc((size_t)s->rows * sizeof *targets);
    assert_non_null(targets);
    for (int64_t i = 0; i < s->rows; i++) targets[i] = i % s->counted ? IGNORED : 0;
    cl_int code;
    const size_t bytes = (size_t)s->rows * sizeof *targets;
    cl_mem mem = clCreateBuffer(o->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, targets, &code);
    assert_cl(code);
    free(targets);
    *total += bytes;
    return mem;
}

/* Runs a call between the record's start and stop. Every logit is 0, so the loss is log(classes). */
static void measure(const shape *s) {
    static const float zero = 0.0F, one = 1.0F;
    owner o;
    uint64_t own = 0;
    start_recording();
    assert_true(owner_open(&o, 0));
    clxent_plan *plan = NULL;
    const clxent_desc d = desc_of(s);
    expect_about("%lld rows, %lld classes, gradients %d", (long long)s->rows, (long long)s->classes,
                 s->grads);
    expect_status("clxent_plan_create", o.ctx, clxent_plan_create(&plan, o.ctx, &d), CLXENT_OK);
    const size_t n = (size_t)s->rows, c = (size_t)s->classes, h = (size_t)s->features, real = sizeof(float);
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    b.hidden.mem = filled(&o, n * h * real, &one, real, &own);
    b.classifier.mem = filled(&o, c * h * real, &zero, real, &own);
    b.targets.mem = targets_of(&o, s, &own);
    b.loss.mem = filled(&o, real, &zero, real, &own);
    b.row_loss.mem = filled(&o, n * real, &zero, real, &own);
    if (s->grads) {
        b.grad_hidden.mem = filled(&o, n * h * real, &one, real, &own);
        b.grad_classifier.mem = filled(&o, c * h * real, &zero, real, &own);
        b.grad_classifier_bias.mem = filled(&o, c * real, &zero, real, &own);
    }
    uint64_t limit = (s->workspace_bytes ? s->workspace_bytes : 64 * MIB) + MIB + 16 * (uint64_t)s->rows;
    if (s->given) {
        size_t bytes = 0;
        assert_int_equal(clxent_workspace_bytes(plan, &bytes), CLXENT_OK);
        assert_in_range(bytes, 1, limit);
        b.workspace.mem = filled(&o, bytes, &zero, real, &own);
        limit = MIB; /* then the library's own are small */
    }
    for (int call = 0; call < 2; call++)
        expect_status("clxent_enqueue", o.ctx, clxent_enqueue(plan, &b, 0, NULL, NULL), CLXENT_OK);
    float loss = 0, grad = 0;
    assert_cl(clEnqueueReadBuffer(o.queue, b.loss.mem, CL_TRUE, 0, sizeof loss, &loss, 0, NULL, NULL));
    assert_near(loss, log((double)s->classes), loss_bound(log((double)s->classes)));
    if (s->grads) { /* by a class that is no target: the mean of its probability times hidden */
        const size_t last = (c * h - 1) * real;
        assert_cl(clEnqueueReadBuffer(o.queue, b.grad_classifier.mem, CL_TRUE, last, sizeof grad, &grad, 0,
                                      NULL, NULL));
        assert_near(grad, 1.0 / (double)s->classes, 1e-5 / (double)s->classes);
    }
    clxent_buffer *const buffers[] = {&b.hidden,      &b.classifier,      &b.targets,
                                      &b.loss,        &b.row_loss,        &b.workspace,
                                      &b.grad_hidden, &b.grad_classifier, &b.grad_classifier_bias};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        if (buffers[i]->mem) assert_cl(clReleaseMemObject(buffers[i]->mem));
    clxent_plan_destroy(plan);
    owner_close(&o);
    stop_recording();
    const uint64_t most = most_buffer_bytes();
    print_message("%s%s: %.1f MiB beside the caller's %.1f MiB\n", s->grads ? "with gradients" : "forward",
                  s->given ? ", in a given workspace" : "", (double)(most - own) / (double)MIB,
                  (double)own / (double)MIB);
    assert_in_range(most - own, 0, limit);
}

static void forward(void **state) {
    (void)state;
    const shape s = {ROWS, CLASSES, FEATURES, .counted = 64};
    if (expect_effort() != EFFORT_FULL) skip();
    measure(&s);
}

static void with_gradients(void **state) {
    (void)state;
    const shape s = {ROWS, CLASSES, FEATURES, .counted = 256, .grads = true};
    if (expect_effort() != EFFORT_FULL) skip();
    measure(&s);
}

/* Smaller problems, workspaces that hold little of them, and the caller's workspace. */
static void small_workspaces(void **state) {
    (void)state;
    const int64_t classes = expect_effort() == EFFORT_FULL ? 32768 : 4096;
    for (int i = 0; i < 4; i++) {
        const shape s = {2048,
                         classes,
                         32,
                         .counted = 32,
                         .grads = i % 2,
                         .given = i / 2,
                         .workspace_bytes = MIB << i % 3};
        measure(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(forward), cmocka_unit_test(with_gradients),
                                       cmocka_unit_test(small_workspaces)};
    return leave(cmocka_run_group_tests(tests, NULL, NULL));
}
