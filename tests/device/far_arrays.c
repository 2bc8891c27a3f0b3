/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_run() on host arrays whose elements' numbers need more than 32 bits; see far_problem.h. The device
 * has a few rows of them at a time and is told where row 0 would be, far before its buffers, so that these
 * may be small: Oclgrind looks with all its checks, and rusticl takes part. */
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

/* The array, from its first row to behind its last; absent where it is not there. */
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
