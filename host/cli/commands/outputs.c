/* SPDX-License-Identifier: Apache-2.0
 *
 * See outputs.h.
 */
#include "outputs.h"
#include "files/dtype_values.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void *outputs_add(outputs *out, clxent_array *array, const char *path, clxent_dtype dtype, int ndim,
                  const int64_t *shape, const tool_command *command) {
    size_t bytes = clxent_dtype_size(dtype);
    int overflow = 0;
    for (int d = 0; d < ndim; d++) {
        const size_t n = (size_t)shape[d];
        if (n != 0 && bytes > SIZE_MAX / n) overflow = 1;
        bytes *= n;
    }
    void *data = overflow ? NULL : malloc(bytes ? bytes : 1);
    if (!data) {
        tool_error(command, EXIT_DEVICE, "%s: out of memory for a result of %zu bytes",
                   path ? path : "result", overflow ? SIZE_MAX : bytes);
        return NULL;
    }
    assert(out->n < OUTPUTS_MAX);
    out->all[out->n++] = (output){path, dtype, ndim, shape, data};
    *array = CLXENT_ARRAY(data, bytes);
    return data;
}

int outputs_write(const outputs *out, const tool_command *command, int say) {
    int failed = EXIT_GOOD;
    for (int i = 0; i < out->n; i++) {
        const output *o = &out->all[i];
        char message[1400], shape[TENSOR_SHAPE_TEXT];
        if (!o->path) continue;
        if (npy_write(o->path, o->dtype, o->ndim, o->shape, o->data, message, sizeof message) != 0)
            failed = tool_error(command, EXIT_DATA, "%s", message);
        else if (say)
            printf("written         %s  %s %s\n", o->path, clxent_dtype_name(o->dtype),
                   tensor_shape_text(shape, o->ndim, o->shape));
    }
    return failed;
}

void outputs_free(outputs *out) {
    for (int i = 0; i < out->n; i++) free(out->all[i].data);
    out->n = 0;
}
