/* SPDX-License-Identifier: Apache-2.0
 *
 * See output_name.h.
 */
#include "output_name.h"
#include "files/file_write.h"
#include "files/tensor.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns where the name's ending begins, if it is the ending of a known format, in capitals or not. Those
 * are the formats that the tool reads or writes, and others that people expect behind such a name. NULL: it
 * has no such ending. */
static const char *find_ending(const char *path) {
    static const char *const endings[] = {".npy", ".npz", ".json", ".svg", ".csv", ".pt", ".pth", ".h5"};
    const char *safetensors = tensor_safetensors_end(path);
    if (safetensors) return safetensors - strlen(".safetensors");
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t length = strlen(path), ending = strlen(endings[i]);
        if (length >= ending && strcasecmp(path + length - ending, endings[i]) == 0)
            return path + length - ending;
    }
    return NULL;
}

static bool is_stream(const char *path, int stream) {
    struct stat a, b;
    if (stat(path, &a) != 0 || fstat(stream, &b) != 0) return false;
    if (S_ISCHR(b.st_mode) && !isatty(stream)) return false;
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int output_name_check(const char *path, const char *format, const char *option, const tool_command *command) {
    if (strcmp(path, "-") == 0)
        return tool_error(
            command, EXIT_USAGE,
            "--%s -: standard output has the report; name a file, such as %s%s (./- is a file, too)", option,
            option, format);
    const char *ending = find_ending(path);
    const size_t length = ending ? strcspn(ending, ":") : 0; /* without a tensor's name */
    if (ending && strncasecmp(ending, format, length + 1) != 0)
        return tool_error(command, EXIT_USAGE, "--%s %s: the tool writes %s, not %.*s; name it %.*s%s",
                          option, path, format, (int)length, ending, (int)(ending - path), path, format);
    const bool is_output = is_stream(path, STDOUT_FILENO);
    if (is_output || is_stream(path, STDERR_FILENO))
        return tool_error(command, EXIT_USAGE,
                          "--%s %s: this is standard %s, where %s; name another file or a named pipe", option,
                          path, is_output ? "output" : "error",
                          is_output ? "the report is printed" : "messages are printed");
    return EXIT_GOOD;
}

bool output_is_input(const char *path, const char *input) {
    struct stat a, b;
    const char *end = tensor_safetensors_end(input);
    char file[PATH_MAX]; /* a longer path does not open */
    snprintf(file, sizeof file, "%.*s", end ? (int)(end - input) : (int)sizeof file, input);
    return stat(path, &a) == 0 && stat(file, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int output_place_check(const char *path, const tool_command *command) {
    char *folder;
    int failed = EXIT_GOOD;
    const int code = file_write_check(path, &folder);
    if (code && folder)
        failed =
            tool_error(command, EXIT_DATA, "%s: cannot write in the folder %s, to which this link leads: %s",
                       path, folder, strerror(code));
    else if (code)
        failed = tool_error(command, EXIT_DATA, "%s: cannot write: %s", path, strerror(code));
    free(folder);
    return failed;
}
