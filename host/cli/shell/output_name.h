/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks the names that a user gives to outputs, before the command computes anything.
 */
#ifndef CLXENT_CLI_OUTPUT_NAME_H
#define CLXENT_CLI_OUTPUT_NAME_H

#include "tool.h"

#include <stdbool.h>

/* Returns EXIT_GOOD, or prints a message and returns EXIT_USAGE. It refuses "-", a name with the ending of
 * another format than `format` (such as ".npy"), and the file where reports or messages go. A device that is
 * no terminal, such as /dev/null, may be an output and standard output at the same time. */
int output_name_check(const char *path, const char *format, const char *option, const tool_command *command);

/* True: `path` is the file of `input`, which may name a tensor in it. */
bool output_is_input(const char *path, const char *input);

/* Checks permissions and folders. Returns EXIT_GOOD, or prints a message and returns EXIT_DATA. */
int output_place_check(const char *path, const tool_command *command);

#endif
