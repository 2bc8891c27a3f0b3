/* SPDX-License-Identifier: Apache-2.0
 *
 * The device that a command computes on: opened as the options say, its failures told and turned into
 * exit codes, its runs timed.
 */
#ifndef CLXENT_CLI_SESSION_H
#define CLXENT_CLI_SESSION_H

#include <clxent/clxent_experimental.h>

#include "shell/tool.h"

#include <stddef.h>

typedef struct session {
    const tool_command *command;
    const struct tool_options *options; /* the caller's */
    clxent_ctx *ctx;
    clxent_device_info device;
} session;

/* Of the options: device, memory, tuning. EXIT_GOOD, or what to exit with, a message printed. session_close()
 * is to be called either way. */
int session_open(session *s, const tool_command *command, const struct tool_options *options);
void session_close(session *s);

/* What a status is worth to the shell. */
int session_exit_code(clxent_status status);

/* Prints the context's message, the build log where there is one, and where to look for the cure; the exit
 * code of status. */
int session_failed(const session *s, clxent_status status);

/* The last of these alone, for failures that a command finds by itself. */
void session_advise(const session *s, clxent_status status);

/* Seconds that only go forward. */
double session_clock(void);

/* Makes a plan and runs it once. seconds, which may be NULL, is the wall time of clxent_run() alone. On
 * failure, ERR_TARGET included, the message is in clxent_ctx_last_error(). */
clxent_status session_run(const session *s, const clxent_desc *desc, clxent_schedule schedule,
                          const clxent_arrays *arrays, double *seconds);

#endif
