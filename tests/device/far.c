/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_enqueue() on buffers whose elements' numbers need more than 32 bits; see far_problem.h. The arrays
 * with one number a row stand behind the logits, in the same buffer.
 *
 * The test needs a device that computes in the memory of CL_MEM_USE_HOST_PTR, and buffers of up to 24 GB, of
 * which it touches only a small part. On most machines PoCL's largest buffer is smaller, so a layer makes the
 * buffers there (far_buffers.c). Oclgrind makes such buffers itself, but its checks for data races and for
 * uninitialized memory are off. The first needs 48 bytes for each byte of a buffer. The second counts bytes
 * in 32 bits, so it misses unwritten rows in such a buffer. The check for bounds is on, and it matters most
 * here. far_arrays.c runs the other checks on rows that stand as far apart. */
#include "support/device_call.h"
#include "support/far_problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct buffers {
    owner o;
    cl_mem mem[FAR_ARRAYS];
} buffers;

static void release(buffers *b) {
    for (int i = 0; i < FAR_ARRAYS; i++)
        if (b->mem[i]) assert_cl(clReleaseMemObject(b->mem[i]));
    owner_close(&b->o);
}

static void skip_for(buffers *b, far_problem *f) {
    release(b);
    far_unmap(f);
    skip();
}

static void make(buffers *b, far_problem *f) {
    cl_device_type type = 0;
    cl_ulong largest = 0;
    assert_cl(clGetDeviceInfo(b->o.device, CL_DEVICE_TYPE, sizeof type, &type, NULL));
    assert_cl(clGetDeviceInfo(b->o.device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof largest, &largest, NULL));
    if (!(type & CL_DEVICE_TYPE_CPU)) {
        print_message("skipped: the device is no CPU: it would copy all of the memory\n");
        skip_for(b, f);
    }
    for (int i = 0; i < FAR_ARRAYS; i++) {
        const far_array *a = &f->arrays[i];
        cl_int code;
        if (!a->present) continue;
        b->mem[i] =
            clCreateBuffer(b->o.context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, a->bytes, a->memory, &code);
        if (code == CL_SUCCESS) continue;
        b->mem[i] = NULL;
        print_message("skipped: a buffer of %zu bytes for %s: error %d; the device's largest is %llu\n",
                      a->bytes, a->name, (int)code, (unsigned long long)largest);
        skip_for(b, f);
    }
}

static void put(void *user, far_name array, size_t at, void *bytes, size_t count) {
    const buffers *b = user;
    assert_cl(clEnqueueWriteBuffer(b->o.queue, b->mem[array], CL_TRUE, at, count, bytes, 0, NULL, NULL));
}

static void get(void *user, far_name array, size_t at, void *bytes, size_t count) {
    const buffers *b = user;
    assert_cl(clEnqueueReadBuffer(b->o.queue, b->mem[array], CL_TRUE, at, count, bytes, 0, NULL, NULL));
}

/* The array from its first row on, or an absent array. */
static clxent_buffer matrix(const buffers *b, const far_problem *f, far_name array) {
    return (clxent_buffer){b->mem[array], (size_t)FAR_START * clxent_dtype_size(f->arrays[array].dtype)};
}

static clxent_buffers bind(const buffers *b, const far_problem *f) {
    clxent_buffers call = CLXENT_BUFFERS_INIT;
#define MATRIX(name) matrix(b, f, name)
#define NUMBERS(member, wanted) \
    (clxent_buffer){(wanted) ? b->mem[FAR_LOGITS] : NULL, f->numbers_at + offsetof(far_numbers, member)}
    FAR_BIND(&call, f, MATRIX, NUMBERS);
    return call;
}

static void check(far_problem *f) {
    buffers b = {0};
    clxent_plan *plan = NULL;
    far_numbers numbers;
    far_map(f);
    assert_true(owner_open(&b.o, 0));
    make(&b, f);
    far_write(f, put, &b);
    put(&b, FAR_LOGITS, f->numbers_at, &f->numbers, sizeof f->numbers);
    const clxent_buffers call = bind(&b, f);
    expect_status("plan", b.o.ctx, clxent_plan_create_scheduled(&plan, b.o.ctx, &f->desc, f->schedule),
                  CLXENT_OK);
    expect_status("enqueue", b.o.ctx, clxent_enqueue(plan, &call, 0, NULL, NULL), CLXENT_OK);
    assert_cl(clFinish(b.o.queue));
    get(&b, FAR_LOGITS, f->numbers_at, &numbers, sizeof numbers);
    far_check(f, &numbers, get, &b);
    clxent_plan_destroy(plan);
    release(&b);
    far_unmap(f);
}

int main(void) {
    return far_main("far", check);
}
