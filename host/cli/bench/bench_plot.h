/* SPDX-License-Identifier: Apache-2.0
 *
 * The ratios as a picture: bars grouped by shape, in an SVG file that needs nothing beside it and reads well
 * on light and dark pages.
 */
#ifndef CLXENT_CLI_BENCH_PLOT_H
#define CLXENT_CLI_BENCH_PLOT_H

#include "bench.h"

/* 0; or an errno value, and what stood at path still does. Cases that were skipped have no bar. */
int bench_plot(const char *path, const char *device, const char *date, const char *options,
               const bench_result *results, size_t count);

#endif
