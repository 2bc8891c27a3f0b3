/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_ctx_enqueue_product(): what it refuses, with messages that name the field, its value and the limit;
 * its events; a provider of the program that fails. And products over so many indices that some drivers would
 * leave the kernel's loop: the library cuts them. */
#include "support/device_call.h"

#include "context.h"
#include "leave.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const cl_command_queue_properties queues[] = {0, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE};
enum { QUEUES = sizeof queues / sizeof *queues };

static bool open_own(owner *o, cl_command_queue_properties properties) {
    assert_int_equal(setenv("CLXENT_GEMM", "clxent", 1), 0);
    const bool opened = owner_open(o, properties);
    assert_int_equal(unsetenv("CLXENT_GEMM"), 0);
    return opened;
}

static cl_mem buffer_of(const owner *o, size_t bytes, void *data) {
    cl_int code;
    cl_mem mem = clCreateBuffer(o->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, data, &code);
    assert_cl(code);
    return mem;
}

/* ---------------------------------------------------------------- what is refused --------------------- */

/* All matrices stand in one buffer: a (2,3), b (3,4) and c (2,4), then row_count. */
enum { A = 0, B = 24, C = 72, COUNT = 104, END = 108 };

static clxent_product good(cl_mem mem) {
    return (clxent_product){.struct_size = sizeof(clxent_product),
                            .m = 2,
                            .n = 4,
                            .k = 3,
                            .a = {{mem, A}, 3, 0, 0},
                            .b = {{mem, B}, 4, 0, 0},
                            .c = {{mem, C}, 4, 0, 0},
                            .counted = 'k',
                            .row_count = {mem, COUNT}};
}

#define WRONG(X)                                                                                             \
    X(size, ARGUMENT, "clxent_product.struct_size is 8, must be", p->struct_size = 8)                        \
    X(m_zero, SHAPE, "product.m is 0, must be at least 1", p->m = 0)                                         \
    X(n_negative, SHAPE, "product.n is -4, must be at least 1", p->n = -4)                                   \
    X(k_zero, SHAPE, "product.k is 0, must be at least 1", p->k = 0)                                         \
    X(beta, ARGUMENT, "product.beta is 0.5, must be 0 or 1", p->beta = 0.5F)                                 \
    X(beta_nan, ARGUMENT, "product.beta is nan", p->beta = NAN)                                              \
    X(counted, ARGUMENT, "product.counted is 110, must be 0, 'm' or 'k'", p->counted = 'n')                  \
    X(first_row, SHAPE, "product.first_row is -1, must be at least 0", p->first_row = -1)                    \
    X(a_transposed, ARGUMENT, "product.a.transposed is 2, must be 0 or 1", p->a.transposed = 2)              \
    X(c_transposed, ARGUMENT, "product.c.transposed is 1, must be 0", p->c.transposed = 1)                   \
    X(a_stride, SHAPE, "product.a.row_stride is 2, must be at least 3", p->a.row_stride = 2)                 \
    X(b_stride, SHAPE, "product.b.row_stride is 2, must be at least 3",                                      \
      (p->b.transposed = 1, p->b.row_stride = 2))                                                            \
    X(c_stride, SHAPE, "product.c.row_stride is -4, must be at least 4", p->c.row_stride = -4)               \
    X(a_null, BUFFER, "product.a is NULL", p->a.buffer.mem = NULL)                                           \
    X(count_null, BUFFER, "product.row_count is NULL", p->row_count.mem = NULL)                              \
    X(b_offset, BUFFER, "product.b offset 22 is not a multiple of 4", p->b.buffer.offset = 22)               \
    X(a_behind, BUFFER, "product.a offset 112 is past the end|108 bytes", p->a.buffer.offset = END + 4)      \
    X(a_short, BUFFER, "product.a has 20 bytes at offset 88|24 are needed", p->a.buffer.offset = END - 20)   \
    X(b_short, BUFFER, "product.b has 84 bytes|96 are needed", p->b.row_stride = 10)                         \
    X(b_huge, BUFFER, "product.b has 84 bytes|18446744073709551615 are needed", p->b.row_stride = INT64_MAX) \
    X(c_short, BUFFER, "product.c has 36 bytes|40 are needed", p->c.row_stride = 6)                          \
    X(count_short, BUFFER, "product.row_count has 0 bytes|4 are needed", p->row_count.offset = END)          \
    X(c_over_a, BUFFER, "product.c (32 bytes at offset 20) overlaps product.a (24 bytes at offset 0)",       \
      p->c.buffer.offset = 20)                                                                               \
    X(c_over_b, BUFFER, "product.c (|overlaps product.b (48 bytes at offset 24)", p->c.buffer.offset = 68)   \
    X(c_over_count, BUFFER, "product.c (|overlaps product.row_count (4 bytes", p->c.buffer.offset = 76)

#define CHANGE(name, status, says, change)         \
    static void change_##name(clxent_product *p) { \
        (void)(change);                            \
    }
WRONG(CHANGE)
#undef CHANGE

static const struct {
    const char *name;
    clxent_status status;
    const char *says;
    void (*change)(clxent_product *);
} wrong[] = {
#define ROW(name, status, says, change) {#name, CLXENT_ERR_##status, says, change_##name},
    WRONG(ROW)
#undef ROW
};

/* Refuses the call, and sets its event to NULL. */
static void refused(const owner *o, const clxent_product *p, cl_uint n_wait, const cl_event *wait,
                    clxent_status status, const char *says) {
    cl_event event = (cl_event)(void *)&event;
    expect_status("product", o->ctx, clxent_ctx_enqueue_product(o->ctx, p, n_wait, wait, &event), status);
    assert_null(event);
    if (says) assert_says(clxent_ctx_last_error(o->ctx), says);
}

static void wrong_products(void **state) {
    (void)state;
    owner o;
    cl_int code;
    float numbers[END / 4] = {1, 2, 3, 4, 5, 6, [6] = 1, [11] = 1, [16] = 1};
    const int32_t count = 3;
    memcpy(&numbers[COUNT / 4], &count, sizeof count);
    assert_true(open_own(&o, 0));
    cl_mem mem = buffer_of(&o, sizeof numbers, numbers);
    clxent_product p = good(mem);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        p = good(mem);
        wrong[i].change(&p);
        expect_about("%s", wrong[i].name);
        refused(&o, &p, 0, NULL, wrong[i].status, wrong[i].says);
    }
    p = good(mem);
    assert_int_equal(clxent_ctx_enqueue_product(NULL, &p, 0, NULL, NULL), CLXENT_ERR_ARGUMENT);
    refused(&o, NULL, 0, NULL, CLXENT_ERR_ARGUMENT, "product is NULL");
    refused(&o, &p, 1, NULL, CLXENT_ERR_ARGUMENT, "n_wait is 1 and wait is NULL");
    const cl_event gate = clCreateUserEvent(o.context, &code);
    assert_cl(code);
    refused(&o, &p, 0, &gate, CLXENT_ERR_ARGUMENT, "n_wait is 0 and wait is not NULL");
    assert_cl(clSetUserEventStatus(gate, -7));
    refused(&o, &p, 1, &gate, CLXENT_ERR_OPENCL, "wait[0] of 1 has failed with status -7");
    assert_cl(clReleaseEvent(gate));

    float got[8];
    expect_status("a good one", o.ctx, clxent_ctx_enqueue_product(o.ctx, &p, 0, NULL, NULL), CLXENT_OK);
    assert_cl(clEnqueueReadBuffer(o.queue, mem, CL_TRUE, C, sizeof got, got, 0, NULL, NULL));
    const float expected[8] = {1, 2, 3, 0, 4, 5, 6, 0}; /* b is the identity, and a column of 0 */
    assert_memory_equal(got, expected, sizeof got);
    assert_cl(clReleaseMemObject(mem));
    owner_close(&o);
}

/* ---------------------------------------------------------------- the program's provider -------------- */

typedef struct answer {
    clxent_status status;
    bool sets_event; /* to the event that it waits for */
} answer;

static clxent_status give(void *user, cl_command_queue queue, const clxent_product *product, cl_uint n_wait,
                          const cl_event *wait, cl_event *event) {
    const answer *a = user;
    (void)queue, (void)product;
    if (a->sets_event && event && n_wait > 0) {
        assert_cl(clRetainEvent(wait[0]));
        *event = wait[0];
    }
    return a->status;
}

static void a_provider_that_fails(void **state) {
    (void)state;
    owner o;
    cl_int code;
    float numbers[END / 4] = {0};
    answer a = {CLXENT_ERR_MEMORY, false};
    assert_true(open_own(&o, 0));
    cl_mem mem = buffer_of(&o, sizeof numbers, numbers);
    clxent_product p = good(mem);
    const clxent_gemm mine = {sizeof mine, "mine", give, &a, 0, 0};
    expect_status("set", o.ctx, clxent_ctx_set_gemm(o.ctx, &mine), CLXENT_OK);
    refused(&o, &p, 0, NULL, CLXENT_ERR_UNSUPPORTED,
            "product.counted is 'k', and gemm mine does not heed row_count: give 0");
    p.counted = 0;
    p.row_count.mem = NULL;
    refused(&o, &p, 0, NULL, a.status, "gemm mine returned CLXENT_ERR_|for a product of m 2, n 4, k 3");
    a.status = CLXENT_OK;
    refused(&o, &p, 0, NULL, CLXENT_ERR_ARGUMENT, "gemm mine returned no event for a product of m 2");
    a.sets_event = true;
    const cl_event gate = clCreateUserEvent(o.context, &code);
    cl_event event = NULL;
    assert_cl(code);
    expect_status("good", o.ctx, clxent_ctx_enqueue_product(o.ctx, &p, 1, &gate, &event), CLXENT_OK);
    assert_ptr_equal(event, gate);
    assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
    assert_cl(clReleaseEvent(event));
    assert_cl(clReleaseEvent(gate));
    assert_cl(clReleaseMemObject(mem));
    owner_close(&o);
}

/* ---------------------------------------------------------------- events ------------------------------ */

/* Products one after the other, each of which waits for the one before. The first waits for a gate. Each adds
 * to c. */
static void events(void **state) {
    (void)state;
    enum { TIMES = 5 };
    for (int q = 0; q < QUEUES; q++) {
        owner o;
        cl_int code;
        float numbers[END / 4] = {1, 1, 1, [6] = 1, [11] = 1, [16] = 1}, c = 0;
        cl_event done[TIMES + 1];
        if (!open_own(&o, queues[q])) continue;
        cl_mem mem = buffer_of(&o, sizeof numbers, numbers);
        clxent_product p = good(mem);
        p.beta = 1;
        p.counted = 0;
        done[0] = clCreateUserEvent(o.context, &code);
        assert_cl(code);
        if (expect_effort() == EFFORT_TINY) assert_cl(clSetUserEventStatus(done[0], CL_COMPLETE));
        for (int i = 0; i < TIMES; i++)
            expect_status("product", o.ctx, clxent_ctx_enqueue_product(o.ctx, &p, 1, &done[i], &done[i + 1]),
                          CLXENT_OK);
        if (expect_effort() != EFFORT_TINY) {
            assert_int_not_equal(status_of(done[TIMES]), CL_COMPLETE);
            assert_cl(clSetUserEventStatus(done[0], CL_COMPLETE));
        }
        assert_cl(clEnqueueReadBuffer(o.queue, mem, CL_TRUE, C, sizeof c, &c, 1, &done[TIMES], NULL));
        assert_true(c == TIMES);
        for (int i = 0; i <= TIMES; i++) assert_cl(clReleaseEvent(done[i]));
        assert_cl(clReleaseMemObject(mem));
        owner_close(&o);
    }
}

/* ---------------------------------------------------------------- long sums --------------------------- */

typedef struct long_sum {
    int m, n, k, trans_a, trans_b, beta, counted, row_count, first_row;
} long_sum;

static int existing(const long_sum *t, int dimension, int all) {
    const int rows = t->row_count - t->first_row;
    return t->counted != dimension ? all : rows < 0 ? 0 : rows < all ? rows : all;
}

/* Elements that do not exist are NaN. The products of a column are of the sizes of 1, and of all signs. */
static void sum(const owner *o, const long_sum *t, rng *r) {
    expect_about("m %d n %d k %d, transposed %d %d, beta %d, counted %d: %d from %d", t->m, t->n, t->k,
                 t->trans_a, t->trans_b, t->beta, t->counted, t->row_count, t->first_row);
    const int m = existing(t, 'm', t->m), k = existing(t, 'k', t->k);
    const int a_row = t->trans_a ? 1 : t->k, a_column = t->trans_a ? t->m : 1;
    const int b_row = t->trans_b ? 1 : t->n, b_column = t->trans_b ? t->k : 1;
    float *a = malloc((size_t)t->m * (size_t)t->k * sizeof *a);
    float *b = malloc((size_t)t->k * (size_t)t->n * sizeof *b), c[64], got[64];
    int32_t count = t->row_count;
    cl_event done = NULL;
    assert_true(a && b && t->m * t->n <= 64);
    for (int i = 0; i < t->m; i++)
        for (int j = 0; j < t->k; j++)
            a[i * a_row + j * a_column] = i < m && j < k ? (float)rng_uniform(r, -1, 1) : NAN;
    for (int i = 0; i < t->k; i++)
        for (int j = 0; j < t->n; j++)
            b[i * b_row + j * b_column] = i < k ? (float)rng_uniform(r, -1, 1) : NAN;
    for (int i = 0; i < t->m * t->n; i++) c[i] = t->beta ? (float)rng_uniform(r, -1, 1) : NAN;
    cl_mem mems[] = {buffer_of(o, (size_t)(t->m * t->k) * sizeof *a, a),
                     buffer_of(o, (size_t)(t->k * t->n) * sizeof *b, b),
                     buffer_of(o, (size_t)(t->m * t->n) * sizeof *c, c), buffer_of(o, sizeof count, &count)};
    const clxent_product p = {.struct_size = sizeof p,
                              .m = t->m,
                              .n = t->n,
                              .k = t->k,
                              .a = {{mems[0], 0}, t->trans_a ? t->m : t->k, t->trans_a, 0},
                              .b = {{mems[1], 0}, t->trans_b ? t->k : t->n, t->trans_b, 0},
                              .c = {{mems[2], 0}, t->n, 0, 0},
                              .beta = (float)t->beta,
                              .counted = t->counted,
                              .first_row = t->first_row,
                              .row_count = {t->counted ? mems[3] : NULL, 0}};
    expect_status("product", o->ctx, clxent_ctx_enqueue_product(o->ctx, &p, 0, NULL, &done), CLXENT_OK);
    assert_cl(clEnqueueReadBuffer(o->queue, mems[2], CL_TRUE, 0, (size_t)(t->m * t->n) * sizeof *c, got, 1,
                                  &done, NULL));
    for (int i = 0; i < m; i++)
        for (int j = 0; j < t->n; j++) {
            double exact = t->beta ? c[i * t->n + j] : 0, size = fabs(exact);
            for (int l = 0; l < k; l++) {
                const double x = (double)a[i * a_row + l * a_column] * b[l * b_row + j * b_column];
                exact += x;
                size += fabs(x);
            }
            /* Rounding errors are of either sign. A lost element is off by more than this. */
            expect_near("c", i * t->n + j, CLXENT_F32, got[i * t->n + j], exact, 0x1p-20 * size);
        }
    assert_cl(clReleaseEvent(done));
    for (int i = 0; i < 4; i++) assert_cl(clReleaseMemObject(mems[i]));
    free(a);
    free(b);
}

/* The product of a gradient by the classes of a large vocabulary. */
static void sums_over_a_vocabulary(void **state) {
    static const long_sum sums[] = {
        {.m = 3, .n = 5, .k = 50257, .beta = 0},
        {.m = 3, .n = 5, .k = 131072, .beta = 1, .trans_a = 1, .trans_b = 1},
        {.m = 2, .n = 3, .k = 100000, .counted = 'k', .row_count = 60000, .first_row = 10},
        {.m = 7, .n = 3, .k = 90000, .counted = 'm', .row_count = 5, .trans_b = 1, .beta = 1},
    };
    (void)state;
    rng r = rng_start(rng_seed(4));
    if (expect_effort() == EFFORT_TINY) skip();
    for (int q = 0; q < QUEUES; q++) {
        owner o;
        if (!open_own(&o, queues[q])) continue;
        for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) sum(&o, &sums[i], &r);
        owner_close(&o);
    }
}

/* The same with short sums, on a driver that leaves loops after so few iterations. */
static void short_slices(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(5));
    for (int q = 0; q < QUEUES; q++) {
        owner o;
        if (!open_own(&o, queues[q])) continue;
        const int count = (int[]){3, 30, 40}[expect_effort()];
        for (int i = 0; i < count; i++) {
            long_sum t = {.m = (int)rng_integer(&r, 1, 8),
                          .n = (int)rng_integer(&r, 1, 8),
                          .k = (int)rng_integer(&r, 1, 200),
                          .trans_a = rng_chance(&r, 0.5),
                          .trans_b = rng_chance(&r, 0.5),
                          .beta = rng_chance(&r, 0.5)};
            if (rng_chance(&r, 0.6)) {
                t.counted = rng_chance(&r, 0.7) ? 'k' : 'm';
                t.first_row = (int)rng_integer(&r, 0, 20);
                t.row_count = (int)rng_integer(&r, 0, t.first_row + t.k + 3);
            }
            o.ctx->facts.loop_limit = (uint64_t)rng_integer(&r, 2, 400);
            sum(&o, &t, &r);
        }
        owner_close(&o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_products), cmocka_unit_test(a_provider_that_fails),
        cmocka_unit_test(events),         cmocka_unit_test(sums_over_a_vocabulary),
        cmocka_unit_test(short_slices),
    };
    return leave(cmocka_run_group_tests_name("product", tests, NULL, NULL));
}
