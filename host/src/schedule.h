/* SPDX-License-Identifier: Apache-2.0
 * How the rows of a desc are spread over the device. */
#ifndef CLX_SCHEDULE_H
#define CLX_SCHEDULE_H

#include <clxent/clxent_experimental.h>

#include "context.h"

/* Schedule split: the teams of a row, and the classes of each team but the last. */
typedef struct clx_split {
    int64_t parts, part_classes;
} clx_split;

/* The schedule of this desc on this device: `asked`, or for AUTO the library's choice. Refuses a schedule
 * that the device would run wrong. `block`: the rows of a launch, in the order of order.cl, which lane does
 * not have; 0: all rows. */
clxent_status clx_choose_schedule(clxent_ctx *ctx, const clxent_desc *desc, clxent_schedule asked,
                                  int64_t block, clxent_schedule *out, clx_split *split);

#endif
