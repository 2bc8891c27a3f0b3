/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes buffers that are larger than the driver allows, on a device whose CL_MEM_USE_HOST_PTR buffers use the
 * host memory itself (PoCL). The layer gives the driver only the first SHOWN_BYTES of the memory. The driver
 * gives kernels the address, so kernels reach all of the memory. The layer reports the whole size to the
 * program, and does the program's blocking reads and writes itself. */
#include "layer.h"

#include <string.h>

enum { MOST = 64, SHOWN_BYTES = 1 << 16 };

static const struct _cl_icd_dispatch *driver;
static struct {
    cl_mem mem;
    unsigned char *host;
    size_t bytes;
} far[MOST];

/* The buffer's index in `far`, or MOST where it is not there. NULL finds a free entry. */
static int find(cl_mem mem) {
    int i = 0;
    while (i < MOST && far[i].mem != mem) i++;
    return i;
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                                        cl_int *code) {
    const int i = find(NULL);
    if (!(flags & CL_MEM_USE_HOST_PTR) || size <= SHOWN_BYTES || i == MOST)
        return driver->clCreateBuffer(context, flags, size, host, code);
    far[i].mem = driver->clCreateBuffer(context, flags, SHOWN_BYTES, host, code);
    far[i].host = host;
    far[i].bytes = size;
    return far[i].mem;
}

static cl_int CL_API_CALL release(cl_mem mem) {
    const int i = find(mem);
    if (i < MOST) far[i].mem = NULL;
    return driver->clReleaseMemObject(mem);
}

static cl_int CL_API_CALL get_info(cl_mem mem, cl_mem_info what, size_t size, void *out, size_t *size_ret) {
    const int i = find(mem);
    const cl_int code = driver->clGetMemObjectInfo(mem, what, size, out, size_ret);
    if (code == CL_SUCCESS && out && what == CL_MEM_SIZE && i < MOST) *(size_t *)out = far[i].bytes;
    return code;
}

/* Finishes the queue and gives the host address of a far buffer's bytes at `offset`. */
static cl_int reach(int i, cl_command_queue queue, cl_bool blocking, size_t offset, size_t size,
                    cl_uint waits, const cl_event *event, unsigned char **bytes) {
    if (!blocking || waits || event) return CL_INVALID_OPERATION;
    if (offset > far[i].bytes || size > far[i].bytes - offset) return CL_INVALID_VALUE;
    *bytes = far[i].host + offset;
    return driver->clFinish(queue);
}

static cl_int CL_API_CALL write_buffer(cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset,
                                       size_t size, const void *from, cl_uint waits, const cl_event *wait,
                                       cl_event *event) {
    const int i = find(mem);
    unsigned char *bytes = NULL;
    if (i == MOST)
        return driver->clEnqueueWriteBuffer(queue, mem, blocking, offset, size, from, waits, wait, event);
    const cl_int code = reach(i, queue, blocking, offset, size, waits, event, &bytes);
    if (code == CL_SUCCESS) memcpy(bytes, from, size);
    return code;
}

static cl_int CL_API_CALL read_buffer(cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset,
                                      size_t size, void *to, cl_uint waits, const cl_event *wait,
                                      cl_event *event) {
    const int i = find(mem);
    unsigned char *bytes = NULL;
    if (i == MOST)
        return driver->clEnqueueReadBuffer(queue, mem, blocking, offset, size, to, waits, wait, event);
    const cl_int code = reach(i, queue, blocking, offset, size, waits, event, &bytes);
    if (code == CL_SUCCESS) memcpy(to, bytes, size);
    return code;
}

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    driver = next;
    dispatch->clCreateBuffer = create_buffer;
    dispatch->clReleaseMemObject = release;
    dispatch->clGetMemObjectInfo = get_info;
    dispatch->clEnqueueWriteBuffer = write_buffer;
    dispatch->clEnqueueReadBuffer = read_buffer;
}
