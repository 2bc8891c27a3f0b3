/* SPDX-License-Identifier: Apache-2.0
 *
 * The device that a command computes on. A session opens it as the options say, reports its failures, turns
 * them into exit codes, and times its runs.
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

/* Uses the options device, memory, gemm and tuning. Returns EXIT_GOOD, or prints a message and returns the
 * exit code. The caller calls session_close() in both cases. */
int session_open(session *s, const tool_command *command, const struct tool_options *options);
void session_close(session *s);

/* Returns the exit code of a status. */
int session_exit_code(clxent_status status);

/* Prints the context's message, the build log of a failed build, and where to look for the cure. Returns the
 * exit code of the status. */
int session_failed(const session *s, clxent_status status);

/* Prints only where to look for the cure, for failures that a command finds itself. */
void session_advise(const session *s, clxent_status status);

/* Seconds that only go forward. */
double session_clock(void);

/* Makes a plan and runs it once. *seconds is the wall time of clxent_run() alone; `seconds` may be NULL.
 * After a failure, ERR_TARGET included, clxent_ctx_last_error() has the message. */
clxent_status session_run(const session *s, const clxent_desc *desc, clxent_schedule schedule,
                          const clxent_arrays *arrays, double *seconds);

#endif
