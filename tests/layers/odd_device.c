/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes every device look like the one that CLXENT_ODD_DEVICE describes, for example
 * "unified=0,largest_buffer=65536". So tests run code for other devices on a device of today. The layer
 * changes what the device reports; the table below lists the keys. Where the layer sees a call that exceeds a
 * limit, it refuses the call as such a device would. An unknown key or a missing number ends the process. */
#include "layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16, LOCAL_ARGUMENTS = 256 };
/* SIZES: one size for each dimension. EXTENSION: 0 removes the name from the list. VERSION: 11 gives
 * "OpenCL 1.1 odd", or "1.1 odd" for a driver. */
typedef enum kind { BOOL, UINT, ULONG, SIZE, SIZES, BITS, EXTENSION, VERSION } kind;

static const struct property {
    const char *key;
    cl_device_info info;
    kind kind;
    const char *text; /* the extension's name, or the text before the version */
} known[] = {
    {"unified", CL_DEVICE_HOST_UNIFIED_MEMORY, BOOL, NULL},
    {"compiler", CL_DEVICE_COMPILER_AVAILABLE, BOOL, NULL},
    {"global_memory", CL_DEVICE_GLOBAL_MEM_SIZE, ULONG, NULL},
    {"largest_buffer", CL_DEVICE_MAX_MEM_ALLOC_SIZE, ULONG, NULL},
    {"local_memory", CL_DEVICE_LOCAL_MEM_SIZE, ULONG, NULL},
    {"work_group", CL_DEVICE_MAX_WORK_GROUP_SIZE, SIZE, NULL},
    {"work_group", CL_DEVICE_MAX_WORK_ITEM_SIZES, SIZES, NULL},
    {"compute_units", CL_DEVICE_MAX_COMPUTE_UNITS, UINT, NULL},
    {"fp64", CL_DEVICE_DOUBLE_FP_CONFIG, BITS, NULL},
    {"fp64", CL_DEVICE_EXTENSIONS, EXTENSION, "cl_khr_fp64"},
    {"atomics_64", CL_DEVICE_EXTENSIONS, EXTENSION, "cl_khr_int64_base_atomics"},
    {"opencl", CL_DEVICE_VERSION, VERSION, "OpenCL "},
    {"opencl", CL_DEVICE_OPENCL_C_VERSION, VERSION, "OpenCL C "},
    {"vector_width", CL_DEVICE_PREFERRED_VECTOR_WIDTH_INT, UINT, NULL},
    {"vector_width", CL_DEVICE_PREFERRED_VECTOR_WIDTH_LONG, UINT, NULL},
    {"vector_width", CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT, UINT, NULL},
    {"vector_width", CL_DEVICE_PREFERRED_VECTOR_WIDTH_DOUBLE, UINT, NULL},
    {"vector_width", CL_DEVICE_PREFERRED_VECTOR_WIDTH_HALF, UINT, NULL},
    {"vector_width", CL_DEVICE_NATIVE_VECTOR_WIDTH_INT, UINT, NULL},
    {"vector_width", CL_DEVICE_NATIVE_VECTOR_WIDTH_LONG, UINT, NULL},
    {"vector_width", CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, UINT, NULL},
    {"vector_width", CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE, UINT, NULL},
    {"vector_width", CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF, UINT, NULL},
    {"sub_groups", CL_DEVICE_MAX_NUM_SUB_GROUPS, UINT, NULL},
    {"driver", CL_DRIVER_VERSION, VERSION, ""},
    {"fma", 0, BOOL, NULL},       /* no query asks for it; 0: programs that call fma() do not build */
    {"optimizer", 0, BOOL, NULL}, /* no query asks for it; 0: builds go without it, but not in a long form */
};
enum { KNOWN = sizeof known / sizeof *known };

static const struct _cl_icd_dispatch *driver;
static struct {
    const char *key;
    unsigned long long value;
} changes[MOST];
static int change_count;

/* ---------------------------------------------------------------- the variable ------------------------ */

static void wrong(const char *at) {
    fprintf(stderr, "CLXENT_ODD_DEVICE: \"%s\": expected KEY=NUMBER,... with a KEY of:", at);
    for (size_t i = 0; i < KNOWN; i++)
        if (i == 0 || strcmp(known[i].key, known[i - 1].key) != 0) fprintf(stderr, " %s", known[i].key);
    fputc('\n', stderr);
    exit(2);
}

static void parse(const char *at) {
    while (*at) {
        const size_t length = strcspn(at, "=,");
        const char *key = NULL;
        char *end = NULL;
        for (size_t i = 0; i < KNOWN; i++)
            if (strlen(known[i].key) == length && memcmp(at, known[i].key, length) == 0) key = known[i].key;
        if (!key || at[length] != '=' || change_count == MOST) wrong(at);
        const unsigned long long value = strtoull(at + length + 1, &end, 10);
        if (end == at + length + 1 || (*end != ',' && *end != '\0')) wrong(at);
        changes[change_count].key = key;
        changes[change_count++].value = value;
        at = *end ? end + 1 : end;
    }
}

/* True when CLXENT_ODD_DEVICE has the key. */
static int given(const char *key, unsigned long long *value) {
    for (int i = 0; i < change_count; i++)
        if (strcmp(changes[i].key, key) == 0) {
            *value = changes[i].value;
            return 1;
        }
    return 0;
}

static int goes_beyond(const char *key, unsigned long long value) {
    unsigned long long limit;
    return given(key, &limit) && value > limit;
}

static int is_zero(const char *key) {
    unsigned long long value;
    return given(key, &value) && value == 0;
}

/* ---------------------------------------------------------------- queries ----------------------------- */

static void remove_word(char *list, const char *word) {
    const size_t length = strlen(word);
    for (char *at = list; (at = strstr(at, word)) != NULL;) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            memmove(at, at + length, strlen(at + length) + 1);
        else
            at += length;
    }
}

/* Answers a query for a text, with the changes made. */
static cl_int get_text(cl_device_id device, cl_device_info info, size_t size, void *out, size_t *size_ret) {
    char text[16384];
    const cl_int code = driver->clGetDeviceInfo(device, info, sizeof text, text, NULL);
    if (code != CL_SUCCESS) return code;
    for (size_t i = 0; i < KNOWN; i++) {
        unsigned long long value;
        if (known[i].info != info || !given(known[i].key, &value)) continue;
        if (known[i].kind == EXTENSION && value == 0) remove_word(text, known[i].text);
        if (known[i].kind == VERSION)
            snprintf(text, sizeof text, "%s%llu.%llu odd", known[i].text, value / 10, value % 10);
    }
    if (out && size < strlen(text) + 1) return CL_INVALID_VALUE;
    if (out) memcpy(out, text, strlen(text) + 1);
    if (size_ret) *size_ret = strlen(text) + 1;
    return CL_SUCCESS;
}

static void put(kind as, void *out, size_t size, unsigned long long value) {
    switch (as) {
    case BOOL:
        *(cl_bool *)out = value ? CL_TRUE : CL_FALSE;
        break;
    case UINT:
        *(cl_uint *)out = (cl_uint)value;
        break;
    case SIZE:
        *(size_t *)out = (size_t)value;
        break;
    case SIZES:
        for (size_t i = 0; i < size / sizeof(size_t); i++) ((size_t *)out)[i] = (size_t)value;
        break;
    default:
        *(cl_ulong *)out = value;
        break;
    }
}

static cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info info, size_t size, void *out,
                                          size_t *size_ret) {
    size_t bytes = 0;
    unsigned long long value;
    if (info == CL_DEVICE_EXTENSIONS || info == CL_DEVICE_VERSION || info == CL_DEVICE_OPENCL_C_VERSION ||
        info == CL_DRIVER_VERSION)
        return get_text(device, info, size, out, size_ret);
    const cl_int code = driver->clGetDeviceInfo(device, info, size, out, &bytes);
    if (size_ret) *size_ret = bytes;
    for (size_t i = 0; i < KNOWN && code == CL_SUCCESS && out; i++)
        if (known[i].info == info && given(known[i].key, &value)) put(known[i].kind, out, bytes, value);
    return code;
}

static cl_int CL_API_CALL get_work_group_info(cl_kernel kernel, cl_device_id device,
                                              cl_kernel_work_group_info what, size_t size, void *out,
                                              size_t *size_ret) {
    const cl_int code = driver->clGetKernelWorkGroupInfo(kernel, device, what, size, out, size_ret);
    unsigned long long limit;
    if (code == CL_SUCCESS && out && what == CL_KERNEL_WORK_GROUP_SIZE && given("work_group", &limit) &&
        *(size_t *)out > limit)
        *(size_t *)out = (size_t)limit;
    return code;
}

/* ---------------------------------------------------------------- refusals ---------------------------- */

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                                        cl_int *code) {
    if (!goes_beyond("largest_buffer", size)) return driver->clCreateBuffer(context, flags, size, host, code);
    if (code) *code = CL_INVALID_BUFFER_SIZE;
    return NULL;
}

/* Builds without the optimizer take a quarter of the time. */
static int optimizes(void) {
    const char *text = getenv("CLXENT_TEST_LONG");
    return !is_zero("optimizer") || (text && strcmp(text, "1") == 0);
}

static cl_int CL_API_CALL build(cl_program program, cl_uint count, const cl_device_id *devices,
                                const char *options, void(CL_CALLBACK *notified)(cl_program, void *),
                                void *user) {
    char changed[1024];
    unsigned long long version;
    if (is_zero("compiler")) return CL_COMPILER_NOT_AVAILABLE;
    if (is_zero("fp64") && options && strstr(options, "_F64=1")) return CL_BUILD_PROGRAM_FAILURE;
    if (is_zero("fma") && (!options || !strstr(options, "-DFMA=0"))) return CL_BUILD_PROGRAM_FAILURE;
    const int is_old = given("opencl", &version) && version < 12;
    if (is_old && options && strstr(options, "-cl-std=CL1.2")) return CL_INVALID_BUILD_OPTIONS;
    snprintf(changed, sizeof changed, "%s%s%s", is_old ? "-cl-std=CL1.1 " : "",
             optimizes() ? "" : "-cl-opt-disable ", options ? options : "");
    return driver->clBuildProgram(program, count, devices, changed, notified, user);
}

/* The local memory arguments of the kernels. */
static struct {
    cl_kernel kernel;
    cl_uint index;
    size_t bytes;
} local_arguments[LOCAL_ARGUMENTS];

static void note_local(cl_kernel kernel, cl_uint index, size_t bytes) {
    int place = -1;
    for (int i = 0; i < LOCAL_ARGUMENTS; i++) {
        const int same = local_arguments[i].kernel == kernel && local_arguments[i].index == index;
        if (same || (place < 0 && local_arguments[i].kernel == NULL)) place = i;
        if (same) break;
    }
    if (place < 0) {
        fputs("odd_device: too many kernels with local memory\n", stderr);
        exit(2);
    }
    local_arguments[place].kernel = kernel;
    local_arguments[place].index = index;
    local_arguments[place].bytes = bytes;
}

static cl_int CL_API_CALL set_argument(cl_kernel kernel, cl_uint index, size_t size, const void *value) {
    const cl_int code = driver->clSetKernelArg(kernel, index, size, value);
    if (code == CL_SUCCESS && value == NULL) note_local(kernel, index, size);
    return code;
}

static cl_int CL_API_CALL release_kernel(cl_kernel kernel) {
    for (int i = 0; i < LOCAL_ARGUMENTS; i++) /* the library never retains a kernel, so this frees it */
        if (local_arguments[i].kernel == kernel) local_arguments[i].kernel = NULL;
    return driver->clReleaseKernel(kernel);
}

static cl_int CL_API_CALL launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                 const size_t *offset, const size_t *global, const size_t *local,
                                 cl_uint waits, const cl_event *wait, cl_event *event) {
    size_t items = 1, bytes = 0;
    for (cl_uint i = 0; local && i < dimensions; i++) items *= local[i];
    for (int i = 0; i < LOCAL_ARGUMENTS; i++)
        if (local_arguments[i].kernel == kernel) bytes += local_arguments[i].bytes;
    if (goes_beyond("work_group", items)) return CL_INVALID_WORK_GROUP_SIZE;
    if (goes_beyond("local_memory", bytes)) return CL_OUT_OF_RESOURCES;
    return driver->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, waits, wait,
                                          event);
}

/* A driver of OpenCL 1.1 has no such function, and the loader would call a null pointer. */
static cl_int CL_API_CALL marker(cl_command_queue queue, cl_uint waits, const cl_event *wait,
                                 cl_event *event) {
    unsigned long long version;
    if (!given("opencl", &version) || version >= 12)
        return driver->clEnqueueMarkerWithWaitList(queue, waits, wait, event);
    fputs("odd_device: clEnqueueMarkerWithWaitList, which OpenCL 1.1 does not have\n", stderr);
    abort();
}

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    const char *text = getenv("CLXENT_ODD_DEVICE");
    driver = next;
    if (text) parse(text);
    dispatch->clGetDeviceInfo = get_device_info;
    dispatch->clGetKernelWorkGroupInfo = get_work_group_info;
    dispatch->clCreateBuffer = create_buffer;
    dispatch->clBuildProgram = build;
    dispatch->clSetKernelArg = set_argument;
    dispatch->clReleaseKernel = release_kernel;
    dispatch->clEnqueueNDRangeKernel = launch;
    dispatch->clEnqueueMarkerWithWaitList = marker;
}
