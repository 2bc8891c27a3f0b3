/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "diagnose.h"
#include "error.h"
#include "facts.h"
#include "structs.h"

#ifndef CL_DEVICE_MAX_NUM_SUB_GROUPS /* in headers of OpenCL 2.1 and later */
#define CL_DEVICE_MAX_NUM_SUB_GROUPS 0x105C
#endif

enum { MAX_PLATFORMS = 32, MAX_DEVICES = 128 };

typedef struct device_list {
    cl_device_id ids[MAX_DEVICES];
    clxent_device_info infos[MAX_DEVICES];
    size_t count;
} device_list;

static clxent_status get_string(const clx_cl *cl, cl_device_id device, cl_device_info what, char *out,
                                size_t size, clxent_error *err) {
    char text[1024] = "";
    const cl_int code = cl->GetDeviceInfo(device, what, sizeof text - 1, text, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetDeviceInfo(0x%x)", (unsigned)what);
    snprintf(out, size, "%s", text);
    return CLXENT_OK;
}

static bool contains(const char *text, const char *part) {
    const size_t length = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < length && text[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == length) return true;
    }
    return length == 0;
}

/* Whether the device has the sub-group functions. With OpenCL C 2.0 an extension says so. A device of OpenCL
 * 3.0 says how many sub-groups a work-group has at most; without sub-groups it says 0, or does not know the
 * question. For any other device the answer is no. */
static cl_int find_subgroups(const clx_cl *cl, cl_device_id device, const clxent_device_info *info,
                             const char *extensions, int32_t *out) {
    cl_uint most = 0;
    const bool of_2 = strncmp(info->opencl_c_version, "OpenCL C 2", 10) == 0;
    *out = 0;
    if (clx_facts_of(info).no_subgroups) return CL_SUCCESS;
    *out = of_2 && contains(extensions, "cl_khr_subgroups");
    if (of_2 || strncmp(info->opencl_version, "OpenCL 3", 8) != 0) return CL_SUCCESS;
    const cl_int code = cl->GetDeviceInfo(device, CL_DEVICE_MAX_NUM_SUB_GROUPS, sizeof most, &most, NULL);
    if (code == CL_SUCCESS && most > 0) *out = 1;
    return code == CL_INVALID_VALUE ? CL_SUCCESS : code;
}

clxent_status clx_device_describe(const clx_cl *cl, cl_device_id device, clxent_device_info *out,
                                  clxent_error *err) {
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    cl_platform_id platform = NULL;
    cl_device_type type = 0;
    cl_ulong global = 0, largest = 0, local = 0;
    size_t group = 0;
    cl_uint units = 0;
    cl_bool unified = CL_FALSE, compiler = CL_FALSE;
    char extensions[16384] = " ";
    clxent_status status;

    const struct {
        cl_device_info what;
        char *out;
        size_t size;
    } strings[] = {
        {CL_DEVICE_NAME, info.name, sizeof info.name},
        {CL_DEVICE_VENDOR, info.vendor, sizeof info.vendor},
        {CL_DRIVER_VERSION, info.driver, sizeof info.driver},
        {CL_DEVICE_VERSION, info.opencl_version, sizeof info.opencl_version},
        {CL_DEVICE_OPENCL_C_VERSION, info.opencl_c_version, sizeof info.opencl_c_version},
    };
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        status = get_string(cl, device, strings[i].what, strings[i].out, strings[i].size, err);
        if (status != CLXENT_OK) return status;
    }
    const struct {
        cl_device_info what;
        void *out;
        size_t size;
    } values[] = {
        {CL_DEVICE_PLATFORM, &platform, sizeof platform},
        {CL_DEVICE_TYPE, &type, sizeof type},
        {CL_DEVICE_GLOBAL_MEM_SIZE, &global, sizeof global},
        {CL_DEVICE_MAX_MEM_ALLOC_SIZE, &largest, sizeof largest},
        {CL_DEVICE_LOCAL_MEM_SIZE, &local, sizeof local},
        {CL_DEVICE_MAX_WORK_GROUP_SIZE, &group, sizeof group},
        {CL_DEVICE_MAX_COMPUTE_UNITS, &units, sizeof units},
        {CL_DEVICE_HOST_UNIFIED_MEMORY, &unified, sizeof unified},
        {CL_DEVICE_COMPILER_AVAILABLE, &compiler, sizeof compiler},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const cl_int code = cl->GetDeviceInfo(device, values[i].what, values[i].size, values[i].out, NULL);
        if (code != CL_SUCCESS)
            return clx_fail_cl(err, code, "clGetDeviceInfo(0x%x)", (unsigned)values[i].what);
    }
    cl_int code = cl->GetDeviceInfo(device, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetDeviceInfo(CL_DEVICE_EXTENSIONS)");
    code = cl->GetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof info.platform - 1, info.platform, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetPlatformInfo(CL_PLATFORM_NAME)");

    info.type = type & CL_DEVICE_TYPE_GPU           ? CLXENT_DEVICE_GPU
                : type & CL_DEVICE_TYPE_ACCELERATOR ? CLXENT_DEVICE_ACCELERATOR
                : type & CL_DEVICE_TYPE_CPU         ? CLXENT_DEVICE_CPU
                                                    : CLXENT_DEVICE_OTHER;
    info.global_memory_bytes = global;
    info.largest_buffer_bytes = largest;
    info.local_memory_bytes = local;
    info.work_group_limit = group;
    info.compute_units = units;
    info.fp64 = contains(extensions, "cl_khr_fp64");
    info.fp16 = contains(extensions, "cl_khr_fp16");
    info.atomics_64 = contains(extensions, "cl_khr_int64_base_atomics");
    code = find_subgroups(cl, device, &info, extensions, &info.subgroups);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetDeviceInfo(CL_DEVICE_MAX_NUM_SUB_GROUPS)");
    info.unified_memory = unified == CL_TRUE;
    info.compiler = compiler == CL_TRUE;
    *out = info;
    return CLXENT_OK;
}

const char *clx_device_lacks(const clxent_device_info *info) {
    const char *version = info->opencl_version;
    const bool older = strncmp(version, "OpenCL 1.0", 10) == 0 || strncmp(version, "OpenCL 1.1", 10) == 0;
    return older ? "OpenCL 1.2" : info->compiler ? NULL : "a compiler for OpenCL C";
}

/* The library prefers the device of the highest rank. */
static int rank_of(const clxent_device_info *info) {
    if (clx_device_lacks(info)) return 0;
    if (clx_facts_of(info).is_emulated) return 1;
    switch (info->type) {
    case CLXENT_DEVICE_GPU:
        return 5;
    case CLXENT_DEVICE_ACCELERATOR:
        return 4;
    case CLXENT_DEVICE_CPU:
        return 3;
    default:
        return 2;
    }
}

static void mark_default(device_list *list) {
    size_t best = 0;
    for (size_t i = 1; i < list->count; i++)
        if (rank_of(&list->infos[i]) > rank_of(&list->infos[best])) best = i;
    for (size_t i = 0; i < list->count; i++) {
        clxent_device_info *info = &list->infos[i];
        const bool is_emulated = clx_facts_of(info).is_emulated;
        const char *lacks = clx_device_lacks(info), *why = "another device is preferred";
        if (lacks)
            why = NULL;
        else if (i == best && list->count == 1)
            why = "the only device";
        else if (i == best && is_emulated)
            why = "the first device; emulated, slow";
        else if (i == best)
            why = "the first of the best kind: GPU, accelerator, CPU, other, emulated";
        else if (is_emulated)
            why = "emulated, slow; another device is preferred";
        if (why)
            snprintf(info->why, sizeof info->why, "%s", why);
        else
            snprintf(info->why, sizeof info->why, "it lacks %s, which is needed", lacks);
        info->is_default = i == best && !lacks;
    }
}

static clxent_status ask_platforms(const clx_cl *cl, device_list *list, clxent_error *err) {
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint platform_count = 0;
    char names[512] = "";
    clxent_error first = {.status = CLXENT_OK}; /* the first failure of a driver */
    list->count = 0;

    const cl_int code = cl->GetPlatformIDs(MAX_PLATFORMS, platforms, &platform_count);
    if (code != CL_SUCCESS && code != -1001) return clx_fail_cl(err, code, "clGetPlatformIDs");
    if (code != CL_SUCCESS) platform_count = 0;
    if (platform_count > MAX_PLATFORMS) platform_count = MAX_PLATFORMS;

    for (cl_uint p = 0; p < platform_count && list->count < MAX_DEVICES; p++) {
        cl_device_id ids[MAX_DEVICES];
        cl_uint found = 0;
        char name[128] = "?";
        cl->GetPlatformInfo(platforms[p], CL_PLATFORM_NAME, sizeof name - 1, name, NULL);
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", p ? ", " : "", name);
        const cl_int none = cl->GetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &found);
        if (none != CL_SUCCESS) { /* a platform without a device is normal */
            if (none != CL_DEVICE_NOT_FOUND && first.status == CLXENT_OK)
                clx_fail_cl(&first, none, "clGetDeviceIDs(%s)", name);
            continue;
        }
        if (found > MAX_DEVICES) found = MAX_DEVICES;
        for (cl_uint d = 0; d < found && list->count < MAX_DEVICES; d++) {
            list->ids[list->count] = ids[d];
            /* The list leaves out a device that cannot even describe itself. */
            clxent_error *unless_known = first.status == CLXENT_OK ? &first : NULL;
            if (clx_device_describe(cl, ids[d], &list->infos[list->count], unless_known) == CLXENT_OK)
                list->count++;
        }
    }
    if (list->count == 0 && first.status != CLXENT_OK) { /* a driver failed: that is not ERR_NO_DEVICE */
        if (err) *err = first;
        return first.status;
    }
    if (list->count == 0) return clx_no_device(err, platform_count, names);
    mark_default(list);
    return CLXENT_OK;
}

/* Only one thread at a time asks the platforms: drivers start up in these calls. PoCL 3.1 crashes, or says
 * that it has no device, when two threads make the first of these calls together, which OpenCL permits. The
 * library has no other lock. */
static clxent_status list_devices(const clx_cl *cl, device_list *list, clxent_error *err) {
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&one_at_a_time);
    const clxent_status status = ask_platforms(cl, list, err);
    pthread_mutex_unlock(&one_at_a_time);
    return status;
}

bool clx_device_matches(const clxent_device_info *info, const char *spec) {
    char full[sizeof info->platform + sizeof info->name + 3];
    if (strcasecmp(spec, "gpu") == 0) return info->type == CLXENT_DEVICE_GPU;
    if (strcasecmp(spec, "cpu") == 0) return info->type == CLXENT_DEVICE_CPU;
    if (strcasecmp(spec, "accelerator") == 0) return info->type == CLXENT_DEVICE_ACCELERATOR;
    snprintf(full, sizeof full, "%s / %s", info->platform, info->name);
    /* PoCL's platform has a long name; people say pocl. */
    return contains(full, spec) ||
           (contains(spec, "pocl") && contains(info->platform, "Portable Computing Language"));
}

clxent_status clx_device_choose(const clx_cl *cl, const char *spec, cl_device_id *device,
                                clxent_device_info *info, clxent_error *err) {
    device_list *list = malloc(sizeof *list);
    if (list == NULL) return clx_fail(err, CLXENT_ERR_MEMORY, "no host memory for the list of devices");
    clxent_status status = list_devices(cl, list, err);
    if (status != CLXENT_OK) goto out;

    if (spec == NULL || *spec == '\0') spec = getenv("CLXENT_DEVICE");
    const bool named = spec != NULL && *spec != '\0';
    const bool number = named && strspn(spec, "0123456789") == strlen(spec);
    size_t chosen = list->count;
    if (number) {
        const unsigned long long wanted = strtoull(spec, NULL, 10);
        if (wanted < list->count) chosen = (size_t)wanted;
    } else {
        for (size_t i = 0; i < list->count; i++) {
            const clxent_device_info *candidate = &list->infos[i];
            if (named ? !clx_device_matches(candidate, spec) : !candidate->is_default) continue;
            if (chosen == list->count || rank_of(candidate) > rank_of(&list->infos[chosen])) chosen = i;
        }
    }
    if (chosen == list->count) {
        status = named
                     ? clx_fail(err, CLXENT_ERR_NO_DEVICE,
                                "device \"%s\" matches none of the %zu devices; the first is 0, \"%s / %s\"",
                                spec, list->count, list->infos[0].platform, list->infos[0].name)
                     : clx_fail(err, CLXENT_ERR_NO_DEVICE,
                                "none of the %zu devices can be used; the first, \"%s\" (%s), lacks %s",
                                list->count, list->infos[0].name, list->infos[0].opencl_version,
                                clx_device_lacks(&list->infos[0]));
    } else if (clx_device_lacks(&list->infos[chosen])) {
        status = clx_fail(err, CLXENT_ERR_NO_DEVICE, "device %zu, \"%s\" (%s), lacks %s, which is needed",
                          chosen, list->infos[chosen].name, list->infos[chosen].opencl_version,
                          clx_device_lacks(&list->infos[chosen]));
    } else {
        *device = list->ids[chosen];
        *info = list->infos[chosen];
    }
out:
    free(list);
    return status;
}

clxent_status clxent_list_devices(clxent_device_info *out, size_t struct_size, size_t capacity, size_t *count,
                                  clxent_error *err) {
    if (count == NULL) return clx_fail(err, CLXENT_ERR_ARGUMENT, "count is NULL");
    *count = 0;
    if (out == NULL && capacity > 0)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "out is NULL and capacity is %zu", capacity);
    clx_cl cl;
    clxent_status status = CLXENT_OK;
    if (capacity > 0) status = clx_check_size(err, &clx_device_info_struct, struct_size);
    if (status == CLXENT_OK) status = clx_cl_load(&cl, err);
    if (status != CLXENT_OK) return status;
    device_list *list = malloc(sizeof *list);
    if (list == NULL) return clx_fail(err, CLXENT_ERR_MEMORY, "no host memory for the list of devices");
    status = list_devices(&cl, list, err);
    if (status == CLXENT_OK) {
        *count = list->count;
        char *element = (char *)out;
        for (size_t i = 0; i < list->count && i < capacity && status == CLXENT_OK; i++) {
            memcpy(element, &struct_size, sizeof struct_size);
            status = clx_write_struct(err, &clx_device_info_struct, element, &list->infos[i]);
            element += struct_size;
        }
    }
    free(list);
    return status;
}
