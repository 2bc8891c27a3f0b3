/* SPDX-License-Identifier: Apache-2.0
 *
 * See linear_trial.h.
 */
#include "linear_trial.h"

#include "asked.h"
#include "said.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void linear_trial_free(linear_trial *t) {
    for (int i = 0; i < t->block_count; i++) free(t->blocks[i]);
    free(t->inputs.memory);
    free(t->outputs.memory);
    free(t->before);
    linear_expected_free(&t->expected);
}

clxent_plan *linear_trial_plan(const linear_trial *t, clxent_ctx *ctx) {
    clxent_desc desc = t->desc;
    clxent_plan *plan = NULL;
    desc.outputs = asked_outputs(&desc, &t->arrays);
    expect_status("clxent_plan_create", ctx, clxent_plan_create(&plan, ctx, &desc), CLXENT_OK);
    return plan;
}

void linear_trial_reset(linear_trial *t) {
    memcpy(t->outputs.memory, t->before, t->outputs.used);
}

void linear_trial_run_plan(linear_trial *t, clxent_ctx *ctx, clxent_plan *plan) {
    linear_trial_reset(t);
    expect_status("clxent_run", ctx, clxent_run(plan, &t->arrays), t->expect);
}

void linear_trial_run(linear_trial *t, clxent_ctx *ctx) {
    clxent_plan *plan = linear_trial_plan(t, ctx);
    linear_trial_run_plan(t, ctx, plan);
    clxent_plan_destroy(plan);
}

void linear_trial_check(const linear_trial *t) {
    linear_check(&t->desc, &t->arrays, &t->p, &t->expected.r);
}

uint64_t linear_least_workspace(clxent_ctx *ctx, const clxent_desc *desc) {
    clxent_desc d = *desc;
    clxent_plan *plan = NULL;
    d.workspace_bytes = 1;
    expect_status("a workspace of 1 byte", ctx, clxent_plan_create(&plan, ctx, &d), CLXENT_ERR_ARGUMENT);
    const char *message = clxent_ctx_last_error(ctx), *at = message + strlen(message);
    while (at > message && !isdigit((unsigned char)at[-1])) at--;
    while (at > message && isdigit((unsigned char)at[-1])) at--;
    const uint64_t least = strtoull(at, NULL, 10);
    if (least <= 1) fail_msg("the message names no least workspace: %s", message);
    return least;
}
