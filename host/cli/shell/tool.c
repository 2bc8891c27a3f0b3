/* SPDX-License-Identifier: Apache-2.0
 *
 * See tool.h.
 */
#include "tool.h"

#include <stdarg.h>
#include <stdio.h>

int tool_error(const tool_command *command, int code, const char *format, ...) {
    va_list args;
    fprintf(stderr, "clxent %s: ", command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    if (code == EXIT_USAGE) fprintf(stderr, "see clxent %s --help\n", command->name);
    return code;
}
