/* SPDX-License-Identifier: Apache-2.0
 * How rows are cut for a device: the table of what is known, and the caller's own values. What the fields do
 * is left to schedule.c, plan.c and enqueue.c. */
#ifndef CLX_TUNING_H
#define CLX_TUNING_H

#include <clxent/clxent_experimental.h>

/* A line of tuning_table.h, which says what the members may be. */
typedef struct clx_tuned_device {
    const char *device, *vendor;
    clxent_tuning tuning;
} clx_tuned_device;

/* The tuning of the first line that is the device's; the last line is every device's. */
clxent_tuning clx_tuning_in(const clx_tuned_device *table, const clxent_device_info *info);

/* What the library's table says of the device; no field is 0. */
clxent_tuning clx_tuning_of(const clxent_device_info *info);

/* The same with the fields of `asked` that are not 0; ERR_ARGUMENT when one is out of range. */
clxent_status clx_tuning_merge(clxent_tuning *tuning, const clxent_tuning *asked, clxent_error *err);

/* Work-items that share a row of so many classes. */
static inline int32_t clx_group_size(const clxent_tuning *tuning, int64_t classes) {
    return classes <= 1024 ? tuning->group_size_short : tuning->group_size;
}

#endif
