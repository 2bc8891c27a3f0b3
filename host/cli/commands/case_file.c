/* SPDX-License-Identifier: Apache-2.0
 *
 * See case_file.h.
 */
#include "case_file.h"
#include "files/dtype_values.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const tool_command case_command = {.name = "loss", .bit = COMMAND_LOSS};

/* Adds a word to the command line. */
__attribute__((format(printf, 3, 4))) static int add_word(case_file *c, const tool_command *command,
                                                          const char *format, ...) {
    char word[PATH_MAX];
    va_list args;
    if (c->n_words == CASE_WORDS)
        return tool_error(command, EXIT_DATA, "%s/case.txt: more than %d options and values", c->folder,
                          CASE_WORDS);
    va_start(args, format);
    vsnprintf(word, sizeof word, format, args);
    va_end(args);
    c->words[c->n_words] = strdup(word);
    if (!c->words[c->n_words])
        return tool_error(command, EXIT_DEVICE, "%s/case.txt: out of memory for it", c->folder);
    c->n_words++;
    return EXIT_GOOD;
}

/* Adds "--grad-hidden" for grad_hidden. */
static int add_option(case_file *c, const tool_command *command, const char *key) {
    const int failed = add_word(c, command, "--%s", key);
    for (char *at = failed ? NULL : c->words[c->n_words - 1]; at && *at; at++)
        if (*at == '_') *at = '-';
    return failed;
}

static int add_inputs(case_file *c, const tool_command *command, char *roles) {
    int failed = EXIT_GOOD;
    char *rest = NULL;
    for (char *role = strtok_r(roles, " ", &rest); role && !failed; role = strtok_r(NULL, " ", &rest)) {
        failed = add_option(c, command, role);
        if (!failed) failed = add_word(c, command, "%s/%s.npy", c->folder, role);
    }
    return failed;
}

static int add_outputs(case_file *c, const tool_command *command, char *roles) {
    char *rest = NULL;
    for (char *role = strtok_r(roles, " ", &rest); role; role = strtok_r(NULL, " ", &rest)) {
        if (c->n_outputs == CASE_OUTPUTS)
            return tool_error(command, EXIT_DATA, "%s/case.txt: more than %d outputs", c->folder,
                              CASE_OUTPUTS);
        snprintf(c->outputs[c->n_outputs].role, sizeof c->outputs->role, "%s", role);
        c->n_outputs++;
    }
    return EXIT_GOOD;
}

static int read_z_error(case_file *c, const tool_command *command, const char *text) {
    char *end;
    c->z_error = strtod(text, &end);
    if (end != text && !*end && c->z_error >= 0 && c->z_error < HUGE_VAL) return EXIT_GOOD;
    return tool_error(command, EXIT_DATA, "%s/case.txt: z_error %s: must be a number, 0 or more", c->folder,
                      text);
}

static int read_line(case_file *c, const tool_command *command, char *line) {
    line[strcspn(line, "\r\n")] = '\0';
    char *value = strchr(line, ' ');
    if (!*line) return EXIT_GOOD;
    if (!value)
        return tool_error(command, EXIT_DATA, "%s/case.txt: the line \"%s\" has a key and no value",
                          c->folder, line);
    *value++ = '\0';
    if (strcmp(line, "note") == 0) return EXIT_GOOD;
    if (strcmp(line, "op") == 0) {
        snprintf(c->op, sizeof c->op, "%s", value);
        return EXIT_GOOD;
    }
    if (strcmp(line, "z_error") == 0) return read_z_error(c, command, value);
    if (strcmp(line, "inputs") == 0) return add_inputs(c, command, value);
    if (strcmp(line, "outputs") == 0) return add_outputs(c, command, value);
    const int failed = add_option(c, command, line);
    return failed ? failed : add_word(c, command, "%s", value);
}

int case_file_open(case_file *c, const char *folder, const tool_command *command) {
    char path[PATH_MAX], *line = NULL;
    size_t capacity = 0;
    c->folder = folder;
    snprintf(path, sizeof path, "%s/case.txt", folder);
    FILE *file = fopen(path, "r");
    if (!file) return tool_error(command, EXIT_DATA, "%s: cannot open: %s", path, strerror(errno));
    int failed = add_word(c, command, "%s", case_command.name);
    while (!failed && getline(&line, &capacity, file) >= 0) failed = read_line(c, command, line);
    if (!failed && ferror(file))
        failed = tool_error(command, EXIT_DATA, "%s: cannot read: %s", path, strerror(errno));
    free(line);
    fclose(file);
    return failed;
}

void case_file_close(case_file *c) {
    for (int i = 0; i < c->n_words; i++) free(c->words[i]);
    for (int i = 0; i < c->n_outputs; i++) tensor_close(&c->outputs[i].data);
}

int case_file_options(case_file *c, tool_options *options, const tool_command *command) {
    static const tool_command all[] = {{.name = "loss", .bit = COMMAND_LOSS}, {.name = NULL}};
    c->words[c->n_words] = NULL;
    if (options_parse(options, all, &case_command, c->n_words, c->words) == EXIT_GOOD) return EXIT_GOOD;
    return tool_error(command, EXIT_DATA, "%s/case.txt: its keys and values are no options of clxent loss",
                      c->folder);
}

int case_file_outputs(case_file *c, const clxent_desc *desc, const tool_command *command) {
    for (int i = 0; i < c->n_outputs; i++) {
        verify_expected *e = &c->outputs[i];
        const int64_t count = verify_linear_count(desc, e->role);
        char path[PATH_MAX], message[1400], shape[TENSOR_SHAPE_TEXT];
        if (count < 0)
            return tool_error(command, EXIT_DATA, "%s/case.txt: output %s is not one that verify compares",
                              c->folder, e->role);
        snprintf(path, sizeof path, "%s/%s.npy", c->folder, e->role);
        if (tensor_open(&e->data, path, message, sizeof message) != 0)
            return tool_error(command, EXIT_DATA, "%s", message);
        if (!dtype_is_floating(e->data.dtype) || e->data.count != count)
            return tool_error(command, EXIT_DATA,
                              "%s: type %s and shape %s; expected a floating type and %" PRId64 " elements",
                              path, clxent_dtype_name(e->data.dtype),
                              tensor_shape_text(shape, e->data.ndim, e->data.shape), count);
    }
    return EXIT_GOOD;
}
