/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent for programs that own an OpenCL queue and cl_mem buffers: a wait list in, an event out.
 * Read clxent.h first; everything there about shapes, types and options holds here.
 *
 * Define CL_TARGET_OPENCL_VERSION as your own program needs it (120 or more) before this header.
 * clxent looks up the OpenCL library at run time: the one that your program has linked, else libOpenCL.so.1.
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

/* Creates a context on the caller's queue, in-order or out-of-order, of a device of OpenCL 1.2 or later.
 * Retains the queue. Ignores options->device. Errors as of clxent_ctx_create(). ERR_FORK: this library opened
 * OpenCL in a process that this one was forked from. (The library does not notice a queue that the program
 * itself brought along through fork(); such a queue is just as unusable.) */
CLXENT_API clxent_status clxent_ctx_create_from_queue(clxent_ctx **out, cl_command_queue queue,
                                                      const clxent_ctx_options *options, clxent_error *err);

/* The context's queue; borrowed, not retained. NULL for NULL. */
CLXENT_API cl_command_queue clxent_ctx_queue(const clxent_ctx *ctx);

/* A device buffer and a byte offset into it, a multiple of the element's size; mem NULL: absent. */
typedef struct clxent_buffer {
    cl_mem mem;
    size_t offset;
} clxent_buffer;

/* The buffers of one call. After `workspace` come the members of clxent_arrays (logits, targets, ..., state),
 * with the same rules. */
#define CLXENT_BUFFER_(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin) \
    clxent_buffer name;
typedef struct clxent_buffers {
    size_t struct_size;
    int64_t rows;
    const clxent_scalars *scalars;
    /* Scratch of clxent_workspace_bytes(); its offset is a multiple of 8. No other call may use it until this
     * call's event completes; for a call in phases, that is from begin until the event of end. Absent: the
     * plan's own, which the plan's calls use one after the other. */
    clxent_buffer workspace;
    CLXENT_ARRAY_MAP(CLXENT_BUFFER_)
} clxent_buffers;
#define CLXENT_BUFFERS_INIT \
    { sizeof(clxent_buffers), CLXENT_ALL_ROWS, NULL, {NULL, 0}, CLXENT_ARRAY_MAP(CLXENT_ABSENT_) }
CLXENT_API void clxent_buffers_init_sized(clxent_buffers *out, size_t struct_size);
CLXENT_INLINE_INIT_(buffers)

/* Enqueues the kernels on the context's queue after the events of `wait`, and returns. It never blocks and
 * never finishes the queue. It allocates device memory only on the first call of a plan, and none when
 * buffers->workspace is given. *event (when event is not NULL) completes with the last kernel; the caller
 * releases it. Buffers must stay alive until then. `counts` reports bad targets, and the caller reads it when
 * it likes; rows with a bad target are not counted. On failure *event is NULL, and the caller must not rely
 * on anything that the call enqueued. Those commands may still run: finish the queue before you read or
 * release the buffers. The context and the plan remain usable.
 *
 * Profiling: a call has several kernels, and *event is the event of the last one alone. Its
 * CL_PROFILING_COMMAND_END is the end of the call; its QUEUED, SUBMIT and START are those of that kernel. To
 * time the call, enqueue a marker before it, put the marker's event into `wait`, and subtract the marker's
 * END from that of *event.
 *
 * The call refuses an event of `wait` that has failed (a negative status), with ERR_OPENCL. An event that
 * fails later makes the call fail: *event gets a negative status, and the caller must not rely on the
 * outputs. A later call works as if this one had not been made. host/doc/manual/threading.md says where
 * drivers differ.
 * ERR_BUFFER (the library checks sizes by CL_MEM_SIZE; it sees overlaps within one cl_mem, but not between
 * sub-buffers of one parent), ERR_ARGUMENT, ERR_SHAPE, ERR_UNSUPPORTED, ERR_OPENCL, ERR_BUILD, ERR_MEMORY,
 * ERR_FORK. */
CLXENT_API clxent_status clxent_enqueue(clxent_plan *plan, const clxent_buffers *buffers, cl_uint n_wait,
                                        const cl_event *wait, cl_event *event);

/* The same call in phases, for logits that never exist all at once, as in an output layer that is computed in
 * blocks, or in a pipeline.
 *
 *     clxent_enqueue_begin(plan, &b, ...);                    from the targets: counts, divisors
 *     for each block of rows {
 *         (the caller computes the block's logits)
 *         clxent_enqueue_rows(plan, first_row, rows, &b, ...);    each row's outputs, its finished gradient
 *         (the caller uses the block's gradient, which may stand in place of the logits)
 *     }
 *     clxent_enqueue_end(plan, &b, ...);                      the loss
 *
 * The results have the same bits as one clxent_enqueue() of all rows, whatever the blocks and their order.
 * Each row must be in exactly one block. b->rows is the number of all rows. A block has a multiple of `inner`
 * rows and begins at one.
 *
 * The (N,C) members of `b` (logits, grad, log_probs, probs; probability targets; a softmax's grad_output)
 * hold the block alone: their first row is row first_row. Begin and end ignore them. All other members
 * (targets, weights, segment, outputs of a number a row) have something for all rows of the call. The caller
 * gives the same ones in each phase, and does not change their contents between the phases. It gives `loss`
 * and `counts` in all phases or in none. It gives the workspace and the scalars of begin in each phase.
 *
 * A plan has at most one such call open at a time. Begin opens it, and drops an open call that was not ended;
 * end closes it. The open call holds its workspace from begin until the event of end: the one that it was
 * given, else the plan's own. No other call may use that memory, not even for an array. While the call is
 * open, clxent_enqueue() and clxent_enqueue_merge_states() of the same plan refuse such memory
 * (ERR_ARGUMENT); calls of other plans cannot see the mistake. So while a call on the plan's own workspace is
 * open, give clxent_enqueue() another one. On an out-of-order queue each phase waits for the phase before. A
 * phase that fails may be tried again; after a failed begin no call is open.
 *
 * The rules of clxent_enqueue() for events, failures and errors hold for each phase. In addition,
 * ERR_ARGUMENT: rows or end without begin, a row in two blocks, end with rows missing, other scalars.
 * ERR_SHAPE: a block out of range, another number of rows. ERR_BUFFER: another workspace, or `loss` or
 * `counts` in one phase and not in another. */
CLXENT_API clxent_status clxent_enqueue_begin(clxent_plan *plan, const clxent_buffers *buffers,
                                              cl_uint n_wait, const cl_event *wait, cl_event *event);
CLXENT_API clxent_status clxent_enqueue_rows(clxent_plan *plan, int64_t first_row, int64_t rows,
                                             const clxent_buffers *buffers, cl_uint n_wait,
                                             const cl_event *wait, cl_event *event);
CLXENT_API clxent_status clxent_enqueue_end(clxent_plan *plan, const clxent_buffers *buffers, cl_uint n_wait,
                                            const cl_event *wait, cl_event *event);

/* clxent_merge_states() on device buffers, enqueued like a call. `states` has `count` arrays of states. The
 * result goes to `out`, another buffer or another part of the same one. The host does not check the states:
 * where they are not of this plan's kind, or their slices are not side by side, the result has no valid KIND,
 * and a loss from it is NaN. */
CLXENT_API clxent_status clxent_enqueue_merge_states(clxent_plan *plan, const clxent_scalars *scalars,
                                                     int64_t rows, size_t count, clxent_buffer states,
                                                     clxent_buffer out, cl_uint n_wait, const cl_event *wait,
                                                     cl_event *event);

/* ---------------------------------------------------------------- matrix products --------------------- */

/* A matrix of a product. Element (i, j) of the stored matrix is element i * row_stride + j behind the
 * buffer's offset. */
typedef struct clxent_matrix {
    clxent_buffer buffer;
    int64_t row_stride;
    int32_t transposed; /* 1: the product takes the transpose of the stored matrix */
    clxent_dtype dtype; /* default: f32 */
} clxent_matrix;

/* c = a b + beta c, with a (m,k), b (k,n) and c (m,n); c is not transposed. m, n and k are at least 1. beta
 * is 0 or 1; with 0 the product only writes c, and what c held does not matter. c is f32. a and b have one
 * type: f32, or one of clxent_gemm.dtypes. Their products are exact, and the sums are f32.
 *
 * A call of linear cross entropy leaves out the rows that do not count. How many count is known on the device
 * alone: row_count holds that number, an int32. Of the dimension `counted` ('m' or 'k') only the indices
 * below max(0, min(row_count - first_row, that dimension)) exist. The product need not write the rows of c
 * that do not exist, and must not read the rows of a and b that do not exist. When no index of k exists, the
 * product is 0. */
typedef struct clxent_product {
    size_t struct_size;
    int64_t m, n, k;
    clxent_matrix a, b, c;
    float beta;
    int32_t counted; /* 'm', 'k', or 0: all indices exist, and row_count is absent */
    int64_t first_row;
    clxent_buffer row_count;
} clxent_product;

/* Who computes matrix products. `enqueue` enqueues a product on the queue, behind the events of `wait`; it
 * sets *event, when event is not NULL, to an event that completes with the product. It does not block. On an
 * in-order queue n_wait may be 0. It returns CLXENT_OK, or a status that the call of clxent then returns. */
typedef struct clxent_gemm {
    size_t struct_size;
    const char *name; /* for messages; not NULL */
    clxent_status (*enqueue)(void *user, cl_command_queue queue, const clxent_product *product,
                             cl_uint n_wait, const cl_event *wait, cl_event *event);
    void *user;
    /* 1: enqueue() heeds row_count. 0: it takes all rows, and the library sets `counted` to 0, and rows that
     * do not count to 0 in a and b. Then rows that do not count cost as much as others. */
    int32_t heeds_row_count;
    /* The types besides f32 that a and b may both have: the bits 1 << CLXENT_BF16 and 1 << CLXENT_F16. Where
     * hidden and classifier are both bf16, linear cross entropy gives bf16 to a provider that takes it. */
    uint32_t dtypes;
} clxent_gemm;
#define CLXENT_GEMM_INIT \
    { sizeof(clxent_gemm), NULL, NULL, NULL, 0, 0 }

/* Sets who computes the products of the plans that the context creates from now on. The library copies the
 * struct; what `name` and `user` point to must live as long as these plans. NULL: the library chooses again,
 * as clxent_ctx_options.gemm says. ERR_ARGUMENT. */
CLXENT_API clxent_status clxent_ctx_set_gemm(clxent_ctx *ctx, const clxent_gemm *gemm);

/* Who computes products of such factors for the plans that the context creates from now on ("openblas"), and
 * why it does or what it uses ("OpenBLAS 0.3.21, SkylakeX kernels, 2 threads"; "libopenblas.so.0 is not
 * installed (Debian and Ubuntu: libopenblas0-pthread)"). Opens the provider, as the first such plan does.
 * Each pointer may be NULL. The strings live as long as the context, but those of clxent_ctx_set_gemm() are
 * the caller's. On failure both are NULL. ERR_ARGUMENT, ERR_UNSUPPORTED, ERR_BUILD, ERR_OPENCL, ERR_MEMORY,
 * ERR_FORK. */
CLXENT_API clxent_status clxent_ctx_gemm(clxent_ctx *ctx, clxent_dtype dtype, const char **name,
                                         const char **why);

/* Enqueues one product on the context's queue, by who computes such products of its plans. A program can
 * compare the time of a loss with that of its products. Events as in clxent_enqueue(). c shares no bytes with
 * a, b and row_count, from the first element of each to its last. ERR_ARGUMENT, ERR_SHAPE, ERR_BUFFER, and
 * the errors of clxent_ctx_gemm(). ERR_DTYPE: the provider does not take the types. ERR_UNSUPPORTED also if
 * `counted` is not 0 and heeds_row_count is. */
CLXENT_API clxent_status clxent_ctx_enqueue_product(clxent_ctx *ctx, const clxent_product *product,
                                                    cl_uint n_wait, const cl_event *wait, cl_event *event);

/* Bytes of scratch that a call of all the plan's rows needs.
 * ERR_ARGUMENT. ERR_MEMORY: a size_t of 32 bits does not hold that number. */
CLXENT_API clxent_status clxent_workspace_bytes(const clxent_plan *plan, size_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
