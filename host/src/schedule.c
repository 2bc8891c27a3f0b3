/* SPDX-License-Identifier: Apache-2.0
 * The one place that chooses how rows are spread over the device. */
#include "plan.h"

/* A work-group has nothing to share, and vectors stay mostly empty, when a row is shorter than this. */
enum { FEW_CLASSES = 32 };
/* Rows that stand side by side: enough for neighbouring work-items to read neighbouring memory. */
enum { ADJACENT_ROWS = 16 };

clxent_schedule clx_choose_schedule(const clxent_device_info *device, const clxent_desc *desc) {
    if (desc->schedule != CLXENT_SCHEDULE_AUTO) return desc->schedule;
    if (desc->classes < FEW_CLASSES) return CLXENT_SCHEDULE_LANE;
    if (desc->inner >= ADJACENT_ROWS) return CLXENT_SCHEDULE_LANE;
    return device->schedule;
}
