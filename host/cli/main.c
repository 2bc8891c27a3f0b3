/* SPDX-License-Identifier: Apache-2.0
 *
 * The `clxent` tool: parses the command line, checks its outputs and runs the command. The tool uses only the
 * public headers of the library.
 */
#include "command_line.h"
#include "files/interrupt.h"
#include "files/json_alloc.h"
#include "shell/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    const tool_command *command;
    tool_options options;
    json_alloc_watch();
    interrupt_watch();
    int code = command_line_parse(argc, argv, &command, &options);
    if (command) code = options_check_outputs(&options, command);
    if (command && !code) code = command->run(command, &options);
    if (!report_is_complete()) {
        fprintf(stderr, "clxent: no host memory for what --json prints\n");
        if (!code) code = EXIT_DEVICE;
    }
    /* This is the last chance to notice a full disk or a closed pipe behind standard output. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "clxent: cannot write to standard output: %s\n", strerror(errno));
        return code ? code : EXIT_DATA;
    }
    return code;
}
