/* SPDX-License-Identifier: Apache-2.0
 *
 * What linear cross entropy refuses: descs, and calls of a good plan. The test checks the status, and that
 * the message names the field, its value and the limit. A refused call writes no output, and a good call
 * after it works. wrong_use_plan.c and wrong_use_run.c have what holds for every operation. */
#include "support/linear_trial.h"
#include "support/problem.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N = 4, C = 10, H = 6, UNTOUCHED = 0x5C };

/* The name, the status, the parts of the message (separated by bars), and the change to a good descriptor d
 * of 4 rows, 10 classes and 6 features. */
#define WRONG_DESCS(X)                                                                                      \
    X(features_zero, SHAPE, "features 0 is not in [1, 2147483647]", d->features = 0)                        \
    X(features_negative, SHAPE, "features -6 is not in [1,", d->features = -6)                              \
    X(features_2_31, SHAPE, "features 2147483648 is not in|2147483647", d->features = INT64_C(1) << 31)     \
    X(hidden_f64, DTYPE, "hidden_dtype f64: linear-cross-entropy takes f32, f16 and bf16",                  \
      d->hidden_dtype = CLXENT_F64)                                                                         \
    X(hidden_integer, DTYPE, "hidden_dtype i32", d->hidden_dtype = CLXENT_I32)                              \
    X(hidden_unknown, ARGUMENT, "hidden_dtype 9 is none of 0 (default)", d->hidden_dtype = (clxent_dtype)9) \
    X(classifier_f64, DTYPE, "classifier_dtype f64", d->classifier_dtype = CLXENT_F64)                      \
    X(classifier_unknown, ARGUMENT, "classifier_dtype 77 is none of",                                       \
      d->classifier_dtype = (clxent_dtype)77)                                                               \
    X(bias_f64, DTYPE, "classifier_bias_dtype f64", d->classifier_bias_dtype = CLXENT_F64)                  \
    X(bias_unknown, ARGUMENT, "classifier_bias_dtype 9", d->classifier_bias_dtype = (clxent_dtype)9)        \
    X(grad_hidden_f64, DTYPE, "grad_hidden_dtype f64", d->grad_hidden_dtype = CLXENT_F64)                   \
    X(grad_hidden_unknown, ARGUMENT, "grad_hidden_dtype 9", d->grad_hidden_dtype = (clxent_dtype)9)         \
    X(grad_classifier_u8, DTYPE, "grad_classifier_dtype u8", d->grad_classifier_dtype = CLXENT_U8)          \
    X(grad_classifier_unknown, ARGUMENT, "grad_classifier_dtype 9",                                         \
      d->grad_classifier_dtype = (clxent_dtype)9)                                                           \
    X(grad_bias_i64, DTYPE, "grad_classifier_bias_dtype i64", d->grad_classifier_bias_dtype = CLXENT_I64)   \
    X(grad_bias_unknown, ARGUMENT, "grad_classifier_bias_dtype 9",                                          \
      d->grad_classifier_bias_dtype = (clxent_dtype)9)                                                      \
    X(hidden_stride, SHAPE, "hidden_row_stride 5 is not 0 or in [features 6, 2147483647]",                  \
      d->hidden_row_stride = 5)                                                                             \
    X(hidden_stride_negative, SHAPE, "hidden_row_stride -6", d->hidden_row_stride = -6)                     \
    X(hidden_stride_2_31, SHAPE, "hidden_row_stride 2147483648", d->hidden_row_stride = INT64_C(1) << 31)   \
    X(classifier_stride, SHAPE, "classifier_row_stride 5|features 6", d->classifier_row_stride = 5)         \
    X(grad_hidden_stride, SHAPE, "grad_hidden_row_stride 1|features 6", d->grad_hidden_row_stride = 1)      \
    X(grad_classifier_stride, SHAPE, "grad_classifier_row_stride 5|features 6",                             \
      d->grad_classifier_row_stride = 5)                                                                    \
    X(elements_overflow, SHAPE,                                                                             \
      "hidden_row_stride 2147483647 times 1099511627776 rows overflows: more than|elements",                \
      (d->rows = INT64_C(1) << 40, d->hidden_row_stride = INT32_MAX))                                       \
    X(rows_2_31, SHAPE, "rows 2147483648 of linear-cross-entropy is more than 2147483647",                  \
      d->rows = INT64_C(1) << 31)                                                                           \
    X(inner, UNSUPPORTED, "inner 2: linear-cross-entropy stores no logits|must be 1", d->inner = 2)         \
    X(classes_padded, UNSUPPORTED, "classes_padded 16: linear-cross-entropy stores no logits|must be 0",    \
      d->classes_padded = 16)                                                                               \
    X(row_stride, UNSUPPORTED, "row_stride 12: linear-cross-entropy", d->row_stride = 12)                   \
    X(grad_row_stride, UNSUPPORTED, "grad_row_stride 12: linear-cross-entropy", d->grad_row_stride = 12)    \
    X(targets_row_stride, UNSUPPORTED, "targets_row_stride 12: linear-cross-entropy",                       \
      d->targets_row_stride = 12)                                                                           \
    X(log_probs_row_stride, UNSUPPORTED, "log_probs_row_stride 12: linear-cross-entropy",                   \
      d->log_probs_row_stride = 12)                                                                         \
    X(grad_output_row_stride, UNSUPPORTED, "grad_output_row_stride 12: linear-cross-entropy",               \
      d->grad_output_row_stride = 12)                                                                       \
    X(logits_dtype, UNSUPPORTED, "logits_dtype f16, grad_dtype f16: linear-cross-entropy stores no logits", \
      d->logits_dtype = CLXENT_F16)                                                                         \
    X(grad_dtype, UNSUPPORTED, "logits_dtype f32, grad_dtype bf16: linear-cross-entropy|must be default",   \
      d->grad_dtype = CLXENT_BF16)                                                                          \
    X(probability, UNSUPPORTED, "targets probability: linear-cross-entropy takes class numbers",            \
      d->targets = CLXENT_TARGETS_PROBABILITY)                                                              \
    X(from_lse, UNSUPPORTED, "CLXENT_GRAD_FROM_LSE|cross-entropy, not linear-cross-entropy",                \
      d->flags = CLXENT_GRAD_FROM_LSE)                                                                      \
    X(from_state, UNSUPPORTED, "CLXENT_FROM_STATE|cross-entropy, not linear-cross-entropy",                 \
      d->flags = CLXENT_FROM_STATE)                                                                         \
    X(slice, UNSUPPORTED, "classes 10 of classes_total 20: linear-cross-entropy takes no slice",            \
      (d->class_begin = 3, d->classes_total = 20))                                                          \
    X(state, UNSUPPORTED, "outputs names state: linear-cross-entropy has loss|grad_classifier_bias only",   \
      d->outputs = CLXENT_OUT_STATE)                                                                        \
    X(grad, UNSUPPORTED, "outputs names grad: linear-cross-entropy has", d->outputs = CLXENT_OUT_GRAD)      \
    X(log_probs, UNSUPPORTED, "outputs names log_probs: linear-cross-entropy",                              \
      d->outputs = CLXENT_OUT_LOG_PROBS)                                                                    \
    X(probs, UNSUPPORTED, "outputs names probs: linear-cross-entropy", d->outputs = CLXENT_OUT_PROBS)       \
    X(workspace, ARGUMENT, "workspace_bytes 3|4 rows|at least", d->workspace_bytes = 3)                     \
    X(other_features, UNSUPPORTED, "features 6: cross-entropy does not take it, must be 0",                 \
      other(d, CLXENT_CROSS_ENTROPY)->features = 6)                                                         \
    X(other_hidden_dtype, UNSUPPORTED, "hidden_dtype f16: nll does not take it, must be default",           \
      other(d, CLXENT_NLL)->hidden_dtype = CLXENT_F16)                                                      \
    X(other_grad_classifier_dtype, UNSUPPORTED, "grad_classifier_dtype f32: softmax does not take it",      \
      other(d, CLXENT_SOFTMAX)->grad_classifier_dtype = CLXENT_F32)                                         \
    X(other_stride, UNSUPPORTED, "classifier_row_stride 6: log-softmax does not take it, must be 0",        \
      other(d, CLXENT_LOG_SOFTMAX)->classifier_row_stride = 6)                                              \
    X(other_workspace, UNSUPPORTED, "workspace_bytes 1000: cross-entropy does not take it, must be 0",      \
      other(d, CLXENT_CROSS_ENTROPY)->workspace_bytes = 1000)                                               \
    X(other_add, UNSUPPORTED, "flags 0x8 has CLXENT_ADD_GRAD_CLASSIFIER|not cross-entropy",                 \
      other(d, CLXENT_CROSS_ENTROPY)->flags = CLXENT_ADD_GRAD_CLASSIFIER)                                   \
    X(other_hidden_output, UNSUPPORTED, "outputs names grad_hidden: nll has",                               \
      other(d, CLXENT_NLL)->outputs = CLXENT_OUT_GRAD_HIDDEN)

/* Makes d a desc of another operation. */
static clxent_desc *other(clxent_desc *d, clxent_op op) {
    clxent_desc_init(d);
    d->op = op;
    d->rows = N;
    d->classes = C;
    return d;
}

static void start(clxent_desc *d) {
    other(d, CLXENT_LINEAR_CROSS_ENTROPY)->features = H;
}

#define CHANGE(name, status, says, change)           \
    static void change_desc_##name(clxent_desc *d) { \
        (void)(change);                              \
    }
WRONG_DESCS(CHANGE)
#undef CHANGE

static const struct {
    const char *name;
    clxent_status status;
    const char *says;
    void (*change)(clxent_desc *);
} wrong_descs[] = {
#define ROW(name, status, says, change) {#name, CLXENT_ERR_##status, says, change_desc_##name},
    WRONG_DESCS(ROW)
#undef ROW
};

static void wrong_descriptors(void) {
    for (size_t i = 0; i < sizeof wrong_descs / sizeof *wrong_descs; i++) {
        clxent_desc d;
        clxent_plan *plan = (clxent_plan *)&plan; /* the call must overwrite it */
        start(&d);
        wrong_descs[i].change(&d);
        expect_about("%s", wrong_descs[i].name);
        expect_status("plan", test_ctx(), clxent_plan_create(&plan, test_ctx(), &d), wrong_descs[i].status);
        assert_null(plan);
        assert_says(clxent_ctx_last_error(test_ctx()), wrong_descs[i].says);
    }
}

static void forced_schedules(void) {
    for (int s = CLXENT_SCHEDULE_LANE; s <= CLXENT_SCHEDULE_SPLIT; s++) {
        clxent_desc d;
        clxent_plan *plan = NULL;
        char says[80];
        start(&d);
        snprintf(says, sizeof says, "schedule %s|linear-cross-entropy|auto",
                 clxent_schedule_name((clxent_schedule)s));
        expect_status("plan", test_ctx(),
                      clxent_plan_create_scheduled(&plan, test_ctx(), &d, (clxent_schedule)s),
                      CLXENT_ERR_UNSUPPORTED);
        assert_says(clxent_ctx_last_error(test_ctx()), says);
    }
}

/* The workspace that the message names is accepted; one that is a byte smaller is not. */
static void named_workspace(void) {
    static const struct {
        int64_t rows, classes, features;
        uint32_t outputs;
    } plans[] = {
        {0, 1, 1, 0},
        {1, 1, 1, CLXENT_OUT_LOSS},
        {1, 700, 3, CLXENT_OUT_LOSS | CLXENT_OUT_GRAD_HIDDEN},
        {1000, 70, 30, CLXENT_OUT_GRAD_CLASSIFIER},
        {INT32_MAX, 262144, 4096, CLXENT_OUT_LOSS | CLXENT_OUT_GRAD_HIDDEN | CLXENT_OUT_GRAD_CLASSIFIER}};
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
        for (int types = 0; types < LINEAR_ALL_TYPES; types += 13) {
            clxent_desc d;
            clxent_plan *plan = NULL;
            start(&d);
            d.rows = plans[i].rows;
            d.classes = plans[i].classes;
            d.features = plans[i].features;
            d.outputs = plans[i].outputs;
            linear_types(&d, types);
            const uint64_t least = linear_least_workspace(test_ctx(), &d);
            d.workspace_bytes = least - 1;
            expect_about("%" PRId64 " rows, types %d, workspace %" PRIu64, d.rows, types, least);
            expect_status("a byte less", test_ctx(), clxent_plan_create(&plan, test_ctx(), &d),
                          CLXENT_ERR_ARGUMENT);
            d.workspace_bytes = least;
            expect_status("the least", test_ctx(), clxent_plan_create(&plan, test_ctx(), &d), CLXENT_OK);
            clxent_plan_destroy(plan);
        }
}

/* ------------------------------------------------------------------------------- calls ----------- */

/* Room for every array of a call. */
static struct memory {
    float hidden[N * H], classifier[C * H + 1], bias[C], logits[N * C];
    int64_t targets[N];
    struct outputs {
        float loss[N], row_loss[N], log_probs[N * C], grad[N * C], grad_hidden[N * H], grad_classifier[C * H],
            grad_bias[C], state[N * CLXENT_STATE_COLUMNS];
    } out;
} m;

#define EXACTLY(array, count) CLXENT_ARRAY(m.array, (count) * sizeof *m.array)
#define OUT(array, count)     CLXENT_ARRAY(m.out.array, (count) * sizeof *m.out.array)
#define ABSENT                CLXENT_ARRAY(NULL, 0)

static void good(clxent_desc *d, clxent_arrays *a) {
    start(d);
    clxent_arrays_init(a);
    a->hidden = EXACTLY(hidden, N * H);
    a->classifier = EXACTLY(classifier, C * H);
    a->classifier_bias = EXACTLY(bias, C);
    a->targets = EXACTLY(targets, N);
    a->loss = OUT(loss, 1);
    a->row_loss = OUT(row_loss, N);
    a->grad_hidden = OUT(grad_hidden, N * H);
    a->grad_classifier = OUT(grad_classifier, C * H);
    a->grad_classifier_bias = OUT(grad_bias, C);
}

/* Makes the good call one of cross entropy on logits. */
static void on_logits(clxent_desc *d, clxent_arrays *a) {
    other(d, CLXENT_CROSS_ENTROPY);
    clxent_arrays_init(a);
    a->logits = EXACTLY(logits, N * C);
    a->targets = EXACTLY(targets, N);
    a->loss = OUT(loss, 1);
}

static clxent_array shifted(clxent_array a, ptrdiff_t bytes) {
    return CLXENT_ARRAY((char *)a.data + bytes, a.bytes);
}

/* The name, the status, the parts of the message, and the change to a good d and a. */
#define WRONG_CALLS(X)                                                                                       \
    X(no_hidden, BUFFER, "hidden is NULL; this call of 4 rows needs it", a->hidden = ABSENT)                 \
    X(no_classifier, BUFFER, "classifier is NULL; this call of 4 rows", a->classifier = ABSENT)              \
    X(no_targets, BUFFER, "targets is NULL", a->targets = ABSENT)                                            \
    X(hidden_short, BUFFER, "hidden has 95 bytes|96 are needed for 4 rows of 6 features", a->hidden.bytes--) \
    X(classifier_short, BUFFER, "classifier has 239 bytes|240 are needed for 10 classes of 6 features",      \
      a->classifier.bytes--)                                                                                 \
    X(bias_short, BUFFER, "classifier_bias has 39 bytes|40", a->classifier_bias.bytes--)                     \
    X(grad_hidden_short, BUFFER, "grad_hidden has 95 bytes|96", a->grad_hidden.bytes--)                      \
    X(grad_classifier_short, BUFFER, "grad_classifier has 239 bytes|240", a->grad_classifier.bytes--)        \
    X(grad_bias_short, BUFFER, "grad_classifier_bias has 39 bytes|40", a->grad_classifier_bias.bytes--)      \
    X(hidden_strided_short, BUFFER, "hidden has 96 bytes|108 are needed", d->hidden_row_stride = 7)          \
    X(grad_classifier_strided_short, BUFFER, "grad_classifier has 240 bytes|276 are needed",                 \
      d->grad_classifier_row_stride = 7)                                                                     \
    X(misplaced_hidden, BUFFER, "hidden starts at address 0x|4, the size of f32",                            \
      a->hidden = shifted(a->hidden, 2))                                                                     \
    X(grad_hidden_over_hidden, BUFFER, "grad_hidden (|overlaps hidden (", a->grad_hidden.data = m.hidden)    \
    X(grad_classifier_over_classifier, BUFFER, "grad_classifier (|overlaps classifier (",                    \
      a->grad_classifier.data = m.classifier)                                                                \
    X(grad_classifier_partly_over, BUFFER, "grad_classifier (|overlaps classifier (",                        \
      a->grad_classifier.data = m.classifier + 1)                                                            \
    X(grad_bias_over_bias, BUFFER, "grad_classifier_bias (|overlaps classifier_bias (",                      \
      a->grad_classifier_bias.data = m.bias)                                                                 \
    X(grads_over_each_other, BUFFER, "grad_classifier|overlaps grad_hidden",                                 \
      a->grad_classifier.data = m.out.grad_hidden)                                                           \
    X(loss_over_hidden, BUFFER, "loss (|overlaps hidden (", a->loss.data = m.hidden + 3)                     \
    X(logits_given, ARGUMENT, "logits is given, must be NULL: linear-cross-entropy does not take it",        \
      a->logits = EXACTLY(logits, N * C))                                                                    \
    X(grad_given, ARGUMENT, "grad is given, must be NULL: linear-cross-entropy has no such output",          \
      a->grad = OUT(grad, N * C))                                                                            \
    X(log_probs_given, ARGUMENT, "log_probs is given|linear-cross-entropy has no such output",               \
      a->log_probs = OUT(log_probs, N * C))                                                                  \
    X(probs_given, ARGUMENT, "probs is given|linear-cross-entropy", a->probs = OUT(log_probs, N * C))        \
    X(state_given, ARGUMENT, "state is given|linear-cross-entropy",                                          \
      a->state = OUT(state, N * CLXENT_STATE_COLUMNS))                                                       \
    X(output_not_named, ARGUMENT, "grad_hidden is given, must be NULL|outputs",                              \
      d->outputs = CLXENT_OUT_LOSS | CLXENT_OUT_ROW_LOSS | CLXENT_OUT_GRAD_CLASSIFIER)                       \
    X(hidden_of_logits, ARGUMENT, "hidden is given, must be NULL: cross-entropy does not take it",           \
      (on_logits(d, a), a->hidden = EXACTLY(hidden, N * H)))                                                 \
    X(classifier_of_logits, ARGUMENT, "classifier is given|cross-entropy does not take it",                  \
      (on_logits(d, a), a->classifier = EXACTLY(classifier, C * H)))                                         \
    X(bias_of_logits, ARGUMENT, "classifier_bias is given|cross-entropy does not take it",                   \
      (on_logits(d, a), a->classifier_bias = EXACTLY(bias, C)))                                              \
    X(grad_hidden_of_logits, ARGUMENT, "grad_hidden is given|cross-entropy has no such output",              \
      (on_logits(d, a), a->grad_hidden = OUT(grad_hidden, N * H)))

#define CHANGE(name, status, says, change)                             \
    static void change_call_##name(clxent_desc *d, clxent_arrays *a) { \
        (void)d;                                                       \
        (void)a;                                                       \
        (void)(change);                                                \
    }
WRONG_CALLS(CHANGE)
#undef CHANGE

static const struct {
    const char *name;
    clxent_status status;
    const char *says;
    void (*change)(clxent_desc *, clxent_arrays *);
} wrong_calls[] = {
#define ROW(name, status, says, change) {#name, CLXENT_ERR_##status, says, change_call_##name},
    WRONG_CALLS(ROW)
#undef ROW
};

static void fill(void) {
    memset(&m.out, UNTOUCHED, sizeof m.out);
    for (int i = 0; i < N * H; i++) m.hidden[i] = 0.25F * (float)(i % 5);
    for (int i = 0; i < C * H; i++) m.classifier[i] = 0.5F * (float)(i % 7 - 3);
    for (int r = 0; r < N; r++) m.targets[r] = r;
}

static void wrong_calls_are_refused(void) {
    for (size_t i = 0; i < sizeof wrong_calls / sizeof *wrong_calls; i++) {
        clxent_desc d;
        clxent_arrays a;
        clxent_plan *plan = NULL;
        static struct memory before;
        expect_about("%s", wrong_calls[i].name);
        good(&d, &a);
        wrong_calls[i].change(&d, &a);
        fill();
        before = m;
        expect_status("plan", test_ctx(), clxent_plan_create(&plan, test_ctx(), &d), CLXENT_OK);
        expect_status("run", test_ctx(), clxent_run(plan, &a), wrong_calls[i].status);
        assert_says(clxent_ctx_last_error(test_ctx()), wrong_calls[i].says);
        assert_memory_equal(&m, &before, sizeof m);
        clxent_plan_destroy(plan);
    }
}

/* A plan that has refused a call computes the next one. */
static void good_call_goes_on(void) {
    clxent_desc d;
    clxent_arrays a;
    clxent_plan *plan = NULL;
    good(&d, &a);
    fill();
    memset(m.classifier, 0, sizeof m.classifier); /* every class has the same logit */
    expect_about("a good call");
    expect_status("plan", test_ctx(), clxent_plan_create(&plan, test_ctx(), &d), CLXENT_OK);
    a.hidden.bytes--;
    expect_status("refused", test_ctx(), clxent_run(plan, &a), CLXENT_ERR_BUFFER);
    a.hidden.bytes++;
    expect_status("run", test_ctx(), clxent_run(plan, &a), CLXENT_OK);
    assert_near(m.out.loss[0], log(C), loss_bound(log(C)));
    assert_each_at(m.out.grad_hidden, N * H, 0.0, 0.0, "grad_hidden", __FILE__, __LINE__);
    clxent_plan_destroy(plan);
}

/* Runs the good call in a context that may hold so many bytes of the device. */
static clxent_status run_within(uint64_t memory_bytes, char *message, size_t room) {
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    clxent_ctx *ctx = NULL;
    clxent_error err;
    clxent_desc d;
    clxent_arrays a;
    clxent_plan *plan = NULL;
    options.memory_bytes = memory_bytes;
    if (clxent_ctx_create(&ctx, &options, &err) != CLXENT_OK) fail_msg("%s", err.message);
    good(&d, &a);
    fill();
    expect_status("plan", ctx, clxent_plan_create(&plan, ctx, &d), CLXENT_OK);
    const clxent_status status = clxent_run(plan, &a);
    snprintf(message, room, "%s", clxent_ctx_last_error(ctx));
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    return status;
}

/* memory_bytes limits what a call holds: the arrays as a whole, and the workspace. The message names the
 * bytes that suffice. */
static void memory_too_small(void) {
    char message[sizeof(clxent_error)];
    unsigned long long needed = 0, limit = 0;
    expect_about("memory_bytes");
    assert_int_equal(run_within(100, message, sizeof message), CLXENT_ERR_MEMORY);
    assert_says(message, "since linear-cross-entropy needs its arrays there as a whole; memory_bytes is 100");
    assert_int_equal(sscanf(message,
                            "this call takes %llu bytes of the device, since linear-cross-entropy needs its "
                            "arrays there as a whole; memory_bytes is %llu",
                            &needed, &limit),
                     2);
    assert_int_equal(limit, 100);
    assert_true(needed >= sizeof m.hidden + sizeof m.classifier + sizeof m.out.grad_classifier);
    assert_int_equal(run_within(needed - 1, message, sizeof message), CLXENT_ERR_MEMORY);
    assert_int_equal(run_within(needed, message, sizeof message), CLXENT_OK);
}

int main(void) {
    static const rule rules[] = {
        RULE(wrong_descriptors),       RULE(forced_schedules),  RULE(named_workspace),
        RULE(wrong_calls_are_refused), RULE(good_call_goes_on), RULE(memory_too_small),
    };
    return check_rules_once("wrong use of linear cross entropy", rules, sizeof rules / sizeof *rules);
}
