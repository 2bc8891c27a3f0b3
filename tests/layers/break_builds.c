/* SPDX-License-Identifier: Apache-2.0
 *
 * While the environment has CLXENT_BREAK_BUILDS, makes every program fail to compile, by one more option that
 * the compiler chokes on: to see what a build failure looks like to the caller, and that none can happen
 * where nothing is to be compiled any more. */
#include "layer.h"

#include <stdio.h>
#include <stdlib.h>

static const struct _cl_icd_dispatch *driver;

static cl_int CL_API_CALL build(cl_program program, cl_uint devices, const cl_device_id *device,
                                const char *options, void(CL_CALLBACK *done)(cl_program, void *),
                                void *data) {
    char broken[1024];
    if (!getenv("CLXENT_BREAK_BUILDS"))
        return driver->clBuildProgram(program, devices, device, options, done, data);
    snprintf(broken, sizeof broken, "%s -Dfloat=this_is_no_type", options ? options : "");
    return driver->clBuildProgram(program, devices, device, broken, done, data);
}

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    driver = next;
    dispatch->clBuildProgram = build;
}
