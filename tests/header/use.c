/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that uses every macro and type of the public headers, in the words that C11 and C++11 share. It
 * is compiled as both, and never run. init.c tests the values of the macros. */
#include <clxent/clxent_experimental.h>
#include <clxent/clxent_opencl.h>

static const char *status_text(clxent_status status) {
    switch (status) {
#define CASE(code, name, text) \
    case CLXENT_##name:        \
        return text;
        CLXENT_STATUS_MAP(CASE)
#undef CASE
    }
    return clxent_status_text(status);
}

int main(void) {
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    clxent_desc desc = CLXENT_DESC_INIT;
    clxent_scalars scalars = CLXENT_SCALARS_INIT;
    clxent_arrays arrays = CLXENT_ARRAYS_INIT;
    clxent_buffers buffers = CLXENT_BUFFERS_INIT;
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    clxent_tuning tuning = CLXENT_TUNING_INIT;
    clxent_schedule schedule = CLXENT_SCHEDULE_AUTO;
    clxent_error error;
    clxent_ctx *ctx = 0;
    clxent_plan *plan = 0;
    const float logits[2] = {0.0f, 1.0f};
    float loss = 0.0f;

    desc.rows = 1;
    desc.classes = 2;
    desc.flags = CLXENT_ATOMIC;
    desc.outputs = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD;
    scalars.z_loss = 1e-4;
    arrays.scalars = buffers.scalars = &scalars;
    arrays.rows = CLXENT_ALL_ROWS;
    arrays.logits = CLXENT_ARRAY(logits, sizeof logits);
    arrays.loss = CLXENT_ARRAY(&loss, sizeof loss);

    clxent_status status = clxent_ctx_create(&ctx, &options, &error);
    if (!status) status = clxent_ctx_device(ctx, &info);
    tuning.wide_width = 8;
    if (!status) status = clxent_ctx_set_tuning(ctx, &tuning);
    if (!status) status = clxent_plan_create(&plan, ctx, &desc);
    clxent_plan_destroy(plan);
    schedule = clxent_device_schedule(&info);
    if (!status) status = clxent_plan_create_scheduled(&plan, ctx, &desc, schedule);
    if (!status) status = clxent_plan_schedule(plan, &schedule);
    if (!status) status = clxent_run(plan, &arrays);
    if (!status) status = clxent_enqueue(plan, &buffers, 0, 0, 0);
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    return status_text(status)[0] == 's' ? 0 : 1;
}
