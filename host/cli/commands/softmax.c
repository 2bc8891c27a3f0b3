/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands `softmax` and `log-softmax`.
 */
#include "commands.h"
#include "files/dtype_values.h"
#include "outputs.h"
#include "shell/report.h"

#include <inttypes.h>
#include <stdio.h>

static void report(const inputs *in, const session *s, const tool_options *options, double seconds) {
    char duration[DURATION_TEXT];
    if (options->json) {
        json_t *object = json_object();
        json_object_set_new(object, "out", json_text(options->out));
        json_object_set_new(object, "dtype", json_string(clxent_dtype_name(in->real)));
        json_object_set_new(object, "rows", json_integer(in->desc.rows));
        json_object_set_new(object, "classes", json_integer(in->desc.classes));
        json_object_set_new(object, "device", json_text(s->device.name));
        json_object_set_new(object, "platform", json_text(s->device.platform));
        json_object_set_new(object, "seconds", json_number(seconds));
        report_json(object);
        return;
    }
    printf("rows            %" PRId64 " of %" PRId64 " classes\n", in->desc.rows, in->desc.classes);
    printf("device          %s (%s)\n", s->device.name, s->device.platform);
    printf("time            %s\n", duration_text(duration, seconds));
}

static int compute(inputs *in, outputs *out, session *s, const tool_command *command,
                   const tool_options *options) {
    const int log = in->desc.op == CLXENT_LOG_SOFTMAX;
    const tensor *logits = &in->logits.tensor;
    double seconds = 0;
    int failed = session_open(s, command, options);
    if (!failed) failed = inputs_fit_device(in, s);
    if (failed) return failed;
    if (!outputs_add(out, log ? &in->arrays.log_probs : &in->arrays.probs, options->out, in->real,
                     logits->ndim, logits->shape, command))
        return EXIT_DEVICE;
    in->desc.outputs = log ? CLXENT_OUT_LOG_PROBS : CLXENT_OUT_PROBS;
    const clxent_status status =
        session_run(s, &in->desc, (clxent_schedule)s->options->schedule, &in->arrays, &seconds);
    if (status != CLXENT_OK) return session_failed(s, status);
    failed = outputs_write(out, command, !options->json);
    if (!failed) report(in, s, options, seconds);
    return failed;
}

int softmax_run(const tool_command *command, const tool_options *options) {
    inputs in;
    outputs out = {0};
    session s = {0};
    const clxent_op op = command->bit == COMMAND_SOFTMAX ? CLXENT_SOFTMAX : CLXENT_LOG_SOFTMAX;
    int code = inputs_open(&in, op, command, options);
    if (code == EXIT_GOOD) code = compute(&in, &out, &s, command, options);
    session_close(&s);
    outputs_free(&out);
    inputs_close(&in);
    return code;
}
