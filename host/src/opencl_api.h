/* SPDX-License-Identifier: Apache-2.0
 * The OpenCL entry points that the library uses, looked up at run time: a machine without an OpenCL loader
 * gets a message, not a program that does not start. A table belongs to the context that filled it. */
#ifndef CLX_OPENCL_API_H
#define CLX_OPENCL_API_H

#ifdef __APPLE__
#include <OpenCL/opencl.h>
#else
#include <CL/cl.h>
#endif

#include <clxent/clxent.h>
#include <stdbool.h>

#define CLX_CL_MAP(X)            \
    X(GetPlatformIDs)            \
    X(GetPlatformInfo)           \
    X(GetDeviceIDs)              \
    X(GetDeviceInfo)             \
    X(CreateContext)             \
    X(RetainContext)             \
    X(ReleaseContext)            \
    X(CreateCommandQueue)        \
    X(RetainCommandQueue)        \
    X(ReleaseCommandQueue)       \
    X(GetCommandQueueInfo)       \
    X(CreateProgramWithSource)   \
    X(CreateProgramWithBinary)   \
    X(BuildProgram)              \
    X(GetProgramBuildInfo)       \
    X(GetProgramInfo)            \
    X(ReleaseProgram)            \
    X(CreateKernel)              \
    X(ReleaseKernel)             \
    X(SetKernelArg)              \
    X(GetKernelWorkGroupInfo)    \
    X(EnqueueNDRangeKernel)      \
    X(EnqueueNativeKernel)       \
    X(EnqueueMarkerWithWaitList) \
    X(CreateBuffer)              \
    X(ReleaseMemObject)          \
    X(GetMemObjectInfo)          \
    X(EnqueueReadBuffer)         \
    X(EnqueueWriteBuffer)        \
    X(EnqueueReadBufferRect)     \
    X(EnqueueWriteBufferRect)    \
    X(EnqueueMapBuffer)          \
    X(EnqueueUnmapMemObject)     \
    X(WaitForEvents)             \
    X(Flush)                     \
    X(Finish)                    \
    X(GetEventInfo)              \
    X(RetainEvent)               \
    X(ReleaseEvent)

typedef struct clx_cl {
#define CLX_CL_MEMBER(name) __typeof__(&cl##name) name;
    CLX_CL_MAP(CLX_CL_MEMBER)
#undef CLX_CL_MEMBER
} clx_cl;

/* Fills the table from the OpenCL library that the program already has, else from libOpenCL.so.1
 * (CLXENT_OPENCL_LIBRARY names another). ERR_NO_DEVICE: the message says what was tried. ERR_FORK. */
clxent_status clx_cl_load(clx_cl *cl, clxent_error *err);

/* Why dlopen(library) failed, read from dlerror()'s message. */
typedef enum clx_load_failure {
    CLX_LIBRARY_MISSING,       /* there is no such file */
    CLX_LIBRARY_NEEDS_ANOTHER, /* another library, which it needs, is missing or broken */
    CLX_LIBRARY_BROKEN         /* it is there, and the fault is its own */
} clx_load_failure;
clx_load_failure clx_load_failure_of(const char *library, const char *message);

/* ERR_FORK if a table was filled in a process that this one was forked from: only that process may call the
 * driver. */
clxent_status clx_check_process(clxent_error *err);

/* Whether this process may release the driver's objects: a forked one may not. */
bool clx_can_release(void);

#endif
