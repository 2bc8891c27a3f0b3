/* SPDX-License-Identifier: Apache-2.0
 *
 * A context's tuning: the values that the library refuses, the values in effect, and the plans that use them.
 * golden.c checks that results stay within their bounds with other tunings. */
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static clxent_tuning in_effect(void) {
    clxent_tuning t = CLXENT_TUNING_INIT;
    assert_int_equal(clxent_ctx_tuning(test_ctx(), &t), CLXENT_OK);
    return t;
}

static void set(const clxent_tuning *t) {
    expect_status("clxent_ctx_set_tuning", test_ctx(), clxent_ctx_set_tuning(test_ctx(), t), CLXENT_OK);
}

/* At first every field has the table's value, within its limits. A value that the program sets is in effect;
 * the other fields keep the table's values. NULL, or zeros, restore the table's values. */
static void what_is_set_is_in_effect(void) {
    const clxent_tuning table = in_effect();
#define IN_LIMITS(field, least, most, power) \
    assert_true(table.field >= (least));     \
    assert_true(table.field <= (most));
    CLXENT_TUNING_MAP(IN_LIMITS)
#undef IN_LIMITS
    clxent_tuning asked = CLXENT_TUNING_INIT, expected = table, got;
    asked.few_classes = expected.few_classes = 777;
    asked.group_size = expected.group_size = 8;
    set(&asked);
    got = in_effect();
    assert_memory_equal(&got, &expected, sizeof got);
    set(&(clxent_tuning)CLXENT_TUNING_INIT);
    got = in_effect();
    assert_memory_equal(&got, &table, sizeof got);
    set(&asked);
    set(NULL);
    got = in_effect();
    assert_memory_equal(&got, &table, sizeof got);
}

/* The refusal names the field, the value and the limits. The tuning in effect stays. */
static void wrong_values(void) {
    static const struct {
        const char *says;
        clxent_tuning tuning;
    } wrong[] = {
        {"tuning.group_width|is 3|power of two in [1, 16]", {sizeof(clxent_tuning), .group_width = 3}},
        {"tuning.group_width|is 32|[1, 16]", {sizeof(clxent_tuning), .group_width = 32}},
        {"tuning.group_tile|is 128|[1, 16]", {sizeof(clxent_tuning), .group_tile = 128}},
        {"tuning.group_size|is -64|[1, 1024]", {sizeof(clxent_tuning), .group_size = -64}},
        {"tuning.group_size_short|is 2048|[1, 1024]", {sizeof(clxent_tuning), .group_size_short = 2048}},
        {"tuning.wide_width|is 12|[1, 16]", {sizeof(clxent_tuning), .wide_width = 12}},
        {"tuning.split_part_classes|is 15|in [16, 1073741824]",
         {sizeof(clxent_tuning), .split_part_classes = 15}},
        {"tuning.teams_per_unit|is 65|[1, 64]", {sizeof(clxent_tuning), .teams_per_unit = 65}},
        {"clxent_tuning.struct_size is 0", {0, .wide_width = 8}},
    };
    clxent_tuning asked = CLXENT_TUNING_INIT;
    asked.few_classes = 5;
    set(&asked);
    const clxent_tuning before = in_effect();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(clxent_ctx_set_tuning(test_ctx(), &wrong[i].tuning), CLXENT_ERR_ARGUMENT);
        assert_says(clxent_ctx_last_error(test_ctx()), wrong[i].says);
        const clxent_tuning got = in_effect();
        assert_memory_equal(&got, &before, sizeof got);
    }
    clxent_tuning other_size = {.struct_size = 8};
    assert_int_equal(clxent_ctx_tuning(test_ctx(), NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "out is NULL");
    assert_int_equal(clxent_ctx_tuning(test_ctx(), &other_size), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(test_ctx()), "clxent_tuning.struct_size is 8");
    set(NULL);
}

static clxent_schedule schedule_of(int64_t rows, int64_t classes) {
    clxent_desc desc = CLXENT_DESC_INIT;
    clxent_schedule schedule = CLXENT_SCHEDULE_AUTO;
    desc.rows = rows;
    desc.classes = classes;
    clxent_plan *plan = make_plan(&desc, CLXENT_SCHEDULE_AUTO);
    assert_int_equal(clxent_plan_schedule(plan, &schedule), CLXENT_OK);
    clxent_plan_destroy(plan);
    return schedule;
}

static void thresholds(void) {
    clxent_tuning t = CLXENT_TUNING_INIT;
    t.few_classes = 5;
    t.split_part_classes = 64;
    t.teams_per_unit = 4; /* every device needs at least four teams, so three rows may split */
    set(&t);
    assert_int_equal(schedule_of(100, 4), CLXENT_SCHEDULE_LANE);
    assert_true(schedule_of(100000, 5) != CLXENT_SCHEDULE_LANE);
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    assert_int_equal(clxent_ctx_device(test_ctx(), &info), CLXENT_OK);
    assert_int_equal(schedule_of(100000, 5), clxent_device_schedule(&info));
    assert_int_equal(schedule_of(3, 128), CLXENT_SCHEDULE_SPLIT);
    assert_true(schedule_of(3, 127) != CLXENT_SCHEDULE_SPLIT);
    t.split_part_classes = 1 << 30;
    set(&t);
    assert_true(schedule_of(3, 128) != CLXENT_SCHEDULE_SPLIT);
    set(NULL);
}

/* A plan keeps the tuning of its creation, so it gives the same bits after another tuning is set. */
static void plans_keep_theirs(void) {
    enum { C = 1000 };
    static float logits[C], grads[2][C];
    const int64_t target = 321;
    for (int c = 0; c < C; c++) logits[c] = (float)(c * 37 % 101) / 25;
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = 1;
    desc.classes = C;
    desc.outputs = CLXENT_OUT_GRAD;
    clxent_plan *plan = make_plan(&desc, CLXENT_SCHEDULE_AUTO);
    clxent_schedule before, after;
    assert_int_equal(clxent_plan_schedule(plan, &before), CLXENT_OK);
    for (int i = 0; i < 2; i++) {
        clxent_arrays a = CLXENT_ARRAYS_INIT;
        a.logits = CLXENT_ARRAY(logits, sizeof logits);
        a.targets = CLXENT_ARRAY(&target, sizeof target);
        a.grad = CLXENT_ARRAY(grads[i], sizeof grads[i]);
        expect_status("clxent_run", test_ctx(), clxent_run(plan, &a), CLXENT_OK);
        clxent_tuning t = {sizeof t, .group_size_short = 2, .few_classes = 65536};
        set(&t);
    }
    assert_memory_equal(grads[0], grads[1], sizeof grads[0]);
    assert_int_equal(clxent_plan_schedule(plan, &after), CLXENT_OK);
    assert_int_equal(after, before);
    assert_int_equal(schedule_of(1, C), CLXENT_SCHEDULE_LANE);
    clxent_plan_destroy(plan);
    set(NULL);
}

/* Short vectors in schedule WIDE. Mesa needs a minute to compile vectors of 16, so other tests skip WIDE. */
static void short_vectors(void) {
    const float logits[8] = {1, 2, 3, 4, 4, 3, 2, 1};
    const int64_t targets[2] = {3, 1};
    float loss = 0;
    set(&(clxent_tuning){sizeof(clxent_tuning), .wide_width = 2, .wide_tile = 1});
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = 2;
    desc.classes = 4;
    desc.outputs = CLXENT_OUT_LOSS;
    clxent_plan *plan = make_plan(&desc, CLXENT_SCHEDULE_WIDE);
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY((void *)(uintptr_t)logits, sizeof logits);
    a.targets = CLXENT_ARRAY((void *)(uintptr_t)targets, sizeof targets);
    a.loss = CLXENT_ARRAY(&loss, sizeof loss);
    expect_status("clxent_run", test_ctx(), clxent_run(plan, &a), CLXENT_OK);
    assert_near(loss, 0.94018969, loss_bound(1)); /* log(1 + e^-1 + e^-2 + e^-3) + 1/2 */
    clxent_plan_destroy(plan);
    set(NULL);
}

int main(void) {
    static const rule rules[] = {
        RULE(what_is_set_is_in_effect), RULE(wrong_values),  RULE(thresholds),
        RULE(plans_keep_theirs),        RULE(short_vectors),
    };
    return check_rules_once("tuning", rules, sizeof rules / sizeof *rules);
}
