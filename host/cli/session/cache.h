/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps compiled programs from one run of the tool to the next. Each device has a file in
 * $XDG_CACHE_HOME/clxent or $HOME/.cache/clxent. The folder belongs to the user alone. The library writes the
 * contents of the file, and decides whether it can use them (clxent.h).
 *
 * A cache only saves time, so nothing here fails. If the folder or the file is not as it should be, there is
 * no cache, and every run compiles. CLXENT_CACHE=off turns the cache off.
 */
#ifndef CLXENT_CLI_CACHE_H
#define CLXENT_CLI_CACHE_H

#include "shell/tool.h"

/* Gives the context the programs of earlier runs on this device. It prints a warning if the folder exists but
 * cannot be trusted (cache_folder.h). */
void cache_load(const tool_command *command, clxent_ctx *ctx, const clxent_device_info *device);

/* Keeps the context's programs for later runs, if it had to compile some. */
void cache_store(clxent_ctx *ctx, const clxent_device_info *device);

#endif
