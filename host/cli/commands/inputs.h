/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that a command reads. This module opens them, compares their shapes, and describes them to the
 * library.
 */
#ifndef CLXENT_CLI_INPUTS_H
#define CLXENT_CLI_INPUTS_H

#include "operand.h"
#include "session/session.h"
#include "shell/options.h"

typedef struct inputs {
    operand logits;                              /* nll: the log-probabilities */
    operand hidden, classifier, classifier_bias; /* linear cross entropy: in place of logits */
    const operand *source; /* logits or hidden: it has an element or more for each row */
    operand targets, weight, row_weight, segment, grad_output;
    clxent_dtype real; /* of weights and results: f64 for f64 logits, else f32 */
    int rows_ndim;     /* the source's shape without the axis of classes, or of features */
    int64_t rows_shape[TENSOR_MAX_DIMS];
    clxent_desc desc;     /* all but `outputs` */
    clxent_arrays arrays; /* the inputs */
} inputs;

/* Returns EXIT_GOOD, or prints a message and returns the exit code. The caller calls inputs_close() in both
 * cases. */
int inputs_open(inputs *in, clxent_op op, const tool_command *command, const tool_options *options);
void inputs_close(inputs *in);

/* Checks that the device has the type of the logits. Returns EXIT_GOOD, or prints a message and returns the
 * exit code. If --dtype chose the type, the library reports the failure instead. */
int inputs_fit_device(const inputs *in, const session *s);

/* True: the row is scored, and *target is its class. Only for class and next-token targets. */
int inputs_target(const inputs *in, int64_t row, int64_t *target);

/* Prints where the first bad target stands in its file, after a run with these counts. Returns EXIT_DATA. */
int inputs_bad_target(const inputs *in, const int64_t counts[4], const tool_command *command);

/* The tool accepts probabilities, weights and a grad_output that are not finite. This function warns of the
 * first such element of each file, and says how many losses are not finite. */
void inputs_warn(const inputs *in, const clxent_array *loss, const tool_command *command);

#endif
