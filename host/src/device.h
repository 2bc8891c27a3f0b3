/* SPDX-License-Identifier: Apache-2.0
 * The list of devices, and the choice of one. */
#ifndef CLX_DEVICE_H
#define CLX_DEVICE_H

#include <stdbool.h>

#include "opencl_api.h"

/* Describes the device from its own answers. */
clxent_status clx_device_describe(const clx_cl *cl, cl_device_id device, clxent_device_info *out,
                                  clxent_error *err);

/* The necessary feature that the device lacks, "a compiler for OpenCL C"; NULL: it lacks none. */
const char *clx_device_lacks(const clxent_device_info *info);

/* The device that `spec` (see clxent_ctx_options.device) means. */
clxent_status clx_device_choose(const clx_cl *cl, const char *spec, cl_device_id *device,
                                clxent_device_info *info, clxent_error *err);

/* Whether `spec`, which is no number, means this device. */
bool clx_device_matches(const clxent_device_info *info, const char *spec);

#endif
