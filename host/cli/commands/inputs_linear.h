/* SPDX-License-Identifier: Apache-2.0
 *
 * The inputs of linear cross entropy in place of logits: hidden states (..., H), the classifier (C,H) and its
 * bias (C).
 */
#ifndef CLXENT_CLI_INPUTS_LINEAR_H
#define CLXENT_CLI_INPUTS_LINEAR_H

#include "inputs.h"

/* Opens the three files and describes them: rows, classes, features and types. Returns EXIT_GOOD, or prints a
 * message and returns the exit code. */
int inputs_open_linear(inputs *in, const tool_options *options, const tool_command *command);

#endif
