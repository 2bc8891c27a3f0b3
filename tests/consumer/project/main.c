/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's first program. It checks the version and, if there is a device, a loss that is known in closed
 * form. It exits with 0 only if the version is right, and the loss is right or there is no device. */
#include <clxent/clxent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static int wrong(const char *what, const char *why) {
    fprintf(stderr, "consumer: %s: %s\n", what, why);
    return 1;
}

int main(void) {
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", CLXENT_VERSION_MAJOR, CLXENT_VERSION_MINOR,
             CLXENT_VERSION_PATCH);
    if (strcmp(version, clxent_version()) != 0) return wrong("version of the library", clxent_version());
    printf("clxent %s\n", version);

    clxent_error err;
    clxent_ctx *ctx;
    clxent_status status = clxent_ctx_create(&ctx, NULL, &err);
    if (status == CLXENT_ERR_NO_DEVICE) {
        printf("no device: %s\n", err.message);
        return 0;
    }
    if (status) return wrong(clxent_status_name(status), err.message);

    float logits[5] = {0}, loss = -1;
    int64_t target = 3;
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = 1;
    desc.classes = 5;
    clxent_arrays arrays = CLXENT_ARRAYS_INIT;
    arrays.logits = CLXENT_ARRAY(logits, sizeof logits);
    arrays.targets = CLXENT_ARRAY(&target, sizeof target);
    arrays.loss = CLXENT_ARRAY(&loss, sizeof loss);
    clxent_plan *plan;
    status = clxent_plan_create(&plan, ctx, &desc);
    if (!status) status = clxent_run(plan, &arrays);
    if (status) wrong(clxent_status_name(status), clxent_ctx_last_error(ctx));
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    if (status) return 1;

    printf("loss %.6f, ln 5 = %.6f\n", loss, log(5.0));
    return fabs(loss - log(5.0)) < 2e-6 ? 0 : 1;
}
