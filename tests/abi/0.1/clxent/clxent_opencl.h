/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent for programs that own an OpenCL queue and cl_mem buffers: a wait list in, an event out.
 * Read clxent.h first; everything there about shapes, types and options holds here.
 *
 * Define CL_TARGET_OPENCL_VERSION as your own program needs it (120 or more) before this header.
 * The OpenCL library is looked up at run time: the one your program has linked, else libOpenCL.so.1.
 */
#ifndef CLXENT_CLXENT_OPENCL_H
#define CLXENT_CLXENT_OPENCL_H

#ifdef __APPLE__
#include <OpenCL/opencl.h>
#else
#include <CL/cl.h>
#endif

#include <clxent/clxent.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A context on the caller's queue, in-order or out-of-order, of an OpenCL 1.2 device or later. The
 * queue is retained. options->device is not used. Errors as clxent_ctx_create(): ERR_FORK when this library
 * opened OpenCL in a process that this one was forked from. (A queue that the program itself brought along
 * through fork() is not seen, and is as unusable.) */
CLXENT_API clxent_status clxent_ctx_create_from_queue(clxent_ctx **out, cl_command_queue queue,
                                                      const clxent_ctx_options *options, clxent_error *err);

/* The context's queue; borrowed, not retained. NULL for NULL. */
CLXENT_API cl_command_queue clxent_ctx_queue(const clxent_ctx *ctx);

/* A device buffer and a byte offset into it, a multiple of the element's size; mem NULL: absent. */
typedef struct clxent_buffer {
    cl_mem mem;
    size_t offset;
} clxent_buffer;

/* The buffers of one call: after `workspace` the members of clxent_arrays (logits, targets, ..., counts), and
 * the same rules. */
#define CLXENT_BUFFER_(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm) \
    clxent_buffer name;
typedef struct clxent_buffers {
    size_t struct_size;
    int64_t rows;
    const clxent_scalars *scalars;
    /* Scratch of clxent_workspace_bytes(), offset a multiple of 8, for this call alone until its event
     * completes. Absent: the plan's own, which the plan's calls use one after the other. */
    clxent_buffer workspace;
    CLXENT_ARRAY_MAP(CLXENT_BUFFER_)
} clxent_buffers;
#define CLXENT_BUFFERS_INIT \
    { sizeof(clxent_buffers), CLXENT_ALL_ROWS, NULL, {NULL, 0}, CLXENT_ARRAY_MAP(CLXENT_ABSENT_) }
CLXENT_API void clxent_buffers_init_sized(clxent_buffers *out, size_t struct_size);
CLXENT_INLINE_INIT_(buffers)

/* Enqueues the kernels on the context's queue after the events of `wait`, and returns: it never blocks
 * or finishes the queue, and allocates device memory only on its first call for a plan (none when
 * buffers->workspace is given). *event (when event is not NULL) completes with the last kernel; the
 * caller releases it. Buffers must stay alive until then. Bad targets are reported in `counts`, which
 * the caller reads when it likes; their rows count nothing. On failure *event is NULL and nothing that
 * the call enqueued may be relied on; it may still run: finish the queue before the buffers are read or
 * given back. The context and the plan remain usable.
 *
 * Profiling: a call is several kernels, and *event is the last one's alone. Its CL_PROFILING_COMMAND_END is
 * the end of the call; its QUEUED, SUBMIT and START are that kernel's. For the time of the call enqueue a
 * marker before it, put the marker's event into `wait`, and subtract the marker's END from that of *event.
 *
 * An event of `wait` that has failed (a negative status) is refused with ERR_OPENCL. One that fails later
 * makes the call fail: *event gets a negative status, nothing is written that may be relied on, and a later
 * call is as good as if this one had not been. What drivers add to that: host/doc/threading.md. ERR_BUFFER
 * (sizes are checked by CL_MEM_SIZE; overlaps within one cl_mem are seen, those between sub-buffers of one
 * parent are not), ERR_ARGUMENT, ERR_SHAPE, ERR_UNSUPPORTED, ERR_OPENCL, ERR_BUILD, ERR_MEMORY, ERR_FORK. */
CLXENT_API clxent_status clxent_enqueue(clxent_plan *plan, const clxent_buffers *buffers, cl_uint n_wait,
                                        const cl_event *wait, cl_event *event);

/* Bytes of scratch that a call of this plan needs (its largest number of rows). ERR_ARGUMENT; ERR_MEMORY
 * where a size_t of 32 bits does not hold them. */
CLXENT_API clxent_status clxent_workspace_bytes(const clxent_plan *plan, size_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
