/* SPDX-License-Identifier: Apache-2.0
 * Facts that the library knows of a device, beyond the device's own description of itself. */
#ifndef CLX_FACTS_H
#define CLX_FACTS_H

#include <clxent/clxent_experimental.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct clx_facts {
    /* A simulator or a software rasterizer: it answers slowly, and runs work-groups as a GPU does. */
    bool is_emulated;
    /* A device that calls itself a CPU: it runs the items of a work-group one after the other. */
    bool runs_items_in_turn;
    /* A CPU whose compiler makes the CPU's own vectors out of a work-item's 16-wide ones. */
    bool runs_rows_in_vectors;
    /* The driver's faults. */
    uint64_t loop_limit;  /* a work-item silently leaves its loops after so many iterations; 0: never */
    bool no_subgroups;    /* it offers sub-groups that must not be used */
    bool loses_events;    /* it ends the process when an awaited event fails and nobody holds the events of
                           * the commands after it */
    const char *language; /* build options in place of "-cl-std=..."; NULL: the usual ones */
    const char *options;  /* more build options; not NULL */
} clx_facts;

/* The facts of the device, by its type, and of its driver, by platform, name and version. */
clx_facts clx_facts_of(const clxent_device_info *info);

/* The schedule that AUTO takes for long rows. */
static inline clxent_schedule clx_long_row_schedule(const clx_facts *facts) {
    return facts->runs_rows_in_vectors ? CLXENT_SCHEDULE_WIDE : CLXENT_SCHEDULE_GROUP;
}

/* Whether a work-item runs a row, or a part of one, in vectors. Otherwise a work-group does, except in
 * LANE. */
static inline bool clx_is_wide(const clx_facts *facts, clxent_schedule schedule) {
    return schedule == CLXENT_SCHEDULE_WIDE ||
           (schedule == CLXENT_SCHEDULE_SPLIT && facts->runs_rows_in_vectors);
}

#endif
