/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_device.h.
 */
#include "bench_device.h"
#include "bench_kernels.h"

#include <stdio.h>
#include <stdlib.h>

int bench_cl_check(const bench_device *d, cl_int code, const char *call) {
    if (code == CL_SUCCESS) return EXIT_GOOD;
    tool_error(d->session->command, EXIT_DEVICE, "%s failed on \"%s\": OpenCL error (%d)", call,
               d->session->device.name, code);
    session_advise(d->session, CLXENT_ERR_OPENCL);
    return EXIT_DEVICE;
}

int bench_build(const bench_device *d, const char *options, cl_program *out) {
    const bench_kernel_source *source = &bench_kernel_sources[0];
    cl_int code = CL_SUCCESS;
    *out =
        d->cl.CreateProgramWithSource(d->context, 1, (const char *[]){source->text}, &source->length, &code);
    if (code != CL_SUCCESS) {
        *out = NULL;
        return bench_cl_check(d, code, "clCreateProgramWithSource");
    }
    code = d->cl.BuildProgram(*out, 1, &d->id, options, NULL, NULL);
    if (code == CL_SUCCESS) return EXIT_GOOD;
    char log[4096] = "";
    d->cl.GetProgramBuildInfo(*out, d->id, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL);
    tool_error(d->session->command, EXIT_DEVICE,
               "\"%s\" did not compile limits.cl with \"%s\": clBuildProgram failed: OpenCL error (%d)\n%s",
               d->session->device.name, options, code, log);
    session_advise(d->session, CLXENT_ERR_BUILD);
    d->cl.ReleaseProgram(*out);
    *out = NULL;
    return EXIT_DEVICE;
}

int bench_kernel(const bench_device *d, cl_program program, const char *name, cl_kernel *out) {
    cl_int code = CL_SUCCESS;
    *out = d->cl.CreateKernel(program, name, &code);
    if (code == CL_SUCCESS) return EXIT_GOOD;
    *out = NULL;
    char call[96];
    snprintf(call, sizeof call, "clCreateKernel(%s)", name);
    return bench_cl_check(d, code, call);
}

int bench_device_open(bench_device *d, const session *s) {
    *d = (bench_device){.session = s, .queue = clxent_ctx_queue(s->ctx)};
    const char *missing = bench_cl_load(&d->cl);
    if (missing) return tool_error(s->command, EXIT_DEVICE, "%s", missing);
    cl_int code = d->cl.GetCommandQueueInfo(d->queue, CL_QUEUE_CONTEXT, sizeof d->context, &d->context, NULL);
    if (code == CL_SUCCESS)
        code = d->cl.GetCommandQueueInfo(d->queue, CL_QUEUE_DEVICE, sizeof d->id, &d->id, NULL);
    int failed = bench_cl_check(d, code, "clGetCommandQueueInfo");
    cl_ulong cache = 0;
    if (!failed &&
        d->cl.GetDeviceInfo(d->id, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof cache, &cache, NULL) == CL_SUCCESS)
        d->cache_bytes = cache;
    if (!failed) failed = bench_build(d, "", &d->program);
    const struct {
        const char *name;
        cl_kernel *kernel;
    } kernels[] = {{"fill_pattern", &d->fill_pattern},
                   {"fill_f32", &d->fill_f32},
                   {"fill_f16", &d->fill_f16},
                   {"fill_bf16", &d->fill_bf16},
                   {"nothing", &d->nothing}};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels && !failed; i++)
        failed = bench_kernel(d, d->program, kernels[i].name, kernels[i].kernel);
    return failed;
}

void bench_device_close(bench_device *d) {
    const cl_kernel kernels[] = {d->fill_pattern, d->fill_f32, d->fill_f16, d->fill_bf16, d->nothing};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i]) d->cl.ReleaseKernel(kernels[i]);
    if (d->program) d->cl.ReleaseProgram(d->program);
    *d = (bench_device){0};
}

int bench_buffer(const bench_device *d, size_t bytes, const char *what, cl_mem *out) {
    cl_int code = CL_SUCCESS;
    *out = d->cl.CreateBuffer(d->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (code == CL_SUCCESS) return EXIT_GOOD;
    *out = NULL;
    tool_error(d->session->command, EXIT_DEVICE,
               "no buffer of %zu bytes for %s on \"%s\": clCreateBuffer failed: OpenCL error (%d)", bytes,
               what, d->session->device.name, code);
    session_advise(d->session, CLXENT_ERR_MEMORY);
    return EXIT_DEVICE;
}

void bench_buffer_free(const bench_device *d, cl_mem buffer) {
    if (buffer) d->cl.ReleaseMemObject(buffer);
}

int bench_read(const bench_device *d, cl_mem from, size_t offset, void *to, size_t bytes) {
    return bench_cl_check(d,
                          d->cl.EnqueueReadBuffer(d->queue, from, CL_TRUE, offset, bytes, to, 0, NULL, NULL),
                          "clEnqueueReadBuffer");
}

int bench_write(const bench_device *d, cl_mem to, const void *from, size_t bytes) {
    return bench_cl_check(d, d->cl.EnqueueWriteBuffer(d->queue, to, CL_TRUE, 0, bytes, from, 0, NULL, NULL),
                          "clEnqueueWriteBuffer");
}

int bench_finish(const bench_device *d) {
    return bench_cl_check(d, d->cl.Finish(d->queue), "clFinish");
}

int bench_launch(const bench_device *d, cl_kernel kernel, size_t global, size_t local, double *seconds) {
    const double start = session_clock();
    const cl_int code =
        d->cl.EnqueueNDRangeKernel(d->queue, kernel, 1, NULL, &global, local ? &local : NULL, 0, NULL, NULL);
    if (code != CL_SUCCESS) return bench_cl_check(d, code, "clEnqueueNDRangeKernel");
    const int failed = bench_finish(d);
    if (seconds) *seconds = session_clock() - start;
    return failed;
}

int bench_enqueue(const bench_device *d, clxent_plan *plan, const clxent_buffers *buffers, double *seconds,
                  double *enqueue_seconds) {
    const double start = session_clock();
    const clxent_status status = clxent_enqueue(plan, buffers, 0, NULL, NULL);
    const double enqueued = session_clock();
    if (status != CLXENT_OK) return session_failed(d->session, status);
    const int failed = bench_finish(d);
    if (seconds) *seconds = session_clock() - start;
    if (enqueue_seconds) *enqueue_seconds = enqueued - start;
    return failed;
}

int bench_fill_logits(const bench_device *d, cl_mem buffer, size_t offset, clxent_dtype dtype,
                      int64_t count) {
    const cl_kernel kernel = dtype == CLXENT_F16    ? d->fill_f16
                             : dtype == CLXENT_BF16 ? d->fill_bf16
                                                    : d->fill_f32;
    const cl_ulong first_word = offset / sizeof(uint32_t);
    const size_t words = ((size_t)count * clxent_dtype_size(dtype) + 3) / sizeof(uint32_t);
    cl_int code = d->cl.SetKernelArg(kernel, 0, sizeof buffer, &buffer);
    if (code == CL_SUCCESS) code = d->cl.SetKernelArg(kernel, 1, sizeof first_word, &first_word);
    if (code != CL_SUCCESS) return bench_cl_check(d, code, "clSetKernelArg");
    return bench_launch(d, kernel, words, 0, NULL);
}

int bench_fill_pattern(const bench_device *d, cl_mem buffer, size_t words, uint32_t salt) {
    const cl_uint value = salt;
    cl_int code = d->cl.SetKernelArg(d->fill_pattern, 0, sizeof buffer, &buffer);
    if (code == CL_SUCCESS) code = d->cl.SetKernelArg(d->fill_pattern, 1, sizeof value, &value);
    if (code != CL_SUCCESS) return bench_cl_check(d, code, "clSetKernelArg");
    return bench_launch(d, d->fill_pattern, words, 0, NULL);
}

uint32_t bench_pattern(size_t word, uint32_t salt) {
    return (uint32_t)word * 0x9e3779b1u + salt;
}
