/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of limits.cl, which the build embeds.
 */
#ifndef CLXENT_CLI_BENCH_KERNELS_H
#define CLXENT_CLI_BENCH_KERNELS_H

#include <stddef.h>

typedef struct bench_kernel_source {
    const char *name;
    const char *text; /* not NUL-terminated */
    size_t length;
} bench_kernel_source;

extern const bench_kernel_source bench_kernel_sources[]; /* ends with name NULL */

#endif
