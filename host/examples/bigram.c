/* SPDX-License-Identifier: Apache-2.0
 *
 * Trains a byte-level bigram language model: a 256 x 256 table of logits. The previous byte chooses the row.
 * The program owns its OpenCL queue and buffers, and shows how to call clxent with them:
 *
 *     clxent_enqueue_begin()           counts the rows of the mean, from the targets
 *     for each block of positions:
 *         gather    (own kernel)       logits[position] = table[text[position]]
 *         clxent_enqueue_rows()        replaces the logits by the gradient of the mean
 *         add_rows  (own kernel)       adds the gradients of the positions to their table rows
 *     clxent_enqueue_end()             computes the loss
 *     adam          (own kernel)       updates the table
 *
 * The program enqueues all of this on one in-order queue. It waits only when it reads the loss, every
 * REPORT_EVERY steps. Each step covers the whole text, however long it is. The device holds the logits of one
 * block of BLOCK positions at a time.
 *
 * No such table has a loss below the text's own conditional entropy H(next | previous). The counts of byte
 * pairs give this entropy exactly. The program succeeds only if training reaches it.
 *
 *     bigram [FILE]     default: the text that BIGRAM_TEXT names
 */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* for clCreateCommandQueue(): devices of every version have it */
#include <clxent/clxent_opencl.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { CLASSES = 256, BLOCK = 16384, STEPS = 60, REPORT_EVERY = 10 };
static const double learning_rate = 0.5, tolerance = 0.01;

typedef struct model {
    const unsigned char *text;
    size_t positions; /* bytes that have a next byte */
    size_t blocks;

    cl_context context;
    cl_command_queue queue;
    cl_program program;
    cl_kernel gather, add_rows, adam;
    cl_mem device_text, table, table_grad, mean, variance; /* Adam's mean and variance of the gradient */
    cl_mem logits;                                         /* of one block; then their gradient */
    cl_mem order, starts;                                  /* see group_by_previous_byte() */
    cl_mem loss;                                           /* mean over the positions */

    clxent_ctx *ctx;
    clxent_plan *plan;
} model;

/* Every call that can fail goes through one of these two macros. On a failure the macro prints a message and
 * returns false from the function. */
#define CL(call)                                                                         \
    do {                                                                                 \
        cl_int code_ = (call);                                                           \
        if (code_) return fprintf(stderr, "%s: OpenCL error %d\n", #call, code_), false; \
    } while (0)
#define CLXENT(call, message)                                                \
    do {                                                                     \
        if (call) return fprintf(stderr, "%s: %s\n", #call, message), false; \
    } while (0)

static size_t block_rows(const model *m, size_t block) {
    const size_t left = m->positions - block * BLOCK;
    return left < BLOCK ? left : BLOCK;
}

/* Opens the first device of the first platform that has one. (The environment variable OCL_ICD_VENDORS tells
 * the OpenCL loader which platforms there are.) */
static bool open_device(model *m) {
    enum { MOST = 16 };
    cl_platform_id platforms[MOST];
    cl_device_id device = NULL;
    cl_uint count = 0;
    CL(clGetPlatformIDs(MOST, platforms, &count));
    for (cl_uint i = 0; i < count && i < MOST && !device; i++)
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, NULL)) device = NULL;
    if (!device) return fprintf(stderr, "no OpenCL platform here has a device\n"), false;

    char name[256];
    CL(clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof name, name, NULL));
    printf("device   %s\n", name);

    cl_int code;
    m->context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    CL(code);
    m->queue = clCreateCommandQueue(m->context, device, 0, &code);
    CL(code);
    return true;
}

static bool build_kernels(model *m) {
    size_t size;
    char *source = (char *)text_read(BIGRAM_KERNELS, &size);
    if (!source) return false;
    cl_int code;
    m->program = clCreateProgramWithSource(m->context, 1, (const char **)&source, &size, &code);
    free(source);
    CL(code);
    CL(clBuildProgram(m->program, 0, NULL, "", NULL, NULL));
    m->gather = clCreateKernel(m->program, "gather", &code);
    CL(code);
    m->add_rows = clCreateKernel(m->program, "add_rows", &code);
    CL(code);
    m->adam = clCreateKernel(m->program, "adam", &code);
    CL(code);
    return true;
}

/* Fills `order` with each block's positions, sorted by their previous byte, and `starts` with the place in
 * `order` where each byte's positions begin. */
static void group_by_previous_byte(const model *m, cl_uint *order, cl_uint *starts) {
    for (size_t block = 0; block < m->blocks; block++, starts += CLASSES + 1) {
        const unsigned char *text = m->text + block * BLOCK;
        const size_t rows = block_rows(m, block);
        cl_uint next[CLASSES];
        memset(starts, 0, (CLASSES + 1) * sizeof *starts);
        for (size_t p = 0; p < rows; p++) starts[text[p] + 1]++;
        for (int byte = 0; byte < CLASSES; byte++) starts[byte + 1] += starts[byte];
        memcpy(next, starts, sizeof next);
        for (size_t p = 0; p < rows; p++) order[block * BLOCK + next[text[p]]++] = (cl_uint)p;
    }
}

/* Makes a buffer with the given contents, or with zeros if `contents` is NULL. */
static bool make_buffer(const model *m, cl_mem *out, size_t bytes, const void *contents) {
    void *zeros = contents ? NULL : calloc(1, bytes);
    if (!contents && !zeros) return fprintf(stderr, "no memory for %zu bytes\n", bytes), false;
    cl_int code;
    *out = clCreateBuffer(m->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes,
                          contents ? (void *)contents : zeros, &code);
    free(zeros);
    CL(code);
    return true;
}

static bool make_buffers(model *m) {
    const size_t table_bytes = CLASSES * CLASSES * sizeof(cl_float);
    const size_t order_bytes = m->positions * sizeof(cl_uint);
    const size_t starts_bytes = m->blocks * (CLASSES + 1) * sizeof(cl_uint);
    cl_uint *order = malloc(order_bytes), *starts = malloc(starts_bytes);
    bool good = order && starts;
    if (good) {
        group_by_previous_byte(m, order, starts);
        good = make_buffer(m, &m->order, order_bytes, order) &&
               make_buffer(m, &m->starts, starts_bytes, starts) &&
               make_buffer(m, &m->device_text, m->positions + 1, m->text) &&
               make_buffer(m, &m->table, table_bytes, NULL) && /* all classes are equal: loss ln 256 */
               make_buffer(m, &m->table_grad, table_bytes, NULL) &&
               make_buffer(m, &m->mean, table_bytes, NULL) &&
               make_buffer(m, &m->variance, table_bytes, NULL) &&
               make_buffer(m, &m->logits, block_rows(m, 0) * CLASSES * sizeof(cl_float), NULL) &&
               make_buffer(m, &m->loss, sizeof(cl_float), NULL);
    } else {
        fprintf(stderr, "no memory for %zu positions\n", m->positions);
    }
    free(order);
    free(starts);
    return good;
}

static bool make_plan(model *m) {
    clxent_error err;
    CLXENT(clxent_ctx_create_from_queue(&m->ctx, m->queue, NULL, &err), err.message);

    clxent_desc desc = CLXENT_DESC_INIT;
    desc.rows = (int64_t)m->positions;
    desc.classes = CLASSES;
    desc.targets_dtype = CLXENT_U8; /* the text itself */
    desc.outputs = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD;
    CLXENT(clxent_plan_create(&m->plan, m->ctx, &desc), clxent_ctx_last_error(m->ctx));
    return true;
}

/* The arguments that never change; enqueue_block() and train() set the others. */
static bool set_fixed_arguments(const model *m) {
    CL(clSetKernelArg(m->gather, 0, sizeof(cl_mem), &m->table));
    CL(clSetKernelArg(m->gather, 1, sizeof(cl_mem), &m->device_text));
    CL(clSetKernelArg(m->gather, 3, sizeof(cl_mem), &m->logits));
    CL(clSetKernelArg(m->add_rows, 0, sizeof(cl_mem), &m->logits));
    CL(clSetKernelArg(m->add_rows, 1, sizeof(cl_mem), &m->order));
    CL(clSetKernelArg(m->add_rows, 3, sizeof(cl_mem), &m->starts));
    CL(clSetKernelArg(m->add_rows, 5, sizeof(cl_mem), &m->table_grad));
    CL(clSetKernelArg(m->adam, 0, sizeof(cl_mem), &m->table));
    CL(clSetKernelArg(m->adam, 1, sizeof(cl_mem), &m->table_grad));
    CL(clSetKernelArg(m->adam, 2, sizeof(cl_mem), &m->mean));
    CL(clSetKernelArg(m->adam, 3, sizeof(cl_mem), &m->variance));
    return true;
}

/* The buffers that all three phases take. */
static clxent_buffers loss_buffers(const model *m) {
    clxent_buffers buffers = CLXENT_BUFFERS_INIT;
    buffers.targets.mem = m->device_text;
    buffers.targets.offset = 1; /* the next byte */
    buffers.loss.mem = m->loss;
    return buffers;
}

/* Adds the gradient of one block to table_grad. */
static bool enqueue_block(const model *m, size_t block) {
    const cl_ulong first = block * BLOCK, starts_at = block * (CLASSES + 1);
    const size_t rows = block_rows(m, block);
    const size_t per_position[2] = {CLASSES, rows}, per_entry[2] = {CLASSES, CLASSES};

    CL(clSetKernelArg(m->gather, 2, sizeof first, &first));
    CL(clEnqueueNDRangeKernel(m->queue, m->gather, 2, NULL, per_position, NULL, 0, NULL, NULL));

    clxent_buffers buffers = loss_buffers(m);
    buffers.logits.mem = m->logits;
    buffers.grad = buffers.logits; /* in place */
    CLXENT(clxent_enqueue_rows(m->plan, (int64_t)first, (int64_t)rows, &buffers, 0, NULL, NULL),
           clxent_ctx_last_error(m->ctx));

    CL(clSetKernelArg(m->add_rows, 2, sizeof first, &first));
    CL(clSetKernelArg(m->add_rows, 4, sizeof starts_at, &starts_at));
    CL(clEnqueueNDRangeKernel(m->queue, m->add_rows, 2, NULL, per_entry, NULL, 0, NULL, NULL));
    return true;
}

static bool enqueue_text(const model *m) {
    const clxent_buffers buffers = loss_buffers(m);
    CLXENT(clxent_enqueue_begin(m->plan, &buffers, 0, NULL, NULL), clxent_ctx_last_error(m->ctx));
    for (size_t block = 0; block < m->blocks; block++)
        if (!enqueue_block(m, block)) return false;
    CLXENT(clxent_enqueue_end(m->plan, &buffers, 0, NULL, NULL), clxent_ctx_last_error(m->ctx));
    return true;
}

/* Sets *loss to the loss of the finished table. */
static bool train(const model *m, double *loss) {
    const size_t per_entry[2] = {CLASSES, CLASSES};
    for (int step = 0; step <= STEPS; step++) {
        if (!enqueue_text(m)) return false;
        if (step % REPORT_EVERY == 0) {
            cl_float mean = 0;
            CL(clEnqueueReadBuffer(m->queue, m->loss, CL_TRUE, 0, sizeof mean, &mean, 0, NULL, NULL));
            *loss = (double)mean;
            printf("step %3d  loss %.4f\n", step, *loss);
        }
        if (step == STEPS) break; /* the last pass only measures */
        const float rate = (float)(learning_rate * sqrt(1 - pow(0.999, step + 1)) / (1 - pow(0.9, step + 1)));
        CL(clSetKernelArg(m->adam, 4, sizeof rate, &rate));
        CL(clEnqueueNDRangeKernel(m->queue, m->adam, 2, NULL, per_entry, NULL, 0, NULL, NULL));
    }
    return true;
}

static void release(model *m) {
    clxent_plan_destroy(m->plan);
    clxent_ctx_destroy(m->ctx);
    const cl_mem buffers[] = {m->device_text, m->table, m->table_grad, m->mean, m->variance,
                              m->logits,      m->order, m->starts,     m->loss};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        if (buffers[i]) clReleaseMemObject(buffers[i]);
    if (m->gather) clReleaseKernel(m->gather);
    if (m->add_rows) clReleaseKernel(m->add_rows);
    if (m->adam) clReleaseKernel(m->adam);
    if (m->program) clReleaseProgram(m->program);
    if (m->queue) clReleaseCommandQueue(m->queue);
    if (m->context) clReleaseContext(m->context);
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : BIGRAM_TEXT;
    size_t size;
    unsigned char *text = text_read(path, &size);
    if (!text) return 1;
    if (size < 2) {
        fprintf(stderr, "%s: %zu bytes; a next byte needs at least 2\n", path, size);
        free(text);
        return 1;
    }
    printf("text     %s, %zu bytes\n", path, size);

    model m = {.text = text, .positions = size - 1, .blocks = (size - 1 + BLOCK - 1) / BLOCK};
    const double entropy = text_bigram_entropy(text, m.positions);
    double loss = 0;
    const bool trained = open_device(&m) && build_kernels(&m) && make_buffers(&m) && make_plan(&m) &&
                         set_fixed_arguments(&m) && train(&m, &loss);
    release(&m);
    free(text);
    if (!trained) return 1;

    const bool reached = fabs(loss - entropy) < tolerance;
    printf("loss     %.4f nats a byte\n", loss);
    printf("entropy  %.4f nats a byte, H(next | previous) of the text\n", entropy);
    printf("%s: the difference is %.4f, the limit %.4f\n", reached ? "reached" : "NOT reached",
           loss - entropy, tolerance);
    return reached ? 0 : 1;
}
