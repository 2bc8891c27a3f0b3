/* SPDX-License-Identifier: Apache-2.0
 * The kernels as the build embeds them: an entry for each .cl file with kernels, its includes in place. */
#ifndef CLX_KERNEL_SOURCES_H
#define CLX_KERNEL_SOURCES_H

#include <stddef.h>

typedef struct clx_kernel_source {
    const char *name; /* "group" for kernels/group.cl */
    const char *text; /* not NUL-terminated */
    size_t length;
} clx_kernel_source;

extern const clx_kernel_source clx_kernel_sources[]; /* ends with name NULL */
extern const char clx_kernel_sources_hash[];         /* of all of them; any change in a source changes it */

#endif
