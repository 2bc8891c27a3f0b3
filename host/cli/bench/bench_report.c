/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_report.h.
 */
#include "bench_report.h"
#include "files/dtype_values.h"
#include "shell/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static double seconds_per_logit(const bench_result *r) {
    return r->seconds / ((double)r->what.rows * (double)r->what.classes);
}

/* "4096x32000" */
#define SHAPE_TEXT 48
static const char *shape_text(char text[SHAPE_TEXT], const bench_case *what) {
    snprintf(text, SHAPE_TEXT, "%" PRId64 "x%" PRId64, what->rows, what->classes);
    return text;
}

/* ---------------------------------------------------------------------------- the table ---- */

void bench_report_heading(const bench_report *report) {
    char duration[DURATION_TEXT];
    const session *s = report->session;
    printf("%s (%s), %s\n", s->device.name, s->device.platform, report->date);
    printf("device opened in %s; medians of %d pairs%s%s\n\n",
           duration_text(duration, report->context_seconds), report->settings->pairs,
           *report->settings->options ? "; " : "", report->settings->options);
}

static void start_table(const bench_report *report) {
    bench_report_heading(report);
    printf("%-14s %-13s %-5s %9s %9s %7s %7s  %-6s %6s %7s %8s", "", "shape", "type", "time", "ns/logit",
           "GB/s", "limit", "of", "ratio", "ideal*", "enqueue");
    printf("%s\n", *report->settings->options ? "   plain*" : "");
}

static void print_line(const bench_report *report, const bench_result *r) {
    char shape[SHAPE_TEXT], time[DURATION_TEXT];
    printf("%-14s %-13s %-5s ", bench_op_name(r->what.op), shape_text(shape, &r->what),
           clxent_dtype_name(r->what.dtype));
    if (r->skipped[0]) {
        printf("skipped: %s\n", r->skipped);
    } else {
        printf("%9s %9.4f %7.4g %7.4g  %-6s %6.3f %7.2f %5.1f us", duration_text(time, r->seconds),
               1e9 * seconds_per_logit(r), 1e-9 * bench_rate(r), 1e-9 * r->limit_rate, r->limit,
               bench_ratio(r), bench_times_ideal(r), 1e6 * r->enqueue_seconds);
        if (*report->settings->options) printf(" %8.3f", r->seconds / r->plain_seconds);
        putchar('\n');
    }
    fflush(stdout); /* a person reads the lines as they come */
}

static void end_table(const bench_report *report, const bench_result *results, size_t count) {
    char quickest[DURATION_TEXT], slowest[DURATION_TEXT];
    double launch = 0, plan_least = INFINITY, plan_most = 0;
    size_t measured = 0;
    for (size_t i = 0; i < count; i++) {
        if (results[i].skipped[0]) continue;
        launch += results[i].launch_seconds;
        plan_least = fmin(plan_least, results[i].plan_seconds);
        plan_most = fmax(plan_most, results[i].plan_seconds);
        measured++;
    }
    printf("\nratio   bytes that must move / time / limit; limit: the best read, update or copy kernel, same "
           "buffers,\n        in turn with the operation\n"
           "ideal*  time / (an empty launch + the time at the limit)");
    if (measured) printf("; an empty launch took %.1f us", 1e6 * launch / (double)measured);
    printf("\nenqueue time until the call that enqueues returns");
    if (measured)
        printf("; a plan was made in %s to %s, kernels included", duration_text(quickest, plan_least),
               duration_text(slowest, plan_most));
    putchar('\n');
    if (*report->settings->options) printf("plain*  time / time without %s\n", report->settings->options);
}

/* ---------------------------------------------------------------------------- CSV, JSON ---- */

static void print_quoted(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"') putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_csv(const bench_report *report, const bench_result *r) {
    if (r->skipped[0]) {
        char shape[SHAPE_TEXT];
        fprintf(stderr, "clxent bench: %s %s %s skipped: %s\n", bench_op_name(r->what.op),
                shape_text(shape, &r->what), clxent_dtype_name(r->what.dtype), r->skipped);
        return;
    }
    printf("%s,%" PRId64 ",%" PRId64 ",%s,%.9g,%.6g,%.6g,%.4f,", bench_op_name(r->what.op), r->what.rows,
           r->what.classes, clxent_dtype_name(r->what.dtype), r->seconds, 1e-9 * bench_rate(r),
           1e-9 * r->limit_rate, bench_ratio(r));
    print_quoted(report->session->device.name);
    printf(",%s,", r->limit);
    print_quoted(r->limit_form);
    putchar(',');
    print_quoted(report->settings->options);
    if (*report->settings->options)
        printf(",%.9g", r->plain_seconds);
    else
        putchar(',');
    printf(",%.9g,%.9g,%.9g,%.4f,%zu\n", r->launch_seconds, r->enqueue_seconds, r->plan_seconds,
           bench_times_ideal(r), r->buffers);
    fflush(stdout);
}

static json_t *case_json(const bench_report *report, const bench_result *r) {
    json_t *o = json_object();
    json_object_set_new(o, "op", json_string(bench_op_name(r->what.op)));
    json_object_set_new(o, "rows", json_integer(r->what.rows));
    json_object_set_new(o, "classes", json_integer(r->what.classes));
    json_object_set_new(o, "dtype", json_string(clxent_dtype_name(r->what.dtype)));
    if (r->skipped[0]) {
        json_object_set_new(o, "reason", json_text(r->skipped));
        return o;
    }
    const int has_plain = report->settings->options[0] != '\0';
    json_object_set_new(o, "seconds", json_number(r->seconds));
    json_object_set_new(o, "gb_per_s", json_number(1e-9 * bench_rate(r)));
    json_object_set_new(o, "limit_gb_per_s", json_number(1e-9 * r->limit_rate));
    json_object_set_new(o, "ratio", json_number(bench_ratio(r)));
    json_object_set_new(o, "device", json_text(report->session->device.name));
    json_object_set_new(o, "limit", json_string(r->limit));
    json_object_set_new(o, "limit_form", json_string(r->limit_form));
    json_object_set_new(o, "options", json_string(report->settings->options));
    json_object_set_new(o, "plain_seconds", has_plain ? json_number(r->plain_seconds) : json_null());
    json_object_set_new(o, "launch_seconds", json_number(r->launch_seconds));
    json_object_set_new(o, "enqueue_seconds", json_number(r->enqueue_seconds));
    json_object_set_new(o, "plan_seconds", json_number(r->plan_seconds));
    json_object_set_new(o, "times_ideal", json_number(bench_times_ideal(r)));
    json_object_set_new(o, "buffers", json_integer((json_int_t)r->buffers));
    return o;
}

void bench_report_json(const bench_report *report, json_t *measured, json_t *skipped) {
    json_t *o = json_object();
    json_object_set_new(o, "device", json_text(report->session->device.name));
    json_object_set_new(o, "platform", json_text(report->session->device.platform));
    json_object_set_new(o, "driver", json_text(report->session->device.driver));
    json_object_set_new(o, "date", json_string(report->date));
    json_object_set_new(o, "pairs", json_integer(report->settings->pairs));
    json_object_set_new(o, "context_seconds", json_number(report->context_seconds));
    json_object_set_new(o, "results", measured);
    json_object_set_new(o, "skipped", skipped);
    report_json(o);
}

static void print_json(const bench_report *report, const bench_result *results, size_t count) {
    json_t *measured = json_array(), *skipped = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(results[i].skipped[0] ? skipped : measured, case_json(report, &results[i]));
    bench_report_json(report, measured, skipped);
}

/* -------------------------------------------------------------------------------------------- */

void bench_report_start(const bench_report *report) {
    if (report->format == BENCH_TABLE) start_table(report);
    if (report->format == BENCH_CSV)
        puts("op,rows,classes,dtype,seconds,gb_per_s,limit_gb_per_s,ratio,device,limit,limit_form,options,"
             "plain_seconds,launch_seconds,enqueue_seconds,plan_seconds,times_ideal,buffers");
}

void bench_report_result(const bench_report *report, const bench_result *result) {
    if (report->format == BENCH_TABLE) print_line(report, result);
    if (report->format == BENCH_CSV) print_csv(report, result);
}

void bench_report_end(const bench_report *report, const bench_result *results, size_t count) {
    if (report->format == BENCH_TABLE) end_table(report, results, count);
    if (report->format == BENCH_JSON) print_json(report, results, count);
}
