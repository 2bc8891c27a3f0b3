/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of `clxent bench --op linear`: a table or CSV, line by line, or one JSON object at the end.
 */
#include "bench_linear.h"
#include "shell/report.h"

#include <inttypes.h>
#include <stdio.h>

/* Time of the bare products over the time of the whole: 1 if everything else cost nothing. */
static double ratio(const bench_linear_result *r) {
    return r->products_seconds / r->seconds;
}

/* Operations of the products, two for each multiplication. */
static double tera_flops(const bench_linear_result *r) {
    const double one = 2e-12 * (double)r->what.rows * (double)r->what.classes * (double)r->features;
    return (r->what.op == BENCH_GRAD ? 3 : 1) * one / r->seconds;
}

/* "4096x32000x768" */
#define SHAPE_TEXT 64
static const char *shape_text(char text[SHAPE_TEXT], const bench_linear_result *r) {
    snprintf(text, SHAPE_TEXT, "%" PRId64 "x%" PRId64 "x%" PRId64, r->what.rows, r->what.classes,
             r->features);
    return text;
}

static void print_line(const bench_linear_result *r) {
    char shape[SHAPE_TEXT], time[DURATION_TEXT], products[DURATION_TEXT];
    printf("%-14s %-18s %-5s ", bench_linear_name(r->what.op), shape_text(shape, r),
           clxent_dtype_name(r->what.dtype));
    if (r->skipped[0])
        printf("skipped: %s\n", r->skipped);
    else
        printf("%9s %9s %6.3f  %-9s %8.3f %10.1f %9.1f %9.1f\n", duration_text(time, r->seconds),
               duration_text(products, r->products_seconds), ratio(r), r->gemm, tera_flops(r),
               0x1p-20 * (double)r->workspace_bytes, 0x1p-20 * (double)r->device_bytes,
               0x1p-20 * (double)r->logits_bytes);
    fflush(stdout); /* a person reads the lines as they come */
}

static void print_csv(const bench_linear_result *r) {
    char shape[SHAPE_TEXT];
    if (r->skipped[0]) {
        fprintf(stderr, "clxent bench: %s %s %s skipped: %s\n", bench_linear_name(r->what.op),
                shape_text(shape, r), clxent_dtype_name(r->what.dtype), r->skipped);
        return;
    }
    printf("%s,%" PRId64 ",%" PRId64 ",%" PRId64 ",%s,%.9g,%.9g,%.4f,%s,%.6g,%" PRId64 ",%.9g,%.9g,%" PRIu64
           ",%" PRIu64 ",%" PRIu64 "\n",
           bench_linear_name(r->what.op), r->what.rows, r->what.classes, r->features,
           clxent_dtype_name(r->what.dtype), r->seconds, r->products_seconds, ratio(r), r->gemm,
           tera_flops(r), r->products_rows, r->enqueue_seconds, r->plan_seconds, r->workspace_bytes,
           r->device_bytes, r->logits_bytes);
    fflush(stdout);
}

static json_t *case_json(const bench_report *report, const bench_linear_result *r) {
    json_t *o = json_object();
    json_object_set_new(o, "op", json_string(bench_linear_name(r->what.op)));
    json_object_set_new(o, "rows", json_integer(r->what.rows));
    json_object_set_new(o, "classes", json_integer(r->what.classes));
    json_object_set_new(o, "features", json_integer(r->features));
    json_object_set_new(o, "dtype", json_string(clxent_dtype_name(r->what.dtype)));
    if (r->skipped[0]) {
        json_object_set_new(o, "reason", json_text(r->skipped));
        return o;
    }
    json_object_set_new(o, "seconds", json_number(r->seconds));
    json_object_set_new(o, "products_seconds", json_number(r->products_seconds));
    json_object_set_new(o, "ratio", json_number(ratio(r)));
    json_object_set_new(o, "gemm", json_text(r->gemm));
    json_object_set_new(o, "tflops", json_number(tera_flops(r)));
    json_object_set_new(o, "products_rows", json_integer(r->products_rows));
    json_object_set_new(o, "device", json_text(report->session->device.name));
    json_object_set_new(o, "options", json_string(report->settings->options));
    json_object_set_new(o, "enqueue_seconds", json_number(r->enqueue_seconds));
    json_object_set_new(o, "plan_seconds", json_number(r->plan_seconds));
    json_object_set_new(o, "workspace_bytes", json_integer((json_int_t)r->workspace_bytes));
    json_object_set_new(o, "device_bytes", json_integer((json_int_t)r->device_bytes));
    json_object_set_new(o, "logits_bytes", json_integer((json_int_t)r->logits_bytes));
    return o;
}

void bench_linear_report_start(const bench_report *report) {
    if (report->format == BENCH_CSV)
        puts("op,rows,classes,features,dtype,seconds,products_seconds,ratio,gemm,tflops,products_rows,"
             "enqueue_seconds,plan_seconds,workspace_bytes,device_bytes,logits_bytes");
    if (report->format != BENCH_TABLE) return;
    bench_report_heading(report);
    printf("%-14s %-18s %-5s %9s %9s %6s  %-9s %8s %10s %9s %9s\n", "", "shape", "type", "time", "products",
           "ratio", "by", "Tflop/s", "workspace", "device*", "logits*");
}

void bench_linear_report_result(const bench_report *report, const bench_linear_result *result) {
    if (report->format == BENCH_TABLE) print_line(result);
    if (report->format == BENCH_CSV) print_csv(result);
}

void bench_linear_report_end(const bench_report *report, const bench_linear_result *results, size_t count) {
    if (report->format == BENCH_TABLE)
        printf(
            "\nratio    time of the bare products / time, by the same provider, in turn with the operation\n"
            "device*  MiB of the workspace and of all arrays of the call\n"
            "logits*  MiB that stored logits would take, and for linear-grad their gradient\n");
    if (report->format != BENCH_JSON) return;
    json_t *measured = json_array(), *skipped = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(results[i].skipped[0] ? skipped : measured, case_json(report, &results[i]));
    bench_report_json(report, measured, skipped);
}
