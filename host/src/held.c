/* SPDX-License-Identifier: Apache-2.0 */
#include "held.h"

#include <stdlib.h>

#include "error.h"

enum { LEAST_CAPACITY = 64 };

void clx_held_release_completed(clx_held *held, const clx_cl *cl) {
    size_t kept = 0;
    for (size_t i = 0; i < held->count; i++) {
        cl_int status = CL_QUEUED; /* where the driver does not say */
        cl->GetEventInfo(held->events[i], CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL);
        if (status == CL_COMPLETE)
            cl->ReleaseEvent(held->events[i]);
        else
            held->events[kept++] = held->events[i];
    }
    held->count = kept;
}

clxent_status clx_held_reserve(clx_held *held, size_t more, const clx_cl *cl, clxent_error *err) {
    if (held->capacity - held->count >= more) return CLXENT_OK;
    clx_held_release_completed(held, cl);
    /* Keep half of it free, so that most calls need not look through the events. */
    size_t capacity = held->capacity ? held->capacity : LEAST_CAPACITY;
    while (capacity < 2 * (held->count + more)) capacity *= 2;
    if (capacity == held->capacity) return CLXENT_OK;
    cl_event *events = realloc(held->events, capacity * sizeof *events);
    if (events == NULL)
        return clx_fail(err, CLXENT_ERR_MEMORY, "no host memory for the events of %zu kernels in flight",
                        capacity);
    held->events = events;
    held->capacity = capacity;
    return CLXENT_OK;
}

clxent_status clx_hold(clx_held *held, cl_event event, const clx_cl *cl, clxent_error *err) {
    const cl_int code = cl->RetainEvent(event);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clRetainEvent");
    held->events[held->count++] = event;
    return CLXENT_OK;
}

void clx_held_release(clx_held *held, const clx_cl *cl) {
    for (size_t i = 0; i < held->count; i++) cl->ReleaseEvent(held->events[i]);
    held->count = 0;
}
