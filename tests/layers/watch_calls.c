/* SPDX-License-Identifier: Apache-2.0
 *
 * Records the calls that move data, run kernels, wait, and make or release objects. The file that
 * CLXENT_RECORD names gets one line for each call:
 *
 *     clEnqueueWriteBuffer QUEUE BLOCKING BYTES EVENTS
 *
 * QUEUE is the queue's address in hexadecimal. EVENTS is the number of event references that the call made;
 * a negative number counts released references. A field that a call does not have is 0. A buffer's release is
 * recorded when its last reference goes, with the buffer's size; parts of buffers are not. When a call makes
 * no object, the line names no_buffer or no_queue.
 *
 * If CLXENT_FAIL_CALL is set, the call of that number in the file fails with CL_OUT_OF_RESOURCES. It then
 * does nothing, but a wait still waits. Retains and releases have no number and never fail. The variables may
 * change between calls. A new file starts the numbers anew. */
#include "layer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct _cl_icd_dispatch *driver;

static long call_number; /* in the current file */

static FILE *record_file(void) {
    static char name[1024];
    static FILE *file;
    const char *wanted = getenv("CLXENT_RECORD");
    if (strcmp(name, wanted ? wanted : "") == 0) return file;
    if (file) fclose(file);
    snprintf(name, sizeof name, "%s", wanted ? wanted : "");
    file = wanted ? fopen(wanted, "w") : NULL;
    if (wanted && !file) {
        perror(wanted);
        exit(2);
    }
    call_number = 0;
    return file;
}

static void write_down(const char *call, const void *queue, cl_bool blocking, size_t bytes, int events) {
    FILE *file = record_file();
    if (file == NULL) return;
    fprintf(file, "%s %llx %d %zu %d\n", call, (unsigned long long)(uintptr_t)queue, blocking ? 1 : 0, bytes,
            events);
    fflush(file);
}

/* Counts this call. True when it must fail. */
static bool fails(void) {
    const char *wanted = getenv("CLXENT_FAIL_CALL");
    if (record_file() == NULL) return false;
    call_number++;
    return wanted && strtol(wanted, NULL, 10) == call_number;
}

/* Records a call and returns its code. A failed call made no event. */
#define RETURN(call, queue, blocking, bytes, event)                                              \
    do {                                                                                         \
        write_down(call, queue, blocking, bytes, (event) != NULL && code == CL_SUCCESS ? 1 : 0); \
        return code;                                                                             \
    } while (0)

/* ---------------------------------------------------------------- commands ---------------------------- */

static cl_int CL_API_CALL enqueue_write(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                        size_t offset, size_t size, const void *host, cl_uint waits,
                                        const cl_event *wait, cl_event *event) {
    const cl_int code = fails() ? CL_OUT_OF_RESOURCES
                                : driver->clEnqueueWriteBuffer(queue, buffer, blocking, offset, size, host,
                                                               waits, wait, event);
    RETURN("clEnqueueWriteBuffer", queue, blocking, size, event);
}

static cl_int CL_API_CALL enqueue_read(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset,
                                       size_t size, void *host, cl_uint waits, const cl_event *wait,
                                       cl_event *event) {
    const cl_int code = fails() ? CL_OUT_OF_RESOURCES
                                : driver->clEnqueueReadBuffer(queue, buffer, blocking, offset, size, host,
                                                              waits, wait, event);
    RETURN("clEnqueueReadBuffer", queue, blocking, size, event);
}

/* BYTES of a rectangle counts the copied bytes alone. */
static cl_int CL_API_CALL enqueue_write_rect(cl_command_queue queue, cl_mem mem, cl_bool blocking,
                                             const size_t *buffer_at, const size_t *host_at,
                                             const size_t *region, size_t buffer_row, size_t buffer_slice,
                                             size_t host_row, size_t host_slice, const void *host,
                                             cl_uint waits, const cl_event *wait, cl_event *event) {
    const cl_int code = fails() ? CL_OUT_OF_RESOURCES
                                : driver->clEnqueueWriteBufferRect(queue, mem, blocking, buffer_at, host_at,
                                                                   region, buffer_row, buffer_slice, host_row,
                                                                   host_slice, host, waits, wait, event);
    RETURN("clEnqueueWriteBufferRect", queue, blocking, region[0] * region[1] * region[2], event);
}

static cl_int CL_API_CALL enqueue_read_rect(cl_command_queue queue, cl_mem mem, cl_bool blocking,
                                            const size_t *buffer_at, const size_t *host_at,
                                            const size_t *region, size_t buffer_row, size_t buffer_slice,
                                            size_t host_row, size_t host_slice, void *host, cl_uint waits,
                                            const cl_event *wait, cl_event *event) {
    const cl_int code = fails() ? CL_OUT_OF_RESOURCES
                                : driver->clEnqueueReadBufferRect(queue, mem, blocking, buffer_at, host_at,
                                                                  region, buffer_row, buffer_slice, host_row,
                                                                  host_slice, host, waits, wait, event);
    RETURN("clEnqueueReadBufferRect", queue, blocking, region[0] * region[1] * region[2], event);
}

static void *CL_API_CALL enqueue_map(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                     cl_map_flags flags, size_t offset, size_t size, cl_uint waits,
                                     const cl_event *wait, cl_event *event, cl_int *code_ret) {
    cl_int code = CL_OUT_OF_RESOURCES;
    void *host = fails() ? NULL
                         : driver->clEnqueueMapBuffer(queue, buffer, blocking, flags, offset, size, waits,
                                                      wait, event, &code);
    write_down("clEnqueueMapBuffer", queue, blocking, size, event && code == CL_SUCCESS ? 1 : 0);
    if (code_ret) *code_ret = code;
    return host;
}

static cl_int CL_API_CALL enqueue_unmap(cl_command_queue queue, cl_mem buffer, void *host, cl_uint waits,
                                        const cl_event *wait, cl_event *event) {
    const cl_int code = fails() ? CL_OUT_OF_RESOURCES
                                : driver->clEnqueueUnmapMemObject(queue, buffer, host, waits, wait, event);
    RETURN("clEnqueueUnmapMemObject", queue, CL_FALSE, 0, event);
}

static cl_int CL_API_CALL enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                         const size_t *offset, const size_t *global, const size_t *local,
                                         cl_uint waits, const cl_event *wait, cl_event *event) {
    const cl_int code = fails() ? CL_OUT_OF_RESOURCES
                                : driver->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global,
                                                                 local, waits, wait, event);
    RETURN("clEnqueueNDRangeKernel", queue, CL_FALSE, 0, event);
}

static cl_int CL_API_CALL enqueue_marker(cl_command_queue queue, cl_uint waits, const cl_event *wait,
                                         cl_event *event) {
    const cl_int code =
        fails() ? CL_OUT_OF_RESOURCES : driver->clEnqueueMarkerWithWaitList(queue, waits, wait, event);
    RETURN("clEnqueueMarkerWithWaitList", queue, CL_FALSE, 0, event);
}

/* ---------------------------------------------------------------- waiting ----------------------------- */

static cl_int CL_API_CALL flush(cl_command_queue queue) {
    const cl_int code = fails() ? CL_OUT_OF_RESOURCES : driver->clFlush(queue);
    RETURN("clFlush", queue, CL_FALSE, 0, NULL);
}

static cl_int CL_API_CALL finish(cl_command_queue queue) {
    const bool failing = fails();
    const cl_int done = driver->clFinish(queue), code = failing ? CL_OUT_OF_RESOURCES : done;
    RETURN("clFinish", queue, CL_TRUE, 0, NULL);
}

static cl_int CL_API_CALL wait_for_events(cl_uint count, const cl_event *events) {
    const bool failing = fails();
    const cl_int done = driver->clWaitForEvents(count, events), code = failing ? CL_OUT_OF_RESOURCES : done;
    RETURN("clWaitForEvents", NULL, CL_TRUE, 0, NULL);
}

static cl_int CL_API_CALL retain_event(cl_event event) {
    write_down("clRetainEvent", NULL, CL_FALSE, 0, 1);
    return driver->clRetainEvent(event);
}

static cl_int CL_API_CALL release_event(cl_event event) {
    write_down("clReleaseEvent", NULL, CL_FALSE, 0, -1);
    return driver->clReleaseEvent(event);
}

/* ---------------------------------------------------------------- objects ----------------------------- */

static cl_command_queue CL_API_CALL create_queue(cl_context context, cl_device_id device,
                                                 cl_command_queue_properties properties, cl_int *code_ret) {
    cl_int code = CL_OUT_OF_RESOURCES;
    cl_command_queue queue =
        fails() ? NULL : driver->clCreateCommandQueue(context, device, properties, &code);
    write_down(queue ? "clCreateCommandQueue" : "no_queue", queue, CL_FALSE, 0, 0);
    if (code_ret) *code_ret = code;
    return queue;
}

static cl_int CL_API_CALL release_queue(cl_command_queue queue) {
    write_down("clReleaseCommandQueue", queue, CL_FALSE, 0, 0);
    return driver->clReleaseCommandQueue(queue);
}

/* The buffers that exist, with the references that the program has. The driver counts its own ones too. */
enum { MOST_BUFFERS = 4096 };
static struct {
    cl_mem buffer;
    int references;
} buffers[MOST_BUFFERS];

/* Changes the references of a buffer, or enters a new one. Returns how many there are now; -1: it is a part
 * of a buffer, or none. */
static int refer(cl_mem buffer, bool is_new, int change) {
    int at = 0;
    while (at < MOST_BUFFERS && buffers[at].buffer != (is_new ? NULL : buffer)) at++;
    if (at == MOST_BUFFERS) return -1;
    buffers[at].buffer = buffer;
    buffers[at].references += change;
    if (buffers[at].references == 0) buffers[at].buffer = NULL;
    return buffers[at].references;
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                                        cl_int *code_ret) {
    cl_int code = CL_OUT_OF_RESOURCES;
    cl_mem buffer = fails() ? NULL : driver->clCreateBuffer(context, flags, size, host, &code);
    if (buffer) refer(buffer, true, 1);
    write_down(buffer ? "clCreateBuffer" : "no_buffer", NULL, CL_FALSE, size, 0);
    if (code_ret) *code_ret = code;
    return buffer;
}

static cl_int CL_API_CALL retain_buffer(cl_mem buffer) {
    refer(buffer, false, 1);
    return driver->clRetainMemObject(buffer);
}

static cl_int CL_API_CALL release_buffer(cl_mem buffer) {
    size_t bytes = 0;
    driver->clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    if (refer(buffer, false, -1) == 0) write_down("clReleaseMemObject", NULL, CL_FALSE, bytes, 0);
    return driver->clReleaseMemObject(buffer);
}

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    driver = next;
    dispatch->clEnqueueWriteBuffer = enqueue_write;
    dispatch->clEnqueueReadBuffer = enqueue_read;
    dispatch->clEnqueueWriteBufferRect = enqueue_write_rect;
    dispatch->clEnqueueReadBufferRect = enqueue_read_rect;
    dispatch->clEnqueueMapBuffer = enqueue_map;
    dispatch->clEnqueueUnmapMemObject = enqueue_unmap;
    dispatch->clEnqueueNDRangeKernel = enqueue_kernel;
    dispatch->clEnqueueMarkerWithWaitList = enqueue_marker;
    dispatch->clFlush = flush;
    dispatch->clFinish = finish;
    dispatch->clWaitForEvents = wait_for_events;
    dispatch->clRetainEvent = retain_event;
    dispatch->clReleaseEvent = release_event;
    dispatch->clCreateCommandQueue = create_queue;
    dispatch->clReleaseCommandQueue = release_queue;
    dispatch->clCreateBuffer = create_buffer;
    dispatch->clRetainMemObject = retain_buffer;
    dispatch->clReleaseMemObject = release_buffer;
}
