/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole command line: which command, with which options. Runs nothing.
 */
#ifndef CLXENT_CLI_COMMAND_LINE_H
#define CLXENT_CLI_COMMAND_LINE_H

#include "shell/options.h"

/* *command is what to run with *options, which points into argv. NULL: there is nothing to run, and what to
 * exit with is returned: help was printed, or a message. */
int command_line_parse(int argc, char **argv, const tool_command **command, tool_options *options);

#endif
