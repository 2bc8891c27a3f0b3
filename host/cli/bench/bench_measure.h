/* SPDX-License-Identifier: Apache-2.0
 *
 * Times one case against its limit.
 */
#ifndef CLXENT_CLI_BENCH_MEASURE_H
#define CLXENT_CLI_BENCH_MEASURE_H

#include "bench.h"
#include "bench_limits.h"

/* Returns EXIT_GOOD or the exit code. A case that does not fit is EXIT_GOOD too; result->skipped says why. */
int bench_measure(bench_limits *l, const bench_settings *settings, const bench_case *what,
                  bench_result *result);

#endif
