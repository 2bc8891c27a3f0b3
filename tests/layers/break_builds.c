/* SPDX-License-Identifier: Apache-2.0
 *
 * While CLXENT_BREAK_BUILDS is set, every build from source fails. So a test sees how the library reports a
 * build failure, and proves that the library compiles nothing where it must not. The variable's value is a
 * word; 1 stands for `float`. The layer adds a build option that makes the word a type that nobody declared,
 * so the compiler reports an error wherever a kernel uses the word. Programs from binaries still build.
 *
 * While CLXENT_BREAK_BINARIES is set, programs from binaries fail. "create" fails
 * clCreateProgramWithBinary(); "status" fails only the status that this call returns for the device; "build"
 * fails clBuildProgram(); "kernel" fails clCreateKernel(). */
#include "layer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct _cl_icd_dispatch *driver;
static cl_program from_binary; /* the last program from a binary */

static bool breaks_binaries(const char *where) {
    const char *wanted = getenv("CLXENT_BREAK_BINARIES");
    return wanted && strcmp(wanted, where) == 0;
}

static cl_program CL_API_CALL create_from_source(cl_context context, cl_uint count, const char **strings,
                                                 const size_t *lengths, cl_int *code) {
    cl_program program = driver->clCreateProgramWithSource(context, count, strings, lengths, code);
    if (program == from_binary) from_binary = NULL; /* the driver used a released program's address again */
    return program;
}

static cl_program CL_API_CALL create_from_binary(cl_context context, cl_uint devices,
                                                 const cl_device_id *device, const size_t *lengths,
                                                 const unsigned char **binaries, cl_int *status,
                                                 cl_int *code) {
    if (breaks_binaries("create")) {
        if (code) *code = CL_INVALID_BINARY;
        return NULL;
    }
    from_binary =
        driver->clCreateProgramWithBinary(context, devices, device, lengths, binaries, status, code);
    if (breaks_binaries("status") && status) *status = CL_INVALID_BINARY;
    return from_binary;
}

static cl_int CL_API_CALL build(cl_program program, cl_uint devices, const cl_device_id *device,
                                const char *options, void(CL_CALLBACK *done)(cl_program, void *),
                                void *data) {
    char broken[1024];
    const char *word = getenv("CLXENT_BREAK_BUILDS");
    if (program == from_binary && breaks_binaries("build")) return CL_BUILD_PROGRAM_FAILURE;
    if (program == from_binary || !word)
        return driver->clBuildProgram(program, devices, device, options, done, data);
    if (strcmp(word, "1") == 0) word = "float";
    snprintf(broken, sizeof broken, "%s -D%s=this_is_no_type", options ? options : "", word);
    return driver->clBuildProgram(program, devices, device, broken, done, data);
}

static cl_kernel CL_API_CALL create_kernel(cl_program program, const char *name, cl_int *code) {
    if (program == from_binary && breaks_binaries("kernel")) {
        if (code) *code = CL_INVALID_KERNEL_NAME;
        return NULL;
    }
    return driver->clCreateKernel(program, name, code);
}

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    driver = next;
    dispatch->clCreateProgramWithSource = create_from_source;
    dispatch->clCreateProgramWithBinary = create_from_binary;
    dispatch->clBuildProgram = build;
    dispatch->clCreateKernel = create_kernel;
}
