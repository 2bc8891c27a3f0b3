/* SPDX-License-Identifier: Apache-2.0
 *
 * `clxent bench --op linear`: linear cross entropy against its bare matrix products, which the same provider
 * computes in turn with it. The loss needs one product, hidden classifier^T. The loss with all gradients
 * needs two more: by hidden, and by the classifier.
 */
#ifndef CLXENT_CLI_BENCH_LINEAR_H
#define CLXENT_CLI_BENCH_LINEAR_H

#include "bench_list.h"
#include "bench_report.h"

/* Times are medians, in seconds. */
typedef struct bench_linear_result {
    bench_case what; /* op: BENCH_FORWARD, or BENCH_GRAD for the loss with all gradients */
    int64_t features;
    char skipped[200];       /* why the case was skipped, or "" */
    char gemm[64];           /* who computes the products */
    double seconds;          /* clxent_enqueue and clFinish */
    double products_seconds; /* of the bare products, likewise */
    int64_t products_rows;   /* rows of a block of the bare products: the fastest of some numbers */
    double enqueue_seconds;  /* until clxent_enqueue returned */
    double plan_seconds;     /* clxent_plan_create, which compiles or loads kernels; measured once */
    uint64_t workspace_bytes, device_bytes; /* device_bytes: the workspace and all arrays of the call */
    uint64_t
        logits_bytes; /* what the logits would take, and their gradient for BENCH_GRAD, in the case's type */
} bench_linear_result;

/* Measures the cases of the list and reports them. Returns the exit code. */
int bench_linear(const bench_report *report, const bench_list *list);

/* "linear-forward" or "linear-grad" */
const char *bench_linear_name(bench_op op);

/* bench_linear_report.c */
void bench_linear_report_start(const bench_report *report);
void bench_linear_report_result(const bench_report *report, const bench_linear_result *result);
void bench_linear_report_end(const bench_report *report, const bench_linear_result *results, size_t count);

#endif
