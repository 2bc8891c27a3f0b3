/* SPDX-License-Identifier: Apache-2.0
 *
 * Fails the call that the test names on the board (../faults/board.h). The code is one that the OpenCL
 * specification lists for that function. The layer also records on the board which objects the program
 * makes, retains and releases. Without a board the layer changes nothing.
 *
 * A failed call does nothing, with two exceptions. A release still releases, because the caller cannot try
 * again. A wait still waits when all later calls fail too. When the wait alone fails, it returns at once: the
 * caller must then wait in another way before it releases memory. */
#include "layer.h"

#include "../faults/board.h"

static const struct _cl_icd_dispatch *driver;
static fault_board *board;

/* The code with which this call must fail, or CL_SUCCESS. */
static cl_int fault(const char *entry, const cl_int *codes, int count) {
    const int flavour = board_fails(board, FAULT_OPENCL, entry, count);
    if (flavour < 0) return CL_SUCCESS;
    board_note(board, entry, codes[flavour]);
    return codes[flavour];
}
#define FAULT(name, ...)                             \
    fault("cl" #name, (const cl_int[]){__VA_ARGS__}, \
          (int)(sizeof((const cl_int[]){__VA_ARGS__}) / sizeof(cl_int)))

#define MEMORY CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY

/* A function that returns a code. */
#define CALL(name, parameters, arguments, ...)               \
    static cl_int CL_API_CALL name parameters {              \
        const cl_int failed = FAULT(name, __VA_ARGS__);      \
        return failed ? failed : driver->cl##name arguments; \
    }

/* A function that makes an object; its last parameter is `cl_int *code`. */
#define MAKE(type, kind, name, parameters, arguments, ...) \
    static type CL_API_CALL name parameters {              \
        const cl_int failed = FAULT(name, __VA_ARGS__);    \
        if (failed) {                                      \
            if (code) *code = failed;                      \
            return NULL;                                   \
        }                                                  \
        type made = driver->cl##name arguments;            \
        board_made(board, kind, made, "cl" #name);         \
        return made;                                       \
    }

#define RETAIN(type, name, ...)                                            \
    static cl_int CL_API_CALL name(type object) {                          \
        const cl_int failed = FAULT(name, __VA_ARGS__);                    \
        const cl_int code = failed ? failed : driver->cl##name(object);    \
        if (code == CL_SUCCESS) board_retained(board, object, "cl" #name); \
        return code;                                                       \
    }

#define RELEASE(type, name, ...)                        \
    static cl_int CL_API_CALL name(type object) {       \
        const cl_int failed = FAULT(name, __VA_ARGS__); \
        board_released(board, object, "cl" #name);      \
        const cl_int code = driver->cl##name(object);   \
        return failed ? failed : code;                  \
    }

/* A function that enqueues a command; `queue`, `waits`, `wait` and `event` are its parameters. */
#define COMMAND(name, parameters, arguments, ...)                                        \
    static cl_int CL_API_CALL name parameters {                                          \
        const cl_int failed = FAULT(name, __VA_ARGS__);                                  \
        if (failed) return failed;                                                       \
        check_command("cl" #name, queue, waits, wait);                                   \
        const cl_int code = driver->cl##name arguments;                                  \
        if (board && code == CL_SUCCESS) board->commands++;                              \
        if (code == CL_SUCCESS && event) board_made(board, "event", *event, "cl" #name); \
        return code;                                                                     \
    }

static void check_command(const char *entry, cl_command_queue queue, cl_uint waits, const cl_event *wait) {
    board_used(board, queue, entry);
    for (cl_uint i = 0; i < waits; i++) board_used(board, wait[i], entry);
}

/* ---------------------------------------------------------------- devices ----------------------------- */

CALL(GetPlatformIDs, (cl_uint count, cl_platform_id *platforms, cl_uint *found), (count, platforms, found),
     CL_OUT_OF_HOST_MEMORY, CL_INVALID_VALUE)
CALL(GetPlatformInfo, (cl_platform_id platform, cl_platform_info what, size_t size, void *out, size_t *bytes),
     (platform, what, size, out, bytes), CL_OUT_OF_HOST_MEMORY, CL_INVALID_PLATFORM, CL_INVALID_VALUE)
CALL(GetDeviceIDs,
     (cl_platform_id platform, cl_device_type type, cl_uint count, cl_device_id *devices, cl_uint *found),
     (platform, type, count, devices, found), MEMORY, CL_INVALID_PLATFORM, CL_INVALID_VALUE)

static cl_int CL_API_CALL GetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *out,
                                        size_t *bytes) {
    /* CL_INVALID_VALUE would not be a failure here: by it a device answers that it has no sub-groups. */
    const cl_int failed = what == CL_DEVICE_MAX_NUM_SUB_GROUPS
                              ? FAULT(GetDeviceInfo, MEMORY, CL_INVALID_DEVICE)
                              : FAULT(GetDeviceInfo, MEMORY, CL_INVALID_DEVICE, CL_INVALID_VALUE);
    return failed ? failed : driver->clGetDeviceInfo(device, what, size, out, bytes);
}

/* ---------------------------------------------------------------- contexts and queues ----------------- */

typedef void(CL_CALLBACK *notify)(const char *text, const void *data, size_t bytes, void *user);

MAKE(cl_context, "context", CreateContext,
     (const cl_context_properties *properties, cl_uint count, const cl_device_id *devices, notify notified,
      void *user, cl_int *code),
     (properties, count, devices, notified, user, code), MEMORY, CL_DEVICE_NOT_AVAILABLE, CL_INVALID_DEVICE)
RETAIN(cl_context, RetainContext, MEMORY, CL_INVALID_CONTEXT)
RELEASE(cl_context, ReleaseContext, MEMORY, CL_INVALID_CONTEXT)
MAKE(cl_command_queue, "queue", CreateCommandQueue,
     (cl_context context, cl_device_id device, cl_command_queue_properties properties, cl_int *code),
     (context, device, properties, code), MEMORY, CL_INVALID_DEVICE, CL_INVALID_CONTEXT)
RETAIN(cl_command_queue, RetainCommandQueue, MEMORY, CL_INVALID_COMMAND_QUEUE)
RELEASE(cl_command_queue, ReleaseCommandQueue, MEMORY, CL_INVALID_COMMAND_QUEUE)
CALL(GetCommandQueueInfo,
     (cl_command_queue queue, cl_command_queue_info what, size_t size, void *out, size_t *bytes),
     (queue, what, size, out, bytes), MEMORY, CL_INVALID_COMMAND_QUEUE, CL_INVALID_VALUE)

/* ---------------------------------------------------------------- programs ---------------------------- */

MAKE(cl_program, "program", CreateProgramWithSource,
     (cl_context context, cl_uint count, const char **texts, const size_t *lengths, cl_int *code),
     (context, count, texts, lengths, code), MEMORY, CL_INVALID_CONTEXT)
MAKE(cl_program, "program", CreateProgramWithBinary,
     (cl_context context, cl_uint count, const cl_device_id *devices, const size_t *lengths,
      const unsigned char **binaries, cl_int *status, cl_int *code),
     (context, count, devices, lengths, binaries, status, code), MEMORY, CL_INVALID_BINARY, CL_INVALID_DEVICE)
RELEASE(cl_program, ReleaseProgram, MEMORY, CL_INVALID_PROGRAM)
CALL(BuildProgram,
     (cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
      void(CL_CALLBACK *notified)(cl_program, void *), void *user),
     (program, count, devices, options, notified, user), MEMORY, CL_BUILD_PROGRAM_FAILURE,
     CL_COMPILER_NOT_AVAILABLE, CL_INVALID_BINARY, CL_INVALID_OPERATION)
CALL(GetProgramBuildInfo,
     (cl_program program, cl_device_id device, cl_program_build_info what, size_t size, void *out,
      size_t *bytes),
     (program, device, what, size, out, bytes), MEMORY, CL_INVALID_PROGRAM, CL_INVALID_VALUE)
CALL(GetProgramInfo, (cl_program program, cl_program_info what, size_t size, void *out, size_t *bytes),
     (program, what, size, out, bytes), MEMORY, CL_INVALID_PROGRAM, CL_INVALID_PROGRAM_EXECUTABLE)
MAKE(cl_kernel, "kernel", CreateKernel, (cl_program program, const char *name, cl_int *code),
     (program, name, code), MEMORY, CL_INVALID_PROGRAM_EXECUTABLE, CL_INVALID_KERNEL_NAME)
RELEASE(cl_kernel, ReleaseKernel, MEMORY, CL_INVALID_KERNEL)
CALL(SetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value),
     (kernel, index, size, value), MEMORY, CL_INVALID_ARG_SIZE, CL_INVALID_MEM_OBJECT)
CALL(GetKernelInfo, (cl_kernel kernel, cl_kernel_info what, size_t size, void *out, size_t *bytes),
     (kernel, what, size, out, bytes), MEMORY, CL_INVALID_KERNEL)
CALL(GetKernelWorkGroupInfo,
     (cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what, size_t size, void *out,
      size_t *bytes),
     (kernel, device, what, size, out, bytes), MEMORY, CL_INVALID_KERNEL, CL_INVALID_DEVICE)

/* ---------------------------------------------------------------- buffers ----------------------------- */

MAKE(cl_mem, "buffer", CreateBuffer,
     (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code),
     (context, flags, size, host, code), CL_MEM_OBJECT_ALLOCATION_FAILURE, MEMORY, CL_INVALID_BUFFER_SIZE)
RETAIN(cl_mem, RetainMemObject, MEMORY, CL_INVALID_MEM_OBJECT)
RELEASE(cl_mem, ReleaseMemObject, MEMORY, CL_INVALID_MEM_OBJECT)
CALL(GetMemObjectInfo, (cl_mem mem, cl_mem_info what, size_t size, void *out, size_t *bytes),
     (mem, what, size, out, bytes), MEMORY, CL_INVALID_MEM_OBJECT)

/* ---------------------------------------------------------------- commands ---------------------------- */

#define COMMAND_CODES MEMORY, CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_INVALID_COMMAND_QUEUE

COMMAND(EnqueueNDRangeKernel,
        (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
         const size_t *global, const size_t *local, cl_uint waits, const cl_event *wait, cl_event *event),
        (queue, kernel, dimensions, offset, global, local, waits, wait, event), COMMAND_CODES,
        CL_INVALID_WORK_GROUP_SIZE, CL_INVALID_KERNEL_ARGS)
COMMAND(EnqueueNativeKernel,
        (cl_command_queue queue, void(CL_CALLBACK *function)(void *), void *args, size_t bytes, cl_uint count,
         const cl_mem *mems, const void **places, cl_uint waits, const cl_event *wait, cl_event *event),
        (queue, function, args, bytes, count, mems, places, waits, wait, event), COMMAND_CODES,
        CL_INVALID_OPERATION)
COMMAND(EnqueueMarkerWithWaitList,
        (cl_command_queue queue, cl_uint waits, const cl_event *wait, cl_event *event),
        (queue, waits, wait, event), MEMORY, CL_INVALID_COMMAND_QUEUE)
COMMAND(EnqueueReadBuffer,
        (cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset, size_t size, void *host,
         cl_uint waits, const cl_event *wait, cl_event *event),
        (queue, mem, blocking, offset, size, host, waits, wait, event), COMMAND_CODES,
        CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
COMMAND(EnqueueWriteBuffer,
        (cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset, size_t size, const void *host,
         cl_uint waits, const cl_event *wait, cl_event *event),
        (queue, mem, blocking, offset, size, host, waits, wait, event), COMMAND_CODES)
COMMAND(EnqueueReadBufferRect,
        (cl_command_queue queue, cl_mem mem, cl_bool blocking, const size_t *buffer_at, const size_t *host_at,
         const size_t *region, size_t buffer_row, size_t buffer_slice, size_t host_row, size_t host_slice,
         void *host, cl_uint waits, const cl_event *wait, cl_event *event),
        (queue, mem, blocking, buffer_at, host_at, region, buffer_row, buffer_slice, host_row, host_slice,
         host, waits, wait, event),
        COMMAND_CODES, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
COMMAND(EnqueueWriteBufferRect,
        (cl_command_queue queue, cl_mem mem, cl_bool blocking, const size_t *buffer_at, const size_t *host_at,
         const size_t *region, size_t buffer_row, size_t buffer_slice, size_t host_row, size_t host_slice,
         const void *host, cl_uint waits, const cl_event *wait, cl_event *event),
        (queue, mem, blocking, buffer_at, host_at, region, buffer_row, buffer_slice, host_row, host_slice,
         host, waits, wait, event),
        COMMAND_CODES)
COMMAND(EnqueueCopyBuffer,
        (cl_command_queue queue, cl_mem from, cl_mem to, size_t from_at, size_t to_at, size_t size,
         cl_uint waits, const cl_event *wait, cl_event *event),
        (queue, from, to, from_at, to_at, size, waits, wait, event), COMMAND_CODES, CL_MEM_COPY_OVERLAP)
COMMAND(EnqueueUnmapMemObject,
        (cl_command_queue queue, cl_mem mem, void *host, cl_uint waits, const cl_event *wait,
         cl_event *event),
        (queue, mem, host, waits, wait, event), MEMORY, CL_INVALID_VALUE)

static void *CL_API_CALL EnqueueMapBuffer(cl_command_queue queue, cl_mem mem, cl_bool blocking,
                                          cl_map_flags flags, size_t offset, size_t size, cl_uint waits,
                                          const cl_event *wait, cl_event *event, cl_int *code) {
    const cl_int failed = FAULT(EnqueueMapBuffer, COMMAND_CODES, CL_MAP_FAILURE);
    cl_int done = failed;
    void *host = NULL;
    check_command("clEnqueueMapBuffer", queue, waits, wait);
    if (!failed)
        host =
            driver->clEnqueueMapBuffer(queue, mem, blocking, flags, offset, size, waits, wait, event, &done);
    if (done == CL_SUCCESS && event) board_made(board, "event", *event, "clEnqueueMapBuffer");
    if (code) *code = done;
    return host;
}

/* ---------------------------------------------------------------- waiting ----------------------------- */

CALL(Flush, (cl_command_queue queue), (queue), MEMORY, CL_INVALID_COMMAND_QUEUE)

static cl_int CL_API_CALL Finish(cl_command_queue queue) {
    const cl_int failed = FAULT(Finish, MEMORY, CL_INVALID_COMMAND_QUEUE);
    if (failed && !board->lasting) return failed;
    const cl_int code = driver->clFinish(queue);
    return failed ? failed : code;
}

static cl_int CL_API_CALL WaitForEvents(cl_uint count, const cl_event *events) {
    const cl_int failed = FAULT(WaitForEvents, MEMORY, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
    if (failed && !board->lasting) return failed;
    for (cl_uint i = 0; i < count; i++) board_used(board, events[i], "clWaitForEvents");
    const cl_int code = driver->clWaitForEvents(count, events);
    return failed ? failed : code;
}

MAKE(cl_event, "event", CreateUserEvent, (cl_context context, cl_int *code), (context, code), MEMORY)
CALL(GetEventInfo, (cl_event event, cl_event_info what, size_t size, void *out, size_t *bytes),
     (event, what, size, out, bytes), MEMORY, CL_INVALID_EVENT, CL_INVALID_VALUE)
RETAIN(cl_event, RetainEvent, MEMORY, CL_INVALID_EVENT)
RELEASE(cl_event, ReleaseEvent, MEMORY, CL_INVALID_EVENT)

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    driver = next;
    board = board_open();
    if (board == NULL) return;
#define PUT(name) dispatch->cl##name = name
    PUT(GetPlatformIDs), PUT(GetPlatformInfo), PUT(GetDeviceIDs), PUT(GetDeviceInfo);
    PUT(CreateContext), PUT(RetainContext), PUT(ReleaseContext);
    PUT(CreateCommandQueue), PUT(RetainCommandQueue), PUT(ReleaseCommandQueue), PUT(GetCommandQueueInfo);
    PUT(CreateProgramWithSource), PUT(CreateProgramWithBinary), PUT(ReleaseProgram), PUT(BuildProgram);
    PUT(GetProgramBuildInfo), PUT(GetProgramInfo);
    PUT(CreateKernel), PUT(ReleaseKernel), PUT(SetKernelArg), PUT(GetKernelInfo), PUT(GetKernelWorkGroupInfo);
    PUT(CreateBuffer), PUT(RetainMemObject), PUT(ReleaseMemObject), PUT(GetMemObjectInfo);
    PUT(EnqueueNDRangeKernel), PUT(EnqueueNativeKernel), PUT(EnqueueMarkerWithWaitList),
        PUT(EnqueueReadBuffer), PUT(EnqueueWriteBuffer);
    PUT(EnqueueReadBufferRect), PUT(EnqueueWriteBufferRect);
    PUT(EnqueueCopyBuffer), PUT(EnqueueMapBuffer), PUT(EnqueueUnmapMemObject);
    PUT(Flush), PUT(Finish), PUT(WaitForEvents);
    PUT(CreateUserEvent), PUT(GetEventInfo), PUT(RetainEvent), PUT(ReleaseEvent);
}
