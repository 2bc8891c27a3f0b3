/* SPDX-License-Identifier: Apache-2.0
 *
 * The names that a user gives to outputs, before anything is computed for them.
 */
#ifndef CLXENT_CLI_OUTPUT_NAME_H
#define CLXENT_CLI_OUTPUT_NAME_H

#include "tool.h"

#include <stdbool.h>

/* EXIT_GOOD; or EXIT_USAGE, a message printed: `path` is "-", or ends as a file of another format than
 * `format` (such as ".npy") does, or is where reports or messages go. A device that shows nothing, such as
 * /dev/null, may be an output and standard output at once. */
int output_name_check(const char *path, const char *format, const char *option, const tool_command *command);

/* Whether the file at `path` is that of an input, which may be a tensor's in it. */
bool output_is_input(const char *path, const char *input);

/* Whether it can be written, as far as is known before: EXIT_GOOD, or EXIT_DATA with a message printed. */
int output_place_check(const char *path, const tool_command *command);

#endif
