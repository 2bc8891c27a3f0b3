/* SPDX-License-Identifier: Apache-2.0
 * The one place that chooses how rows are spread over the device. */
#include <inttypes.h>

#include "device.h"
#include "error.h"
#include "plan.h"

/* A work-group has nothing to share, and vectors stay mostly empty, when a row is shorter than this. */
enum { FEW_CLASSES = 32 };
/* Rows that stand side by side: enough for neighbouring work-items to read neighbouring memory. */
enum { ADJACENT_ROWS = 16 };

/* Loop iterations of a work-item, at most: five passes over its vectors (row.cl, loss.cl), and some for the
 * rest. */
static uint64_t iterations(clxent_schedule schedule, const clxent_desc *desc) {
    static const uint64_t classes_at_once[] = {1, 1, 4 * 32, 16}; /* group: of the smallest team there is */
    return 1000 + 5 * (uint64_t)desc->classes_padded / classes_at_once[schedule];
}

clxent_status clx_choose_schedule(clxent_ctx *ctx, const clxent_desc *desc, clxent_schedule *out) {
    static const char *const names[] = {"auto", "lane", "group", "wide"};
    const uint64_t limit = clx_device_loop_limit(&ctx->info);
    clxent_schedule schedule = desc->schedule;
    if (schedule == CLXENT_SCHEDULE_AUTO) {
        const bool lane = desc->classes < FEW_CLASSES || desc->inner >= ADJACENT_ROWS;
        schedule = lane ? CLXENT_SCHEDULE_LANE : ctx->info.schedule;
        if (limit && iterations(schedule, desc) > limit) schedule = CLXENT_SCHEDULE_GROUP;
    }
    if (limit && iterations(schedule, desc) > limit)
        return clx_fail(&ctx->error, CLXENT_ERR_UNSUPPORTED,
                        "classes %" PRId64 " with the %s schedule take up to %" PRIu64
                        " loop iterations a work-item, and \"%s\" leaves a loop after %" PRIu64,
                        desc->classes, names[schedule], iterations(schedule, desc), ctx->info.name, limit);
    *out = schedule;
    return CLXENT_OK;
}
