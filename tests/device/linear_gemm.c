/* SPDX-License-Identifier: Apache-2.0
 *
 * Linear cross entropy by each provider of matrix products, in each of the three forms of a call (linear.h).
 * A provider of the program's computes on the host. It takes all rows, or heeds how many count. Rows that do
 * not count may hold NaN. */
#include "leave.h"
#include "support/device_call.h"
#include "support/linear_trial.h"

#include "linear.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const cl_command_queue_properties queues[] = {0, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE};
enum { QUEUES = sizeof queues / sizeof *queues };

static const linear_options plain = {"plain", .reduction = CLXENT_MEAN},
                            described = {"described", .reduction = CLXENT_NONE, .stats = 1};

/* ---------------------------------------------------------------- a provider on the host -------------- */

typedef struct on_host {
    bool heeds;
    long products, counted; /* so far; counted: those with rows that do not exist */
    clxent_status fails;    /* what the product number `at` returns */
    long at;
} on_host;

/* Reads a matrix as it is stored, behind the events of `wait`. */
static float *read_matrix(cl_command_queue queue, const clxent_matrix *x, int64_t rows, int64_t columns,
                          cl_uint n_wait, const cl_event *wait) {
    const size_t lines = (size_t)(x->transposed ? columns : rows),
                 line = (size_t)(x->transposed ? rows : columns);
    const size_t elements = (lines - 1) * (size_t)x->row_stride + line;
    float *out = malloc(elements * sizeof *out);
    assert_non_null(out);
    assert_cl(clEnqueueReadBuffer(queue, x->buffer.mem, CL_TRUE, x->buffer.offset, elements * sizeof *out,
                                  out, n_wait, wait, NULL));
    return out;
}

static int64_t existing(const clxent_product *p, int dimension, int64_t all, int32_t count) {
    const int64_t rows = count - p->first_row;
    return p->counted != dimension ? all : rows < 0 ? 0 : rows < all ? rows : all;
}

static clxent_status compute(void *user, cl_command_queue queue, const clxent_product *p, cl_uint n_wait,
                             const cl_event *wait, cl_event *event) {
    on_host *h = user;
    int32_t count = 0;
    if (h->fails != CLXENT_OK && h->products++ == h->at) return h->fails;
    h->products += h->fails == CLXENT_OK;
    assert_int_equal(p->struct_size, sizeof *p);
    assert_true(p->m >= 1 && p->n >= 1 && p->k >= 1 && !p->c.transposed && (p->beta == 0 || p->beta == 1));
    assert_true(h->heeds || (p->counted == 0 && p->row_count.mem == NULL));
    if (p->counted)
        assert_cl(clEnqueueReadBuffer(queue, p->row_count.mem, CL_TRUE, p->row_count.offset, sizeof count,
                                      &count, n_wait, wait, NULL));
    const int64_t m = existing(p, 'm', p->m, count), k = existing(p, 'k', p->k, count);
    h->counted += m < p->m || k < p->k;
    if (m == 0) {
        if (event) assert_cl(clEnqueueMarkerWithWaitList(queue, n_wait, wait, event));
        return CLXENT_OK;
    }
    float *a = read_matrix(queue, &p->a, p->m, p->k, n_wait, wait);
    float *b = read_matrix(queue, &p->b, p->k, p->n, n_wait, wait);
    float *c = read_matrix(queue, &p->c, p->m, p->n, n_wait, wait);
    const int64_t a_row = p->a.transposed ? 1 : p->a.row_stride, a_column = p->a.row_stride + 1 - a_row;
    const int64_t b_row = p->b.transposed ? 1 : p->b.row_stride, b_column = p->b.row_stride + 1 - b_row;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double sum = p->beta != 0 ? c[i * p->c.row_stride + j] : 0;
            for (int64_t l = 0; l < k; l++)
                sum += (double)a[i * a_row + l * a_column] * b[l * b_row + j * b_column];
            c[i * p->c.row_stride + j] = (float)sum;
        }
    const size_t origin[3] = {0, 0, 0}, line = (size_t)p->c.row_stride * sizeof *c;
    const size_t region[3] = {(size_t)p->n * sizeof *c, (size_t)m, 1};
    const size_t to[3] = {p->c.buffer.offset % line, p->c.buffer.offset / line, 0};
    assert_cl(clEnqueueWriteBufferRect(queue, p->c.buffer.mem, CL_TRUE, to, origin, region, line, 0, line, 0,
                                       c, n_wait, wait, event));
    free(a);
    free(b);
    free(c);
    return CLXENT_OK;
}

static clxent_gemm gemm_of(on_host *h, const char *name) {
    return (clxent_gemm){sizeof(clxent_gemm), name, compute, h, h->heeds, 0};
}

/* ---------------------------------------------------------------- the forms --------------------------- */

static const char *const form_names[] = {"by rows", "by tiles", "by classes"};
enum { FORMS = 3 };

/* A trial that can be computed in this form. Tiles need many more classes than rows. By classes the gradient
 * by classifier has 16 bits. */
static linear_limits limits_of(clx_linear_form form, rng *r) {
    const int64_t classes = form == CLX_BY_ROWS ? 70 : 290;
    linear_limits limits = {.rows = rng_integer(r, 30, 40),
                            .classes = rng_integer(r, classes, classes + 40),
                            .features = rng_integer(r, 14, 18),
                            .grads = LINEAR_ALL_GRADS,
                            .bias = BIAS_SMALL,
                            .ignored = 0.5};
    if (form == CLX_BY_CLASSES) limits.types = 9; /* the bias and the gradient by classifier are f16 */
    return limits;
}

/* Finds a workspace with which a call has this form, and several blocks of more than one row. */
static clxent_plan *plan_with(linear_trial *t, clxent_ctx *ctx, clx_linear_form form) {
    const uint64_t least = linear_least_workspace(ctx, &t->desc);
    for (double bytes = 2.5 * (double)least; bytes < 1e6; bytes *= 1.15) {
        t->desc.workspace_bytes = (uint64_t)bytes;
        clxent_plan *plan = linear_trial_plan(t, ctx);
        const clx_linear_cut *cut = &plan->linear->cut;
        if (cut->form == form && cut->block > 1 && cut->block < t->p.loss.rows &&
            (form == CLX_BY_ROWS || cut->tile < t->desc.classes))
            return plan;
        clxent_plan_destroy(plan);
    }
    fail_msg("no workspace gives a call %s", form_names[form]);
    return NULL;
}

/* The programs that the contexts before have compiled: each context takes them over. */
static unsigned char *programs;
static size_t programs_bytes;

static bool open_with(owner *o, const char *provider, cl_command_queue_properties properties) {
    assert_int_equal(setenv("CLXENT_GEMM", provider, 1), 0);
    const bool opened = owner_open(o, properties);
    assert_int_equal(unsetenv("CLXENT_GEMM"), 0);
    if (opened && programs)
        expect_status("import", o->ctx, clxent_ctx_import_programs(o->ctx, programs, programs_bytes),
                      CLXENT_OK);
    return opened;
}

static void close_and_keep(owner *o) {
    expect_status("export", o->ctx, clxent_ctx_export_programs(o->ctx, NULL, 0, &programs_bytes), CLXENT_OK);
    free(programs);
    programs = malloc(programs_bytes);
    assert_non_null(programs);
    expect_status("export", o->ctx,
                  clxent_ctx_export_programs(o->ctx, programs, programs_bytes, &programs_bytes), CLXENT_OK);
    owner_close(o);
}

/* Runs a trial in this form and checks it. Then it runs it again: the bits must be the same. */
static void one_trial(clxent_ctx *ctx, const linear_options *o, clx_linear_form form,
                      const linear_limits *limits, rng *r, int times) {
    linear_trial t;
    linear_trial_draw(&t, o, limits, r);
    clxent_plan *plan = plan_with(&t, ctx, form);
    linear_trial_run_plan(&t, ctx, plan);
    linear_trial_check(&t);
    unsigned char *first = malloc(t.outputs.used);
    assert_non_null(first);
    memcpy(first, t.outputs.memory, t.outputs.used);
    for (int i = 1; i < times; i++) {
        linear_trial_run_plan(&t, ctx, plan);
        assert_memory_equal(first, t.outputs.memory, t.outputs.used);
    }
    free(first);
    clxent_plan_destroy(plan);
    linear_trial_free(&t);
}

/* ---------------------------------------------------------------- the tests --------------------------- */

/* Half of the rows are ignored. In the second trial of a form the hidden state of one of these is NaN; in the
 * third, outputs describe the logits of these rows too. */
static void on_the_host(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(1));
    for (int q = 0; q < QUEUES; q++)
        for (int heeds = 0; heeds < 2; heeds++) {
            owner o;
            if (!open_with(&o, "clxent", queues[q])) continue;
            on_host h = {.heeds = heeds};
            const clxent_gemm gemm = gemm_of(&h, "host");
            expect_status("set", o.ctx, clxent_ctx_set_gemm(o.ctx, &gemm), CLXENT_OK);
            for (int i = 0; i < FORMS * 3; i++) {
                linear_limits limits = limits_of((clx_linear_form)(i % FORMS), &r);
                limits.poison = i / FORMS == 1 ? POISON_NAN : POISON_NONE;
                limits.poison_ignored = 1;
                one_trial(o.ctx, i / FORMS == 2 ? &described : &plain, (clx_linear_form)(i % FORMS), &limits,
                          &r, 2);
            }
            assert_true(h.products > 0);
            assert_int_equal(h.counted > 0, heeds);
            close_and_keep(&o);
        }
}

/* The first product fails, and one that comes later. The next call is right. */
static void a_provider_that_fails(void **state) {
    (void)state;
    rng r = rng_start(rng_seed(2));
    owner o;
    assert_true(open_with(&o, "clxent", 0));
    for (int form = 0; form < FORMS; form++)
        for (int at = 0; at < 6; at += 5) {
            linear_trial t;
            const linear_limits limits = limits_of((clx_linear_form)form, &r);
            on_host h = {.heeds = true};
            const clxent_gemm gemm = gemm_of(&h, "broken");
            expect_status("set", o.ctx, clxent_ctx_set_gemm(o.ctx, &gemm), CLXENT_OK);
            linear_trial_draw(&t, &plain, &limits, &r);
            clxent_plan *plan = plan_with(&t, o.ctx, (clx_linear_form)form);
            h.fails = CLXENT_ERR_UNSUPPORTED;
            h.at = at;
            expect_status("fails", o.ctx, clxent_run(plan, &t.arrays), CLXENT_ERR_UNSUPPORTED);
            assert_says(clxent_ctx_last_error(o.ctx),
                        "gemm broken returned CLXENT_ERR_UNSUPPORTED for a product of m |, n |, k ");
            assert_int_equal(h.products, at + 1);
            h.fails = CLXENT_OK;
            linear_trial_run_plan(&t, o.ctx, plan);
            linear_trial_check(&t);
            clxent_plan_destroy(plan);
            linear_trial_free(&t);
        }
    close_and_keep(&o);
}

/* The library's own providers: within the bounds, and the same bits in 20 runs. */
static void of_the_library(void **state) {
    static const char *const names[] = {"clxent", "openblas"};
    (void)state;
    rng r = rng_start(rng_seed(3));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int q = 0; q < QUEUES; q++) {
            owner o;
            if (!open_with(&o, names[i], queues[q])) continue;
            if (clxent_ctx_gemm(o.ctx, CLXENT_F32, NULL, NULL) == CLXENT_OK)
                for (int form = 0; form < FORMS; form++) {
                    const linear_limits limits = limits_of((clx_linear_form)form, &r);
                    one_trial(o.ctx, &plain, (clx_linear_form)form, &limits, &r, q == 0 ? 20 : 3);
                    one_trial(o.ctx, &described, (clx_linear_form)form, &limits, &r, 3);
                }
            close_and_keep(&o);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(on_the_host), cmocka_unit_test(a_provider_that_fails),
                                       cmocka_unit_test(of_the_library)};
    const int failed = cmocka_run_group_tests_name("linear_gemm", tests, NULL, NULL);
    free(programs);
    return leave(failed);
}
