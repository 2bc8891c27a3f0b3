/* SPDX-License-Identifier: Apache-2.0
 *
 * Who computes matrix products: each provider of the library against products in f64, with every form of a
 * product and of a queue. A matrix's buffer is NaN wherever the
 * product has no element, and in rows that do not exist. */
#include "support/device_call.h"

#include "elements.h"
#include "gemm.h"
#include "leave.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const providers[] = {"openblas", "dnnl", "clxent", "clblast"};
enum { PROVIDERS = sizeof providers / sizeof *providers };
static const cl_command_queue_properties queues[] = {0, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE};
enum { QUEUES = sizeof queues / sizeof *queues };

/* Opens the first device, with this provider. False: the device has no such queue, or not the provider. */
static bool open_with(owner *o, clxent_gemm *gemm, const char *provider,
                      cl_command_queue_properties properties) {
    const char *name = NULL, *why = NULL;
    assert_int_equal(setenv("CLXENT_GEMM", provider, 1), 0);
    const bool opened = owner_open(o, properties);
    assert_int_equal(unsetenv("CLXENT_GEMM"), 0);
    if (!opened) return false;
    const clxent_status status = clxent_ctx_gemm(o->ctx, CLXENT_F32, &name, &why);
    if (status == CLXENT_ERR_UNSUPPORTED) {
        assert_says(clxent_ctx_last_error(o->ctx), "cannot compute matrix products on|auto");
        assert_null(name);
        assert_null(why);
        print_message("%s: left out: %s\n", provider, clxent_ctx_last_error(o->ctx));
        owner_close(o);
        return false;
    }
    expect_status("clxent_ctx_gemm", o->ctx, status, CLXENT_OK);
    assert_string_equal(name, provider);
    print_message("%s: %s\n", name, why);
    expect_status("clx_gemm_of", o->ctx, clx_gemm_of(o->ctx, CLXENT_F32, gemm), CLXENT_OK);
    assert_string_equal(gemm->name, provider);
    return true;
}

/* ---------------------------------------------------------------- one product ------------------------- */

/* Where the matrices are. APART: in buffers of their own, which are not made in the order of the product. */
typedef enum placement { APART, TOGETHER, SUB_BUFFERS, PLACEMENTS } placement;

typedef struct trial {
    int m, n, k, trans_a, trans_b, beta, counted, row_count, first_row;
    int padding;        /* of each row and before each matrix, in elements */
    clxent_dtype dtype; /* of a and b; default: f32 */
    placement where;
} trial;

enum { A, B, C, COUNT, PARTS };

typedef struct part {
    int rows, columns, stride, first, length; /* elements; the first row begins at `first` */
    clxent_dtype dtype;
    float *host;  /* the values */
    void *stored; /* the elements */
    cl_mem mem;
    size_t offset;
} part;

static int exists(const trial *t, int dimension, int all) {
    const int rows = t->row_count - t->first_row;
    return t->counted != dimension ? all : rows < 0 ? 0 : rows < all ? rows : all;
}

static float *at(const part *p, int i, int j) {
    return p->host + p->first + (size_t)i * (size_t)p->stride + j;
}

static void lay_out(part *p, int rows, int columns, int padding) {
    *p = (part){.rows = rows,
                .columns = columns,
                .stride = columns + padding,
                .first = padding,
                .length = padding + rows * (columns + padding),
                .dtype = CLXENT_F32};
    p->host = malloc((size_t)p->length * sizeof(float));
    assert_non_null(p->host);
    for (int i = 0; i < p->length; i++) p->host[i] = NAN;
}

static size_t bytes_of(const part *p) {
    return (size_t)p->length * clxent_dtype_size(p->dtype);
}

/* Rounds the values to the type, and stores them. */
static void store(part *p, clxent_dtype dtype) {
    if (dtype != CLXENT_DTYPE_DEFAULT) p->dtype = dtype;
    p->stored = p->host;
    if (p->dtype == CLXENT_F32) return;
    p->stored = malloc(bytes_of(p));
    assert_non_null(p->stored);
    for (int i = 0; i < p->length; i++) {
        set_element(p->dtype, p->stored, i, (double)p->host[i]);
        p->host[i] = (float)element(p->dtype, p->stored, i);
    }
}

/* Fills the elements that exist. */
static void fill(const part *p, int rows, int columns, rng *r) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) *at(p, i, j) = (float)rng_uniform(r, -1, 1);
}

static void make_parts(const trial *t, part *parts, rng *r) {
    const int m = exists(t, 'm', t->m), k = exists(t, 'k', t->k);
    if (t->trans_a)
        lay_out(&parts[A], t->k, t->m, t->padding), fill(&parts[A], k, m, r);
    else
        lay_out(&parts[A], t->m, t->k, t->padding), fill(&parts[A], m, k, r);
    if (t->trans_b)
        lay_out(&parts[B], t->n, t->k, t->padding), fill(&parts[B], t->n, k, r);
    else
        lay_out(&parts[B], t->k, t->n, t->padding), fill(&parts[B], k, t->n, r);
    store(&parts[A], t->dtype);
    store(&parts[B], t->dtype);
    lay_out(&parts[C], t->m, t->n, t->padding);
    if (t->beta) fill(&parts[C], m, t->n, r);
    lay_out(&parts[COUNT], 1, 1, t->padding);
    const int32_t count = t->row_count;
    memcpy(at(&parts[COUNT], 0, 0), &count, sizeof count);
    store(&parts[C], CLXENT_F32);
    store(&parts[COUNT], CLXENT_F32);
}

static void place(const owner *o, part *parts, placement where) {
    static const int made[PARTS] = {C, COUNT, A, B};
    size_t bytes[PARTS], begin[PARTS], all = 0;
    cl_uint bits = 0;
    cl_int code = CL_SUCCESS;
    assert_cl(clGetDeviceInfo(o->device, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof bits, &bits, NULL));
    const size_t unit = where == SUB_BUFFERS ? bits / 8 : 4;
    for (int i = 0; i < PARTS; i++) {
        bytes[i] = bytes_of(&parts[i]);
        begin[i] = all = (all + unit - 1) / unit * unit;
        all += bytes[i];
    }
    cl_mem whole = where == APART ? NULL : clCreateBuffer(o->context, CL_MEM_READ_WRITE, all, NULL, &code);
    assert_cl(code);
    for (int i = 0; i < PARTS; i++) {
        part *p = &parts[made[i]];
        const cl_buffer_region region = {begin[made[i]], bytes[made[i]]};
        if (where == TOGETHER) p->offset = begin[made[i]];
        if (where == APART)
            p->mem = clCreateBuffer(o->context, CL_MEM_READ_WRITE, bytes[made[i]], NULL, &code);
        else if (where == SUB_BUFFERS)
            p->mem =
                clCreateSubBuffer(whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
        else
            assert_cl(clRetainMemObject(p->mem = whole));
        assert_cl(code);
    }
    if (whole) assert_cl(clReleaseMemObject(whole));
}

static void release(part *parts) {
    for (int i = 0; i < PARTS; i++) {
        assert_cl(clReleaseMemObject(parts[i].mem));
        if (parts[i].stored != parts[i].host) free(parts[i].stored);
        free(parts[i].host);
    }
}

static clxent_matrix matrix_of(const part *p, int transposed) {
    const size_t first = (size_t)p->first * clxent_dtype_size(p->dtype);
    return (clxent_matrix){{p->mem, p->offset + first}, p->stride, transposed, p->dtype};
}

static clxent_product product_of(const trial *t, const part *parts) {
    clxent_product product = {.struct_size = sizeof product,
                              .m = t->m,
                              .n = t->n,
                              .k = t->k,
                              .a = matrix_of(&parts[A], t->trans_a),
                              .b = matrix_of(&parts[B], t->trans_b),
                              .c = matrix_of(&parts[C], 0),
                              .beta = (float)t->beta,
                              .counted = t->counted,
                              .first_row = t->first_row};
    if (t->counted) product.row_count = matrix_of(&parts[COUNT], 0).buffer;
    return product;
}

/* Checks what is in c against what was there before. */
static void check(const trial *t, const part *parts, const float *got) {
    const int m = exists(t, 'm', t->m), k = exists(t, 'k', t->k);
    const part *c = &parts[C];
    for (int e = 0; e < c->length; e++) {
        const int row = (e - c->first) / c->stride, column = (e - c->first) % c->stride;
        if (e >= c->first && column < t->n && row >= m) continue; /* a row that does not exist */
        if (e < c->first || column >= t->n) {
            if (!isnan(got[e])) fail_msg("element %d, which is padding, is %g", e, (double)got[e]);
            continue;
        }
        const double before = t->beta ? c->host[e] : 0;
        double sum = before, size = fabs(before);
        for (int i = 0; i < k; i++) {
            const double a = *(t->trans_a ? at(&parts[A], i, row) : at(&parts[A], row, i));
            const double b = *(t->trans_b ? at(&parts[B], column, i) : at(&parts[B], i, column));
            sum += a * b;
            size += fabs(a * b);
        }
        expect_near("c", e, CLXENT_F32, got[e], sum, (k + 2) * 0x1p-24 * size);
    }
}

/* Out of order each write has an event, which the product waits for. In order the product waits for none, and
 * has an event or not. */
static void run(const owner *o, const clxent_gemm *gemm, const trial *t, rng *r) {
    part parts[PARTS];
    cl_event written[PARTS], done = NULL;
    cl_command_queue_properties properties = 0;
    assert_cl(clGetCommandQueueInfo(o->queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL));
    make_parts(t, parts, r);
    expect_about("%s in %s: m %d n %d k %d, transposed %d %d, beta %d, counted %d: %d from %d, padding %d, "
                 "placement %d, queue %d",
                 gemm->name, clxent_dtype_name(parts[A].dtype), t->m, t->n, t->k, t->trans_a, t->trans_b,
                 t->beta, t->counted, t->row_count, t->first_row, t->padding, t->where, (int)properties);
    place(o, parts, t->where);
    for (int i = 0; i < PARTS; i++)
        assert_cl(clEnqueueWriteBuffer(o->queue, parts[i].mem, CL_FALSE, parts[i].offset, bytes_of(&parts[i]),
                                       parts[i].stored, 0, NULL, &written[i]));
    const clxent_product product = product_of(t, parts);
    const bool waits = properties != 0 || rng_chance(r, 0.5), tells = properties != 0 || rng_chance(r, 0.5);
    const clxent_status status = gemm->enqueue(gemm->user, o->queue, &product, waits ? PARTS : 0,
                                               waits ? written : NULL, tells ? &done : NULL);
    expect_status("enqueue", o->ctx, status, CLXENT_OK);
    assert_int_equal(tells, done != NULL);
    float *got = malloc((size_t)parts[C].length * sizeof *got);
    assert_non_null(got);
    assert_cl(clEnqueueReadBuffer(o->queue, parts[C].mem, CL_TRUE, parts[C].offset,
                                  (size_t)parts[C].length * sizeof *got, got, done ? 1 : 0,
                                  done ? &done : NULL, NULL));
    check(t, parts, got);
    free(got);
    if (done) assert_cl(clReleaseEvent(done));
    for (int i = 0; i < PARTS; i++) assert_cl(clReleaseEvent(written[i]));
    release(parts);
}

/* ---------------------------------------------------------------- many products ----------------------- */

/* How many products of a provider the test draws, and from how many of the sizes. The short form has those of
 * CLBlast on rusticl alone: PoCL takes half a minute to compile its kernels, and Oclgrind to run them. */
typedef struct extent {
    int trials, sizes;
} extent;

static const int sizes[] = {1, 2, 3, 7, 13, 16, 17, 31, 32, 33, 61, 64, 65, 127, 128, 129, 131, 200, 257};
enum { SMALL = 10, ALL = sizeof sizes / sizeof *sizes };

static extent extent_of(const char *provider) {
    const test_effort effort = expect_effort();
    if (expect_long()) return (extent){2000, ALL};
    if (strcmp(provider, "clblast") == 0) return (extent){effort == EFFORT_SMALL ? 20 : 0, ALL};
    if (effort == EFFORT_TINY) return (extent){3, SMALL};
    return (extent){effort == EFFORT_FULL ? 150 : 60, ALL};
}

static int draw_size(rng *r, const extent *x) {
    return sizes[rng_integer(r, 0, x->sizes - 1)];
}

static trial draw(rng *r, const extent *x, bool may_count) {
    trial t = {.m = draw_size(r, x),
               .n = draw_size(r, x),
               .k = draw_size(r, x),
               .trans_a = rng_chance(r, 0.5),
               .trans_b = rng_chance(r, 0.5),
               .beta = rng_chance(r, 0.5),
               .padding = (int)rng_integer(r, 0, 3),
               .where = (placement)rng_integer(r, 0, PLACEMENTS - 1)};
    if (!may_count || rng_chance(r, 0.4)) return t;
    t.counted = rng_chance(r, 0.5) ? 'm' : 'k';
    t.first_row = (int)rng_integer(r, 0, 2) * 50;
    t.row_count = t.first_row + (int)rng_integer(r, -2, t.counted == 'm' ? t.m + 2 : t.k + 2);
    if (t.row_count < 0 || rng_chance(r, 0.1)) t.row_count = 0;
    return t;
}

static void products_are_right(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(20261129));
    int opened = 0;
    for (int i = 0; i < PROVIDERS; i++)
        for (int q = 0; q < QUEUES; q++) {
            owner o;
            clxent_gemm gemm;
            const extent x = extent_of(providers[i]);
            if (!open_with(&o, &gemm, providers[i], queues[q])) continue;
            opened++;
            for (int n = 0; n < x.trials; n++) {
                trial t = draw(&r, &x, gemm.heeds_row_count);
                if (gemm.dtypes && n % 2)
                    t.dtype = (gemm.dtypes >> CLXENT_BF16 & 1) ? CLXENT_BF16 : CLXENT_F16;
                run(&o, &gemm, &t, &r);
            }
            owner_close(&o);
        }
    assert_true(opened > 0);
}

/* The rows that exist may be none. */
static void no_row_exists(void **state) {
    static const trial trials[] = {
        {.m = 5, .n = 7, .k = 9, .counted = 'k', .row_count = 0, .beta = 0},
        {.m = 5, .n = 7, .k = 9, .counted = 'k', .row_count = 0, .beta = 1},
        {.m = 5, .n = 7, .k = 9, .counted = 'k', .row_count = 6, .first_row = 6, .padding = 2},
        {.m = 5, .n = 7, .k = 9, .counted = 'k', .row_count = 3, .first_row = 1000000, .trans_a = 1},
        {.m = 5, .n = 7, .k = 9, .counted = 'm', .row_count = 0, .beta = 0},
        {.m = 5, .n = 7, .k = 9, .counted = 'm', .row_count = 3, .first_row = 1000000, .beta = 1},
        {.m = 5, .n = 7, .k = 9, .counted = 'm', .row_count = INT32_MAX},
        {.m = 5, .n = 7, .k = 9, .counted = 'k', .row_count = INT32_MAX, .first_row = 1},
    };
    (void)state;
    rng r = rng_start(1);
    for (int i = 0; i < PROVIDERS; i++) {
        owner o;
        clxent_gemm gemm;
        if (strcmp(providers[i], "clblast") == 0 || !open_with(&o, &gemm, providers[i], 0)) continue;
        for (size_t t = 0; t < sizeof trials / sizeof *trials; t++) run(&o, &gemm, &trials[t], &r);
        owner_close(&o);
    }
}

/* The same product has the same bits again. */
static void products_are_the_same_again(void **state) {
    (void)state;
    const trial t = {.m = 150, .n = 70, .k = 1500, .trans_b = 1};
    if (expect_effort() == EFFORT_TINY) return;
    for (int i = 0; i < PROVIDERS; i++) {
        owner o;
        clxent_gemm gemm;
        if (extent_of(providers[i]).trials == 0 || !open_with(&o, &gemm, providers[i], 0)) continue;
        part parts[PARTS];
        rng r = rng_start(7);
        make_parts(&t, parts, &r);
        place(&o, parts, APART);
        for (int p = 0; p < PARTS; p++)
            assert_cl(clEnqueueWriteBuffer(o.queue, parts[p].mem, CL_TRUE, 0, bytes_of(&parts[p]),
                                           parts[p].stored, 0, NULL, NULL));
        const clxent_product product = product_of(&t, parts);
        static float got[2][150 * 70];
        const size_t bytes = (size_t)parts[C].length * sizeof(float);
        for (int run = 0; run < 2; run++) {
            expect_status("enqueue", o.ctx, gemm.enqueue(gemm.user, o.queue, &product, 0, NULL, NULL),
                          CLXENT_OK);
            assert_cl(clEnqueueReadBuffer(o.queue, parts[C].mem, CL_TRUE, 0, bytes, got[run], 0, NULL, NULL));
        }
        check(&t, parts, got[0]);
        assert_memory_equal(got[0], got[1], bytes);
        release(parts);
        owner_close(&o);
    }
}

/* ---------------------------------------------------------------- events that fail -------------------- */

/* An event that the product waits for fails. The process lives, and the next context computes products. The
 * test holds the product's event, as a launch does. CLBlast's own commands are nobody's to hold. */
static void an_event_fails(void **state) {
    (void)state;
    const trial t = {.m = 9, .n = 8, .k = 7};
    if (expect_effort() == EFFORT_TINY) return; /* about drivers, not about kernels */
    for (int i = 0; i < PROVIDERS; i++)
        for (int q = 0; q < QUEUES; q++) {
            owner o;
            clxent_gemm gemm;
            part parts[PARTS];
            rng r = rng_start(3);
            cl_int code;
            cl_event done = NULL;
            if (strcmp(providers[i], "clblast") == 0 || !open_with(&o, &gemm, providers[i], queues[q]))
                continue;
            make_parts(&t, parts, &r);
            place(&o, parts, APART);
            const cl_event gate = clCreateUserEvent(o.context, &code);
            assert_cl(code);
            const clxent_product product = product_of(&t, parts);
            expect_status("enqueue", o.ctx, gemm.enqueue(gemm.user, o.queue, &product, 1, &gate, &done),
                          CLXENT_OK);
            assert_cl(clSetUserEventStatus(gate, -5));
            clWaitForEvents(1, &done);
            assert_true(status_of(done) <= CL_COMPLETE);
            clFinish(o.queue);
            assert_cl(clReleaseEvent(done));
            assert_cl(clReleaseEvent(gate));
            release(parts);
            owner_close(&o);
            assert_true(open_with(&o, &gemm, providers[i], queues[q]));
            run(&o, &gemm, &t, &r);
            owner_close(&o);
        }
}

/* ---------------------------------------------------------------- large sizes ------------------------- */

/* CLBlast cannot count the elements of such a matrix. The library's own kernel computes the product. */
static void elements_beyond_ints(void **state) {
    (void)state;
    owner o;
    clxent_gemm gemm;
    part parts[PARTS];
    rng r = rng_start(3);
    const trial t = {.m = 1, .n = 1, .k = 1};
    if (!open_with(&o, &gemm, "clblast", 0)) return;
    make_parts(&t, parts, &r);
    place(&o, parts, APART);
    for (int i = 0; i < PARTS; i++)
        assert_cl(clEnqueueWriteBuffer(o.queue, parts[i].mem, CL_TRUE, 0, sizeof(float), parts[i].host, 0,
                                       NULL, NULL));
    clxent_product product = product_of(&t, parts);
    product.b.row_stride = (int64_t)1 << 40; /* of the one row */
    float got = 0;
    expect_status("enqueue", o.ctx, gemm.enqueue(gemm.user, o.queue, &product, 0, NULL, NULL), CLXENT_OK);
    assert_cl(clEnqueueReadBuffer(o.queue, parts[C].mem, CL_TRUE, 0, sizeof got, &got, 0, NULL, NULL));
    check(&t, parts, &got);
    release(parts);
    owner_close(&o);
}

static void sizes_beyond_ints(void **state) {
    (void)state;
    owner o;
    clxent_gemm gemm;
    part parts[PARTS];
    rng r = rng_start(3);
    const trial t = {.m = 1, .n = 1, .k = 1};
    if (!open_with(&o, &gemm, "openblas", 0)) return;
    make_parts(&t, parts, &r);
    place(&o, parts, APART);
    clxent_product product = product_of(&t, parts);
    product.b.row_stride = (int64_t)INT32_MAX + 1;
    assert_int_equal(gemm.enqueue(gemm.user, o.queue, &product, 0, NULL, NULL), CLXENT_ERR_UNSUPPORTED);
    assert_says(clxent_ctx_last_error(o.ctx), "the row stride of b is 2147483648|2147483647|\"clxent\"");
    release(parts);
    owner_close(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_right),          cmocka_unit_test(no_row_exists),
        cmocka_unit_test(products_are_the_same_again), cmocka_unit_test(an_event_fails),
        cmocka_unit_test(elements_beyond_ints),        cmocka_unit_test(sizes_beyond_ints),
    };
    return leave(cmocka_run_group_tests_name("gemm", tests, NULL, NULL));
}
