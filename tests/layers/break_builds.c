/* SPDX-License-Identifier: Apache-2.0
 *
 * While the environment has CLXENT_BREAK_BUILDS, makes every program fail to compile, by one more option that
 * the compiler chokes on: to see what a build failure looks like to the caller, and that none can happen
 * where nothing is to be compiled any more. The option makes the word that stands there (`float` for 1) a
 * type that nobody has declared, so errors stand wherever kernels use it. Programs from binaries are let
 * through.
 *
 * While it has CLXENT_BREAK_BINARIES, those fail: for "create" in clCreateProgramWithBinary(), for "status"
 * in the status that it gives for the device, for "build" in clBuildProgram(), for "kernel" in
 * clCreateKernel(). */
#include "layer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct _cl_icd_dispatch *driver;
static cl_program from_binary; /* the last one */

static bool breaks_binaries(const char *where) {
    const char *wanted = getenv("CLXENT_BREAK_BINARIES");
    return wanted && strcmp(wanted, where) == 0;
}

static cl_program CL_API_CALL create_from_source(cl_context context, cl_uint count, const char **strings,
                                                 const size_t *lengths, cl_int *code) {
    cl_program program = driver->clCreateProgramWithSource(context, count, strings, lengths, code);
    if (program == from_binary) from_binary = NULL; /* the address of one that was released */
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
