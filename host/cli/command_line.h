/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole command line: which command, with which options. It runs no command.
 */
#ifndef CLXENT_CLI_COMMAND_LINE_H
#define CLXENT_CLI_COMMAND_LINE_H

#include "shell/options.h"

/* Sets *command to the command to run, and *options, which points into argv. After printing help or an error
 * message it sets *command to NULL, and the caller exits with the returned code. */
int command_line_parse(int argc, char **argv, const tool_command **command, tool_options *options);

#endif
