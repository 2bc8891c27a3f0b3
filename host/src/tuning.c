/* SPDX-License-Identifier: Apache-2.0 */
#include "tuning.h"

#include <stdbool.h>
#include <string.h>

#include "context.h"
#include "device.h"
#include "error.h"
#include "tuning_table.h"

static bool is_of(const clx_tuned_device *line, const clxent_device_info *info) {
    return (*line->device == '\0' || clx_device_matches(info, line->device)) &&
           strstr(info->vendor, line->vendor) != NULL;
}

clxent_tuning clx_tuning_in(const clx_tuned_device *table, const clxent_device_info *info) {
    while (!is_of(table, info)) table++;
    return table->tuning;
}

clxent_tuning clx_tuning_of(const clxent_device_info *info) {
    return clx_tuning_in(clx_tuned_devices, info);
}

/* Accepts 0: it stands for the table's value. */
static clxent_status check(const char *name, int32_t value, int32_t least, int32_t most, bool power,
                           clxent_error *err) {
    const bool in_range = value >= least && value <= most && (!power || (value & (value - 1)) == 0);
    if (value == 0 || in_range) return CLXENT_OK;
    return clx_fail(err, CLXENT_ERR_ARGUMENT, "tuning.%s is %d, must be %s[%d, %d], or 0", name, value,
                    power ? "a power of two in " : "in ", least, most);
}

static clxent_status check_size(const clxent_tuning *tuning, clxent_error *err) {
    if (tuning->struct_size == sizeof *tuning) return CLXENT_OK;
    return clx_fail(err, CLXENT_ERR_ARGUMENT,
                    "clxent_tuning.struct_size is %zu, this library's is %zu; start from CLXENT_TUNING_INIT",
                    tuning->struct_size, sizeof *tuning);
}

clxent_status clx_tuning_merge(clxent_tuning *tuning, const clxent_tuning *asked, clxent_error *err) {
    clxent_tuning merged = *tuning;
    clxent_status status = check_size(asked, err);
    if (status != CLXENT_OK) return status;
#define MERGE(field, least, most, power)                                      \
    {                                                                         \
        status = check(#field, asked->field, least, most, (power) != 0, err); \
        if (status != CLXENT_OK) return status;                               \
        if (asked->field) merged.field = asked->field;                        \
    }
    CLXENT_TUNING_MAP(MERGE)
#undef MERGE
    *tuning = merged;
    return CLXENT_OK;
}

clxent_status clxent_ctx_set_tuning(clxent_ctx *ctx, const clxent_tuning *tuning) {
    if (ctx == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_tuning merged = clx_tuning_of(&ctx->info);
    const clxent_status status = tuning ? clx_tuning_merge(&merged, tuning, &ctx->error) : CLXENT_OK;
    if (status == CLXENT_OK) ctx->tuning = merged;
    return status;
}

clxent_status clxent_ctx_tuning(const clxent_ctx *ctx, clxent_tuning *out) {
    if (ctx == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_error *err = clx_error_of(ctx);
    if (out == NULL) return clx_fail(err, CLXENT_ERR_ARGUMENT, "out is NULL");
    const clxent_status status = check_size(out, err);
    if (status == CLXENT_OK) *out = ctx->tuning;
    return status;
}
