/* SPDX-License-Identifier: Apache-2.0
 * The devices there are, and the one to use. */
#ifndef CLX_DEVICE_H
#define CLX_DEVICE_H

#include <stdbool.h>

#include "opencl_api.h"

/* What the device says of itself. */
clxent_status clx_device_describe(const clx_cl *cl, cl_device_id device, clxent_device_info *out,
                                  clxent_error *err);

/* What it lacks without which it cannot be used, "a compiler for OpenCL C"; NULL: nothing. */
const char *clx_device_lacks(const clxent_device_info *info);

/* The device that `spec` (see clxent_ctx_options.device) means. */
clxent_status clx_device_choose(const clx_cl *cl, const char *spec, cl_device_id *device,
                                clxent_device_info *info, clxent_error *err);

/* Whether `spec`, which is no number, means this device. */
bool clx_device_matches(const clxent_device_info *info, const char *spec);

#endif
