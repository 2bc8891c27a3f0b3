/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of `clxent bench`: a table or CSV, line by line while it runs, or one JSON object at the end.
 */
#ifndef CLXENT_CLI_BENCH_REPORT_H
#define CLXENT_CLI_BENCH_REPORT_H

#include "bench.h"
#include "session/session.h"
#include "shell/report.h"

typedef enum bench_format { BENCH_TABLE, BENCH_CSV, BENCH_JSON } bench_format;

typedef struct bench_report {
    bench_format format;
    const session *session;
    const bench_settings *settings;
    double context_seconds; /* the time to open the device */
    char date[32];          /* "2025-01-31" */
} bench_report;

void bench_report_start(const bench_report *report);
void bench_report_result(const bench_report *report, const bench_result *result);
void bench_report_end(const bench_report *report, const bench_result *results, size_t count);

/* Parts of any report of measurements: the first lines of a table, and the one JSON object. The object takes
 * the two arrays over. */
void bench_report_heading(const bench_report *report);
void bench_report_json(const bench_report *report, json_t *measured, json_t *skipped);

#endif
