/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_run() on a device that copies; layers/odd_device.c makes one. layers/watch_calls.c records the
 * library's calls. Copies run beside kernels. The library makes its buffers once, and releases every object.
 * When any call fails, the library returns a status and the message of the first failure, and no command uses
 * the caller's arrays any more. */
#include "expect.h"
#include "leave.h"
#include "support/record.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 48, CLASSES = 400, MATRICES = 3, MATRIX_ROW_BYTES = CLASSES * 4 };

static float logits[ROWS][CLASSES];
static int64_t targets[ROWS];

typedef struct outputs {
    float loss, row_loss[ROWS], log_probs[ROWS][CLASSES], grad[ROWS][CLASSES];
    int64_t counts[4];
} outputs;

/* ------------------------------------------------------------------------------- the call ------------- */

typedef struct machine {
    clxent_ctx *ctx;
    clxent_plan *plan;
} machine;

/* Opens a context whose budget holds `blocks` blocks of `rows` rows, and all else that a call needs. */
static machine open_machine(int blocks, int rows) {
    machine m = {NULL, NULL};
    clxent_error err = {0};
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    clxent_desc desc = CLXENT_DESC_INIT;
    clxent_device_info device = CLXENT_DEVICE_INFO_INIT;
    desc.rows = ROWS;
    desc.classes = CLASSES;
    desc.outputs =
        CLXENT_OUT_LOSS | CLXENT_OUT_ROW_LOSS | CLXENT_OUT_LOG_PROBS | CLXENT_OUT_GRAD | CLXENT_OUT_COUNTS;
    /* All else needs less than half of a row's bytes. */
    options.memory_bytes =
        (uint64_t)(blocks * rows * MATRICES * MATRIX_ROW_BYTES + MATRICES * MATRIX_ROW_BYTES / 2);
    if (clxent_ctx_create(&m.ctx, &options, &err) != CLXENT_OK) fail_msg("%s", err.message);
    expect_status("plan", m.ctx, clxent_plan_create(&m.plan, m.ctx, &desc), CLXENT_OK);
    assert_int_equal(clxent_ctx_device(m.ctx, &device), CLXENT_OK);
    assert_false(device.unified_memory);
    return m;
}

static void close_machine(machine *m) {
    clxent_plan_destroy(m->plan);
    clxent_ctx_destroy(m->ctx);
}

static clxent_status run(const machine *m, outputs *out) {
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    memset(out, 0x5a, sizeof *out);
    a.logits = CLXENT_ARRAY(logits, sizeof logits);
    a.targets = CLXENT_ARRAY(targets, sizeof targets);
    a.loss = CLXENT_ARRAY(&out->loss, sizeof out->loss);
    a.row_loss = CLXENT_ARRAY(out->row_loss, sizeof out->row_loss);
    a.log_probs = CLXENT_ARRAY(out->log_probs, sizeof out->log_probs);
    a.grad = CLXENT_ARRAY(out->grad, sizeof out->grad);
    a.counts = CLXENT_ARRAY(out->counts, sizeof out->counts);
    return clxent_run(m->plan, &a);
}

/* ------------------------------------------------------------------------------- the tests ------------ */

/* Checks that nobody waits for a command that was not flushed. Kernels wait for the last upload, and
 * downloads for the last kernel. These are in other queues, so OpenCL requires a flush. The caller waits for
 * all of them, and the next block must be on its way meanwhile. */
static void expect_submitted_in_time(void) {
    static const char *const commands[] = {"clEnqueueWriteBuffer", "clEnqueueNDRangeKernel",
                                           "clEnqueueReadBuffer"};
    unsigned long long unflushed[3] = {0, 0, 0}; /* the queue that has an unflushed command, or 0 */
    for (int i = 0; i < record_length; i++) {
        const entry *e = &record[i];
        const bool waits = is_call(e, "clWaitForEvents");
        for (int k = 0; k < 3; k++) {
            if (unflushed[k] == e->queue && (is_call(e, "clFlush") || is_call(e, "clFinish")))
                unflushed[k] = 0;
            if (unflushed[k] && (waits || (k < 2 && is_call(e, commands[k + 1]))))
                fail_msg("line %d of the record: %s waits for a %s that was not flushed", i + 1, e->call,
                         commands[k]);
        }
        for (int k = 0; k < 3; k++)
            if (is_call(e, commands[k])) unflushed[k] = e->queue;
    }
}

/* The budget holds two blocks. While the caller waits for a block, the next block is enqueued completely. */
static void a_block_ahead(void **state) {
    (void)state;
    enum { BLOCK = 4, BLOCKS = ROWS / BLOCK, BLOCK_BYTES = BLOCK * MATRIX_ROW_BYTES };
    static outputs out;
    machine m = open_machine(2, BLOCK);
    start_recording();
    expect_status("run", m.ctx, run(&m, &out), CLXENT_OK);
    stop_recording();
    close_machine(&m);

    int uploads = 0, kernels = 0, downloads = 0, waits = 0;
    unsigned long long upload_queue = 0, kernel_queue = 0, download_queue = 0;
    for (int i = 0; i < record_length; i++) {
        const entry *e = &record[i];
        if (is_call(e, "clEnqueueWriteBuffer")) {
            assert_false(e->blocking);
            upload_queue = e->queue;
            uploads += e->bytes == BLOCK_BYTES;
        } else if (is_call(e, "clEnqueueReadBuffer")) {
            assert_false(e->blocking);
            download_queue = e->queue;
            downloads += e->bytes == BLOCK_BYTES;
        } else if (is_call(e, "clEnqueueNDRangeKernel")) {
            kernel_queue = e->queue;
            kernels += uploads > 0; /* leaves out the kernels that count the targets */
        } else if (is_call(e, "clWaitForEvents") && uploads > 0 &&
                   uploads < BLOCKS) { /* the waits for blocks of logits */
            assert_int_equal(uploads,
                             waits + 2); /* the caller waits for block `waits`; the next is enqueued */
            assert_true(kernels >= waits + 2);
            assert_int_equal(downloads, 2 * (waits + 2)); /* log_probs and grad */
            waits++;
        }
    }
    assert_int_equal(uploads, BLOCKS);
    assert_int_equal(downloads, 2 * BLOCKS);
    assert_int_equal(waits, BLOCKS - 2);
    assert_true(upload_queue != kernel_queue && kernel_queue != download_queue &&
                download_queue != upload_queue);
    expect_submitted_in_time();
}

static int buffers_of(int rows) {
    static outputs out;
    machine m = open_machine(2, rows);
    start_recording();
    expect_status("run", m.ctx, run(&m, &out), CLXENT_OK);
    stop_recording();
    close_machine(&m);
    return count("clCreateBuffer");
}

static void buffers_are_made_once(void **state) {
    (void)state;
    const int few_blocks = buffers_of(ROWS / 3);
    assert_int_equal(buffers_of(1), few_blocks);
}

/* The objects that are left after the records so far. */
typedef struct balance {
    int events, queues, buffers;
} balance;

static void add_record(balance *b) {
    for (int i = 0; i < record_length; i++) b->events += record[i].events;
    b->queues += count("clCreateCommandQueue") - count("clReleaseCommandQueue");
    b->buffers += count("clCreateBuffer") - count("clReleaseMemObject");
}

static void expect_nothing_left(const balance *b) {
    expect_integer("event references left", 0, b->events, 0);
    expect_integer("queues left", 0, b->queues, 0);
    expect_integer("buffers left", 0, b->buffers, 0);
}

/* Checks that the library finishes each queue after the last command in it. */
static void expect_queues_finished(void) {
    for (int i = 0; i < record_length; i++) {
        const entry *e = &record[i];
        bool finished = false;
        if (strncmp(e->call, "clEnqueue", strlen("clEnqueue")) != 0) continue;
        for (int later = i + 1; later < record_length && !finished; later++)
            finished = is_call(&record[later], "clFinish") && record[later].queue == e->queue;
        if (!finished) fail_msg("%s, line %d of the record, was not waited for", e->call, i + 1);
    }
}

static void everything_is_released(void **state) {
    (void)state;
    static outputs out;
    balance left = {0, 0, 0};
    start_recording();
    machine m = open_machine(2, 5);
    expect_status("run", m.ctx, run(&m, &out), CLXENT_OK);
    expect_status("run", m.ctx, run(&m, &out), CLXENT_OK);
    close_machine(&m);
    stop_recording();
    expect_about("two runs");
    assert_int_equal(count("clCreateCommandQueue"), 3);
    add_record(&left);
    expect_nothing_left(&left);
}

/* Makes the library's call of this number fail. Returns false when the library made fewer calls. */
static bool fail_call(int number, const outputs *expected) {
    static outputs out;
    char text[16];
    balance left = {0, 0, 0};
    snprintf(text, sizeof text, "%d", number);
    expect_about("call %d fails", number);
    start_recording();
    machine m = open_machine(2, 12);
    stop_recording();
    add_record(&left);

    assert_int_equal(setenv("CLXENT_FAIL_CALL", text, 1), 0);
    start_recording();
    const clxent_status status = run(&m, &out);
    stop_recording();
    assert_int_equal(unsetenv("CLXENT_FAIL_CALL"), 0);
    expect_queues_finished();
    add_record(&left);
    expect_integer("event references left", 0, left.events, 0);
    if (status != CLXENT_OK) {
        expect_status("run", m.ctx, status, CLXENT_ERR_MEMORY);
        assert_non_null(strstr(clxent_ctx_last_error(m.ctx), "CL_OUT_OF_RESOURCES"));
    }

    start_recording(); /* the plan must still work */
    if (status != CLXENT_OK) expect_status("run again", m.ctx, run(&m, &out), CLXENT_OK);
    close_machine(&m);
    stop_recording();
    assert_memory_equal(&out, expected, sizeof out);
    add_record(&left);
    expect_nothing_left(&left);
    return status != CLXENT_OK;
}

static void any_call_fails(void **state) {
    (void)state;
    static outputs expected;
    machine m = open_machine(2, 12);
    expect_status("run", m.ctx, run(&m, &expected), CLXENT_OK);
    close_machine(&m);
    int number = 1;
    while (fail_call(number, &expected)) number++;
    assert_true(number > 40); /* proves that calls failed */
}

static int fill(void **state) {
    (void)state;
    for (int r = 0; r < ROWS; r++) {
        targets[r] = r * 7 % CLASSES;
        for (int c = 0; c < CLASSES; c++) logits[r][c] = (float)((r * 31 + c * 17) % 101) / 10;
    }
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_ahead),
        cmocka_unit_test(buffers_are_made_once),
        cmocka_unit_test(everything_is_released),
        cmocka_unit_test(any_call_fails),
    };
    return leave(cmocka_run_group_tests(tests, fill, NULL));
}
