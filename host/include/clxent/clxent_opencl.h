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
 * call is as good as if this one had not been. What drivers add to that: host/doc/manual/threading.md.
 * ERR_BUFFER (sizes are checked by CL_MEM_SIZE; overlaps within one cl_mem are seen, those between
 * sub-buffers of one parent are not), ERR_ARGUMENT, ERR_SHAPE, ERR_UNSUPPORTED, ERR_OPENCL, ERR_BUILD,
 * ERR_MEMORY, ERR_FORK. */
CLXENT_API clxent_status clxent_enqueue(clxent_plan *plan, const clxent_buffers *buffers, cl_uint n_wait,
                                        const cl_event *wait, cl_event *event);

/* The same call in phases, for logits that never exist all at once: an output layer that is computed in
 * blocks, a pipeline.
 *
 *     clxent_enqueue_begin(plan, &b, ...);                    from the targets: counts, divisors
 *     for each block of rows {
 *         (the caller computes the block's logits)
 *         clxent_enqueue_rows(plan, first_row, rows, &b, ...);    each row's outputs, its finished gradient
 *         (the caller uses the block's gradient, which may stand in place of the logits)
 *     }
 *     clxent_enqueue_end(plan, &b, ...);                      the loss
 *
 * The results have the bits of one clxent_enqueue() of all rows, whatever the blocks and their order. Each
 * row is in one block. b->rows is the number of all rows, and of `inner` a block has whole multiples.
 *
 * The (N,C) members of `b` (logits, grad, log_probs, probs; probability targets; a softmax's grad_output)
 * hold the block alone: their first row is row first_row. Begin and end do not look at them. All other
 * members have something for all rows of the call, and are the same in each phase: targets, weights, segment,
 * outputs of a number a row. Their contents must not change between the phases. `loss` and `counts` are given
 * in all phases or in none; workspace and scalars are those of begin.
 *
 * A plan has one such call open at a time. Begin opens it, and forgets one that was not ended; end closes it.
 * While it is open, clxent_enqueue() on the plan needs that one of the two has a workspace of its own. On an
 * out-of-order queue each phase waits for the one before. A phase that fails may be tried again; after a
 * failed begin no call is open.
 *
 * All that clxent_enqueue() says of events, failures and errors holds for each phase. ERR_ARGUMENT too: rows
 * or end without begin, a row in two blocks, end with rows missing, other scalars. ERR_SHAPE: a block out of
 * range, other rows. ERR_BUFFER: another workspace, `loss` or `counts` in one phase and not in another. */
CLXENT_API clxent_status clxent_enqueue_begin(clxent_plan *plan, const clxent_buffers *buffers,
                                              cl_uint n_wait, const cl_event *wait, cl_event *event);
CLXENT_API clxent_status clxent_enqueue_rows(clxent_plan *plan, int64_t first_row, int64_t rows,
                                             const clxent_buffers *buffers, cl_uint n_wait,
                                             const cl_event *wait, cl_event *event);
CLXENT_API clxent_status clxent_enqueue_end(clxent_plan *plan, const clxent_buffers *buffers, cl_uint n_wait,
                                            const cl_event *wait, cl_event *event);

/* clxent_merge_states() on device buffers, enqueued like a call: `count` arrays of states in `states`, the
 * result in `out`, another buffer or another part of it. Nobody looks at the states: where they are not of
 * this plan's kind, or not of slices side by side, the result is of no kind, and a loss from it NaN. */
CLXENT_API clxent_status clxent_enqueue_merge_states(clxent_plan *plan, const clxent_scalars *scalars,
                                                     int64_t rows, size_t count, clxent_buffer states,
                                                     clxent_buffer out, cl_uint n_wait, const cl_event *wait,
                                                     cl_event *event);

/* Bytes of scratch that a call of this plan needs (its largest number of rows). ERR_ARGUMENT; ERR_MEMORY
 * where a size_t of 32 bits does not hold them. */
CLXENT_API clxent_status clxent_workspace_bytes(const clxent_plan *plan, size_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
