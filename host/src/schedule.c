/* SPDX-License-Identifier: Apache-2.0
 * Chooses how rows are spread over the device. No other file does. */
#include "schedule.h"

#include <inttypes.h>

#include "arrays.h"
#include "error.h"
#include "facts.h"
#include "sizes.h"
#include "tuning.h"

clxent_schedule clxent_device_schedule(const clxent_device_info *info) {
    if (info == NULL) return CLXENT_SCHEDULE_AUTO;
    const clx_facts facts = clx_facts_of(info);
    return clx_long_row_schedule(&facts);
}

/* So many adjacent rows are enough for neighbouring work-items to read neighbouring memory. */
enum { ADJACENT_ROWS = 16 };

/* The most parts of a row. Each part reads the results of all parts. */
enum { MOST_PARTS = 64 };

/* Teams that keep the device busy. */
static int64_t busy_teams(const clxent_ctx *ctx) {
    return (int64_t)ctx->info.compute_units * ctx->tuning.teams_per_unit;
}

/* Cuts a row into as many parts as keep the device busy. A forced split has two parts or more, if there are
 * enough classes. */
static clx_split split_of(const clxent_ctx *ctx, const clxent_desc *desc, int64_t rows, bool forced) {
    enum { WIDTH = 16 }; /* a part is a number of whole vectors, of any width up to this */
    const int64_t most = desc->classes / (forced ? WIDTH : ctx->tuning.split_part_classes);
    int64_t parts = clx_divided_up(2 * busy_teams(ctx), rows);
    if (forced && parts < 2) parts = 2;
    if (parts > most) parts = most;
    if (parts > MOST_PARTS) parts = MOST_PARTS;
    if (parts < 1) parts = 1;
    const int64_t part_classes = clx_divided_up(clx_divided_up(desc->classes, parts), WIDTH) * WIDTH;
    const clx_split split = {clx_divided_up(desc->classes, part_classes), part_classes};
    return split;
}

/* An operation without sums over a row's classes cannot be split. */
static bool can_split(const clxent_desc *desc) {
    return desc->op != CLXENT_NLL && !(desc->flags & CLXENT_GRAD_FROM_LSE);
}

/* The most loop iterations of a work-item: five passes over its vectors (sum_row.cl, score_row.cl), and some
 * for everything else. */
static uint64_t iterations(const clxent_ctx *ctx, clxent_schedule schedule, const clxent_desc *desc) {
    enum { SMALLEST_TEAM = 32 }; /* to which a device lowers a work-group */
    const clxent_tuning *t = &ctx->tuning;
    const int64_t team = clx_group_size(t, desc->classes);
    const int64_t classes_at_once = schedule == CLXENT_SCHEDULE_LANE ? 1
                                    : clx_is_wide(&ctx->facts, schedule)
                                        ? t->wide_width
                                        : t->group_width * (team < SMALLEST_TEAM ? team : SMALLEST_TEAM);
    return (uint64_t)(1000 + 5 * desc->classes_padded / classes_at_once);
}

clxent_status clx_choose_schedule(clxent_ctx *ctx, const clxent_desc *desc, clxent_schedule asked,
                                  int64_t block, clxent_schedule *out, clx_split *split) {
    const int64_t rows = block > 0 ? block : desc->rows > 0 ? desc->rows : 1;
    const clxent_device_info *info = &ctx->info;
    const uint64_t limit = ctx->facts.loop_limit;
    clxent_schedule schedule = asked;
    *split = split_of(ctx, desc, rows, schedule == CLXENT_SCHEDULE_SPLIT);
    if (clx_uses_states(desc)) { /* a state has the sums that schedule split makes of a part of a row */
        if (schedule != CLXENT_SCHEDULE_AUTO && schedule != CLXENT_SCHEDULE_SPLIT)
            return clx_fail(&ctx->error, CLXENT_ERR_UNSUPPORTED,
                            "schedule %s: a plan with state has schedule split; auto takes it",
                            clxent_schedule_name(schedule));
        schedule = CLXENT_SCHEDULE_SPLIT;
    }
    if (schedule == CLXENT_SCHEDULE_AUTO) {
        if (block == 0 && (desc->classes < ctx->tuning.few_classes || desc->inner >= ADJACENT_ROWS))
            schedule = CLXENT_SCHEDULE_LANE;
        else if (rows < busy_teams(ctx) && split->parts > 1)
            schedule = CLXENT_SCHEDULE_SPLIT;
        else
            schedule = clx_long_row_schedule(&ctx->facts);
        if (limit && iterations(ctx, schedule, desc) > limit) schedule = CLXENT_SCHEDULE_GROUP;
    }
    if (schedule == CLXENT_SCHEDULE_SPLIT && !can_split(desc)) schedule = clx_long_row_schedule(&ctx->facts);
    if (limit && iterations(ctx, schedule, desc) > limit) {
        const bool others =
            asked != CLXENT_SCHEDULE_AUTO && iterations(ctx, CLXENT_SCHEDULE_GROUP, desc) <= limit;
        return clx_fail(&ctx->error, CLXENT_ERR_UNSUPPORTED,
                        "classes %" PRId64 " by %s take up to %" PRIu64
                        " loop iterations a work-item, and \"%s\" of %s %s leaves a loop after %" PRIu64 "%s",
                        desc->classes, clxent_schedule_name(schedule), iterations(ctx, schedule, desc),
                        info->name, info->platform, info->driver, limit,
                        others ? "; schedule auto, the default, takes another" : "");
    }
    *out = schedule;
    return CLXENT_OK;
}
