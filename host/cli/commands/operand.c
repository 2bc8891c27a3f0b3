/* SPDX-License-Identifier: Apache-2.0
 *
 * See operand.h.
 */
#include "operand.h"
#include "files/dtype_values.h"

#include <stdlib.h>

int operand_open(operand *to, const char *path, const tool_command *command) {
    char message[1400];
    to->path = path;
    if (tensor_open(&to->tensor, path, message, sizeof message) == 0) return EXIT_GOOD;
    return tool_error(command, EXIT_DATA, "%s", message);
}

void operand_close(operand *o) {
    free(o->converted);
    tensor_close(&o->tensor);
}

int operand_not_floating(const operand *o, const char *hint, const tool_command *command) {
    return tool_error(command, EXIT_DATA,
                      "%s: type %s is not a floating type; expected f32, f16, bf16 or f64%s", o->path,
                      clxent_dtype_name(o->tensor.dtype), hint);
}

int operand_not_integer(const operand *o, const char *hint, const tool_command *command) {
    return tool_error(command, EXIT_DATA,
                      "%s: type %s is not an integer type; expected i64, i32, u16 or u8%s", o->path,
                      clxent_dtype_name(o->tensor.dtype), hint);
}

/* Allocates a copy of the operand with `count` elements of `dtype`, and sets *array to it. */
static int convert(clxent_array *array, operand *o, clxent_dtype dtype, int64_t count,
                   const tool_command *command) {
    const size_t size = clxent_dtype_size(dtype);
    const size_t bytes = (size_t)count <= SIZE_MAX / size ? (size_t)count * size : SIZE_MAX;
    o->converted = malloc(bytes ? bytes : 1);
    if (!o->converted)
        return tool_error(command, EXIT_DEVICE, "%s: out of memory: %zu bytes to hold it as %s", o->path,
                          bytes, clxent_dtype_name(dtype));
    *array = CLXENT_ARRAY(o->converted, bytes);
    return EXIT_GOOD;
}

int operand_hand_over(clxent_array *array, operand *o, clxent_dtype dtype, const tool_command *command) {
    const tensor *t = &o->tensor;
    if (t->dtype == dtype) {
        *array = CLXENT_ARRAY(t->data, t->bytes);
        return EXIT_GOOD;
    }
    const int failed = convert(array, o, dtype, t->count, command);
    if (!failed) values_convert(dtype, o->converted, t->dtype, t->data, t->count);
    return failed;
}

int operand_hand_over_repeated(clxent_array *array, operand *o, clxent_dtype dtype, int64_t count,
                               const tool_command *command) {
    const size_t size = clxent_dtype_size(dtype);
    const int failed = convert(array, o, dtype, count, command);
    for (int64_t i = 0; i < count && !failed; i++)
        values_convert(dtype, (char *)o->converted + (size_t)i * size, o->tensor.dtype, o->tensor.data, 1);
    return failed;
}
