/* SPDX-License-Identifier: Apache-2.0
 *
 * The outputs of a command: their memory, their arrays for the library, and their .npy files.
 */
#ifndef CLXENT_CLI_OUTPUTS_H
#define CLXENT_CLI_OUTPUTS_H

#include "inputs.h"

typedef struct output {
    const char *path; /* NULL: computed, but not written */
    clxent_dtype dtype;
    int ndim;
    const int64_t *shape;
    void *data;
} output;

#define OUTPUTS_MAX 16
typedef struct outputs {
    int n;
    output all[OUTPUTS_MAX];
} outputs;

/* Allocates one more output, sets *array to its memory and returns it. The caller keeps the shape. If there
 * is no memory, it prints a message and returns NULL. */
void *outputs_add(outputs *out, clxent_array *array, const char *path, clxent_dtype dtype, int ndim,
                  const int64_t *shape, const tool_command *command);

/* Writes all outputs that have a path. With `say` it prints a line for each to standard output. Returns
 * EXIT_GOOD, or EXIT_DATA after a message for each output that it could not write. */
int outputs_write(const outputs *out, const tool_command *command, int say);
void outputs_free(outputs *out);

#endif
