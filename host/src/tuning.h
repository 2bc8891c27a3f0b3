/* SPDX-License-Identifier: Apache-2.0
 * How rows are cut for a device: the library's table, and the caller's own values. schedule.c, plan.c and
 * phases.c use the fields. */
#ifndef CLX_TUNING_H
#define CLX_TUNING_H

#include <clxent/clxent_experimental.h>

/* A line of tuning_table.h, which explains the members. */
typedef struct clx_tuned_device {
    const char *device, *vendor;
    clxent_tuning tuning;
} clx_tuned_device;

/* The tuning of the first line that matches the device; the last line matches every device. */
clxent_tuning clx_tuning_in(const clx_tuned_device *table, const clxent_device_info *info);

/* The tuning of the device in the library's table; no field is 0. */
clxent_tuning clx_tuning_of(const clxent_device_info *info);

/* Takes the fields of `asked` that are not 0. ERR_ARGUMENT: one is out of range; `tuning` stays as it was. */
clxent_status clx_tuning_merge(clxent_tuning *tuning, const clxent_tuning *asked, clxent_error *err);

/* Work-items that share a row of so many classes. */
static inline int32_t clx_group_size(const clxent_tuning *tuning, int64_t classes) {
    return classes <= 1024 ? tuning->group_size_short : tuning->group_size;
}

#endif
