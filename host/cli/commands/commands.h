/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands of this folder. `bench` and `tune` have folders of their own (bench.h, tune.h).
 */
#ifndef CLXENT_CLI_COMMANDS_H
#define CLXENT_CLI_COMMANDS_H

#include "shell/tool.h"

int devices_run(const tool_command *command, const struct tool_options *options);
int demo_run(const tool_command *command, const struct tool_options *options);
int loss_run(const tool_command *command, const struct tool_options *options);    /* loss and nll */
int softmax_run(const tool_command *command, const struct tool_options *options); /* softmax, log-softmax */
int verify_run(const tool_command *command, const struct tool_options *options);

#endif
