/* SPDX-License-Identifier: Apache-2.0
 *
 * The OpenCL entry points that `clxent bench` calls itself, looked up when it runs: the tool starts where no
 * OpenCL loader is installed. By then clxent has opened a device, and this finds the same library.
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

/* NULL, or what is missing. */
const char *bench_cl_load(bench_cl *cl);

#endif
