/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets the environment variable CLXENT_LOCAL_BYTES to the size of the last local memory argument that the
 * program gave to a kernel. */
#include "layer.h"

#include <stdio.h>
#include <stdlib.h>

static const struct _cl_icd_dispatch *driver;

static cl_int CL_API_CALL set_kernel_arg(cl_kernel kernel, cl_uint index, size_t size, const void *value) {
    if (value == NULL && size != sizeof(cl_mem)) { /* sizeof(cl_mem) with NULL: an absent array */
        char text[32];
        snprintf(text, sizeof text, "%zu", size);
        setenv("CLXENT_LOCAL_BYTES", text, 1);
    }
    return driver->clSetKernelArg(kernel, index, size, value);
}

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    driver = next;
    dispatch->clSetKernelArg = set_kernel_arg;
}
