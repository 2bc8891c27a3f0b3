/* SPDX-License-Identifier: Apache-2.0
 *
 * An operand: the tensor of an input file, in the type that the library takes. A function that returns int
 * returns EXIT_GOOD, or prints a message and returns the exit code.
 */
#ifndef CLXENT_CLI_OPERAND_H
#define CLXENT_CLI_OPERAND_H

#include "files/tensor.h"
#include "shell/tool.h"

/* `converted` is a copy in another type, or NULL if none is needed. */
typedef struct operand {
    const char *path;
    tensor tensor;
    void *converted;
} operand;

/* Maps the file. The caller calls operand_close() in any case; a zeroed operand is fine. */
int operand_open(operand *to, const char *path, const tool_command *command);
void operand_close(operand *o);

/* Sets *array to the operand's elements in the given type. They stay in the mapped file, or in a copy if the
 * file has another type. */
int operand_hand_over(clxent_array *array, operand *o, clxent_dtype dtype, const tool_command *command);

/* Sets *array to `count` copies of the operand's only element. */
int operand_hand_over_repeated(clxent_array *array, operand *o, clxent_dtype dtype, int64_t count,
                               const tool_command *command);

/* Print that the file is of a wrong type, and return EXIT_DATA. `hint` says what the user probably meant; it
 * may be "". */
int operand_not_floating(const operand *o, const char *hint, const tool_command *command);
int operand_not_integer(const operand *o, const char *hint, const tool_command *command);

#endif
