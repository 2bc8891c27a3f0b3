/* SPDX-License-Identifier: Apache-2.0
 * The one place that chooses how rows are spread over the device. */
#include <inttypes.h>

#include "device.h"
#include "error.h"
#include "plan.h"

/* A work-group has nothing to share when a row is shorter than this. Vectors stay mostly empty, and what is
 * one number a row takes longer than its classes: up to here rows side by side are faster than a row in
 * vectors (PoCL, f32: twice as fast without a gradient, 1.4 times with one at 200 classes; alike with one at
 * 300). */
enum { FEW_CLASSES = 32, FEW_CLASSES_CPU = 256 };
/* Rows that stand side by side: enough for neighbouring work-items to read neighbouring memory. */
enum { ADJACENT_ROWS = 16 };

/* Classes of a part of a row, at the least: what a launch more costs should be little beside it. And the most
 * parts: each reads what all have found. */
enum { PART_CLASSES = 16384, MOST_PARTS = 64 };

static int64_t divided_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* Teams that keep the device busy. */
static int64_t busy_teams(const clxent_device_info *info) {
    return (int64_t)info->compute_units * (info->type == CLXENT_DEVICE_CPU ? 1 : 2);
}

/* As many parts as keep the device busy. Forced: two or more where there are classes for them. */
static clx_split split_of(const clxent_device_info *info, const clxent_desc *desc, bool forced) {
    enum { WIDTH = 16 }; /* parts are whole vectors */
    const int64_t rows = desc->rows > 0 ? desc->rows : 1;
    const int64_t most = desc->classes / (forced ? WIDTH : PART_CLASSES);
    int64_t parts = divided_up(2 * busy_teams(info), rows);
    if (forced && parts < 2) parts = 2;
    if (parts > most) parts = most;
    if (parts > MOST_PARTS) parts = MOST_PARTS;
    if (parts < 1) parts = 1;
    const int64_t part_classes = divided_up(divided_up(desc->classes, parts), WIDTH) * WIDTH;
    const clx_split split = {divided_up(desc->classes, part_classes), part_classes};
    return split;
}

/* What has no sums over a row's classes is not split. */
static bool can_split(const clxent_desc *desc) {
    return desc->op != CLXENT_NLL && !(desc->flags & CLXENT_GRAD_FROM_LSE);
}

/* Loop iterations of a work-item, at most: five passes over its vectors (row.cl, loss.cl), and some for the
 * rest. */
static uint64_t iterations(const clxent_device_info *info, clxent_schedule schedule,
                           const clxent_desc *desc) {
    const bool wide = schedule == CLXENT_SCHEDULE_WIDE ||
                      (schedule == CLXENT_SCHEDULE_SPLIT && info->schedule == CLXENT_SCHEDULE_WIDE);
    const uint64_t classes_at_once = schedule == CLXENT_SCHEDULE_LANE ? 1
                                     : wide                           ? 16
                                            : 4 * 32; /* of the smallest team there is */
    return 1000 + 5 * (uint64_t)desc->classes_padded / classes_at_once;
}

clxent_status clx_choose_schedule(clxent_ctx *ctx, const clxent_desc *desc, clxent_schedule *out,
                                  clx_split *split) {
    static const char *const names[] = {"auto", "lane", "group", "wide", "split"};
    const clxent_device_info *info = &ctx->info;
    const uint64_t limit = clx_device_loop_limit(info);
    clxent_schedule schedule = desc->schedule;
    *split = split_of(info, desc, schedule == CLXENT_SCHEDULE_SPLIT);
    if (schedule == CLXENT_SCHEDULE_AUTO) {
        const int64_t few = info->schedule == CLXENT_SCHEDULE_WIDE ? FEW_CLASSES_CPU : FEW_CLASSES;
        if (desc->classes < few || desc->inner >= ADJACENT_ROWS)
            schedule = CLXENT_SCHEDULE_LANE;
        else if (desc->rows < busy_teams(info) && split->parts > 1)
            schedule = CLXENT_SCHEDULE_SPLIT;
        else
            schedule = info->schedule;
        if (limit && iterations(info, schedule, desc) > limit) schedule = CLXENT_SCHEDULE_GROUP;
    }
    if (schedule == CLXENT_SCHEDULE_SPLIT && !can_split(desc)) schedule = info->schedule;
    if (limit && iterations(info, schedule, desc) > limit)
        return clx_fail(&ctx->error, CLXENT_ERR_UNSUPPORTED,
                        "classes %" PRId64 " with the %s schedule take up to %" PRIu64
                        " loop iterations a work-item, and \"%s\" leaves a loop after %" PRIu64,
                        desc->classes, names[schedule], iterations(info, schedule, desc), info->name, limit);
    *out = schedule;
    return CLXENT_OK;
}
