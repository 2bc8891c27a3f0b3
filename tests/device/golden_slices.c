/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the cross entropies of tests/cases with their classes cut into 1, 2, 3 and 7 slices. The outputs from
 * the merged state must be within the bounds of reference.h around the case's output files. */
#include <clxent/clxent_experimental.h>

#include "leave.h"
#include "rng.h"
#include "support/case_call.h"
#include "support/sliced.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static clxent_ctx *ctx;

/* Runs a case in slices of different sizes; the first slice has one class. The states' order is not the order
 * of their classes. */
static void run_case(const test_case *c, int slices) {
    const int64_t classes = c->problem.classes;
    int64_t cuts[SLICED_MOST + 1];
    int order[SLICED_MOST];
    if (slices > classes) slices = (int)classes;
    for (int i = 0; i <= slices; i++) {
        cuts[i] = i == 0 ? 0 : i == slices ? classes : 1 + (i - 1) * (classes - 1) / slices;
        if (i < slices) order[i] = (i + 1) % slices;
        if (i > 0 && cuts[i] <= cuts[i - 1]) cuts[i] = cuts[i - 1] + 1;
    }
    expect_about("case %s in %d slices", c->name, slices);
    const clxent_desc desc = case_desc(&c->problem);
    case_results r = case_results_new(&c->problem);
    clxent_arrays arrays = case_arrays(c, &r);
    expect_status("in slices", ctx, run_in_slices(ctx, &desc, &arrays, cuts, order, slices, slices % 2),
                  CLXENT_OK);
    case_check(c, &r);
    case_results_free(&r);
}

/* The short form runs one case in 12, or in 40 on a slow device: most cases need their own program. */
static void in_slices(void **state) {
    (void)state;
    static const int counts[] = {1, 2, 3, 7};
    static char names[CASES_MOST][CASE_NAME];
    const int count = cases_list(names), step = expect_long() ? 1 : expect_effort() == EFFORT_FULL ? 12 : 40;
    int tried = 0, met = 0;
    for (int i = 0; i < count; i++) {
        test_case c;
        case_open(&c, names[i]);
        if (!c.next_token && c.problem.op == REFERENCE_CROSS_ENTROPY && met++ % step == 0) {
            run_case(&c, counts[tried % 4]);
            tried++;
        }
        case_close(&c);
    }
    print_message("%d of %d cases\n", tried, met);
    assert_true(tried > 0);
}

static int open_device(void **state) {
    (void)state;
    clxent_tuning narrow = CLXENT_TUNING_INIT; /* narrow vectors compile faster */
    narrow.wide_width = narrow.group_width = 4;
    narrow.wide_tile = narrow.group_tile = 2;
    ctx = expect_ctx();
    return clxent_ctx_set_tuning(ctx, &narrow) != CLXENT_OK;
}

static int close_device(void **state) {
    (void)state;
    clxent_ctx_destroy(ctx);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_slices)};
    return leave(cmocka_run_group_tests(tests, open_device, close_device));
}
