/* SPDX-License-Identifier: Apache-2.0
 * Names, sizes and initial values of the public types. */
#include <clxent/clxent_experimental.h>
#include <clxent/clxent_opencl.h>

#include "structs.h"

#define TEXT_CASE(value, name, text) \
    case value:                      \
        return text;

#define DTYPE_CASE(value, name, text, bytes, kind) TEXT_CASE(value, name, text)
#define BYTES_CASE(value, name, text, bytes, kind) \
    case value:                                    \
        return bytes;

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
NAME_FUNCTION(reduction, CLXENT_REDUCTION_MAP)
NAME_FUNCTION(targets, CLXENT_TARGETS_MAP)
NAME_FUNCTION(empty_mean, CLXENT_EMPTY_MEAN_MAP)
NAME_FUNCTION(schedule, CLXENT_SCHEDULE_MAP)

const char *clxent_dtype_name(clxent_dtype dtype) {
    switch (dtype) { CLXENT_DTYPE_MAP(DTYPE_CASE) }
    return "unknown";
}

size_t clxent_dtype_size(clxent_dtype dtype) {
    switch (dtype) { CLXENT_DTYPE_MAP(BYTES_CASE) }
    return 0;
}

#define INIT_FUNCTION(type, INIT)                                      \
    void clxent_##type##_init_sized(clxent_##type *out, size_t size) { \
        const clxent_##type initial = INIT;                            \
        clx_init_struct(out, size, &initial, sizeof initial);          \
    }
INIT_FUNCTION(ctx_options, CLXENT_CTX_OPTIONS_INIT)
INIT_FUNCTION(desc, CLXENT_DESC_INIT)
INIT_FUNCTION(scalars, CLXENT_SCALARS_INIT)
INIT_FUNCTION(arrays, CLXENT_ARRAYS_INIT)
INIT_FUNCTION(buffers, CLXENT_BUFFERS_INIT)
INIT_FUNCTION(device_info, CLXENT_DEVICE_INFO_INIT)

void clxent_tuning_init(clxent_tuning *tuning) {
    if (tuning) *tuning = (clxent_tuning)CLXENT_TUNING_INIT;
}
