/* SPDX-License-Identifier: Apache-2.0
 *
 * Classes in slices. The test compares the outputs from the merged states of 1, 2, 3 and 7 slices with the
 * reference. Some slices have one class, and some have only masked classes. In half of the problems some
 * targets are masked, and so are all classes of some rows. The test also checks a state's columns and the
 * refusals. */
#include <clxent/clxent_experimental.h>
#include <clxent/clxent_opencl.h>

#include "support/problem.h"
#include "support/sliced.h"
#include "support/trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static clxent_ctx *ctx;
static clxent_device_info device = CLXENT_DEVICE_INFO_INIT;

/* ---------------------------------------------------------------- random problems --------------------- */

static const variant variants[] = {
    {"smoothing_stats", .smoothing = 1, .stats = 1},
    {"softcap_next_token", .targets = CLXENT_TARGETS_NEXT_TOKEN, .softcap = 1},
    {"probabilities", .targets = CLXENT_TARGETS_PROBABILITY, .probabilities = CLXENT_F16},
    {"bf16_stats", .logits = CLXENT_BF16, .stats = 1},
    {"f64_smoothing_stats", .logits = CLXENT_F64, .smoothing = 1, .stats = 1},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

/* Cuts the classes into slices; the first of several has one class. Draws the order of their states. */
static void cut(int64_t classes, int slices, int64_t cuts[SLICED_MOST + 1], int order[SLICED_MOST], rng *r) {
    cuts[0] = 0;
    cuts[slices] = classes;
    for (int i = 1; i < slices; i++) /* strictly ascending, and leaves a class for each later slice */
        cuts[i] = i == 1 ? 1 : rng_integer(r, cuts[i - 1] + 1, classes - (slices - i));
    for (int i = 0; i < slices; i++) {
        const int j = (int)rng_integer(r, 0, i);
        order[i] = order[j];
        order[j] = i;
    }
}

static void against_the_reference(void **state) {
    const variant *v = *state;
    static const int counts[] = {1, 2, 3, 7};
    static const int64_t class_counts[] = {7, 33, 300, 1000};
    if (v->logits == CLXENT_F64 && !device.fp64) skip();
    const test_effort effort = expect_effort();
    if (effort != EFFORT_FULL && v != variants) skip();
    rng r = rng_start(rng_seed(19) + (uint64_t)(v - variants));
    const int usual = effort == EFFORT_TINY ? 2 : 8, all = effort == EFFORT_TINY ? 3 : 16;
    for (int i = 0; i < all; i++) {
        const trial_limits limits = {.classes = class_counts[effort == EFFORT_TINY ? 0 : i % 4],
                                     .rows = 200,
                                     .elements = effort == EFFORT_TINY ? 100 : 20000,
                                     .device = &device,
                                     .scale = v - variants == 3 ? ALWAYS : NEVER,
                                     .strided = v - variants == 0 ? ALWAYS : NEVER,
                                     .masks = i < usual ? DRAWN : ALWAYS};
        trial t;
        int64_t cuts[SLICED_MOST + 1];
        int order[SLICED_MOST];
        trial_draw(&t, v, &limits, &r);
        const int slices = counts[(i + i / 4) % 4];
        cut(t.desc.classes, slices, cuts, order, &r);
        expect_status("in slices", ctx, run_in_slices(ctx, &t.desc, &t.arrays, cuts, order, slices, i % 2),
                      t.expect);
        trial_check(&t);
        trial_free(&t);
    }
}

/* ---------------------------------------------------------------- by hand ----------------------------- */

enum { ROWS = 3, CLASSES = 6, COLUMNS = CLXENT_STATE_COLUMNS };
static const float logits[ROWS][CLASSES] = {
    {1, 2, -INFINITY, -INFINITY, 0.5f, 3}, {0, 0, 0, 0, 0, 0}, {20, 0, 0, 0, 0, 0}};
static const int64_t targets[ROWS] = {5, 2, 0};

static clxent_desc slice_desc(int64_t begin, int64_t end, int from_state) {
    clxent_desc d = CLXENT_DESC_INIT;
    d.rows = ROWS;
    d.classes = end - begin;
    d.class_begin = begin;
    d.classes_total = CLASSES;
    d.row_stride = CLASSES;
    if (from_state)
        d.flags = CLXENT_FROM_STATE;
    else
        d.outputs = CLXENT_OUT_STATE | CLXENT_OUT_COUNTS;
    return d;
}

static clxent_plan *slice_plan(int64_t begin, int64_t end, int from_state) {
    const clxent_desc d = slice_desc(begin, end, from_state);
    clxent_plan *plan = NULL;
    expect_status("plan", ctx, clxent_plan_create(&plan, ctx, &d), CLXENT_OK);
    return plan;
}

static void state_of(int64_t begin, int64_t end, float state[ROWS][COLUMNS]) {
    clxent_plan *plan = slice_plan(begin, end, 0);
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(&logits[0][begin], sizeof logits - (size_t)begin * sizeof(float));
    a.targets = CLXENT_ARRAY(targets, sizeof targets);
    a.state = CLXENT_ARRAY(state, ROWS * COLUMNS * sizeof(float));
    expect_status("state", ctx, clxent_run(plan, &a), CLXENT_OK);
    clxent_plan_destroy(plan);
}

/* Checks the columns of the states of the slices [0,2), [2,4) and [4,6), and of the merged state. */
static void columns(void **state) {
    (void)state;
    static float s[3][ROWS][COLUMNS], whole[ROWS][COLUMNS];
    for (int i = 0; i < 3; i++) state_of(2 * i, 2 * i + 2, s[i]);
    const float *row = s[0][0];
    assert_int_equal(row[CLXENT_STATE_KIND], 64);
    assert_int_equal(row[CLXENT_STATE_BEGIN_LOW], 0);
    assert_int_equal(row[CLXENT_STATE_END_LOW], 2);
    assert_true(row[CLXENT_STATE_REFERENCE] == 2 && row[CLXENT_STATE_OWN] == 1);
    expect_near("OTHERS", 0, CLXENT_F32, (double)row[CLXENT_STATE_OTHERS], exp(-1), 1e-7);
    expect_near("ENTROPY", 0, CLXENT_F32, (double)row[CLXENT_STATE_ENTROPY], exp(-1), 1e-7);
    assert_true(row[CLXENT_STATE_BEST] == 2 && row[CLXENT_STATE_BEST_LOW] == 1 &&
                row[CLXENT_STATE_HERE] == 0);
    assert_true(s[1][0][CLXENT_STATE_REFERENCE] == -INFINITY && s[1][0][CLXENT_STATE_OTHERS] == 0);
    assert_true(s[2][0][CLXENT_STATE_TARGET] == 3 && s[2][0][CLXENT_STATE_HERE] == 1);
    assert_true(s[1][1][CLXENT_STATE_HERE] == 1 && s[0][1][CLXENT_STATE_HERE] == 0);

    clxent_plan *plan = slice_plan(0, 2, 0);
    assert_int_equal(clxent_merge_states(plan, NULL, ROWS, 3, CLXENT_ARRAY(s, sizeof s),
                                         CLXENT_ARRAY(whole, sizeof whole)),
                     CLXENT_OK);
    clxent_plan_destroy(plan);
    row = whole[0];
    assert_true(row[CLXENT_STATE_REFERENCE] == 3 && row[CLXENT_STATE_OWN] == 1 &&
                row[CLXENT_STATE_END_LOW] == 6);
    expect_near("OTHERS", 0, CLXENT_F32, (double)row[CLXENT_STATE_OTHERS], exp(-2) + exp(-1) + exp(-2.5),
                2e-7);
    assert_true(row[CLXENT_STATE_BEST_LOW] == 5 && row[CLXENT_STATE_TARGET] == 3);
    assert_true(whole[1][CLXENT_STATE_OWN] == 6 && whole[1][CLXENT_STATE_BEST_LOW] == 0);
}

/* A merge keeps a confident row's small numbers: log_prob of [20, 0, 0, 0, 0, 0] is -log1p(5 exp(-20)). */
static void confident_target(void **state) {
    (void)state;
    static float s[2][ROWS][COLUMNS], whole[ROWS][COLUMNS], log_prob[ROWS], grad[ROWS][CLASSES];
    state_of(1, 6, s[0]);
    state_of(0, 1, s[1]);
    clxent_plan *plan = slice_plan(0, 1, 1);
    assert_int_equal(clxent_merge_states(plan, NULL, ROWS, 2, CLXENT_ARRAY(s, sizeof s),
                                         CLXENT_ARRAY(whole, sizeof whole)),
                     CLXENT_OK);
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(logits, sizeof logits);
    a.targets = CLXENT_ARRAY(targets, sizeof targets);
    a.state = CLXENT_ARRAY(whole, sizeof whole);
    a.log_prob = CLXENT_ARRAY(log_prob, sizeof log_prob);
    a.grad = CLXENT_ARRAY(grad, sizeof grad);
    expect_status("from the state", ctx, clxent_run(plan, &a), CLXENT_OK);
    const double others = 5 * exp(-20);
    expect_near("log_prob", 2, CLXENT_F32, (double)log_prob[2], -log1p(others), 1e-6 * others);
    const float by_target = ((const float *)grad)[2]; /* the slice has one class, so grad is a dense (N,1) */
    expect_near("grad", 2, CLXENT_F32, (double)by_target, -others / (1 + others) / ROWS, 3e-6 * others);
    clxent_plan_destroy(plan);
}

/* ---------------------------------------------------------------- refusals ---------------------------- */

static void assert_refused(clxent_status got, clxent_status expected, const char *says) {
    assert_int_equal(got, expected);
    assert_says(clxent_ctx_last_error(ctx), says);
}

static void wrong_plans(void **state) {
    (void)state;
    clxent_plan *plan = NULL;
    clxent_desc d = slice_desc(4, 6, 0);
    d.class_begin = 5;
    assert_refused(clxent_plan_create(&plan, ctx, &d), CLXENT_ERR_SHAPE,
                   "class_begin 5|[0, 4]|2 classes of classes_total 6");
    d.class_begin = -1;
    assert_refused(clxent_plan_create(&plan, ctx, &d), CLXENT_ERR_SHAPE, "class_begin -1");
    d = slice_desc(4, 6, 0);
    d.classes_total = 1;
    assert_refused(clxent_plan_create(&plan, ctx, &d), CLXENT_ERR_SHAPE, "classes_total 1|[classes 2,");
    d = slice_desc(4, 6, 0);
    d.outputs |= CLXENT_OUT_LOSS;
    assert_refused(clxent_plan_create(&plan, ctx, &d), CLXENT_ERR_UNSUPPORTED,
                   "outputs names loss|slice|CLXENT_FROM_STATE|counts, state only");
    d = slice_desc(4, 6, 1);
    d.outputs = CLXENT_OUT_STATE;
    assert_refused(clxent_plan_create(&plan, ctx, &d), CLXENT_ERR_UNSUPPORTED, "outputs names state");
    d = slice_desc(4, 6, 1);
    d.flags |= CLXENT_GRAD_FROM_LSE;
    assert_refused(clxent_plan_create(&plan, ctx, &d), CLXENT_ERR_UNSUPPORTED,
                   "flags 0x6|CLXENT_FROM_STATE and CLXENT_GRAD_FROM_LSE");
    d = slice_desc(0, 6, 1);
    d.op = CLXENT_SOFTMAX;
    assert_refused(clxent_plan_create(&plan, ctx, &d), CLXENT_ERR_UNSUPPORTED,
                   "CLXENT_FROM_STATE|not softmax");
    d = slice_desc(0, 2, 0);
    d.op = CLXENT_LOG_SOFTMAX;
    d.outputs = 0;
    assert_refused(clxent_plan_create(&plan, ctx, &d), CLXENT_ERR_UNSUPPORTED,
                   "classes 2 of classes_total 6|takes no slice");
    d = slice_desc(0, 6, 0);
    assert_refused(clxent_plan_create_scheduled(&plan, ctx, &d, CLXENT_SCHEDULE_LANE), CLXENT_ERR_UNSUPPORTED,
                   "schedule lane|split");
    assert_int_equal(clxent_state_columns(NULL), 0);
    assert_int_equal(clxent_state_columns(&d), COLUMNS);
    d.op = CLXENT_NLL;
    assert_int_equal(clxent_state_columns(&d), 0);
}

static void wrong_states(void **state) {
    (void)state;
    static float s[2][ROWS][COLUMNS], out[ROWS][COLUMNS], loss;
    const clxent_array states = CLXENT_ARRAY(s, sizeof s), one = CLXENT_ARRAY(out, sizeof out);
    clxent_plan *plan = slice_plan(0, 2, 0), *from = slice_plan(0, 2, 1);
    state_of(0, 2, s[0]);
    state_of(4, 6, s[1]);
    assert_refused(clxent_merge_states(plan, NULL, ROWS, 2, states, one), CLXENT_ERR_ARGUMENT,
                   "row 0|4 of the classes [0, 6)|gap");
    state_of(1, 6, s[1]);
    assert_refused(clxent_merge_states(plan, NULL, ROWS, 2, states, one), CLXENT_ERR_ARGUMENT,
                   "states[0] and states[1] overlap in row 0: classes [0, 2) and [1, 6)");
    assert_refused(clxent_merge_states(plan, NULL, ROWS + 1, 2, states, one), CLXENT_ERR_SHAPE,
                   "rows 4|[0, 3]");
    assert_refused(clxent_merge_states(plan, NULL, ROWS, 0, states, one), CLXENT_ERR_ARGUMENT,
                   "count 0|[1, ");
    assert_refused(clxent_merge_states(plan, NULL, ROWS, 3, states, one), CLXENT_ERR_BUFFER,
                   "states has|3 times 3 rows of 17 columns");
    assert_refused(
        clxent_merge_states(plan, NULL, ROWS, 2, states, CLXENT_ARRAY((char *)out + 2, sizeof out)),
        CLXENT_ERR_BUFFER, "out starts at address|not a multiple of 4");
    clxent_scalars scalars = CLXENT_SCALARS_INIT;
    scalars.label_smoothing = 0.1;
    state_of(2, 6, s[1]);
    assert_refused(clxent_merge_states(plan, &scalars, ROWS, 2, states, one), CLXENT_ERR_ARGUMENT,
                   "states[0]: row 0 is of kind 64, this plan's are 65");
    s[1][2][CLXENT_STATE_KIND] = NAN;
    assert_refused(clxent_merge_states(plan, NULL, ROWS, 2, states, one), CLXENT_ERR_ARGUMENT,
                   "states[1]: row 2 is of kind nan");
    s[1][2][CLXENT_STATE_KIND] = 64;
    s[1][2][CLXENT_STATE_END_LOW] = 7;
    assert_refused(clxent_merge_states(plan, NULL, ROWS, 2, states, one), CLXENT_ERR_ARGUMENT,
                   "states[1]: row 2|[2, 7)|classes_total 6");
    s[1][2][CLXENT_STATE_END_LOW] = -NAN;
    s[1][2][CLXENT_STATE_BEGIN_LOW] = -INFINITY;
    assert_refused(clxent_merge_states(plan, NULL, ROWS, 2, states, one), CLXENT_ERR_ARGUMENT,
                   "states[1]: row 2|[-inf, nan)|classes_total 6");
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(logits, sizeof logits);
    a.targets = CLXENT_ARRAY(targets, sizeof targets);
    a.loss = CLXENT_ARRAY(&loss, sizeof loss);
    assert_refused(clxent_run(from, &a), CLXENT_ERR_BUFFER, "state is NULL");
    a.state = CLXENT_ARRAY(s[0], sizeof s[0]);
    assert_refused(clxent_run(from, &a), CLXENT_ERR_ARGUMENT, "state: row 0|[0, 2) of 6|merge the states");
    s[0][1][CLXENT_STATE_END_LOW] = s[0][0][CLXENT_STATE_END_LOW] = CLASSES;
    s[0][1][CLXENT_STATE_END_HIGH] = INFINITY;
    assert_refused(clxent_run(from, &a), CLXENT_ERR_ARGUMENT, "state: row 1|[0, inf)|classes_total 6");
    assert_int_equal(strncmp(clxent_ctx_last_error(ctx), "state: ", 7), 0);
    s[0][1][CLXENT_STATE_KIND] = 66;
    assert_refused(clxent_run(from, &a), CLXENT_ERR_ARGUMENT, "state: row 1 is of kind 66");
    clxent_plan *any = NULL;
    clxent_desc d = CLXENT_DESC_INIT;
    d.rows = ROWS;
    d.classes = CLASSES;
    assert_int_equal(clxent_plan_create(&any, ctx, &d), CLXENT_OK);
    a.state = one;
    assert_refused(clxent_run(any, &a), CLXENT_ERR_ARGUMENT, "state is given, must be NULL|outputs");
    assert_refused(clxent_merge_states(any, NULL, ROWS, 2, states, one), CLXENT_ERR_UNSUPPORTED,
                   "clxent_merge_states()|no states|CLXENT_OUT_STATE");
    assert_int_equal(clxent_merge_states(NULL, NULL, ROWS, 2, states, one), CLXENT_ERR_ARGUMENT);
    clxent_plan_destroy(any);
    clxent_plan_destroy(plan);
    clxent_plan_destroy(from);
}

/* A refused merge in place changes no state, also where only the last row is wrong. */
static void refused_in_place(void **state) {
    (void)state;
    static float s[2][ROWS][COLUMNS], before[2][ROWS][COLUMNS];
    const clxent_array states = CLXENT_ARRAY(s, sizeof s), first = CLXENT_ARRAY(s[0], sizeof s[0]);
    clxent_plan *plan = slice_plan(0, 2, 0);
    state_of(0, 2, s[0]);
    state_of(2, 6, s[1]);
    s[1][ROWS - 1][CLXENT_STATE_BEGIN_LOW] = 3;
    memcpy(before, s, sizeof s);
    assert_refused(clxent_merge_states(plan, NULL, ROWS, 2, states, first), CLXENT_ERR_ARGUMENT,
                   "row 2|5 of the classes [0, 6)|gap");
    assert_memory_equal(s, before, sizeof s);
    s[1][ROWS - 1][CLXENT_STATE_BEGIN_LOW] = 2;
    assert_int_equal(clxent_merge_states(plan, NULL, ROWS, 2, states, first), CLXENT_OK);
    for (int row = 0; row < ROWS; row++) assert_true(s[0][row][CLXENT_STATE_END_LOW] == CLASSES);
    assert_memory_equal(s[1][0], before[1][0], (ROWS - 1) * sizeof s[1][0]);
    clxent_plan_destroy(plan);
}

/* `out` may touch `states`, and may be their first array, but has no byte in common with them otherwise. */
static void overlapping_arrays(void **state) {
    (void)state;
    static float all[4][ROWS][COLUMNS], before[4][ROWS][COLUMNS];
    enum { BYTES = sizeof all[0] };
    const clxent_array states = CLXENT_ARRAY(all[1], 2 * BYTES); /* the arrays 1 and 2 of the four */
    clxent_plan *plan = slice_plan(0, 2, 0);
    state_of(0, 2, all[1]);
    state_of(2, 6, all[2]);
    memcpy(before, all, sizeof all);
    const struct {
        size_t at; /* where `out` starts, in bytes from all[0] */
        bool fits;
    } trials[] = {{4, false},         {BYTES - 4, false},     {BYTES + 4, false},
                  {2 * BYTES, false}, {3 * BYTES - 4, false}, {0, true},
                  {3 * BYTES, true},  {BYTES, true}};
    for (size_t t = 0; t < sizeof trials / sizeof *trials; t++) {
        const clxent_array out = CLXENT_ARRAY((char *)all + trials[t].at, BYTES);
        const clxent_status got = clxent_merge_states(plan, NULL, ROWS, 2, states, out);
        if (trials[t].fits) {
            assert_int_equal(got, CLXENT_OK);
        } else {
            assert_refused(got, CLXENT_ERR_BUFFER, "out (address 0x|204 bytes) overlaps states (|408 bytes)");
            assert_memory_equal(all, before, sizeof all);
        }
    }
    clxent_plan_destroy(plan);
}

/* Fills the states of one row whose logits are all 0: its classes in slices of one size. */
static void fill_states(float (*states)[COLUMNS], int count, int begin, int end) {
    memset(states, 0, (size_t)count * sizeof *states);
    for (int i = 0; i < count; i++) {
        float *s = states[i];
        s[CLXENT_STATE_KIND] = CLXENT_STATE_PLAIN;
        s[CLXENT_STATE_BEGIN_LOW] = (float)(begin + i * (end - begin) / count);
        s[CLXENT_STATE_END_LOW] = (float)(begin + (i + 1) * (end - begin) / count);
        s[CLXENT_STATE_OWN] = s[CLXENT_STATE_END_LOW] - s[CLXENT_STATE_BEGIN_LOW];
    }
}

/* The most slices that one merge takes, in each order. The message names the two that overlap. */
static void many_slices(void **state) {
    (void)state;
    enum { MOST = 4096 };
    static float s[MOST][COLUMNS], out[COLUMNS];
    const clxent_array states = CLXENT_ARRAY(s, sizeof s), one = CLXENT_ARRAY(out, sizeof out);
    clxent_desc d = slice_desc(0, 2, 0);
    clxent_plan *plan = NULL;
    d.row_stride = 0;
    d.classes_total = 2 * MOST;
    assert_int_equal(clxent_plan_create(&plan, ctx, &d), CLXENT_OK);
    for (int first = 0; first < MOST; first += MOST / 2) { /* in order, and from the middle on */
        fill_states(s + first, MOST - first, 0, 2 * (MOST - first));
        fill_states(s, first, 2 * (MOST - first), 2 * MOST);
        assert_int_equal(clxent_merge_states(plan, NULL, 1, MOST, states, one), CLXENT_OK);
        assert_true(out[CLXENT_STATE_BEGIN_LOW] == 0 && out[CLXENT_STATE_END_LOW] == 2 * MOST);
        assert_true(out[CLXENT_STATE_OWN] == 2 * MOST && out[CLXENT_STATE_OTHERS] == 0);
    }
    /* in no order: the first two slices are exchanged */
    fill_states(s, MOST, 0, 2 * MOST);
    for (int i = 0; i < 2; i++) {
        s[i][CLXENT_STATE_BEGIN_LOW] = (float)(2 - 2 * i);
        s[i][CLXENT_STATE_END_LOW] = (float)(4 - 2 * i);
    }
    assert_int_equal(clxent_merge_states(plan, NULL, 1, MOST, states, one), CLXENT_OK);
    /* two slices overlap; then another leaves out as many classes */
    fill_states(s, MOST, 0, 2 * MOST);
    s[70][CLXENT_STATE_BEGIN_LOW] = 139;
    assert_refused(clxent_merge_states(plan, NULL, 1, MOST, states, one), CLXENT_ERR_ARGUMENT,
                   "states[69] and states[70] overlap in row 0: classes [138, 140) and [139, 142)");
    s[3000][CLXENT_STATE_BEGIN_LOW] = 6001;
    assert_refused(clxent_merge_states(plan, NULL, 1, MOST, states, one), CLXENT_ERR_ARGUMENT,
                   "states[69] and states[70] overlap in row 0: classes [138, 140) and [139, 142)");
    /* a slice is given twice, and another is left out */
    fill_states(s, MOST, 0, 2 * MOST);
    s[9][CLXENT_STATE_BEGIN_LOW] = 0;
    s[9][CLXENT_STATE_END_LOW] = 2;
    assert_refused(clxent_merge_states(plan, NULL, 1, MOST, states, one), CLXENT_ERR_ARGUMENT,
                   "states[0] and states[9] overlap in row 0: classes [0, 2) and [0, 2)");
    clxent_plan_destroy(plan);
}

/* Wrong buffers of clxent_enqueue_merge_states(). */
static void wrong_buffers(void **state) {
    (void)state;
    enum { BYTES = ROWS * COLUMNS * sizeof(float) }; /* of one state */
    cl_context context = NULL;
    cl_command_queue queue = clxent_ctx_queue(ctx);
    assert_int_equal(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL),
                     CL_SUCCESS);
    cl_mem mem = clCreateBuffer(context, CL_MEM_READ_WRITE, 3 * BYTES, NULL, NULL);
    assert_non_null(mem);
    clxent_plan *plan = slice_plan(0, 2, 0);
    const clxent_buffer none = {NULL, 0}, states = {mem, 0}, out = {mem, 2 * BYTES};
    const struct {
        clxent_buffer states, out;
        const char *says;
    } wrong[] = {
        {none, out, "states is NULL"},
        {states, none, "out is NULL"},
        {{mem, 2}, out, "states offset 2|4"},
        {states, {mem, 2 * BYTES + 4}, "out has 200 bytes at offset 412 of a buffer of 612, 204 are needed"},
        {states, {mem, BYTES}, "out (offset|overlaps states"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(
            clxent_enqueue_merge_states(plan, NULL, ROWS, 2, wrong[i].states, wrong[i].out, 0, NULL, NULL),
            CLXENT_ERR_BUFFER, wrong[i].says);
    assert_refused(clxent_enqueue_merge_states(plan, NULL, ROWS, 0, states, out, 0, NULL, NULL),
                   CLXENT_ERR_ARGUMENT, "count 0");
    assert_int_equal(clxent_enqueue_merge_states(NULL, NULL, ROWS, 2, states, out, 0, NULL, NULL),
                     CLXENT_ERR_ARGUMENT);
    clxent_plan_destroy(plan);
    assert_int_equal(clReleaseMemObject(mem), CL_SUCCESS);
}

/* On the device, a merged state has a valid KIND just where its slices adjoin, in whatever order they come.
 * Slices that overlap as much as they leave out do not. */
static void slices_adjoin_or_not(void **state) {
    (void)state;
    static const struct {
        int64_t slices[3][2];
        bool adjoin;
    } trials[] = {
        {{{0, 2}, {2, 3}, {3, 6}}, true},  {{{3, 6}, {2, 3}, {0, 2}}, true},
        {{{2, 3}, {0, 2}, {3, 6}}, true},  {{{0, 2}, {0, 2}, {4, 6}}, false},
        {{{4, 6}, {0, 2}, {0, 2}}, false}, {{{0, 2}, {2, 4}, {5, 6}}, false},
        {{{0, 3}, {2, 3}, {3, 6}}, false}, {{{0, 3}, {1, 2}, {4, 6}}, false},
    };
    float s[3][ROWS][COLUMNS], out[2][ROWS][COLUMNS];
    cl_command_queue queue = clxent_ctx_queue(ctx);
    cl_context context = NULL;
    assert_int_equal(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL),
                     CL_SUCCESS);
    cl_mem mem = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof s + sizeof out[0], NULL, NULL);
    assert_non_null(mem);
    clxent_plan *plan = slice_plan(0, 2, 0);
    for (size_t t = 0; t < sizeof trials / sizeof *trials; t++) {
        for (int i = 0; i < 3; i++) state_of(trials[t].slices[i][0], trials[t].slices[i][1], s[i]);
        assert_int_equal(clEnqueueWriteBuffer(queue, mem, CL_TRUE, 0, sizeof s, s, 0, NULL, NULL),
                         CL_SUCCESS);
        for (int turn = 0; turn < 2; turn++) { /* one order, the same bits */
            memset(out[turn], 0xff, sizeof out[turn]);
            assert_int_equal(clxent_enqueue_merge_states(plan, NULL, ROWS, 3, (clxent_buffer){mem, 0},
                                                         (clxent_buffer){mem, sizeof s}, 0, NULL, NULL),
                             CLXENT_OK);
            assert_int_equal(clEnqueueReadBuffer(queue, mem, CL_TRUE, sizeof s, sizeof out[turn], out[turn],
                                                 0, NULL, NULL),
                             CL_SUCCESS);
        }
        assert_memory_equal(out[0], out[1], sizeof out[0]);
        for (int row = 0; row < ROWS; row++) {
            const float kind = out[0][row][CLXENT_STATE_KIND];
            if ((kind == s[0][row][CLXENT_STATE_KIND]) != trials[t].adjoin ||
                (!trials[t].adjoin && kind != 0))
                fail_msg("trial %zu, row %d: kind %g", t, row, (double)kind);
        }
    }
    clxent_plan_destroy(plan);
    assert_int_equal(clReleaseMemObject(mem), CL_SUCCESS);
}

static int open_ctx(void **state) {
    (void)state;
    ctx = expect_ctx();
    clxent_tuning narrow = CLXENT_TUNING_INIT; /* narrow vectors compile faster */
    narrow.wide_width = narrow.group_width = 4;
    narrow.wide_tile = narrow.group_tile = 2;
    if (!expect_long() && clxent_ctx_set_tuning(ctx, &narrow) != CLXENT_OK) return -1;
    return clxent_ctx_device(ctx, &device) != CLXENT_OK;
}

static int close_ctx(void **state) {
    (void)state;
    clxent_ctx_destroy(ctx);
    return 0;
}

int main(void) {
    struct CMUnitTest tests[VARIANTS + 9];
    for (int i = 0; i < VARIANTS; i++)
        tests[i] =
            (struct CMUnitTest){variants[i].name, against_the_reference, NULL, NULL, (void *)&variants[i]};
    tests[VARIANTS] = (struct CMUnitTest)cmocka_unit_test(columns);
    tests[VARIANTS + 1] = (struct CMUnitTest)cmocka_unit_test(confident_target);
    tests[VARIANTS + 2] = (struct CMUnitTest)cmocka_unit_test(wrong_plans);
    tests[VARIANTS + 3] = (struct CMUnitTest)cmocka_unit_test(wrong_states);
    tests[VARIANTS + 4] = (struct CMUnitTest)cmocka_unit_test(wrong_buffers);
    tests[VARIANTS + 5] = (struct CMUnitTest)cmocka_unit_test(slices_adjoin_or_not);
    tests[VARIANTS + 6] = (struct CMUnitTest)cmocka_unit_test(refused_in_place);
    tests[VARIANTS + 7] = (struct CMUnitTest)cmocka_unit_test(overlapping_arrays);
    tests[VARIANTS + 8] = (struct CMUnitTest)cmocka_unit_test(many_slices);
    return cmocka_run_group_tests(tests, open_ctx, close_ctx);
}
