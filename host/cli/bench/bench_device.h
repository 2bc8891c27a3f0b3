/* SPDX-License-Identifier: Apache-2.0
 *
 * The device as `clxent bench` uses it: OpenCL on the queue of the tool's own clxent context, buffers, the
 * kernels of limits.cl. Functions that return int: EXIT_GOOD, or what to exit with, a message printed.
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
    uint64_t cache_bytes; /* the device's word for it; 0: it does not say */
    cl_program program;   /* of the kernels below */
    cl_kernel fill_pattern, fill_f32, fill_f16, fill_bf16, nothing;
} bench_device;

/* bench_device_close() is to be called either way. */
int bench_device_open(bench_device *d, const session *s);
void bench_device_close(bench_device *d);

/* Says which call failed, and returns EXIT_DEVICE; CL_SUCCESS: EXIT_GOOD. */
int bench_cl_check(const bench_device *d, cl_int code, const char *call);

/* limits.cl, compiled with these options; a kernel of it. */
int bench_build(const bench_device *d, const char *options, cl_program *out);
int bench_kernel(const bench_device *d, cl_program program, const char *name, cl_kernel *out);

/* `what` is for the message. */
int bench_buffer(const bench_device *d, size_t bytes, const char *what, cl_mem *out);
void bench_buffer_free(const bench_device *d, cl_mem buffer); /* NULL is fine */

/* Blocking transfers. */
int bench_read(const bench_device *d, cl_mem from, size_t offset, void *to, size_t bytes);
int bench_write(const bench_device *d, cl_mem to, const void *from, size_t bytes);

/* Enqueues one dimension of work-items, in groups of `local` (0: the driver's choice), and waits. seconds,
 * which may be NULL: how long that took. */
int bench_launch(const bench_device *d, cl_kernel kernel, size_t global, size_t local, double *seconds);

/* Waits for the queue. */
int bench_finish(const bench_device *d);

/* The logits, always the same, from `offset` of a buffer on: `count` of them, rounded up to whole words. */
int bench_fill_logits(const bench_device *d, cl_mem buffer, size_t offset, clxent_dtype dtype, int64_t count);

/* The words i * 0x9e3779b1 + salt. */
int bench_fill_pattern(const bench_device *d, cl_mem buffer, size_t words, uint32_t salt);
uint32_t bench_pattern(size_t word, uint32_t salt);

#endif
