/* SPDX-License-Identifier: Apache-2.0
 *
 *   test_faults_library [NAME]     NAME ("run_*") chooses scenarios
 *
 * Every OpenCL call and every allocation of the library fails, when it opens a device, makes a plan, runs it
 * on each schedule, streams, enqueues, merges
 * states, and keeps programs. fault_loop.h says what must hold. If a call
 * succeeds, the test compares its results with a closed form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../device/support/device_call.h"
#include "fault_loop.h"
#include "gemm.h"

/* ---------------------------------------------------------------- what is computed --------------------- */

enum { ROWS = 60, CLASSES = 41, ELEMENTS = ROWS * CLASSES };
static const float gap = 3;

static struct {
    float logits[ELEMENTS], grad[ELEMENTS], loss, lse[ROWS];
    int64_t targets[ROWS], counts[4];
} host;

/* Rows of an outer index. 1: the classes are adjacent; else the rows are. */
static int64_t inner = 1;

static int64_t at(int64_t row, int64_t c) {
    return row / inner * inner * CLASSES + c * inner + row % inner;
}

static int64_t target_of(int row) {
    return row % CLASSES;
}

/* Every target's logit is `gap`, the others are 0. */
static clxent_arrays fill(bool in_place) {
    memset(&host, 0x7B, sizeof host);
    for (int r = 0; r < ROWS; r++) {
        host.targets[r] = target_of(r);
        for (int c = 0; c < CLASSES; c++) host.logits[at(r, c)] = c == target_of(r) ? gap : 0;
    }
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(host.logits, sizeof host.logits);
    a.targets = CLXENT_ARRAY(host.targets, sizeof host.targets);
    a.loss = CLXENT_ARRAY(&host.loss, sizeof host.loss);
    a.lse = CLXENT_ARRAY(host.lse, sizeof host.lse);
    a.counts = CLXENT_ARRAY(host.counts, sizeof host.counts);
    a.grad = in_place ? a.logits : CLXENT_ARRAY(host.grad, sizeof host.grad);
    return a;
}

static void check(bool in_place) {
    const double others = exp(-(double)gap), loss = log1p((CLASSES - 1) * others);
    const double p = 1 / (1 + (CLASSES - 1) * others);
    const float *grad = in_place ? host.logits : host.grad;
    assert_near(host.loss, loss, loss_bound(loss));
    for (int r = 0; r < ROWS; r++) {
        assert_near(host.lse[r], gap + loss, loss_bound((double)gap + loss));
        for (int c = 0; c < CLASSES; c++)
            assert_near(grad[at(r, c)], (c == target_of(r) ? p - 1 : others * p) / ROWS,
                        grad_bound(2.0 / ROWS));
    }
    static const int64_t counts[4] = {ROWS, 0, 0, -1};
    assert_memory_equal(host.counts, counts, sizeof counts);
}

static clxent_desc describe(void) {
    clxent_desc d = CLXENT_DESC_INIT;
    d.rows = ROWS;
    d.classes = CLASSES;
    d.inner = inner;
    d.outputs = CLXENT_OUT_LOSS | CLXENT_OUT_LSE | CLXENT_OUT_GRAD | CLXENT_OUT_COUNTS;
    return d;
}

/* Slices of the classes: number 0 and 1 give states; number 2 is all classes, from merged states. */
enum { SLICES = 2, CUT = 20 };
static clxent_desc describe_slice(int number) {
    clxent_desc d = describe();
    if (number == SLICES) {
        d.flags = CLXENT_FROM_STATE;
        return d;
    }
    d.class_begin = number * CUT;
    d.classes = number == 0 ? CUT : CLASSES - CUT;
    d.classes_total = d.row_stride = CLASSES;
    d.outputs = CLXENT_OUT_STATE;
    return d;
}

/* ---------------------------------------------------------------- compiled once ------------------------ */

/* The programs of all schedules. Most scenarios import them; only those that test compilation compile. */
static unsigned char *programs;
static size_t programs_bytes;

static const clxent_schedule schedules[] = {CLXENT_SCHEDULE_LANE, CLXENT_SCHEDULE_GROUP, CLXENT_SCHEDULE_WIDE,
                                            CLXENT_SCHEDULE_SPLIT};

static bool is_tried(clxent_schedule schedule) { /* slow devices compile vector kernels for a minute */
    return expect_effort() == EFFORT_FULL || schedule < CLXENT_SCHEDULE_WIDE;
}

static int compile_all(void **state) {
    (void)state;
    clxent_ctx *ctx = expect_ctx();
    for (size_t i = 0; i <= sizeof schedules / sizeof *schedules; i++) {
        clxent_plan *plan = NULL;
        const bool adjacent = i < sizeof schedules / sizeof *schedules;
        const clxent_schedule schedule = adjacent ? schedules[i] : CLXENT_SCHEDULE_LANE;
        clxent_desc d = describe();
        if (!adjacent) d.inner = ROWS;
        if (!is_tried(schedule)) continue;
        expect_status("plan", ctx, clxent_plan_create_scheduled(&plan, ctx, &d, schedule), CLXENT_OK);
        clxent_plan_destroy(plan);
    }
    for (int i = 0; i <= SLICES && is_tried(CLXENT_SCHEDULE_SPLIT); i++) {
        clxent_plan *plan = NULL;
        const clxent_desc d = describe_slice(i);
        expect_status("plan", ctx, clxent_plan_create(&plan, ctx, &d), CLXENT_OK);
        clxent_plan_destroy(plan);
    }
    expect_status("gemm", ctx, clxent_ctx_gemm(ctx, CLXENT_F32, NULL, NULL), CLXENT_OK);
    expect_status("export", ctx, clxent_ctx_export_programs(ctx, NULL, 0, &programs_bytes), CLXENT_OK);
    programs = malloc(programs_bytes);
    assert_non_null(programs);
    expect_status("export", ctx, clxent_ctx_export_programs(ctx, programs, programs_bytes, &programs_bytes),
                  CLXENT_OK);
    clxent_ctx_destroy(ctx);
    return 0;
}

/* ---------------------------------------------------------------- opening ------------------------------ */

/* Opens a context in which no call fails yet, and gives it all programs. */
static clxent_ctx *open_quietly(const clxent_ctx_options *options) {
    clxent_ctx *ctx = NULL;
    clxent_error err;
    if (clxent_ctx_create(&ctx, options, &err) != CLXENT_OK) fail_msg("%s", err.message);
    expect_status("import", ctx, clxent_ctx_import_programs(ctx, programs, programs_bytes), CLXENT_OK);
    return ctx;
}

static void list(void) {
    clxent_error err;
    clxent_device_info devices[4];
    size_t count = 99;
    ATTEMPT(err.message, clxent_list_devices(devices, sizeof(clxent_device_info), 4, &count, &err));
    if (fault_good()) assert_true(count > 0 && devices[0].struct_size == sizeof devices[0]);
}

/* A device that cannot describe itself must not hide the other. (PoCL imitates two devices.) */
static void list_two(void) {
    clxent_error err;
    clxent_device_info devices[4];
    size_t count = 99;
    if (clxent_list_devices(devices, sizeof(clxent_device_info), 4, &count, &err) != CLXENT_OK || count != 2)
        fault_skip();
    ATTEMPT(err.message, clxent_list_devices(devices, sizeof(clxent_device_info), 4, &count, &err));
    if (!fault_good()) return;
    const bool one_may_fail = strncmp(fault_board_of_test()->entry, "clGet", 5) == 0;
    assert_true(count == 2 || (count == 1 && one_may_fail));
    assert_true(devices[0].is_default || devices[1].is_default);
}

static void create(void) {
    clxent_ctx *ctx = (clxent_ctx *)&host; /* no context: must become NULL */
    clxent_error err;
    ATTEMPT(err.message, clxent_ctx_create(&ctx, NULL, &err));
    assert_int_equal(ctx != NULL, fault_good());
    ALWAYS(clxent_ctx_destroy(ctx));
}

static void create_from_queue(void) {
    owner o;
    clxent_ctx *ctx = (clxent_ctx *)&host;
    clxent_error err;
    assert_true(owner_open(&o, 0));
    ATTEMPT(err.message, clxent_ctx_create_from_queue(&ctx, o.queue, NULL, &err));
    assert_int_equal(ctx != NULL, fault_good());
    ALWAYS(clxent_ctx_destroy(ctx));
    owner_close(&o);
}

/* ---------------------------------------------------------------- planning and running ----------------- */

static clxent_plan *plan_of(clxent_ctx *ctx, clxent_schedule schedule) {
    const clxent_desc d = describe();
    clxent_plan *plan = (clxent_plan *)&host; /* no plan: must become NULL */
    ATTEMPT(clxent_ctx_last_error(ctx), clxent_plan_create_scheduled(&plan, ctx, &d, schedule));
    assert_int_equal(plan != NULL, fault_good());
    return plan;
}

/* Makes a plan, whose programs are compiled from source, and then checks its results. */
static void plan_on(clxent_schedule schedule) {
    if (!is_tried(schedule)) fault_skip();
    clxent_ctx *ctx = expect_ctx();
    clxent_plan *p = plan_of(ctx, schedule);
    if (p) {
        const clxent_arrays a = fill(false);
        expect_status("run", ctx, clxent_run(p, &a), CLXENT_OK);
        check(false);
    }
    ALWAYS(clxent_plan_destroy(p));
    ALWAYS(clxent_ctx_destroy(ctx));
}

static void plan_lane(void) {
    plan_on(CLXENT_SCHEDULE_LANE);
}
static void plan_split(void) { /* its program has two kernels; the other schedules plan as lane does */
    plan_on(CLXENT_SCHEDULE_SPLIT);
}

/* Runs a plan twice, and then destroys the context before the plan. */
static void run_on(clxent_schedule schedule, const clxent_ctx_options *options, bool in_place) {
    if (!is_tried(schedule)) fault_skip();
    clxent_ctx *ctx = open_quietly(options);
    const clxent_desc d = describe();
    clxent_plan *p = NULL;
    expect_status("plan", ctx, clxent_plan_create_scheduled(&p, ctx, &d, schedule), CLXENT_OK);
    for (int i = 0; i < 2; i++) {
        clxent_arrays a = fill(in_place);
        do { /* a failed attempt may have overwritten the arrays */
            a = fill(in_place);
            fault_arm();
            fault_result(clxent_run(p, &a));
            fault_disarm();
        } while (fault_again("clxent_run", clxent_ctx_last_error(ctx)));
        if (fault_good()) check(in_place);
    }
    ALWAYS(clxent_ctx_destroy(ctx));
    ALWAYS(clxent_plan_destroy(p));
}

static void run_lane(void) {
    run_on(CLXENT_SCHEDULE_LANE, NULL, false);
}
static void run_group(void) {
    run_on(CLXENT_SCHEDULE_GROUP, NULL, true);
}
static void run_wide(void) {
    run_on(CLXENT_SCHEDULE_WIDE, NULL, false);
}
static void run_split(void) {
    run_on(CLXENT_SCHEDULE_SPLIT, NULL, true);
}

/* Streams in two blocks, or in up to four if the library copies the arrays. */
static void run_stream(void) {
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    options.memory_bytes = 10500;
    run_on(CLXENT_SCHEDULE_GROUP, &options, false);
    run_on(CLXENT_SCHEDULE_LANE, &options, true);
}

/* The rows of an outer index are adjacent. There are two outer indices; the library streams each in two
 * pieces or more. */
static void run_stream_pieces(void) {
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    options.memory_bytes = 8000;
    inner = ROWS / 2;
    run_on(CLXENT_SCHEDULE_LANE, &options, false);
    run_on(CLXENT_SCHEDULE_LANE, &options, true);
    inner = 1;
}

/* ---------------------------------------------------------------- enqueueing --------------------------- */

/* Opens a queue with these properties, a context on it with the kept programs, the buffers of a call, and its
 * plan. Skips the test if the device has no such queue. */
static clxent_plan *open_all(owner *o, device_call *call, cl_command_queue_properties properties) {
    if (!owner_open(o, properties)) fault_skip();
    expect_status("import", o->ctx, clxent_ctx_import_programs(o->ctx, programs, programs_bytes), CLXENT_OK);
    call_open(o, call, gap, true);
    return owner_plan(o);
}

static void close_all(owner *o, device_call *call, clxent_plan *plan) {
    ALWAYS(clxent_plan_destroy(plan));
    call_close(call);
    ALWAYS(clxent_ctx_destroy(o->ctx));
    o->ctx = NULL;
    owner_close(o);
}

/* Three calls, one after the other, on a caller's queue. The second and the third wait for the event of the
 * call before. The second has no rows; the third brings its own workspace. */
static void enqueue_on(cl_command_queue_properties properties) {
    owner o;
    device_call call;
    cl_event events[3] = {NULL, NULL, NULL};
    int made = 0;
    size_t scratch = 0;
    clxent_plan *p = open_all(&o, &call, properties);
    clxent_buffers b = call_buffers(&call);
    for (int i = 0; i < 3; i++) {
        b.rows = i == 1 ? 0 : CLXENT_ALL_ROWS;
        b.loss.mem = b.counts.mem = i == 1 ? NULL : call.mem;
        b.workspace = i == 2 ? (clxent_buffer){call.mem, AT_WORKSPACE} : (clxent_buffer){NULL, 0};
        events[made] = (cl_event)(void *)&host; /* no event: must become NULL */
        ATTEMPT(clxent_ctx_last_error(o.ctx),
                clxent_enqueue(p, &b, made > 0, made > 0 ? &events[made - 1] : NULL, &events[made]));
        assert_int_equal(events[made] != NULL, fault_good());
        made += events[made] != NULL;
    }
    if (made > 0) {
        assert_cl(clWaitForEvents((cl_uint)made, events));
        expect_status("bytes", o.ctx, clxent_workspace_bytes(p, &scratch), CLXENT_OK);
        if (fault_good()) call_check(&o, &call, events[made - 1], scratch);
    }
    assert_cl(clFinish(o.queue));
    for (int i = 0; i < made; i++) assert_cl(clReleaseEvent(events[i]));
    close_all(&o, &call, p);
}

static void enqueue_in_order(void) {
    enqueue_on(0);
}
static void enqueue_out_of_order(void) {
    enqueue_on(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
}

/* A call in phases, with two blocks of rows. After a phase that fails for good, there is no further phase. */
static void phases_on(cl_command_queue_properties properties, bool own_workspace) {
    owner o;
    device_call call;
    cl_event done = NULL;
    size_t scratch = 0;
    clxent_plan *p = open_all(&o, &call, properties);
    clxent_buffers b = call_buffers(&call);
    if (own_workspace) {
        b.workspace = (clxent_buffer){call.mem, AT_WORKSPACE};
        expect_status("bytes", o.ctx, clxent_workspace_bytes(p, &scratch), CLXENT_OK);
    }
    ATTEMPT(clxent_ctx_last_error(o.ctx), clxent_enqueue_begin(p, &b, 0, NULL, NULL));
    for (int first = 0; first < CALL_ROWS && fault_good(); first += CALL_ROWS / 2) {
        clxent_buffers block = b;
        block.logits.offset += (size_t)first * CALL_CLASSES * sizeof(float);
        block.grad.offset += (size_t)first * CALL_CLASSES * sizeof(float);
        ATTEMPT(clxent_ctx_last_error(o.ctx),
                clxent_enqueue_rows(p, first, CALL_ROWS / 2, &block, 0, NULL, NULL));
    }
    if (fault_good()) {
        done = (cl_event)(void *)&host; /* no event: must become NULL */
        ATTEMPT(clxent_ctx_last_error(o.ctx), clxent_enqueue_end(p, &b, 0, NULL, &done));
        assert_int_equal(done != NULL, fault_good());
    }
    if (fault_good()) call_check(&o, &call, done, scratch);
    assert_cl(clFinish(o.queue));
    if (done) assert_cl(clReleaseEvent(done));
    close_all(&o, &call, p);
}

static void phases_in_order(void) {
    phases_on(0, false);
}
static void phases_out_of_order(void) {
    phases_on(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, true);
}

/* Merges the states of the slices by the device's kernel. */
static void merge_on_device(clxent_ctx *ctx, clxent_plan *plan, void *slices, size_t bytes, void *merged,
                            size_t merged_bytes) {
    cl_command_queue queue = clxent_ctx_queue(ctx);
    cl_context context = NULL;
    cl_int code = CL_SUCCESS;
    assert_cl(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL));
    const clxent_buffer from = {
        clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, slices, &code), 0};
    assert_cl(code);
    const clxent_buffer to = {clCreateBuffer(context, CL_MEM_READ_WRITE, merged_bytes, NULL, &code), 0};
    assert_cl(code);
    cl_event done = (cl_event)(void *)&host; /* no event: must become NULL */
    ATTEMPT(clxent_ctx_last_error(ctx),
            clxent_enqueue_merge_states(plan, NULL, ROWS, SLICES, from, to, 0, NULL, &done));
    assert_int_equal(done != NULL, fault_good());
    if (done) {
        assert_cl(clEnqueueReadBuffer(queue, to.mem, CL_TRUE, 0, merged_bytes, merged, 1, &done, NULL));
        assert_cl(clReleaseEvent(done));
    }
    assert_cl(clFinish(queue));
    assert_cl(clReleaseMemObject(from.mem));
    assert_cl(clReleaseMemObject(to.mem));
}

/* The states of two slices, merged on the host and on the device, and the loss from the merged states. */
static void states(void) {
    enum { COLUMNS = CLXENT_STATE_COLUMNS };
    static float slices[SLICES][ROWS][COLUMNS], merged[ROWS][COLUMNS];
    if (!is_tried(CLXENT_SCHEDULE_SPLIT)) fault_skip();
    clxent_ctx *ctx = open_quietly(NULL);
    clxent_plan *plans[SLICES + 1] = {NULL};
    clxent_arrays a = fill(false);
    a.state = CLXENT_ARRAY(merged, sizeof merged);
    for (int i = 0; i <= SLICES; i++) {
        const clxent_desc d = describe_slice(i);
        expect_status("plan", ctx, clxent_plan_create(&plans[i], ctx, &d), CLXENT_OK);
    }
    for (int i = 0; i < SLICES && (i == 0 || fault_good()); i++) {
        clxent_arrays of_slice = CLXENT_ARRAYS_INIT;
        of_slice.logits = CLXENT_ARRAY(host.logits + i * CUT, sizeof host.logits - i * CUT * sizeof(float));
        of_slice.targets = a.targets;
        of_slice.state = CLXENT_ARRAY(slices[i], sizeof slices[i]);
        ATTEMPT(clxent_ctx_last_error(ctx), clxent_run(plans[i], &of_slice));
    }
    for (int on_device = 0; on_device < 2 && fault_good(); on_device++) {
        memset(merged, 0, sizeof merged);
        if (on_device)
            merge_on_device(ctx, plans[0], slices, sizeof slices, merged, sizeof merged);
        else
            ATTEMPT(clxent_ctx_last_error(ctx),
                    clxent_merge_states(plans[0], NULL, ROWS, SLICES, CLXENT_ARRAY(slices, sizeof slices),
                                        CLXENT_ARRAY(merged, sizeof merged)));
        if (!fault_good()) break;
        ATTEMPT(clxent_ctx_last_error(ctx), clxent_run(plans[SLICES], &a));
        if (fault_good()) check(false);
    }
    for (int i = 0; i <= SLICES; i++) ALWAYS(clxent_plan_destroy(plans[i]));
    ALWAYS(clxent_ctx_destroy(ctx));
}

static bool is_complete(cl_event event) {
    cl_int execution = CL_QUEUED;
    assert_cl(clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof execution, &execution, NULL));
    return execution == CL_COMPLETE;
}

/* On an out-of-order queue, the kernels of a call that failed half-way still use the plan's workspace, so the
 * next call must run after them. Here these kernels wait for `gate`, so the next call must wait too. */
static void enqueue_behind_half_a_call(void) {
    owner o;
    device_call call;
    cl_int code;
    cl_event done[2] = {NULL, NULL};
    clxent_plan *p = open_all(&o, &call, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    cl_event gate = clCreateUserEvent(o.context, &code);
    assert_cl(code);
    const clxent_buffers b = call_buffers(&call);
    fault_board_of_test()->commands = 0;
    fault_arm();
    fault_result(clxent_enqueue(p, &b, 1, &gate, &done[0]));
    fault_disarm();
    fault_again("clxent_enqueue", clxent_ctx_last_error(o.ctx));
    const bool half = !fault_good() && fault_board_of_test()->commands > 0;
    expect_status("next", o.ctx, clxent_enqueue(p, &b, 0, NULL, &done[1]), CLXENT_OK);
    assert_cl(clFlush(o.queue));
    for (int i = 0; i < 20 && half; i++) { /* if it did not wait, it would take one of these ms */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        if (is_complete(done[1])) fail_msg("a call overtook the kernels of one that failed before it");
    }
    assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
    call_check(&o, &call, done[1], 0);
    assert_cl(clFinish(o.queue));
    for (int i = 0; i < 2; i++)
        if (done[i]) assert_cl(clReleaseEvent(done[i]));
    assert_cl(clReleaseEvent(gate));
    close_all(&o, &call, p);
}

/* ---------------------------------------------------------------- matrix products ---------------------- */

/* Opens a provider of products and multiplies 2 by 3. */
static void product_by(const char *provider, cl_command_queue_properties properties) {
    owner o;
    float numbers[] = {2, 3, 0};
    cl_int code = CL_SUCCESS;
    cl_event done = NULL;
    clxent_gemm gemm = CLXENT_GEMM_INIT;
    assert_int_equal(setenv("CLXENT_GEMM", provider, 1), 0);
    if (!owner_open(&o, properties)) fault_skip();
    expect_status("import", o.ctx, clxent_ctx_import_programs(o.ctx, programs, programs_bytes), CLXENT_OK);
    if (clx_gemm_of(o.ctx, CLXENT_F32, &gemm) == CLXENT_ERR_UNSUPPORTED) fault_skip();
    clx_gemm_release(o.ctx);
    ATTEMPT(clxent_ctx_last_error(o.ctx), clx_gemm_of(o.ctx, CLXENT_F32, &gemm));
    const cl_mem mem =
        clCreateBuffer(o.context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, sizeof numbers, numbers, &code);
    assert_cl(code);
    if (fault_good()) {
        const clxent_product product = {.struct_size = sizeof product,
                                        .m = 1,
                                        .n = 1,
                                        .k = 1,
                                        .a = {{mem, 0}, 1, 0, 0},
                                        .b = {{mem, 4}, 1, 0, 0},
                                        .c = {{mem, 8}, 1, 0, 0}};
        ATTEMPT(clxent_ctx_last_error(o.ctx), gemm.enqueue(gemm.user, o.queue, &product, 0, NULL, &done));
        assert_int_equal(done != NULL, fault_good());
    }
    if (fault_good()) {
        assert_cl(clEnqueueReadBuffer(o.queue, mem, CL_TRUE, 0, sizeof numbers, numbers, 1, &done, NULL));
        assert_true(numbers[2] == 6);
        assert_cl(clReleaseEvent(done));
    }
    assert_cl(clFinish(o.queue));
    assert_cl(clReleaseMemObject(mem));
    ALWAYS(clxent_ctx_destroy(o.ctx));
    o.ctx = NULL;
    owner_close(&o);
    assert_int_equal(unsetenv("CLXENT_GEMM"), 0);
}

static void product_by_clxent(void) {
    product_by("clxent", 0);
}
static void product_by_openblas(void) {
    product_by("openblas", 0);
}
static void product_by_openblas_out_of_order(void) {
    product_by("openblas", CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
}

/* ---------------------------------------------------------------- programs kept ------------------------ */

static void export_and_import(void) {
    clxent_ctx *from = open_quietly(NULL), *to = expect_ctx();
    clxent_plan *p = NULL;
    const clxent_desc d = describe();
    size_t bytes = 0, written = 0;
    expect_status("plan", from, clxent_plan_create_scheduled(&p, from, &d, CLXENT_SCHEDULE_GROUP), CLXENT_OK);
    clxent_plan_destroy(p);
    p = NULL;
    ATTEMPT(clxent_ctx_last_error(from), clxent_ctx_export_programs(from, NULL, 0, &bytes));
    if (fault_good()) {
        unsigned char *blob = malloc(bytes);
        assert_non_null(blob);
        ATTEMPT(clxent_ctx_last_error(from), clxent_ctx_export_programs(from, blob, bytes, &written));
        if (fault_good()) ATTEMPT(clxent_ctx_last_error(to), clxent_ctx_import_programs(to, blob, bytes));
        free(blob);
    }
    p = plan_of(to, CLXENT_SCHEDULE_GROUP);
    if (p) {
        const clxent_arrays a = fill(false);
        expect_status("run", to, clxent_run(p, &a), CLXENT_OK);
        check(false);
    }
    ALWAYS(clxent_plan_destroy(p));
    ALWAYS(clxent_ctx_destroy(to));
    ALWAYS(clxent_ctx_destroy(from));
}

int main(int argc, char **argv) {
    static const fault_scenario scenarios[] = {
        {"list", list, "clGetPlatformInfo", 1}, /* a message without devices names platforms */
        {"list_two", list_two, "clGetPlatformInfo clGetDeviceInfo", 1},
        {"create", create, "clGetPlatformInfo", 1},
        {"create_from_queue", create_from_queue, NULL, 1},
        {"plan_lane", plan_lane, NULL, 1},
        {"plan_split", plan_split, NULL, 1},
        /* the library keeps an event if the driver does not say whether it is complete */
        {"run_lane", run_lane, "clGetEventInfo", 3},
        {"run_group", run_group, "clGetEventInfo", 3},
        {"run_wide", run_wide, "clGetEventInfo", 3},
        {"run_split", run_split, "clGetEventInfo", 2},
        {"run_stream", run_stream, "clGetEventInfo", 7},
        {"run_stream_pieces", run_stream_pieces, "clGetEventInfo", 7},
        {"enqueue_in_order", enqueue_in_order, NULL, 1},
        {"enqueue_out_of_order", enqueue_out_of_order, NULL, 2},
        {"phases_in_order", phases_in_order, NULL, 3},
        {"phases_out_of_order", phases_out_of_order, NULL, 3},
        {"states", states, "clGetEventInfo", 3},
        {"enqueue_behind_half_a_call", enqueue_behind_half_a_call, NULL, 1},
        {"product_by_clxent", product_by_clxent, NULL, 1},
        {"product_by_openblas", product_by_openblas, NULL, 1},
        {"product_by_openblas_out_of_order", product_by_openblas_out_of_order, NULL, 1},
        /* the library compiles a program that the driver does not take from an import */
        {"export_and_import", export_and_import,
         "clCreateProgramWithBinary clBuildProgram clCreateKernel clGetKernelWorkGroupInfo", 1},
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return fault_loops("faults", scenarios, sizeof scenarios / sizeof *scenarios, compile_all);
}
