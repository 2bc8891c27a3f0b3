/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command computes: memory for it, the library's slots for it, and the .npy files it ends in.
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

/* Memory for one more output, its place set in *array. The shape stays the caller's. NULL, with a
 * message printed, when there is no memory. */
void *outputs_add(outputs *out, clxent_array *array, const char *path, clxent_dtype dtype, int ndim,
                  const int64_t *shape, const tool_command *command);

/* Writes all that have a path, and says so on standard output when `say`. EXIT_GOOD, or EXIT_DATA with a
 * message for each that could not be written. */
int outputs_write(const outputs *out, const tool_command *command, int say);
void outputs_free(outputs *out);

#endif
