/* SPDX-License-Identifier: Apache-2.0
 * What drivers get wrong, and what is done about it. */
#ifndef CLX_QUIRKS_H
#define CLX_QUIRKS_H

#include <clxent/clxent.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct clx_quirks {
    uint64_t
        loop_limit;    /* the device silently leaves a work-item's loops after so many iterations; 0: never */
    bool no_subgroups; /* it names sub-groups that must not be used */
    bool loses_events; /* it ends the process where an awaited event fails and nobody holds those of the
                        * commands after it */
    const char *language; /* what programs are built with in place of "-cl-std=CL1.2 "; NULL: that */
    const char *options;  /* what they are built with besides; not NULL */
} clx_quirks;

/* Those of the driver by which the device is reached: by platform, device name and driver version. */
clx_quirks clx_quirks_of(const clxent_device_info *info);

#endif
