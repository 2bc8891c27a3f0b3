/* SPDX-License-Identifier: Apache-2.0
 *
 * While CLXENT_REFUSE_SLOW is set, refuses the calls that clxent_enqueue() must not make: calls that create
 * an object other than an event, compile or wait. */
#include "layer.h"

#include <stdlib.h>

static const struct _cl_icd_dispatch *driver;

static int refuses(void) {
    return getenv("CLXENT_REFUSE_SLOW") != NULL;
}

/* A function that creates an object. Refused, it returns NULL and sets CL_OUT_OF_RESOURCES. */
#define CREATES(type, name, parameters, arguments)         \
    static type CL_API_CALL name parameters {              \
        if (!refuses()) return driver->cl##name arguments; \
        if (code) *code = CL_OUT_OF_RESOURCES;             \
        return NULL;                                       \
    }
CREATES(cl_mem, CreateBuffer, (cl_context c, cl_mem_flags flags, size_t size, void *host, cl_int *code),
        (c, flags, size, host, code))
CREATES(cl_mem, CreateSubBuffer,
        (cl_mem mem, cl_mem_flags flags, cl_buffer_create_type type, const void *info, cl_int *code),
        (mem, flags, type, info, code))
CREATES(cl_program, CreateProgramWithSource,
        (cl_context c, cl_uint n, const char **strings, const size_t *lengths, cl_int *code),
        (c, n, strings, lengths, code))
CREATES(cl_program, CreateProgramWithBinary,
        (cl_context c, cl_uint n, const cl_device_id *devices, const size_t *lengths,
         const unsigned char **binaries, cl_int *status, cl_int *code),
        (c, n, devices, lengths, binaries, status, code))
CREATES(cl_kernel, CreateKernel, (cl_program program, const char *name, cl_int *code), (program, name, code))
CREATES(void *, EnqueueMapBuffer,
        (cl_command_queue queue, cl_mem mem, cl_bool blocking, cl_map_flags flags, size_t offset, size_t size,
         cl_uint n, const cl_event *wait, cl_event *event, cl_int *code),
        (queue, mem, blocking, flags, offset, size, n, wait, event, code))

/* A function that waits or may wait. Refused, it returns CL_OUT_OF_RESOURCES. */
#define WAITS(name, parameters, arguments)                                   \
    static cl_int CL_API_CALL name parameters {                              \
        return refuses() ? CL_OUT_OF_RESOURCES : driver->cl##name arguments; \
    }
WAITS(BuildProgram,
      (cl_program program, cl_uint n, const cl_device_id *devices, const char *options,
       void(CL_CALLBACK *done)(cl_program, void *), void *data),
      (program, n, devices, options, done, data))
WAITS(Finish, (cl_command_queue queue), (queue))
WAITS(WaitForEvents, (cl_uint n, const cl_event *events), (n, events))
WAITS(EnqueueReadBuffer,
      (cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset, size_t size, void *host,
       cl_uint n, const cl_event *wait, cl_event *event),
      (queue, mem, blocking, offset, size, host, n, wait, event))
WAITS(EnqueueWriteBuffer,
      (cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset, size_t size, const void *host,
       cl_uint n, const cl_event *wait, cl_event *event),
      (queue, mem, blocking, offset, size, host, n, wait, event))
WAITS(EnqueueReadBufferRect,
      (cl_command_queue queue, cl_mem mem, cl_bool blocking, const size_t *buffer_at, const size_t *host_at,
       const size_t *region, size_t buffer_row, size_t buffer_slice, size_t host_row, size_t host_slice,
       void *host, cl_uint n, const cl_event *wait, cl_event *event),
      (queue, mem, blocking, buffer_at, host_at, region, buffer_row, buffer_slice, host_row, host_slice, host,
       n, wait, event))
WAITS(EnqueueWriteBufferRect,
      (cl_command_queue queue, cl_mem mem, cl_bool blocking, const size_t *buffer_at, const size_t *host_at,
       const size_t *region, size_t buffer_row, size_t buffer_slice, size_t host_row, size_t host_slice,
       const void *host, cl_uint n, const cl_event *wait, cl_event *event),
      (queue, mem, blocking, buffer_at, host_at, region, buffer_row, buffer_slice, host_row, host_slice, host,
       n, wait, event))

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    driver = next;
    dispatch->clCreateBuffer = CreateBuffer;
    dispatch->clCreateSubBuffer = CreateSubBuffer;
    dispatch->clCreateProgramWithSource = CreateProgramWithSource;
    dispatch->clCreateProgramWithBinary = CreateProgramWithBinary;
    dispatch->clCreateKernel = CreateKernel;
    dispatch->clEnqueueMapBuffer = EnqueueMapBuffer;
    dispatch->clBuildProgram = BuildProgram;
    dispatch->clFinish = Finish;
    dispatch->clWaitForEvents = WaitForEvents;
    dispatch->clEnqueueReadBuffer = EnqueueReadBuffer;
    dispatch->clEnqueueWriteBuffer = EnqueueWriteBuffer;
    dispatch->clEnqueueReadBufferRect = EnqueueReadBufferRect;
    dispatch->clEnqueueWriteBufferRect = EnqueueWriteBufferRect;
}
