/* SPDX-License-Identifier: Apache-2.0
 * The events of kernels in flight, for a driver that loses them. PoCL lets an event go when nobody else holds
 * it and uses it after that, which ends the process, where what the event's command waits for has failed. */
#ifndef CLX_HELD_H
#define CLX_HELD_H

#include "opencl_api.h"

typedef struct clx_held {
    cl_event *events; /* NULL: the driver needs none of this, or there was none yet */
    size_t count, capacity;
} clx_held;

/* Releases the events that have completed. One whose command failed stays until clx_held_release(): the
 * thread that made it fail may be using it still. */
void clx_held_release_completed(clx_held *held, const clx_cl *cl);

/* Makes room for so many more, where the completed ones take it. */
clxent_status clx_held_reserve(clx_held *held, size_t more, const clx_cl *cl, clxent_error *err);

/* Holds an event, for which there is room. */
clxent_status clx_hold(clx_held *held, cl_event event, const clx_cl *cl, clxent_error *err);

void clx_held_release(clx_held *held, const clx_cl *cl);

#endif
