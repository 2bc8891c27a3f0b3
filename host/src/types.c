/* SPDX-License-Identifier: Apache-2.0
 * Names, sizes and initial values of the public types. */
#include <clxent/clxent_experimental.h>
#include <clxent/clxent_opencl.h>

#define TEXT_CASE(value, name, text) \
    case value:                      \
        return text;

#define STRING_(x) #x
#define STRING(x)  STRING_(x)

const char *clxent_version(void) {
    return STRING(CLXENT_VERSION_MAJOR) "." STRING(CLXENT_VERSION_MINOR) "." STRING(CLXENT_VERSION_PATCH);
}

const char *clxent_status_name(clxent_status status) {
    switch (status) {
#define CASE(code, name, text) \
    case code:                 \
        return "CLXENT_" #name;
        CLXENT_STATUS_MAP(CASE)
#undef CASE
    }
    return "CLXENT_UNKNOWN";
}

const char *clxent_status_text(clxent_status status) {
    switch (status) { CLXENT_STATUS_MAP(TEXT_CASE) }
    return "unknown status";
}

/* Functions of the lists X(value, name, text): the text. */
#define NAME_FUNCTION(type, MAP)                            \
    const char *clxent_##type##_name(clxent_##type value) { \
        switch (value) { MAP(TEXT_CASE) }                   \
        return "unknown";                                   \
    }
NAME_FUNCTION(op, CLXENT_OP_MAP)
NAME_FUNCTION(dtype, CLXENT_DTYPE_MAP)
NAME_FUNCTION(reduction, CLXENT_REDUCTION_MAP)
NAME_FUNCTION(targets, CLXENT_TARGETS_MAP)
NAME_FUNCTION(empty_mean, CLXENT_EMPTY_MEAN_MAP)
NAME_FUNCTION(schedule, CLXENT_SCHEDULE_MAP)

size_t clxent_dtype_size(clxent_dtype dtype) {
    switch (dtype) {
    case CLXENT_F64:
    case CLXENT_I64:
        return 8;
    case CLXENT_F32:
    case CLXENT_I32:
        return 4;
    case CLXENT_F16:
    case CLXENT_BF16:
    case CLXENT_U16:
        return 2;
    case CLXENT_U8:
        return 1;
    case CLXENT_DTYPE_DEFAULT:
        break;
    }
    return 0;
}

void clxent_ctx_options_init(clxent_ctx_options *options) {
    if (options) *options = (clxent_ctx_options)CLXENT_CTX_OPTIONS_INIT;
}

void clxent_desc_init(clxent_desc *desc) {
    if (desc) *desc = (clxent_desc)CLXENT_DESC_INIT;
}

void clxent_scalars_init(clxent_scalars *scalars) {
    if (scalars) *scalars = (clxent_scalars)CLXENT_SCALARS_INIT;
}

void clxent_arrays_init(clxent_arrays *arrays) {
    if (arrays) *arrays = (clxent_arrays)CLXENT_ARRAYS_INIT;
}

void clxent_buffers_init(clxent_buffers *buffers) {
    if (buffers) *buffers = (clxent_buffers)CLXENT_BUFFERS_INIT;
}

void clxent_tuning_init(clxent_tuning *tuning) {
    if (tuning) *tuning = (clxent_tuning)CLXENT_TUNING_INIT;
}

void clxent_device_info_init(clxent_device_info *info) {
    if (info) *info = (clxent_device_info)CLXENT_DEVICE_INFO_INIT;
}
