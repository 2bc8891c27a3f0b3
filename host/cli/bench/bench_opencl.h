/* SPDX-License-Identifier: Apache-2.0
 *
 * The OpenCL functions that `clxent bench` calls itself. It looks them up when it runs, so that the tool
 * starts on a machine without an OpenCL loader. clxent has opened a device before that, and this finds the
 * same library.
 */
#ifndef CLXENT_CLI_BENCH_OPENCL_H
#define CLXENT_CLI_BENCH_OPENCL_H

#include <clxent/clxent_opencl.h>

#define BENCH_CL_MAP(X)        \
    X(GetCommandQueueInfo)     \
    X(GetDeviceInfo)           \
    X(CreateProgramWithSource) \
    X(BuildProgram)            \
    X(GetProgramBuildInfo)     \
    X(ReleaseProgram)          \
    X(CreateKernel)            \
    X(ReleaseKernel)           \
    X(SetKernelArg)            \
    X(GetKernelWorkGroupInfo)  \
    X(CreateBuffer)            \
    X(ReleaseMemObject)        \
    X(EnqueueReadBuffer)       \
    X(EnqueueWriteBuffer)      \
    X(EnqueueCopyBuffer)       \
    X(EnqueueNDRangeKernel)    \
    X(Finish)

typedef struct bench_cl {
#define BENCH_CL_MEMBER(name) __typeof__(&cl##name) name;
    BENCH_CL_MAP(BENCH_CL_MEMBER)
#undef BENCH_CL_MEMBER
} bench_cl;

/* Returns NULL, or dlerror()'s text about the missing part. */
const char *bench_cl_load(bench_cl *cl);

#endif
