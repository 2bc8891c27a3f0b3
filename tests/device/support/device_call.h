/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that owns its OpenCL objects, for the tests of clxent_enqueue(). The program has a context and a
 * queue. The arrays of a call are ranges of one cl_mem, with canaries between them. */
#ifndef TEST_DEVICE_CALL_H
#define TEST_DEVICE_CALL_H

#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* OpenCL 1.2 has only clCreateCommandQueue() to make a queue */
#include <clxent/clxent_opencl.h>

#include "problem.h"

enum { CALL_ROWS = 6, CALL_CLASSES = 41 };

typedef struct owner {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    clxent_ctx *ctx;
} owner;

/* Opens the first device with a queue of these properties. False when the device has no such queue. */
bool owner_open(owner *o, cl_command_queue_properties properties);
void owner_close(owner *o);

/* The plan of every call below: the mean cross entropy of CALL_ROWS rows and CALL_CLASSES classes. */
clxent_plan *owner_plan(const owner *o);

/* The offsets of a call's arrays in its cl_mem. No array starts at 0, and no two arrays are adjacent. */
enum {
    AT_LOGITS = 20,
    AT_TARGETS = 1016, /* 20 + 6 * 41 * 4 = 1004 */
    AT_LOSS = 1084,    /* 1016 + 6 * 8 = 1064 */
    AT_ROW_LOSS = 1092,
    AT_GRAD = 1132,   /* 1092 + 24 = 1116 */
    AT_COUNTS = 2128, /* 1132 + 984 = 2116 */
    AT_WORKSPACE = 2168,
    CALL_BYTES = AT_WORKSPACE + 4096
};

typedef struct device_call {
    cl_mem mem;
    float gap; /* the targets' logit. The others are 0, so the loss is log1p((C - 1) exp(-gap)). */
    unsigned char image[CALL_BYTES];
} device_call;

/* Makes the image of the inputs and the cl_mem. The cl_mem holds the image, or canaries alone when
 * `upload` is false. */
void call_open(const owner *o, device_call *call, float gap, bool upload);
void call_close(device_call *call);

/* All arrays of the call except the workspace. */
clxent_buffers call_buffers(const device_call *call);

/* Reads the cl_mem after the event `after` (NULL: the queue is in order). Checks each output, and checks that
 * the call wrote nothing else except `workspace_bytes` of the workspace. */
void call_check(const owner *o, const device_call *call, cl_event after, size_t workspace_bytes);

/* The execution status of the event's command: CL_COMPLETE when it is done, negative when it failed. */
cl_int status_of(cl_event event);

#define assert_cl(code) assert_cl_at((code), #code, __FILE__, __LINE__)
void assert_cl_at(cl_int code, const char *what, const char *file, int line);

#endif
