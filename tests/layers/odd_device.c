/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes every device say of itself what CLXENT_ODD_DEVICE says, "unified=0,largest_buffer=65536": to run on
 * the devices of today what is written for others. What a key stands for is in the table below; nothing is
 * said to be there that is not. A key that is not in it, or no number, ends the process. */
#include "layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16 };
typedef enum kind { BOOL, UINT, ULONG, SIZE } kind;

static const struct property {
    const char *key;
    cl_device_info info;
    kind kind;
} known[] = {
    {"unified", CL_DEVICE_HOST_UNIFIED_MEMORY, BOOL},
    {"compiler", CL_DEVICE_COMPILER_AVAILABLE, BOOL},
    {"global_memory", CL_DEVICE_GLOBAL_MEM_SIZE, ULONG},
    {"largest_buffer", CL_DEVICE_MAX_MEM_ALLOC_SIZE, ULONG},
    {"local_memory", CL_DEVICE_LOCAL_MEM_SIZE, ULONG},
    {"work_group", CL_DEVICE_MAX_WORK_GROUP_SIZE, SIZE},
    {"compute_units", CL_DEVICE_MAX_COMPUTE_UNITS, UINT},
    {"sub_groups", CL_DEVICE_MAX_NUM_SUB_GROUPS, UINT},
};

static const struct _cl_icd_dispatch *driver;
static struct {
    const struct property *property;
    unsigned long long value;
} changes[MOST];
static int change_count;

static void wrong(const char *at) {
    fprintf(stderr, "CLXENT_ODD_DEVICE: \"%s\": expected KEY=NUMBER,... with a KEY of:", at);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) fprintf(stderr, " %s", known[i].key);
    fputc('\n', stderr);
    exit(2);
}

static void parse(const char *at) {
    while (*at) {
        const size_t length = strcspn(at, "=,");
        const struct property *property = NULL;
        char *end = NULL;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strlen(known[i].key) == length && memcmp(at, known[i].key, length) == 0) property = &known[i];
        if (!property || at[length] != '=' || change_count == MOST) wrong(at);
        const unsigned long long value = strtoull(at + length + 1, &end, 10);
        if (end == at + length + 1 || (*end != ',' && *end != '\0')) wrong(at);
        changes[change_count].property = property;
        changes[change_count++].value = value;
        at = *end ? end + 1 : end;
    }
}

static cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info info, size_t size, void *out,
                                          size_t *size_ret) {
    cl_int code = driver->clGetDeviceInfo(device, info, size, out, size_ret);
    for (int i = 0; i < change_count && code == CL_SUCCESS && out; i++) {
        const unsigned long long value = changes[i].value;
        if (changes[i].property->info != info) continue;
        switch (changes[i].property->kind) {
        case BOOL:
            *(cl_bool *)out = value ? CL_TRUE : CL_FALSE;
            break;
        case UINT:
            *(cl_uint *)out = (cl_uint)value;
            break;
        case ULONG:
            *(cl_ulong *)out = value;
            break;
        case SIZE:
            *(size_t *)out = (size_t)value;
            break;
        }
    }
    return code;
}

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    const char *text = getenv("CLXENT_ODD_DEVICE");
    driver = next;
    if (text) parse(text);
    dispatch->clGetDeviceInfo = get_device_info;
}
