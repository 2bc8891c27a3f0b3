/* SPDX-License-Identifier: Apache-2.0
 * The messages of failures. */
#ifndef CLX_ERROR_H
#define CLX_ERROR_H

#include <clxent/clxent.h>

#include <math.h>

/* Sets *err (which may be NULL) and returns status. */
clxent_status clx_fail(clxent_error *err, clxent_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for an OpenCL call that returned `code`: "clCreateBuffer(logits): CL_... (-61)". Running out of
 * memory becomes ERR_MEMORY, anything else ERR_OPENCL. */
clxent_status clx_fail_cl(clxent_error *err, int32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A number as messages show it. printf prints the sign bit of a NaN, which means nothing, so this drops
 * it. */
static inline double clx_shown(double x) {
    return isnan(x) ? (double)NAN : x;
}

#endif
