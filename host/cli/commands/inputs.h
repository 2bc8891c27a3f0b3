/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that a command reads, fitted to each other: opened, shapes compared, converted to the types
 * that the library takes, and described to it.
 */
#ifndef CLXENT_CLI_INPUTS_H
#define CLXENT_CLI_INPUTS_H

#include "files/tensor.h"
#include "session/session.h"
#include "shell/options.h"

/* One file's tensor, and a copy of it in another type where that was needed. */
typedef struct operand {
    const char *path;
    tensor tensor;
    void *converted;
} operand;

typedef struct inputs {
    operand logits; /* nll: the log-probabilities */
    operand targets, weight, row_weight, segment, grad_output;
    clxent_dtype real; /* of weights and results: f32, f64 for f64 logits */
    int rows_ndim;     /* the logits' shape without the class axis */
    int64_t rows_shape[TENSOR_MAX_DIMS];
    clxent_desc desc;     /* all but `outputs` */
    clxent_arrays arrays; /* the inputs */
} inputs;

/* EXIT_GOOD, or what to exit with, a message printed. inputs_close() is to be called either way. */
int inputs_open(inputs *in, clxent_op op, const tool_command *command, const tool_options *options);
void inputs_close(inputs *in);

/* Whether the device has the type that the files are handed over in: EXIT_GOOD, or what to exit with, a
 * message printed. Of a --dtype that was given the library says it. */
int inputs_fit_device(const inputs *in, const session *s);

/* Whether the row is scored by the targets' rules, and against which class. Class and next-token targets. */
int inputs_target(const inputs *in, int64_t row, int64_t *target);

/* Prints where the first bad target stands in its file, of a run that counted some; EXIT_DATA. */
int inputs_bad_target(const inputs *in, const int64_t counts[4], const tool_command *command);

/* Probabilities, weights and a grad_output that are not finite are not refused, but the first of each is
 * named, with what became of the loss. */
void inputs_warn(const inputs *in, const clxent_array *loss, const tool_command *command);

#endif
