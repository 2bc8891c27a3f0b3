/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of `verify`: a table, line by line while it runs, or one JSON object at the end.
 */
#ifndef CLXENT_CLI_VERIFY_REPORT_H
#define CLXENT_CLI_VERIFY_REPORT_H

#include "session/session.h"
#include "shell/report.h"
#include "verify_result.h"

#include <time.h>

/* The result of some cases of one kind, or of one case. */
typedef struct verify_line {
    const char *what;    /* spaces at its front indent it in the table */
    const char *skipped; /* NULL; else why no case was run */
    int cases;
    verify_result result;
} verify_line;

/* What has been reported so far. verify_report_start() fills it in. */
typedef struct verify_report {
    const session *session;
    int as_json, cases;
    json_t *lines; /* of JSON */
    int64_t values, outside;
    time_t start;
} verify_report;

/* `against` says what the device is compared with, in the heading of the table. */
void verify_report_start(verify_report *report, const session *s, int as_json, const char *against);
void verify_report_line(verify_report *report, const verify_line *line);

/* Prints the verdict and returns the exit code. */
int verify_report_end(verify_report *report);

/* Ends a report without a verdict, after a failure. */
void verify_report_drop(verify_report *report);

#endif
