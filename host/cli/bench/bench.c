/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `bench`: measures the cases of the command line one after the other, and reports them.
 * bench_case.c makes a case, bench_measure.c times it, and bench_limits.c measures the limit beside it.
 */
#include "bench_case.h"
#include "bench_linear.h"
#include "bench_list.h"
#include "bench_measure.h"
#include "bench_plot.h"
#include "bench_report.h"
#include "files/dtype_values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Shows "3 of 40: grad 4096x32000 f32" on the last line of a terminal that shows no table. */
static void show_progress(const bench_report *report, const bench_case *what, size_t i, size_t count) {
    if (!isatty(STDERR_FILENO) || (report->format == BENCH_TABLE && isatty(STDOUT_FILENO))) return;
    if (what)
        fprintf(stderr, "\r\033[K%zu of %zu: %s %" PRId64 "x%" PRId64 " %s", i + 1, count,
                bench_op_name(what->op), what->rows, what->classes, clxent_dtype_name(what->dtype));
    else
        fputs("\r\033[K", stderr);
    fflush(stderr);
}

static int measure_all(const bench_report *report, bench_limits *limits, const bench_list *list,
                       bench_result *results) {
    int failed = EXIT_GOOD;
    bench_report_start(report);
    for (size_t i = 0; i < list->count && !failed; i++) {
        show_progress(report, &list->cases[i], i, list->count);
        failed = bench_measure(limits, &list->settings, &list->cases[i], &results[i]);
        show_progress(report, NULL, i, list->count);
        if (failed) return failed;
        bench_report_result(report, &results[i]);
    }
    bench_report_end(report, results, list->count);
    return EXIT_GOOD;
}

static int plot(const bench_report *report, const char *path, const bench_result *results, size_t count) {
    const int code = bench_plot(path, report->session->device.name, report->date, report->settings->options,
                                results, count);
    if (code == 0) return EXIT_GOOD;
    return tool_error(report->session->command, EXIT_DATA, "--plot: cannot write %s: %s", path,
                      strerror(code));
}

static int bench(const bench_report *report, const bench_list *list, const char *plot_path) {
    bench_device device = {0};
    bench_limits limits = {0};
    bench_result *results = calloc(list->count ? list->count : 1, sizeof *results);
    int failed = results ? EXIT_GOOD
                         : tool_error(report->session->command, EXIT_DEVICE, "no host memory for %zu results",
                                      list->count);
    if (!failed) failed = bench_device_open(&device, report->session);
    if (!failed) failed = bench_list_fits(list, &device);
    if (!failed) failed = limits_open(&limits, &device);
    if (!failed) failed = measure_all(report, &limits, list, results);
    if (!failed && plot_path) failed = plot(report, plot_path, results, list->count);
    limits_close(&limits);
    bench_device_close(&device);
    free(results);
    return failed;
}

int bench_run(const tool_command *command, const tool_options *options) {
    session s = {0};
    bench_list list;
    int code = bench_list_make(&list, command, options);
    if (code == EXIT_GOOD && options->json && options->bench_csv)
        code = tool_error(command, EXIT_USAGE, "--json and --csv are two forms of one output");
    if (code == EXIT_GOOD) {
        const double start = session_clock();
        code = session_open(&s, command, options);
        if (code == EXIT_GOOD) {
            bench_report report = {.format = options->json        ? BENCH_JSON
                                             : options->bench_csv ? BENCH_CSV
                                                                  : BENCH_TABLE,
                                   .session = &s,
                                   .settings = &list.settings,
                                   .context_seconds = session_clock() - start};
            const time_t now = time(NULL);
            struct tm date;
            strftime(report.date, sizeof report.date, "%Y-%m-%d", gmtime_r(&now, &date));
            code = list.is_linear ? bench_linear(&report, &list) : bench(&report, &list, options->bench_plot);
        }
        session_close(&s);
    }
    bench_list_free(&list);
    return code;
}
