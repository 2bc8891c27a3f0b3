/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls that clxent_enqueue() and its companions refuse: ranges past the end of a buffer, ranges that
 * overlap, offsets between elements, wrong wait lists and wrong workspaces. A refused call enqueues nothing,
 * so the buffers do not change. wrong_use_run.c has the rules that clxent_run() shares. */
#include "leave.h"
#include "support/device_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { END = CALL_BYTES };

#define WRONG_CALLS(X)                                                                                    \
    X(size_zero, ARGUMENT, "struct_size|0", b->struct_size = 0)                                           \
    X(size_of_none, ARGUMENT, "struct_size", b->struct_size = 99999)                                      \
    X(rows_beyond_plan, SHAPE, "rows|7|6", b->rows = CALL_ROWS + 1)                                       \
    X(no_logits, BUFFER, "logits|NULL", b->logits.mem = NULL)                                             \
    X(no_targets, BUFFER, "targets|NULL", b->targets.mem = NULL)                                          \
    X(logits_past_end, BUFFER, "logits has 980 bytes at offset|of a buffer of|984",                       \
      b->logits.offset = END - 980)                                                                       \
    X(targets_past_end, BUFFER, "targets|40|48", b->targets.offset = END - 40)                            \
    X(loss_past_end, BUFFER, "loss|0|4", b->loss.offset = END)                                            \
    X(loss_far_past_end, BUFFER, "loss|offset", b->loss.offset = SIZE_MAX - 3)                            \
    X(grad_past_end, BUFFER, "grad|980|984", b->grad.offset = END - 980)                                  \
    X(counts_past_end, BUFFER, "counts|24|32", b->counts.offset = END - 24)                               \
    X(logits_between, BUFFER, "logits starts at offset 22|4, the size of f32", b->logits.offset = 22)     \
    X(targets_between, BUFFER, "targets|1020|8", b->targets.offset = 1020)                                \
    X(counts_between, BUFFER, "counts|2124|8", b->counts.offset = 2124)                                   \
    X(grad_over_logits, BUFFER, "grad|logits", b->grad.offset = AT_LOGITS + 4)                            \
    X(loss_over_logits, BUFFER, "loss (4 bytes at offset|of a buffer of|logits (984 bytes at offset",     \
      b->loss.offset = AT_LOGITS + 980)                                                                   \
    X(loss_over_row_loss, BUFFER, "row_loss|loss", b->loss.offset = AT_ROW_LOSS + 20)                     \
    X(counts_over_targets, BUFFER, "counts|targets", b->counts.offset = AT_TARGETS + 40)                  \
    X(output_not_named, ARGUMENT, "lse|outputs", b->lse = place(b, AT_WORKSPACE))                         \
    X(workspace_short, BUFFER, "workspace has 8 bytes at offset|of a buffer of|clxent_workspace_bytes()", \
      b->workspace = place(b, END - 8))                                                                   \
    X(workspace_past_end, BUFFER, "workspace offset|past the end", b->workspace = place(b, END + 8))      \
    X(workspace_between, BUFFER, "workspace|2172|8", b->workspace = place(b, AT_WORKSPACE + 4))           \
    X(workspace_over_grad, BUFFER, "workspace (|at offset|grad (984 bytes at offset",                     \
      b->workspace = place(b, AT_GRAD / 8 * 8 + 8))                                                       \
    X(workspace_over_logits, BUFFER, "workspace|logits", b->workspace = place(b, AT_LOGITS / 8 * 8 + 8))

/* A range of the call's own buffer. */
static clxent_buffer place(const clxent_buffers *b, size_t offset) {
    return (clxent_buffer){b->targets.mem, offset};
}

#define CHANGE(name, status, says, change)         \
    static void change_##name(clxent_buffers *b) { \
        (void)(change);                            \
    }
WRONG_CALLS(CHANGE)
#undef CHANGE

static const struct {
    const char *name;
    clxent_status status;
    const char *says;
    void (*change)(clxent_buffers *);
} wrong_calls[] = {
#define ROW(name, status, says, change) {#name, CLXENT_ERR_##status, says, change_##name},
    WRONG_CALLS(ROW)
#undef ROW
};

static void assert_untouched(const owner *o, const device_call *call) {
    unsigned char result[CALL_BYTES];
    assert_cl(clFinish(o->queue));
    assert_cl(clEnqueueReadBuffer(o->queue, call->mem, CL_TRUE, 0, CALL_BYTES, result, 0, NULL, NULL));
    assert_memory_equal(result, call->image, CALL_BYTES);
}

static void wrong_calls_are_refused(void **state) {
    (void)state;
    owner o;
    assert_true(owner_open(&o, 0));
    clxent_plan *plan = owner_plan(&o);
    device_call call;
    call_open(&o, &call, 3, true);
    for (size_t i = 0; i < sizeof wrong_calls / sizeof *wrong_calls; i++) {
        clxent_buffers b = call_buffers(&call);
        cl_event event = (cl_event)&b; /* the call must set it to NULL */
        wrong_calls[i].change(&b);
        expect_about("%s", wrong_calls[i].name);
        const clxent_status got = clxent_enqueue(plan, &b, 0, NULL, &event);
        expect_status("enqueue", o.ctx, got, wrong_calls[i].status);
        assert_says(clxent_ctx_last_error(o.ctx), wrong_calls[i].says);
        assert_null(event);
        assert_untouched(&o, &call);
    }
    const clxent_buffers b = call_buffers(&call);
    assert_int_equal(clxent_enqueue(plan, &b, 0, NULL, NULL), CLXENT_OK);
    call_check(&o, &call, NULL, 0);
    call_close(&call);
    clxent_plan_destroy(plan);
    owner_close(&o);
}

static void wrong_arguments(void **state) {
    (void)state;
    owner o;
    assert_true(owner_open(&o, 0));
    clxent_plan *plan = owner_plan(&o);
    device_call call;
    call_open(&o, &call, 3, true);
    const clxent_buffers b = call_buffers(&call);
    size_t bytes = 7;
    assert_int_equal(clxent_enqueue(NULL, &b, 0, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_enqueue(plan, NULL, 0, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(o.ctx), "buffers|NULL");
    assert_int_equal(clxent_enqueue(plan, &b, 2, NULL, NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(o.ctx), "wait|2|NULL");
    assert_int_equal(clxent_workspace_bytes(NULL, &bytes), CLXENT_ERR_ARGUMENT);
    assert_int_equal(bytes, 7);
    assert_int_equal(clxent_workspace_bytes(plan, NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(o.ctx), "bytes is NULL");
    assert_null(clxent_ctx_queue(NULL));

    clxent_ctx *ctx = (clxent_ctx *)&ctx;
    clxent_error err;
    assert_int_equal(clxent_ctx_create_from_queue(NULL, o.queue, NULL, &err), CLXENT_ERR_ARGUMENT);
    assert_int_equal(clxent_ctx_create_from_queue(&ctx, NULL, NULL, &err), CLXENT_ERR_ARGUMENT);
    assert_null(ctx);
    assert_says(err.message, "queue|NULL");
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    options.struct_size = 3;
    assert_int_equal(clxent_ctx_create_from_queue(&ctx, o.queue, &options, &err), CLXENT_ERR_ARGUMENT);
    assert_says(err.message, "struct_size|3");
    assert_untouched(&o, &call);
    call_close(&call);
    clxent_plan_destroy(plan);
    owner_close(&o);
}

/* No device has enough memory for the workspace of the largest plan. The library refuses a call of such a
 * plan that does not give a workspace of its own. */
static void workspace_beyond_the_device(void **state) {
    (void)state;
    owner o;
    clxent_plan *plan = NULL;
    clxent_desc desc = CLXENT_DESC_INIT;
    assert_true(owner_open(&o, 0));
    desc.rows = INT64_MAX / 8192;
    desc.classes = CALL_CLASSES;
    assert_int_equal(clxent_plan_create(&plan, o.ctx, &desc), CLXENT_OK);
    size_t bytes = 0;
    assert_int_equal(clxent_workspace_bytes(plan, &bytes), CLXENT_OK);
    assert_in_range(bytes, (uint64_t)desc.rows * 8, INT64_MAX);
    device_call call;
    call_open(&o, &call, 3, true);
    clxent_buffers b = call_buffers(&call);
    b.rows = CALL_ROWS;
    assert_int_equal(clxent_enqueue(plan, &b, 0, NULL, NULL), CLXENT_ERR_MEMORY);
    assert_says(clxent_ctx_last_error(o.ctx),
                "workspace|1125899906842623 rows|largest is|make plans of fewer rows");
    assert_untouched(&o, &call);
    call_close(&call);
    clxent_plan_destroy(plan);
    owner_close(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workspace_beyond_the_device),
        cmocka_unit_test(wrong_calls_are_refused),
        cmocka_unit_test(wrong_arguments),
    };
    return leave(cmocka_run_group_tests_name("wrong enqueue", tests, NULL, NULL));
}
