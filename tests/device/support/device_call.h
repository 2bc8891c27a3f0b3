/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that owns its OpenCL objects, as the tests of clxent_enqueue() see it: a context and a queue,
 * and calls whose arrays are ranges of one cl_mem with canaries between them. */
#ifndef TEST_DEVICE_CALL_H
#define TEST_DEVICE_CALL_H

#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* clCreateCommandQueue: an OpenCL 1.2 device has no other */
#include <clxent/clxent_opencl.h>

#include "problem.h"

enum { CALL_ROWS = 6, CALL_CLASSES = 41 };

typedef struct owner {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    clxent_ctx *ctx;
} owner;

/* Opens the first device there, with a queue of these properties. False when the device has no such queue. */
bool owner_open(owner *o, cl_command_queue_properties properties);
void owner_close(owner *o);

/* Cross entropy of CALL_ROWS rows and CALL_CLASSES classes, mean; the plan of every call below. */
clxent_plan *owner_plan(const owner *o);

/* Where the arrays of a call stand in its cl_mem; none at 0, none adjacent to another. */
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
    float gap; /* every target's logit; the others are 0: loss log1p((C - 1) exp(-gap)) */
    unsigned char image[CALL_BYTES];
} device_call;

/* The image of the inputs; the cl_mem is of the image, or of canaries where `upload` is false. */
void call_open(const owner *o, device_call *call, float gap, bool upload);
void call_close(device_call *call);

/* All arrays of the call, but for the workspace. */
clxent_buffers call_buffers(const device_call *call);

/* Reads the cl_mem after `after` (NULL: the queue is in order) and checks each output, and that nothing else
 * was written, but for `workspace_bytes`. */
void call_check(const owner *o, const device_call *call, cl_event after, size_t workspace_bytes);

/* How far the event's command is: CL_COMPLETE, or a negative number where it failed. */
cl_int status_of(cl_event event);

#define assert_cl(code) assert_cl_at((code), #code, __FILE__, __LINE__)
void assert_cl_at(cl_int code, const char *what, const char *file, int line);

#endif
