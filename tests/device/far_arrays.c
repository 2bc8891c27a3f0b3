/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_run() on host arrays whose elements' numbers need more than 32 bits; see far_problem.h. The device's
 * buffers hold only a few rows at a time, so they are small. The library tells kernels where row 0 would
 * stand, far before the buffers. So Oclgrind runs with all its checks, and rusticl can run the test too. */
#include "support/far_problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void put(void *user, far_name array, size_t at, void *bytes, size_t count) {
    const far_problem *f = user;
    memcpy(f->arrays[array].memory + at, bytes, count);
}

static void get(void *user, far_name array, size_t at, void *bytes, size_t count) {
    const far_problem *f = user;
    memcpy(bytes, f->arrays[array].memory + at, count);
}

/* The array from its first row to the end of its last row, or an absent array. */
static clxent_array matrix(const far_problem *f, far_name array) {
    const far_array *a = &f->arrays[array];
    const size_t size = clxent_dtype_size(a->dtype);
    const int64_t elements = (FAR_OUTER - 1) * FAR_STRIDE + f->kind->inner * FAR_CLASSES;
    if (!a->present) return CLXENT_ARRAY(NULL, 0);
    return CLXENT_ARRAY(a->memory + FAR_START * (int64_t)size, (size_t)elements * size);
}

static clxent_arrays bind(const far_problem *f, far_numbers *n) {
    clxent_arrays call = CLXENT_ARRAYS_INIT;
#define MATRIX(name) matrix(f, name)
#define NUMBERS(member, wanted) \
    ((wanted) ? CLXENT_ARRAY(&n->member, sizeof n->member) : CLXENT_ARRAY(NULL, 0))
    FAR_BIND(&call, f, MATRIX, NUMBERS);
    return call;
}

static void check(far_problem *f) {
    clxent_ctx *ctx = expect_ctx();
    clxent_plan *plan = NULL;
    far_numbers numbers = f->numbers;
    far_map(f);
    far_write(f, put, f);
    const clxent_arrays call = bind(f, &numbers);
    expect_status("plan", ctx, clxent_plan_create_scheduled(&plan, ctx, &f->desc, f->schedule), CLXENT_OK);
    expect_status("run", ctx, clxent_run(plan, &call), CLXENT_OK);
    far_check(f, &numbers, get, f);
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    far_unmap(f);
}

int main(void) {
    return far_main("far_arrays", check);
}
