/* SPDX-License-Identifier: Apache-2.0
 *
 * Skips every launch of a kernel whose name contains the value of CLXENT_SKIP_LAUNCH, and reports success. So
 * the layer imitates a device that computes wrong results. */
#include "layer.h"

#include <stdlib.h>
#include <string.h>

static const struct _cl_icd_dispatch *driver;

static cl_int CL_API_CALL launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                 const size_t *offset, const size_t *global, const size_t *local,
                                 cl_uint n_wait, const cl_event *wait, cl_event *event) {
    char name[128] = "";
    const char *skipped = getenv("CLXENT_SKIP_LAUNCH");
    driver->clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name - 1, name, NULL);
    if (skipped && strstr(name, skipped))
        return driver->clEnqueueMarkerWithWaitList(queue, n_wait, wait, event);
    return driver->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, n_wait, wait,
                                          event);
}

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    driver = next;
    dispatch->clEnqueueNDRangeKernel = launch;
}
