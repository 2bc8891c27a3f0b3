/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts that all commands share: the description of a command, its error messages and its exit codes.
 */
#ifndef CLXENT_CLI_TOOL_H
#define CLXENT_CLI_TOOL_H

#include <clxent/clxent.h>

enum {
    EXIT_GOOD = 0,
    EXIT_DIFFERS = 1, /* demo, verify, bench, tune: a figure is not what it should be */
    EXIT_USAGE = 2,
    EXIT_DATA = 3,  /* a file, a shape or a target */
    EXIT_DEVICE = 4 /* no usable device, or OpenCL failed */
};

/* A bit for each command. The option table says with them which commands have an option. */
enum {
    COMMAND_DEVICES = 1u << 0,
    COMMAND_DEMO = 1u << 1,
    COMMAND_LOSS = 1u << 2,
    COMMAND_SOFTMAX = 1u << 3,
    COMMAND_LOG_SOFTMAX = 1u << 4,
    COMMAND_NLL = 1u << 5,
    COMMAND_VERIFY = 1u << 6,
    COMMAND_BENCH = 1u << 7,
    COMMAND_TUNE = 1u << 8
};

struct tool_options;

typedef struct tool_command {
    const char *name;
    unsigned bit;
    const char *summary; /* a line of `clxent --help` */
    const char *about;   /* the paragraphs of `clxent NAME --help` */
    int (*run)(const struct tool_command *command,
               const struct tool_options *options); /* returns the exit code */
    const char *folder; /* the name of a folder that may stand behind the command, "FOLDER"; NULL: none may */
} tool_command;

/* Prints "clxent NAME: message" to standard error and returns `code`. After a usage error it also prints
 * which command shows the help. */
__attribute__((format(printf, 3, 4))) int tool_error(const tool_command *command, int code,
                                                     const char *format, ...);

#endif
