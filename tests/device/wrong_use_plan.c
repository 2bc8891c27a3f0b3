/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors that clxent_plan_create() refuses. The test checks the status, and that the message names the
 * field, its value and the limit. There must be no plan. The context must still work. wrong_use_run.c tests
 * calls. */
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The name, the status, the parts of the message (separated by bars), and the change to a good descriptor d
 * of 4 rows and 10 classes, or to the schedule s, which is AUTO. */
#define WRONG_DESCS(X)                                                                                       \
    X(size_zero, ARGUMENT, "struct_size|0", d->struct_size = 0)                                              \
    X(size_small, ARGUMENT, "struct_size|16", d->struct_size = 16)                                           \
    X(size_of_none, ARGUMENT, "struct_size", d->struct_size = 99999)                                         \
    X(op, ARGUMENT,                                                                                          \
      "op 5 is none of 0 (cross-entropy), 1 (nll), 2 (softmax), 3 (log-softmax), 4 (linear-cross-entropy)",  \
      d->op = (clxent_op)5)                                                                                  \
    X(op_negative, ARGUMENT, "op", d->op = (clxent_op)-1)                                                    \
    X(reduction, ARGUMENT, "reduction 3 is none of 0 (mean), 1 (sum), 2 (none)",                             \
      d->reduction = (clxent_reduction)3)                                                                    \
    X(targets, ARGUMENT, "targets 3 is none of 0 (class), 1 (probability), 2 (next-token)",                  \
      d->targets = (clxent_targets)3)                                                                        \
    X(empty_mean, ARGUMENT, "empty_mean 2 is none of 0 (nan), 1 (zero)",                                     \
      d->empty_mean = (clxent_empty_mean)2)                                                                  \
    X(schedule, ARGUMENT, "schedule 5 is none of 0 (auto), 1 (lane), 2 (group), 3 (wide), 4 (split)",        \
      *s = (clxent_schedule)5)                                                                               \
    X(flags, ARGUMENT,                                                                                       \
      "flags 0x80|CLXENT_ATOMIC 0x1, CLXENT_GRAD_FROM_LSE 0x2|CLXENT_FROM_STATE "                            \
      "0x4|CLXENT_ADD_GRAD_CLASSIFIER 0x8",                                                                  \
      d->flags = 0x80)                                                                                       \
    X(outputs, ARGUMENT, "outputs 0x80001|0x1c7ffc0", d->outputs = 0x80001)                                  \
    X(reserved, ARGUMENT, "reserved_|7|0", d->reserved_ = 7)                                                 \
    X(use_ignore_index, ARGUMENT, "use_ignore_index 2 is not 0 or 1", d->use_ignore_index = 2)               \
    X(softmax_ignore, UNSUPPORTED, "use_ignore_index 1: softmax has no targets",                             \
      (d->op = CLXENT_SOFTMAX, d->use_ignore_index = 1))                                                     \
    X(softmax_atomic, UNSUPPORTED, "flags 0x1 has CLXENT_ATOMIC|not log-softmax",                            \
      (d->op = CLXENT_LOG_SOFTMAX, d->flags = CLXENT_ATOMIC))                                                \
    X(logits_dtype_unknown, ARGUMENT, "logits_dtype 9 is none of 0 (default), 1 (f32)|8 (u8)",               \
      d->logits_dtype = (clxent_dtype)9)                                                                     \
    X(logits_dtype_integer, DTYPE, "logits_dtype i32|f32, f16, bf16, f64", d->logits_dtype = CLXENT_I32)     \
    X(grad_dtype_integer, DTYPE, "grad_dtype i64|f32, f16, bf16, f64", d->grad_dtype = CLXENT_I64)           \
    X(grad_f64_of_f32, DTYPE, "grad_dtype f64 with logits_dtype f32", d->grad_dtype = CLXENT_F64)            \
    X(grad_f32_of_f64, DTYPE, "grad_dtype f32 with logits_dtype f64",                                        \
      (d->logits_dtype = CLXENT_F64, d->grad_dtype = CLXENT_F32))                                            \
    X(targets_dtype_float, DTYPE, "targets_dtype f32|class numbers|CLXENT_TARGETS_PROBABILITY",              \
      d->targets_dtype = CLXENT_F32)                                                                         \
    X(probability_integer, DTYPE, "targets_dtype i32|CLXENT_TARGETS_CLASS",                                  \
      (d->targets = CLXENT_TARGETS_PROBABILITY, d->targets_dtype = CLXENT_I32))                              \
    X(probability_f64_of_f32, DTYPE, "targets_dtype f64 with logits_dtype f32",                              \
      (d->targets = CLXENT_TARGETS_PROBABILITY, d->targets_dtype = CLXENT_F64))                              \
    X(tokens_dtype_float, DTYPE, "targets_dtype f16|token numbers",                                          \
      (next_token(d, 2, 3), d->targets_dtype = CLXENT_F16))                                                  \
    X(segment_dtype_float, DTYPE, "segment_dtype bf16|i64, i32, u16, u8",                                    \
      (next_token(d, 2, 3), d->segment_dtype = CLXENT_BF16))                                                 \
    X(rows_negative, SHAPE, "rows|-1|0", d->rows = -1)                                                       \
    X(classes_zero, SHAPE, "classes|0|1", d->classes = 0)                                                    \
    X(classes_negative, SHAPE, "classes|-5|1", d->classes = -5)                                              \
    X(slice_without_total, SHAPE, "class_begin 2 with classes_total 0|the number of all classes",            \
      d->class_begin = 2)                                                                                    \
    X(slice_before_0_without_total, SHAPE, "class_begin -1 with classes_total 0", d->class_begin = -1)       \
    X(classes_2_31, SHAPE, "classes|2147483648|2147483647", d->classes = INT64_C(1) << 31)                   \
    X(classes_2_33, SHAPE, "classes|8589934592|2147483647", d->classes = INT64_C(1) << 33)                   \
    X(inner_zero, SHAPE, "inner|0|1", d->inner = 0)                                                          \
    X(inner_negative, SHAPE, "inner|-3|1", d->inner = -3)                                                    \
    X(inner_no_divisor, SHAPE, "rows|4|inner|3", d->inner = 3)                                               \
    X(padded_less, SHAPE, "classes_padded|9|classes|10", d->classes_padded = 9)                              \
    X(padded_negative, SHAPE, "classes_padded|-1", d->classes_padded = -1)                                   \
    X(padded_2_31, SHAPE, "classes_padded|2147483648", d->classes_padded = INT64_C(1) << 31)                 \
    X(row_stride_less, SHAPE, "row_stride 9 is less than classes 10", d->row_stride = 9)                     \
    X(row_stride_negative, SHAPE, "row_stride|-10", d->row_stride = -10)                                     \
    X(row_stride_padded, SHAPE, "row_stride|12|classes_padded|16",                                           \
      (d->classes_padded = 16, d->row_stride = 12))                                                          \
    X(row_stride_inner, SHAPE, "row_stride|19|10|inner|2", (d->inner = 2, d->row_stride = 19))               \
    X(grad_row_stride, SHAPE, "grad_row_stride|9|10", d->grad_row_stride = 9)                                \
    X(log_probs_row_stride, SHAPE, "log_probs_row_stride|9|10", d->log_probs_row_stride = 9)                 \
    X(targets_row_stride, SHAPE, "targets_row_stride|9|10",                                                  \
      (d->targets = CLXENT_TARGETS_PROBABILITY, d->targets_row_stride = 9))                                  \
    X(grad_output_row_stride, SHAPE, "grad_output_row_stride|9|10",                                          \
      (d->op = CLXENT_SOFTMAX, d->grad_output_row_stride = 9))                                               \
    X(rows_overflow, SHAPE, "rows|4611686018427387904", d->rows = INT64_C(1) << 62)                          \
    X(elements_overflow, SHAPE, "rows|1099511627776|2147483647",                                             \
      (d->rows = INT64_C(1) << 40, d->classes = INT32_MAX))                                                  \
    X(scratch_overflow, SHAPE, "rows|177212792062055424|1125899906842623",                                   \
      (d->rows = INT64_C(177212792062055424), d->classes = 1, *s = CLXENT_SCHEDULE_SPLIT))                   \
    X(stride_overflow, SHAPE, "row_stride|4611686018427387904", d->row_stride = INT64_C(1) << 62)            \
    X(inner_overflow, SHAPE, "inner|4611686018427387904",                                                    \
      (d->rows = INT64_C(1) << 62, d->inner = INT64_C(1) << 62))                                             \
    X(smoothing_negative, ARGUMENT, "label_smoothing|-0.1|[0, 1]", d->label_smoothing = -0.1)                \
    X(smoothing_above_one, ARGUMENT, "label_smoothing|1.5|[0, 1]", d->label_smoothing = 1.5)                 \
    X(smoothing_nan, ARGUMENT, "label_smoothing|nan|[0, 1]", d->label_smoothing = (double)NAN)               \
    X(z_loss_negative, ARGUMENT, "z_loss|-1|0", d->z_loss = -1)                                              \
    X(smoothing_minus_nan, ARGUMENT, "label_smoothing nan", d->label_smoothing = -(double)NAN)               \
    X(z_loss_minus_nan, ARGUMENT, "z_loss nan", d->z_loss = -(double)NAN)                                    \
    X(z_loss_nan, ARGUMENT, "z_loss|nan|finite", d->z_loss = (double)NAN)                                    \
    X(z_loss_infinite, ARGUMENT, "z_loss|inf|finite", d->z_loss = (double)INFINITY)                          \
    X(softcap_negative, ARGUMENT, "softcap|-30|0", d->softcap = -30)                                         \
    X(softcap_nan, ARGUMENT, "softcap|nan|finite", d->softcap = (double)NAN)                                 \
    X(softcap_infinite, ARGUMENT, "softcap|inf|finite", d->softcap = (double)INFINITY)                       \
    X(softcap_underflow, ARGUMENT, "softcap|1e-50", d->softcap = 1e-50)                                      \
    X(softcap_overflow, ARGUMENT, "softcap|1e+38|8.3", d->softcap = 1e38)                                    \
    X(scale_over_small_softcap, ARGUMENT, "logit_scale|1000|softcap|1e-37|1e+40",                            \
      (d->softcap = 1e-37, d->logit_scale = 1000))                                                           \
    X(scale_over_large_softcap, ARGUMENT, "logit_scale|1e-06|softcap|1e+37|1e-43",                           \
      (d->softcap = 1e37, d->logit_scale = 1e-6))                                                            \
    X(scale_zero, ARGUMENT, "logit_scale|0", d->logit_scale = 0)                                             \
    X(scale_negative, ARGUMENT, "logit_scale|-2|0", d->logit_scale = -2)                                     \
    X(scale_nan, ARGUMENT, "logit_scale|nan", d->logit_scale = (double)NAN)                                  \
    X(scale_infinite, ARGUMENT, "logit_scale|inf", d->logit_scale = (double)INFINITY)                        \
    X(scale_beyond_f32, ARGUMENT, "logit_scale|1e+300|f32", d->logit_scale = 1e300)                          \
    X(scale_underflow, ARGUMENT, "logit_scale|1e-300", d->logit_scale = 1e-300)                              \
    X(grad_output_nan, ARGUMENT, "grad_output|nan|finite", d->grad_output = (double)NAN)                     \
    X(sequence_zero, SHAPE, "sequence_length|0|1", next_token(d, 0, 1))                                      \
    X(sequence_no_divisor, SHAPE, "rows|4|sequence_length|3", next_token(d, 3, 3))                           \
    X(tokens_less, SHAPE, "tokens_per_sequence|1|sequence_length|2", next_token(d, 2, 1))                    \
    X(tokens_more, SHAPE, "tokens_per_sequence|4|sequence_length|2", next_token(d, 2, 4))                    \
    X(tokens_least, SHAPE, "tokens_per_sequence|-9223372036854775808|sequence_length|9223372036854775807",   \
      (d->rows = 0, next_token(d, INT64_MAX, INT64_MIN)))                                                    \
    X(next_token_inner, UNSUPPORTED, "next-token|inner|2", (next_token(d, 2, 3), d->inner = 2))              \
    X(sequence_without_tokens, ARGUMENT, "sequence_length|2", d->sequence_length = 2)                        \
    X(probability_ignore, UNSUPPORTED, "ignore_index|-100",                                                  \
      (d->targets = CLXENT_TARGETS_PROBABILITY, d->use_ignore_index = 1, d->ignore_index = -100))            \
    X(probability_log_prob, UNSUPPORTED,                                                                     \
      "outputs names log_prob: cross-entropy with probability targets has loss, row_loss, lse|counts, "      \
      "state only",                                                                                          \
      (d->targets = CLXENT_TARGETS_PROBABILITY, d->outputs = CLXENT_OUT_LOG_PROB))                           \
    X(probability_rank, UNSUPPORTED, "outputs names rank: cross-entropy with probability targets has",       \
      (d->targets = CLXENT_TARGETS_PROBABILITY, d->outputs = CLXENT_OUT_RANK))                               \
    X(nll_smoothing, UNSUPPORTED, "label_smoothing|0.1|nll", (d->op = CLXENT_NLL, d->label_smoothing = 0.1)) \
    X(nll_z_loss, UNSUPPORTED, "z_loss|0.5|nll", (d->op = CLXENT_NLL, d->z_loss = 0.5))                      \
    X(nll_softcap, UNSUPPORTED, "softcap|30|nll", (d->op = CLXENT_NLL, d->softcap = 30))                     \
    X(nll_scale, UNSUPPORTED, "logit_scale|2|nll", (d->op = CLXENT_NLL, d->logit_scale = 2))                 \
    X(nll_probability, UNSUPPORTED, "targets probability: nll takes class",                                  \
      (d->op = CLXENT_NLL, d->targets = CLXENT_TARGETS_PROBABILITY))                                         \
    X(nll_next_token, UNSUPPORTED, "targets next-token: nll takes class",                                    \
      (d->op = CLXENT_NLL, next_token(d, 2, 3)))                                                             \
    X(nll_lse, UNSUPPORTED, "outputs names lse: nll has loss, row_loss, log_prob, grad, counts only",        \
      (d->op = CLXENT_NLL, d->outputs = CLXENT_OUT_LSE))                                                     \
    X(nll_slice, UNSUPPORTED, "classes 10 of classes_total 20: nll takes no slice",                          \
      (d->op = CLXENT_NLL, d->classes_total = 20))                                                           \
    X(softmax_slice, UNSUPPORTED, "classes 10 of classes_total 20: softmax takes no slice",                  \
      (d->op = CLXENT_SOFTMAX, d->classes_total = 20))                                                       \
    X(log_softmax_slice, UNSUPPORTED, "classes 10 of classes_total 20: log-softmax takes no slice",          \
      (d->op = CLXENT_LOG_SOFTMAX, d->classes_total = 20))                                                   \
    X(from_lse_slice, UNSUPPORTED,                                                                           \
      "classes 10 of classes_total 20: cross-entropy from a saved lse takes no slice",                       \
      (d->flags = CLXENT_GRAD_FROM_LSE, d->classes_total = 20))                                              \
    X(nll_from_lse, UNSUPPORTED, "GRAD_FROM_LSE|nll", (d->op = CLXENT_NLL, d->flags = CLXENT_GRAD_FROM_LSE)) \
    X(softmax_smoothing, UNSUPPORTED, "label_smoothing|0.1|softmax",                                         \
      (d->op = CLXENT_SOFTMAX, d->label_smoothing = 0.1))                                                    \
    X(softmax_loss, UNSUPPORTED, "outputs names loss: softmax has lse",                                      \
      (d->op = CLXENT_SOFTMAX, d->outputs = CLXENT_OUT_LOSS))                                                \
    X(softmax_probability, UNSUPPORTED, "targets probability: log-softmax takes class",                      \
      (d->op = CLXENT_LOG_SOFTMAX, d->targets = CLXENT_TARGETS_PROBABILITY))                                 \
    X(probs_of_cross_entropy, UNSUPPORTED, "outputs names probs: cross-entropy has loss",                    \
      d->outputs = CLXENT_OUT_PROBS)                                                                         \
    X(probs_of_log_softmax, UNSUPPORTED, "outputs names probs: log-softmax has",                             \
      (d->op = CLXENT_LOG_SOFTMAX, d->outputs = CLXENT_OUT_PROBS))                                           \
    X(from_lse_loss, UNSUPPORTED,                                                                            \
      "outputs names loss: cross-entropy from a saved lse has grad, counts only",                            \
      (d->flags = CLXENT_GRAD_FROM_LSE, d->outputs = CLXENT_OUT_LOSS))

static void next_token(clxent_desc *d, int64_t positions, int64_t tokens) {
    d->targets = CLXENT_TARGETS_NEXT_TOKEN;
    d->sequence_length = positions;
    d->tokens_per_sequence = tokens;
}

#define CHANGE(name, status, says, change)                          \
    static void change_##name(clxent_desc *d, clxent_schedule *s) { \
        (void)d;                                                    \
        (void)s;                                                    \
        (void)(change);                                             \
    }
WRONG_DESCS(CHANGE)
#undef CHANGE

static const struct {
    const char *name;
    clxent_status status;
    const char *says;
    void (*change)(clxent_desc *, clxent_schedule *);
} wrong_descs[] = {
#define ROW(name, status, says, change) {#name, CLXENT_ERR_##status, says, change_##name},
    WRONG_DESCS(ROW)
#undef ROW
};

static void start(clxent_desc *d) {
    clxent_desc_init(d);
    d->rows = 4;
    d->classes = 10;
}

static void refused(const char *name, const clxent_desc *d, clxent_schedule schedule, clxent_status status,
                    const char *says) {
    expect_about("%s", name);
    clxent_plan *plan = (clxent_plan *)&plan; /* the call must overwrite it */
    const clxent_status got = schedule == CLXENT_SCHEDULE_AUTO
                                  ? clxent_plan_create(&plan, test_ctx(), d)
                                  : clxent_plan_create_scheduled(&plan, test_ctx(), d, schedule);
    expect_status("plan", test_ctx(), got, status);
    assert_null(plan);
    assert_says(clxent_ctx_last_error(test_ctx()), says);
}

static void wrong_descriptors(void) {
    for (size_t i = 0; i < sizeof wrong_descs / sizeof *wrong_descs; i++) {
        clxent_desc d;
        clxent_schedule schedule = CLXENT_SCHEDULE_AUTO;
        start(&d);
        wrong_descs[i].change(&d, &schedule);
        refused(wrong_descs[i].name, &d, schedule, wrong_descs[i].status, wrong_descs[i].says);
    }
}

/* If the device lacks a feature, the refusal names the device. Otherwise the library makes the plan. */
static void what_the_device_lacks(void) {
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    assert_int_equal(clxent_ctx_device(test_ctx(), &info), CLXENT_OK);
    clxent_desc d;
    start(&d);
    d.logits_dtype = CLXENT_F64;
    for (int atomic = 0; atomic < 2; atomic++) {
        d.flags = atomic ? CLXENT_ATOMIC : 0;
        if (!info.fp64 || (atomic && !info.atomics_64)) {
            refused(info.fp64 ? "64-bit atomics" : "f64", &d, CLXENT_SCHEDULE_AUTO, CLXENT_ERR_UNSUPPORTED,
                    info.name);
        } else {
            clxent_plan *plan = NULL;
            assert_int_equal(clxent_plan_create(&plan, test_ctx(), &d), CLXENT_OK);
            clxent_plan_destroy(plan);
        }
    }
}

/* The largest plans that the library accepts. A run of one row needs scratch memory for that row alone. */
static void largest_plans(void) {
    const int64_t classes[] = {1, 32, 32};
    const clxent_schedule schedules[] = {CLXENT_SCHEDULE_AUTO, CLXENT_SCHEDULE_AUTO, CLXENT_SCHEDULE_SPLIT};
    const float logits[32] = {0};
    const int64_t target = 0;
    const int count = expect_effort() == EFFORT_FULL ? 3 : 2; /* rusticl compiles the last plan slowly */
    for (int i = 0; i < count; i++) {
        clxent_desc d;
        clxent_plan *plan = NULL;
        clxent_arrays a = CLXENT_ARRAYS_INIT;
        float loss = 0;
        start(&d);
        d.classes = classes[i];
        d.rows = INT64_MAX / 8192;
        expect_about("%lld rows of %lld classes", (long long)d.rows, (long long)d.classes);
        expect_status("plan", test_ctx(), clxent_plan_create_scheduled(&plan, test_ctx(), &d, schedules[i]),
                      CLXENT_OK);
        a.rows = 1;
        a.logits = CLXENT_ARRAY(logits, sizeof logits);
        a.targets = CLXENT_ARRAY(&target, sizeof target);
        a.loss = CLXENT_ARRAY(&loss, sizeof loss);
        expect_status("run of a row", test_ctx(), clxent_run(plan, &a), CLXENT_OK);
        assert_near(loss, log((double)classes[i]), loss_bound(log((double)classes[i])));
        clxent_plan_destroy(plan);
    }
}

/* A refusal has no later effect: after all of them, a good plan gives the right loss. */
static void context_goes_on(void) {
    wrong_descriptors();
    problem p;
    begin(&p, 1, 2, (const float[]){0, 0}, (const int64_t[]){0});
    solve(&p);
    assert_near(p.loss[0], log(2), loss_bound(1));
}

static void null_and_empty_arguments(void) {
    clxent_desc d;
    clxent_plan *plan = NULL;
    clxent_device_info info = {0};
    clxent_scalars scalars;
    start(&d);
    assert_int_equal(clxent_plan_create(NULL, test_ctx(), &d), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "out is NULL");
    clxent_error err;
    size_t count = 0;
    assert_int_equal(clxent_list_devices(NULL, 0, 0, NULL, &err), CLXENT_ERR_ARGUMENT);
    assert_says(err.message, "count is NULL");
    assert_int_equal(clxent_list_devices(NULL, 0, 3, &count, &err), CLXENT_ERR_ARGUMENT);
    assert_says(err.message, "out is NULL and capacity is 3");
    assert_int_equal(clxent_plan_create(&plan, test_ctx(), NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "desc|NULL");
    assert_int_equal(clxent_plan_create_scheduled(NULL, test_ctx(), &d, CLXENT_SCHEDULE_LANE),
                     CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "out is NULL");
    assert_int_equal(clxent_plan_create_scheduled(&plan, test_ctx(), NULL, CLXENT_SCHEDULE_LANE),
                     CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "desc|NULL");
    assert_int_equal(clxent_ctx_device(test_ctx(), NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "out is NULL");
    assert_int_equal(clxent_ctx_device(test_ctx(), &info), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "clxent_device_info.struct_size is 0");

    struct {
        clxent_desc desc;
        char more[8];
    } later = {d, {0, 0, 0, 1}}; /* the desc of a later version with more fields, one of them set */
    later.desc.struct_size = sizeof later;
    assert_int_equal(clxent_plan_create(&plan, test_ctx(), &later.desc), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "clxent_desc.struct_size is |byte |is not 0|leave it 0");
    later.more[3] = 0;
    assert_int_equal(clxent_plan_create(&plan, test_ctx(), &later.desc), CLXENT_OK);
    clxent_plan_destroy(plan);

    const size_t beyond[] = {sizeof d + 4097, SIZE_MAX};
    char limit[80];
    snprintf(limit, sizeof limit, "must be %zu|from |to %zu", sizeof d, sizeof d + 4096);
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        d.struct_size = beyond[i];
        assert_int_equal(clxent_plan_create(&plan, test_ctx(), &d), CLXENT_ERR_ARGUMENT);
        assert_says(clxent_ctx_last_error(test_ctx()), limit);
    }
    start(&d);

    d.z_loss = 0.25;
    d.grad_output = -3;
    assert_int_equal(clxent_plan_create(&plan, test_ctx(), &d), CLXENT_OK);
    assert_int_equal(clxent_plan_scalars(plan, NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "out is NULL");
    assert_int_equal(clxent_run(plan, NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "arrays|NULL");
    assert_int_equal(clxent_plan_schedule(plan, NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "out is NULL");
    clxent_scalars_init(&scalars);
    assert_int_equal(clxent_plan_scalars(plan, &scalars), CLXENT_OK);
    assert_int_equal(scalars.struct_size, sizeof scalars);
    assert_same(scalars.z_loss, 0.25);
    assert_same(scalars.grad_output, -3);
    assert_same(scalars.logit_scale, 1);
    clxent_plan_destroy(plan);
}

int main(void) {
    static const rule rules[] = {
        RULE(wrong_descriptors), RULE(what_the_device_lacks),    RULE(largest_plans),
        RULE(context_goes_on),   RULE(null_and_empty_arguments),
    };
    return check_rules_once("wrong descriptors", rules, sizeof rules / sizeof *rules);
}
