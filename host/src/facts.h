/* SPDX-License-Identifier: Apache-2.0
 * What the library knows of a device beyond what the device says of itself. */
#ifndef CLX_FACTS_H
#define CLX_FACTS_H

#include <clxent/clxent_experimental.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct clx_facts {
    /* A simulator or a software rasterizer: it answers slowly, and runs work-groups as a GPU does. */
    bool is_emulated;
    /* A CPU, one by its own account: the items of a work-group run one after the other. */
    bool runs_items_in_turn;
    /* A CPU whose compiler makes its own vectors of the 16-wide ones of a work-item. */
    bool runs_rows_in_vectors;
    /* What its driver gets wrong. */
    uint64_t loop_limit;  /* a work-item silently leaves its loops after so many iterations; 0: never */
    bool no_subgroups;    /* it names sub-groups that must not be used */
    bool loses_events;    /* it ends the process where an awaited event fails and nobody holds those of the
                           * commands after it */
    const char *language; /* what programs are built with in place of "-cl-std=CL1.2 "; NULL: that */
    const char *options;  /* what they are built with besides; not NULL */
} clx_facts;

/* Of the device, by its type, and of the driver by which it is reached, by platform, name and version. */
clx_facts clx_facts_of(const clxent_device_info *info);

/* What AUTO takes for long rows. */
static inline clxent_schedule clx_long_row_schedule(const clx_facts *facts) {
    return facts->runs_rows_in_vectors ? CLXENT_SCHEDULE_WIDE : CLXENT_SCHEDULE_GROUP;
}

/* Whether a work-item runs a row, or a part of one, in vectors. Else, and but for LANE, a work-group does. */
static inline bool clx_is_wide(const clx_facts *facts, clxent_schedule schedule) {
    return schedule == CLXENT_SCHEDULE_WIDE ||
           (schedule == CLXENT_SCHEDULE_SPLIT && facts->runs_rows_in_vectors);
}

#endif
