/* SPDX-License-Identifier: Apache-2.0
 * The events of kernels in flight, for a driver that loses events. If a command fails, PoCL releases the
 * events of the commands that wait for it, and uses these events after that. If nobody else holds such an
 * event, this ends the process. */
#ifndef CLX_HELD_H
#define CLX_HELD_H

#include "opencl_api.h"

typedef struct clx_held {
    cl_event *events; /* NULL: the driver loses no events, or there was no event yet */
    size_t count, capacity;
} clx_held;

/* Releases the events of completed commands. The event of a failed command stays until clx_held_release():
 * the thread that made the command fail may still use it. */
void clx_held_release_completed(clx_held *held, const clx_cl *cl);

/* Makes room for so many more events; first it releases the completed ones, if there is not enough room. */
clxent_status clx_held_reserve(clx_held *held, size_t more, const clx_cl *cl, clxent_error *err);

/* Holds an event. The caller has made room for it. */
clxent_status clx_hold(clx_held *held, cl_event event, const clx_cl *cl, clxent_error *err);

void clx_held_release(clx_held *held, const clx_cl *cl);

#endif
