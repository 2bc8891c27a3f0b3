/* SPDX-License-Identifier: Apache-2.0
 *
 * The device of `clxent bench`: OpenCL on the queue of the tool's clxent context, buffers, and the kernels of
 * limits.cl. A function that returns int returns EXIT_GOOD, or prints a message and returns the exit code.
 */
#ifndef CLXENT_CLI_BENCH_DEVICE_H
#define CLXENT_CLI_BENCH_DEVICE_H

#include "bench_opencl.h"
#include "session/session.h"

#include <stddef.h>

typedef struct bench_device {
    const session *session;
    bench_cl cl;
    cl_command_queue queue; /* the context's */
    cl_context context;
    cl_device_id id;
    uint64_t cache_bytes; /* as the device reports it; 0: it reports none */
    cl_program program;   /* of the kernels below */
    cl_kernel fill_pattern, fill_f32, fill_f16, fill_bf16, nothing;
} bench_device;

/* The caller calls bench_device_close() even if this fails. */
int bench_device_open(bench_device *d, const session *s);
void bench_device_close(bench_device *d);

/* Returns EXIT_GOOD for CL_SUCCESS. Else it prints which call failed, and returns EXIT_DEVICE. */
int bench_cl_check(const bench_device *d, cl_int code, const char *call);

/* Compile limits.cl with these options, and make a kernel of the program. */
int bench_build(const bench_device *d, const char *options, cl_program *out);
int bench_kernel(const bench_device *d, cl_program program, const char *name, cl_kernel *out);

/* Makes a buffer. The message names it as `what`. */
int bench_buffer(const bench_device *d, size_t bytes, const char *what, cl_mem *out);
void bench_buffer_free(const bench_device *d, cl_mem buffer); /* NULL is fine */

/* Blocking transfers. */
int bench_read(const bench_device *d, cl_mem from, size_t offset, void *to, size_t bytes);
int bench_write(const bench_device *d, cl_mem to, const void *from, size_t bytes);

/* Enqueues a kernel in one dimension, in work-groups of `local` (0: the driver chooses), and waits. *seconds
 * is the time of both; `seconds` may be NULL. */
int bench_launch(const bench_device *d, cl_kernel kernel, size_t global, size_t local, double *seconds);

/* Enqueues a call of a plan and waits. *seconds is the time of both, *enqueue_seconds the time until the call
 * returned; both may be NULL. */
int bench_enqueue(const bench_device *d, clxent_plan *plan, const clxent_buffers *buffers, double *seconds,
                  double *enqueue_seconds);

/* Waits for the queue. */
int bench_finish(const bench_device *d);

/* Writes `count` logits, rounded up to whole words, from `offset` of a buffer on. They never vary. */
int bench_fill_logits(const bench_device *d, cl_mem buffer, size_t offset, clxent_dtype dtype, int64_t count);

/* Writes the words i * 0x9e3779b1 + salt to a buffer; bench_pattern() returns one of them. */
int bench_fill_pattern(const bench_device *d, cl_mem buffer, size_t words, uint32_t salt);
uint32_t bench_pattern(size_t word, uint32_t salt);

#endif
