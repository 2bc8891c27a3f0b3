/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws the ratios as bars, grouped by shape. The SVG file needs no other file and reads well on light and on
 * dark pages.
 */
#ifndef CLXENT_CLI_BENCH_PLOT_H
#define CLXENT_CLI_BENCH_PLOT_H

#include "bench.h"

/* Returns 0; or an errno value, and the file at `path` is as before. Skipped cases have no bar. */
int bench_plot(const char *path, const char *device, const char *date, const char *options,
               const bench_result *results, size_t count);

#endif
