/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a case of verify_folder.h: the options of its case.txt, and the expected outputs beside it.
 */
#ifndef CLXENT_CLI_CASE_FILE_H
#define CLXENT_CLI_CASE_FILE_H

#include "shell/options.h"
#include "verify_linear.h"

enum { CASE_WORDS = 64, CASE_OUTPUTS = 16 };

/* Start from zeros. */
typedef struct case_file {
    const char *folder; /* the caller's */
    char op[32];
    double z_error; /* 0: case.txt gives none */
    int n_words, n_outputs;
    char *words[CASE_WORDS + 1]; /* the command line of `clxent loss` */
    verify_expected outputs[CASE_OUTPUTS];
} case_file;

/* The command whose options a case has. Its messages have this name. */
extern const tool_command case_command;

/* Reads case.txt. Returns EXIT_GOOD, or prints a message and returns EXIT_DATA. The caller calls
 * case_file_close() in both cases. */
int case_file_open(case_file *c, const char *folder, const tool_command *command);
void case_file_close(case_file *c);

/* Fills in the options that case.txt has. They point into *c. */
int case_file_options(case_file *c, tool_options *options, const tool_command *command);

/* Opens the expected outputs, and checks that they fit the problem. */
int case_file_outputs(case_file *c, const clxent_desc *desc, const tool_command *command);

#endif
