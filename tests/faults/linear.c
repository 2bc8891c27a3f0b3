/* SPDX-License-Identifier: Apache-2.0
 *
 *   test_faults_linear [NAME]     NAME ("enqueue_*") chooses scenarios
 *
 * Every OpenCL call and every allocation of the library fails, when it plans, runs and enqueues linear cross
 * entropy in each of its forms. fault_loop.h says what must hold. If a call succeeds, the test compares its
 * results with closed forms: the logits of a row are a `gap` for its target and 0 for the other classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../device/support/device_call.h"
#include "elements.h"
#include "fault_loop.h"
#include "linear.h"

/* ---------------------------------------------------------------- what is computed --------------------- */

/* hidden[r] is `gap` at its own feature. classifier[c] is 1 at feature c, and 0 behind the last feature. */
enum { ROWS = 4, CLASSES = 100, FEATURES = 6, IGNORED = -1 };
static const float gap = 3;

static struct memory {
    float hidden[ROWS * FEATURES], classifier[CLASSES * FEATURES];
    int64_t targets[ROWS];
    float loss, grad_hidden[ROWS * FEATURES], grad_bias[CLASSES];
    float grad_classifier[CLASSES * FEATURES]; /* or 16-bit elements */
} host;

/* A form with the workspace that gives it. */
typedef struct shape {
    clx_linear_form form;
    uint64_t workspace_bytes;
    clxent_dtype grad_classifier;
} shape;
static const shape by_rows = {CLX_BY_ROWS, 560, CLXENT_F32}, by_tiles = {CLX_BY_TILES, 690, CLXENT_F32},
                   by_classes = {CLX_BY_CLASSES, 1400, CLXENT_BF16};

static bool counts(int row) {
    return row % 4 != 3;
}

static int target_of(int row) {
    return row % FEATURES;
}

static void fill(void) {
    memset(&host, 0x7B, sizeof host);
    memset(host.hidden, 0, sizeof host.hidden);
    memset(host.classifier, 0, sizeof host.classifier);
    for (int r = 0; r < ROWS; r++) {
        host.hidden[r * FEATURES + target_of(r)] = gap;
        host.targets[r] = counts(r) ? target_of(r) : IGNORED;
    }
    for (int c = 0; c < FEATURES; c++) host.classifier[c * FEATURES + c] = 1;
}

static clxent_desc describe(const shape *s) {
    clxent_desc d = CLXENT_DESC_INIT;
    d.op = CLXENT_LINEAR_CROSS_ENTROPY;
    d.rows = ROWS;
    d.classes = CLASSES;
    d.features = FEATURES;
    d.use_ignore_index = 1;
    d.ignore_index = IGNORED;
    d.workspace_bytes = s->workspace_bytes;
    d.grad_classifier_dtype = s->grad_classifier;
    d.outputs = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD_HIDDEN | CLXENT_OUT_GRAD_CLASSIFIER |
                CLXENT_OUT_GRAD_CLASSIFIER_BIAS;
    return d;
}

static clxent_arrays arrays(void) {
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.hidden = CLXENT_ARRAY(host.hidden, sizeof host.hidden);
    a.classifier = CLXENT_ARRAY(host.classifier, sizeof host.classifier);
    a.targets = CLXENT_ARRAY(host.targets, sizeof host.targets);
    a.loss = CLXENT_ARRAY(&host.loss, sizeof host.loss);
    a.grad_hidden = CLXENT_ARRAY(host.grad_hidden, sizeof host.grad_hidden);
    a.grad_classifier = CLXENT_ARRAY(host.grad_classifier, sizeof host.grad_classifier);
    a.grad_classifier_bias = CLXENT_ARRAY(host.grad_bias, sizeof host.grad_bias);
    return a;
}

static void check(const shape *s) {
    const int counted = ROWS - ROWS / 4;
    const double others = exp(-(double)gap), p = 1 / (1 + (CLASSES - 1) * others), loss = -log(p);
    double by_class[CLASSES * FEATURES] = {0}, by_bias[CLASSES] = {0};
    assert_near(host.loss, loss, loss_bound(loss));
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < CLASSES; c++) {
            const double grad = !counts(r) ? 0 : (c == target_of(r) ? p - 1 : others * p) / counted;
            by_bias[c] += grad;
            by_class[c * FEATURES + target_of(r)] += grad * (double)gap;
            if (c < FEATURES)
                assert_near(host.grad_hidden[r * FEATURES + c], grad, 8 * grad_bound(1.0 / counted));
        }
    for (int c = 0; c < CLASSES; c++) {
        assert_near(host.grad_bias[c], by_bias[c], 1e-6);
        for (int f = 0; f < FEATURES; f++)
            expect_near("grad_classifier", c * FEATURES + f, s->grad_classifier,
                        element(s->grad_classifier, host.grad_classifier, c * FEATURES + f),
                        by_class[c * FEATURES + f], 1e-6);
    }
}

/* ---------------------------------------------------------------- compiled once ------------------------ */

static unsigned char *programs;
static size_t programs_bytes;

static const shape *const shapes[] = {&by_rows, &by_tiles, &by_classes};

/* The library's own kernel computes the products, so that there is one kind of call on every machine. */
static int compile_all(void **state) {
    (void)state;
    assert_int_equal(setenv("CLXENT_GEMM", "clxent", 1), 0);
    clxent_ctx *ctx = expect_ctx();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        clxent_plan *plan = NULL;
        const clxent_desc d = describe(shapes[i]);
        expect_status("plan", ctx, clxent_plan_create(&plan, ctx, &d), CLXENT_OK);
        const clx_linear_cut *cut = &plan->linear->cut;
        if (cut->form != shapes[i]->form || cut->block >= ROWS ||
            (cut->form != CLX_BY_ROWS && cut->tile >= CLASSES))
            fail_msg("shape %d has form %d, blocks of %d rows, tiles of %d classes", (int)i, (int)cut->form,
                     (int)cut->block, (int)cut->tile);
        const clxent_arrays a = arrays();
        fill(); /* a first call compiles what plans do not */
        expect_status("run", ctx, clxent_run(plan, &a), CLXENT_OK);
        check(shapes[i]);
        clxent_plan_destroy(plan);
    }
    expect_status("export", ctx, clxent_ctx_export_programs(ctx, NULL, 0, &programs_bytes), CLXENT_OK);
    programs = malloc(programs_bytes);
    assert_non_null(programs);
    expect_status("export", ctx, clxent_ctx_export_programs(ctx, programs, programs_bytes, &programs_bytes),
                  CLXENT_OK);
    clxent_ctx_destroy(ctx);
    return 0;
}

static void import_into(clxent_ctx *ctx) {
    expect_status("import", ctx, clxent_ctx_import_programs(ctx, programs, programs_bytes), CLXENT_OK);
}

/* ---------------------------------------------------------------- the scenarios ------------------------ */

static clxent_plan *plan_of(clxent_ctx *ctx, const shape *s) {
    const clxent_desc d = describe(s);
    clxent_plan *plan = (clxent_plan *)&host; /* no plan: must become NULL */
    ATTEMPT(clxent_ctx_last_error(ctx), clxent_plan_create(&plan, ctx, &d));
    assert_int_equal(plan != NULL, fault_good());
    return plan;
}

/* Makes a plan, which opens the provider and takes all programs, and then checks its results. */
static void plan_on(const shape *s) {
    clxent_ctx *ctx = expect_ctx();
    import_into(ctx);
    clxent_plan *p = plan_of(ctx, s);
    if (p) {
        fill();
        const clxent_arrays a = arrays();
        expect_status("run", ctx, clxent_run(p, &a), CLXENT_OK);
        check(s);
    }
    ALWAYS(clxent_plan_destroy(p));
    ALWAYS(clxent_ctx_destroy(ctx));
}

/* Runs a plan twice, and then destroys the context before the plan. */
static void run_on(const shape *s) {
    clxent_ctx *ctx = expect_ctx();
    clxent_plan *p = NULL;
    const clxent_desc d = describe(s);
    import_into(ctx);
    expect_status("plan", ctx, clxent_plan_create(&p, ctx, &d), CLXENT_OK);
    const clxent_arrays a = arrays();
    for (int i = 0; i < 2; i++) {
        do { /* a failed attempt may have overwritten the arrays */
            fill();
            fault_arm();
            fault_result(clxent_run(p, &a));
            fault_disarm();
        } while (fault_again("clxent_run", clxent_ctx_last_error(ctx)));
        if (fault_good()) check(s);
    }
    ALWAYS(clxent_ctx_destroy(ctx));
    ALWAYS(clxent_plan_destroy(p));
}

static clxent_buffer at(cl_mem mem, const void *place) {
    return (clxent_buffer){mem, (size_t)((const char *)place - (const char *)&host)};
}

/* Two calls on a caller's queue. The second waits for the event of the first. */
static void enqueue_on(const shape *s, cl_command_queue_properties properties) {
    owner o;
    cl_int code = CL_SUCCESS;
    cl_event events[2] = {NULL, NULL};
    int made = 0;
    clxent_plan *p = NULL;
    const clxent_desc d = describe(s);
    if (!owner_open(&o, properties)) fault_skip();
    import_into(o.ctx);
    expect_status("plan", o.ctx, clxent_plan_create(&p, o.ctx, &d), CLXENT_OK);
    fill();
    cl_mem mem =
        clCreateBuffer(o.context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, sizeof host, &host, &code);
    assert_cl(code);
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    b.hidden = at(mem, host.hidden);
    b.classifier = at(mem, host.classifier);
    b.targets = at(mem, host.targets);
    b.loss = at(mem, &host.loss);
    b.grad_hidden = at(mem, host.grad_hidden);
    b.grad_classifier = at(mem, host.grad_classifier);
    b.grad_classifier_bias = at(mem, host.grad_bias);
    for (int i = 0; i < 2; i++) {
        events[made] = (cl_event)(void *)&host; /* no event: must become NULL */
        ATTEMPT(clxent_ctx_last_error(o.ctx),
                clxent_enqueue(p, &b, made > 0, made > 0 ? &events[made - 1] : NULL, &events[made]));
        assert_int_equal(events[made] != NULL, fault_good());
        made += events[made] != NULL;
    }
    if (fault_good()) {
        assert_cl(
            clEnqueueReadBuffer(o.queue, mem, CL_TRUE, 0, sizeof host, &host, 1, &events[made - 1], NULL));
        check(s);
    }
    assert_cl(clFinish(o.queue));
    for (int i = 0; i < made; i++) assert_cl(clReleaseEvent(events[i]));
    assert_cl(clReleaseMemObject(mem));
    ALWAYS(clxent_plan_destroy(p));
    ALWAYS(clxent_ctx_destroy(o.ctx));
    o.ctx = NULL;
    owner_close(&o);
}

#define OUT_OF_ORDER CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE
#define SCENARIO(name, call) \
    static void name(void) { \
        call;                \
    }
SCENARIO(plan_by_rows, plan_on(&by_rows))
SCENARIO(plan_by_tiles, plan_on(&by_tiles))
SCENARIO(plan_by_classes, plan_on(&by_classes))
SCENARIO(run_by_rows, run_on(&by_rows))
SCENARIO(run_by_tiles, run_on(&by_tiles))
SCENARIO(run_by_classes, run_on(&by_classes))
SCENARIO(enqueue_by_rows_in_order, enqueue_on(&by_rows, 0))
SCENARIO(enqueue_by_tiles_in_order, enqueue_on(&by_tiles, 0))
SCENARIO(enqueue_by_classes_in_order, enqueue_on(&by_classes, 0))
SCENARIO(enqueue_by_rows_out_of_order, enqueue_on(&by_rows, OUT_OF_ORDER))
SCENARIO(enqueue_by_tiles_out_of_order, enqueue_on(&by_tiles, OUT_OF_ORDER))
SCENARIO(enqueue_by_classes_out_of_order, enqueue_on(&by_classes, OUT_OF_ORDER))

int main(int argc, char **argv) {
    /* The library compiles a program that the driver does not take from an import; a first call takes those
     * of its copies. It keeps an event if the driver does not say whether it is complete. */
    static const char absorbed[] = "clCreateProgramWithBinary clBuildProgram clCreateKernel "
                                   "clGetKernelWorkGroupInfo clGetEventInfo";
    static const fault_scenario scenarios[] = {
        {"plan_by_rows", plan_by_rows, absorbed, 5},
        {"plan_by_tiles", plan_by_tiles, absorbed, 7},
        {"plan_by_classes", plan_by_classes, absorbed, 7},
        {"run_by_rows", run_by_rows, absorbed, 47},
        {"run_by_tiles", run_by_tiles, absorbed, 191},
        {"run_by_classes", run_by_classes, absorbed, 193},
        {"enqueue_by_rows_in_order", enqueue_by_rows_in_order, absorbed, 53},
        {"enqueue_by_tiles_in_order", enqueue_by_tiles_in_order, absorbed, 181},
        {"enqueue_by_classes_in_order", enqueue_by_classes_in_order, absorbed, 179},
        {"enqueue_by_rows_out_of_order", enqueue_by_rows_out_of_order, absorbed, 59},
        {"enqueue_by_tiles_out_of_order", enqueue_by_tiles_out_of_order, absorbed, 197},
        {"enqueue_by_classes_out_of_order", enqueue_by_classes_out_of_order, absorbed, 199},
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return fault_loops("faults of linear", scenarios, sizeof scenarios / sizeof *scenarios, compile_all);
}
