/* SPDX-License-Identifier: Apache-2.0
 *
 * See job.h.
 */
#include "job.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* An option that is not given is off. The default type is f32, the default reduction a mean. */
static const struct kind {
    clxent_dtype dtype;
    clxent_schedule schedule;
    clxent_reduction reduction;
    int64_t rows, classes;
    double smoothing, z_loss, softcap, scale;
} kinds[] = {
    {.rows = 300, .classes = 10},
    {.rows = 1, .classes = 1},
    {.rows = 33, .classes = 257, .z_loss = 1e-3},
    {.rows = 2, .classes = 20011},
    {.rows = 17, .classes = 1000, .dtype = CLXENT_BF16},
    {.rows = 5, .classes = 4097, .dtype = CLXENT_F16, .reduction = CLXENT_SUM},
    {.rows = 12, .classes = 331, .dtype = CLXENT_F64},
    {.rows = 64, .classes = 31, .smoothing = 0.1, .reduction = CLXENT_NONE},
    {.rows = 9, .classes = 513, .softcap = 15},
    {.rows = 7, .classes = 600, .schedule = CLXENT_SCHEDULE_GROUP, .scale = 0.7},
    {.rows = 3, .classes = 999, .schedule = CLXENT_SCHEDULE_SPLIT, .dtype = CLXENT_BF16},
    {.rows = 1100, .classes = 3, .reduction = CLXENT_SUM},
};
const int job_count = sizeof kinds / sizeof *kinds;

enum { IGNORED = -100 };

/* ------------------------------------------------------------------------------- arrays of a call */

static clxent_dtype real_of(const job *j) {
    return j->desc.logits_dtype == CLXENT_F64 ? CLXENT_F64 : CLXENT_F32;
}

/* The outputs with an element a row, and their order in the image: each has eight bytes a row. counts stands
 * behind them, then grad. */
#define ROW_OUTPUTS(X) \
    X(loss, 0) X(row_loss, 1) X(log_prob, 2) X(lse, 3) X(entropy, 4) X(argmax, 5) X(rank, 6)
enum { ROW_OUTPUT_COUNT = 7 };

static size_t at_row_output(const job *j, int i) {
    return (size_t)i * (size_t)j->desc.rows * sizeof(double);
}

static clxent_arrays arrays_of(const job *j, job_outputs outputs, unsigned char *image) {
    const size_t row_bytes = (size_t)j->desc.rows * sizeof(double);
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(j->logits, j->logits_bytes);
    a.targets = CLXENT_ARRAY(j->targets, row_bytes);
    if (outputs == JOB_ALL) {
#define BIND(member, i) a.member = CLXENT_ARRAY(image + at_row_output(j, i), row_bytes);
        ROW_OUTPUTS(BIND)
#undef BIND
        a.counts = CLXENT_ARRAY(image + at_row_output(j, ROW_OUTPUT_COUNT), 4 * sizeof(int64_t));
    }
    a.loss = CLXENT_ARRAY(image, row_bytes);
    if (outputs != JOB_LOSS) a.grad = CLXENT_ARRAY(image + j->at_grad, j->logits_bytes);
    if (outputs == JOB_IN_PLACE) a.logits = a.grad;
    return a;
}

static clxent_buffers buffers_of(const job *j, job_outputs outputs, cl_mem image) {
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    b.logits.mem = j->logits_mem;
    b.targets.mem = j->targets_mem;
    if (outputs == JOB_ALL) {
#define BIND(member, i) b.member = (clxent_buffer){image, at_row_output(j, i)};
        ROW_OUTPUTS(BIND)
#undef BIND
        b.counts = (clxent_buffer){image, at_row_output(j, ROW_OUTPUT_COUNT)};
    }
    b.loss.mem = image;
    if (outputs != JOB_LOSS) b.grad = (clxent_buffer){image, j->at_grad};
    if (outputs == JOB_IN_PLACE) b.logits = b.grad;
    return b;
}

void job_run(const job *j, const owner *o, job_outputs outputs, unsigned char *image) {
    const clxent_arrays a = arrays_of(j, outputs, image);
    if (outputs == JOB_IN_PLACE) memcpy(image + j->at_grad, j->logits, j->logits_bytes);
    expect_status("clxent_run", o->ctx, clxent_run(j->plan, &a), CLXENT_OK);
}

cl_event job_enqueue(const job *j, const owner *o, job_outputs outputs, cl_mem image) {
    const clxent_buffers b = buffers_of(j, outputs, image);
    cl_event done = NULL;
    if (outputs == JOB_IN_PLACE)
        assert_cl(clEnqueueCopyBuffer(o->queue, j->logits_mem, image, 0, j->at_grad, j->logits_bytes, 0, NULL,
                                      NULL));
    expect_status("clxent_enqueue", o->ctx, clxent_enqueue(j->plan, &b, 0, NULL, &done), CLXENT_OK);
    return done;
}

/* ------------------------------------------------------------------------- the expected results */

static double *doubles(int64_t count) {
    double *data = calloc((size_t)count, sizeof *data);
    assert_non_null(data);
    return data;
}

/* Compares the outputs in an image with the reference. */
static void check(const job *j, job_outputs outputs, const reference_result *e) {
    const clxent_arrays a = arrays_of(j, outputs, j->expected[outputs]);
    const clxent_dtype real = real_of(j), grad = j->desc.logits_dtype;
    const int64_t n = j->desc.rows;
    const bool none = j->desc.reduction == CLXENT_NONE;
    const struct {
        const char *what;
        clxent_dtype dtype;
        clxent_array got;
        int64_t count;
        const double *exact, *bound;
    } all[] = {
        {"loss", real, a.loss, none ? n : 1, none ? e->row_loss : &e->loss,
         none ? e->row_loss_bound : &e->loss_bound},
        {"row_loss", real, a.row_loss, n, e->row_loss, e->row_loss_bound},
        {"log_prob", real, a.log_prob, n, e->log_prob, e->log_prob_bound},
        {"lse", real, a.lse, n, e->lse, e->lse_bound},
        {"entropy", real, a.entropy, n, e->entropy, e->entropy_bound},
        {"grad", grad, a.grad, n * j->desc.classes, e->grad, e->grad_bound},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int64_t k = 0; all[i].got.data && k < all[i].count; k++)
            expect_near(all[i].what, k, all[i].dtype, element(all[i].dtype, all[i].got.data, k),
                        all[i].exact[k], all[i].bound[k]);
    if (outputs != JOB_ALL) return;
    for (int64_t k = 0; k < n; k++) {
        expect_integer("argmax", k, integer(CLXENT_I64, a.argmax.data, k), e->argmax[k]);
        expect_integer("rank", k, integer(CLXENT_I64, a.rank.data, k), e->rank[k]);
    }
    assert_memory_equal(a.counts.data, e->counts, sizeof e->counts);
}

static void compute_expected(job *j, const owner *o, const double *x) {
    const clxent_desc *d = &j->desc;
    const int64_t n = d->rows, all = n * d->classes;
    reference_problem p = REFERENCE_PROBLEM_INIT;
    p.reduction = (reference_reduction)d->reduction;
    p.double_arithmetic = d->logits_dtype == CLXENT_F64;
    p.rows = n;
    p.classes = d->classes;
    p.use_ignore_index = d->use_ignore_index;
    p.ignore_index = d->ignore_index;
    p.label_smoothing = d->label_smoothing;
    p.z_loss = d->z_loss;
    p.softcap = d->softcap;
    p.logit_scale = d->logit_scale;
    p.logits = x;
    p.targets = j->targets;
    double *const rows = doubles(8 * n), *const grad = doubles(2 * all);
    int64_t *const integers = calloc(2 * (size_t)n, sizeof *integers);
    assert_non_null(integers);
    reference_result e = {.row_loss = rows,
                          .row_loss_bound = rows + n,
                          .log_prob = rows + 2 * n,
                          .log_prob_bound = rows + 3 * n,
                          .lse = rows + 4 * n,
                          .lse_bound = rows + 5 * n,
                          .entropy = rows + 6 * n,
                          .entropy_bound = rows + 7 * n,
                          .argmax = integers,
                          .rank = integers + n,
                          .grad = grad,
                          .grad_bound = grad + all};
    assert_int_equal(reference_run(&p, &e), 0);
    for (int i = 0; i < JOB_OUTPUTS; i++) {
        j->expected[i] = malloc(j->image_bytes);
        assert_non_null(j->expected[i]);
        memset(j->expected[i], JOB_FILLER, j->image_bytes);
        job_run(j, o, (job_outputs)i, j->expected[i]);
        check(j, (job_outputs)i, &e);
    }
    free(integers);
    free(grad);
    free(rows);
}

/* -------------------------------------------------------------------------------------- a job */

static cl_mem upload(const owner *o, void *data, size_t bytes) {
    cl_int code;
    const cl_mem mem =
        clCreateBuffer(o->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, data, &code);
    assert_cl(code);
    return mem;
}

static double *make_inputs(job *j, rng *r) {
    const int64_t n = j->desc.rows, all = n * j->desc.classes;
    double *x = doubles(all);
    j->logits = malloc(j->logits_bytes);
    j->targets = calloc((size_t)n, sizeof *j->targets);
    assert_true(j->logits && j->targets);
    for (int64_t i = 0; i < all; i++) {
        set_element(j->desc.logits_dtype, j->logits, i, 3 * rng_normal(r));
        x[i] = element(j->desc.logits_dtype, j->logits, i);
    }
    for (int64_t i = 0; i < n; i++) /* the first row always counts */
        j->targets[i] = i > 0 && rng_chance(r, 0.1) ? IGNORED : rng_integer(r, 0, j->desc.classes - 1);
    return x;
}

void job_plan(job *j, const owner *o) {
    clxent_plan_destroy(j->plan);
    expect_status("clxent_plan_create", o->ctx,
                  clxent_plan_create_scheduled(&j->plan, o->ctx, &j->desc, j->schedule), CLXENT_OK);
}

bool job_open(job *j, int which, const owner *o) {
    const struct kind *kind = &kinds[which];
    clxent_device_info device = CLXENT_DEVICE_INFO_INIT;
    *j = (job){.desc = CLXENT_DESC_INIT, .schedule = kind->schedule};
    j->desc.rows = kind->rows;
    j->desc.classes = kind->classes;
    j->desc.reduction = kind->reduction;
    j->desc.logits_dtype = kind->dtype ? kind->dtype : CLXENT_F32;
    j->desc.label_smoothing = kind->smoothing;
    j->desc.z_loss = kind->z_loss;
    j->desc.softcap = kind->softcap;
    if (kind->scale > 0) j->desc.logit_scale = (double)(float)kind->scale; /* the kernels hold it in f32 */
    j->desc.use_ignore_index = 1;
    j->desc.ignore_index = IGNORED;
    j->logits_bytes = (size_t)(kind->rows * kind->classes) * clxent_dtype_size(j->desc.logits_dtype);
    j->at_grad = at_row_output(j, ROW_OUTPUT_COUNT) + 4 * sizeof(int64_t);
    j->image_bytes = j->at_grad + j->logits_bytes;
    expect_about("job %d: %lld x %lld", which, (long long)kind->rows, (long long)kind->classes);
    assert_int_equal(clxent_ctx_device(o->ctx, &device), CLXENT_OK);
    if (kind->dtype == CLXENT_F64 && !device.fp64) return false;

    rng r = rng_start(77 + (uint64_t)which);
    double *x = make_inputs(j, &r);
    j->logits_mem = upload(o, j->logits, j->logits_bytes);
    j->targets_mem = upload(o, j->targets, (size_t)kind->rows * sizeof *j->targets);
    job_plan(j, o);
    compute_expected(j, o, x);
    free(x);
    return true;
}

void job_close(job *j) {
    clxent_plan_destroy(j->plan);
    if (j->logits_mem) assert_cl(clReleaseMemObject(j->logits_mem));
    if (j->targets_mem) assert_cl(clReleaseMemObject(j->targets_mem));
    for (int i = 0; i < JOB_OUTPUTS; i++) free(j->expected[i]);
    free(j->targets);
    free(j->logits);
}
