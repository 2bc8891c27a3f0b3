/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled programs from one run of the tool to the next: a file a device in $XDG_CACHE_HOME/clxent, or
 * $HOME/.cache/clxent, which is the user's alone. What the file holds and whether it is of use is clxent.h's
 * to say.
 *
 * A cache only saves time, so nothing here fails: where the folder or the file is not as it should be, there
 * is no cache, and every run compiles. CLXENT_CACHE=off asks for that.
 */
#ifndef CLXENT_CLI_CACHE_H
#define CLXENT_CLI_CACHE_H

#include "shell/tool.h"

/* Gives the context the programs of earlier runs on this device. A folder that is there but cannot be trusted
 * (cache_folder.h) is said in a warning. */
void cache_load(const tool_command *command, clxent_ctx *ctx, const clxent_device_info *device);

/* Keeps the context's programs for later runs, when it had to compile some. */
void cache_store(clxent_ctx *ctx, const clxent_device_info *device);

#endif
