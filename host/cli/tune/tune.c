/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `tune`. tune_search.c tries values, bench_case.c times them, and bench_check.c checks the
 * results.
 */
#include "tune.h"

#include <stdlib.h>

static int tune(const session *s, const bench_list *list, const tool_options *options) {
    bench_device device = {0};
    tune_result *result = calloc(1, sizeof *result);
    int failed = result ? EXIT_GOOD : tool_error(s->command, EXIT_DEVICE, "no host memory for the results");
    if (!failed) failed = bench_device_open(&device, s);
    if (!failed) failed = bench_list_fits(list, &device);
    if (!failed) failed = tune_search(&device, list, result);
    if (!failed && options->json) tune_report_json(s, result);
    if (!failed && !options->json) tune_report(s, result);
    if (!failed && options->tune_out) failed = tune_write(s, result, options->tune_out);
    bench_device_close(&device);
    free(result);
    return failed;
}

int tune_run(const tool_command *command, const tool_options *options) {
    session s = {0};
    bench_list list;
    int code = bench_list_make(&list, command, options);
    if (code == EXIT_GOOD) {
        code = session_open(&s, command, options);
        if (code == EXIT_GOOD) code = tune(&s, &list, options);
        session_close(&s);
    }
    bench_list_free(&list);
    return code;
}
