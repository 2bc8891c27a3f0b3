/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_linear_case.h.
 */
#include "bench_linear_case.h"
#include "files/dtype_values.h"
#include "shell/draw.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static clxent_desc describe(const linear_problem *p, uint64_t workspace) {
    const bench_settings *s = p->settings;
    clxent_desc d = CLXENT_DESC_INIT;
    d.op = CLXENT_LINEAR_CROSS_ENTROPY;
    d.flags = s->atomic ? CLXENT_ATOMIC : 0;
    d.outputs = CLXENT_OUT_LOSS;
    if (p->what.op == BENCH_GRAD) d.outputs |= CLXENT_OUT_GRAD_HIDDEN | CLXENT_OUT_GRAD_CLASSIFIER;
    d.rows = p->what.rows;
    d.classes = p->what.classes;
    d.features = p->features;
    d.hidden_dtype = d.classifier_dtype = d.grad_hidden_dtype = d.grad_classifier_dtype = p->what.dtype;
    d.softcap = s->softcap;
    d.label_smoothing = s->label_smoothing;
    d.z_loss = s->z_loss;
    d.use_ignore_index = s->ignored > 0;
    d.ignore_index = BENCH_IGNORE;
    d.workspace_bytes = workspace;
    return d;
}

static uint64_t matrix_bytes(int64_t rows, int64_t columns, clxent_dtype dtype) {
    return (uint64_t)rows * (uint64_t)columns * clxent_dtype_size(dtype);
}

uint64_t linear_problem_bytes(const linear_problem *p) {
    const uint64_t inputs = matrix_bytes(p->what.rows, p->features, p->what.dtype) +
                            matrix_bytes(p->what.classes, p->features, p->what.dtype);
    const uint64_t small = (uint64_t)p->what.rows * sizeof(int64_t) + sizeof(float) +
                           (p->settings->class_weight ? (uint64_t)p->what.classes * sizeof(float) : 0);
    return small + inputs * (p->what.op == BENCH_GRAD ? 2 : 1);
}

/* The logits of the bare products take an eighth of the device at most, and one buffer. */
static int64_t most_rows(const linear_problem *p) {
    const clxent_device_info *device = &p->device->session->device;
    const uint64_t row = matrix_bytes(1, p->what.classes, CLXENT_F32);
    uint64_t room = device->global_memory_bytes / 8;
    if (room > device->largest_buffer_bytes) room = device->largest_buffer_bytes;
    const uint64_t rows = room / row;
    return rows < (uint64_t)p->what.rows ? (int64_t)rows : p->what.rows;
}

void linear_problem_plan(linear_problem *p, const bench_device *d, const bench_list *list,
                         const bench_case *what, char *why, size_t size) {
    const clxent_device_info *device = &d->session->device;
    *p =
        (linear_problem){.device = d, .settings = &list->settings, .what = *what, .features = list->features};
    p->desc = describe(p, list->workspace);
    p->products.most_rows = most_rows(p);
    const int64_t longest = what->rows > what->classes ? what->rows : what->classes;
    const uint64_t largest = matrix_bytes(longest, p->features, CLXENT_F32);
    const uint64_t bare = what->dtype == CLXENT_F32 ? 0 : 2 * linear_problem_bytes(p);
    const uint64_t all = linear_problem_bytes(p) + bare + device->global_memory_bytes / 8;
    why[0] = '\0';
    if (largest > device->largest_buffer_bytes || all > device->global_memory_bytes ||
        largest > SIZE_MAX / 4 || p->products.most_rows < 1)
        snprintf(
            why, size,
            "needs buffers of up to %.4g GB, %.4g GB in all; the device has %.4g GB, %.4g GB the largest",
            1e-9 * (double)largest, 1e-9 * (double)all, 1e-9 * (double)device->global_memory_bytes,
            1e-9 * (double)device->largest_buffer_bytes);
}

/* ---------------------------------------------------------------------------- the buffers ---- */

/* Writes `count` numbers of the given standard deviation to a buffer, and keeps the host's copy. */
static int make_values(const linear_problem *p, void **copy, cl_mem to, int64_t count, double deviation,
                       uint64_t seed) {
    enum { CHUNK = 4096 };
    double drawn[CHUNK];
    const size_t element = clxent_dtype_size(p->what.dtype);
    *copy = malloc((size_t)count * element);
    if (!*copy)
        return tool_error(p->device->session->command, EXIT_DEVICE, "no host memory for %" PRId64 " numbers",
                          count);
    const double most = deviation * sqrt(3); /* they are uniform */
    for (int64_t i = 0; i < count; i += CHUNK) {
        const int64_t n = count - i < CHUNK ? count - i : CHUNK;
        for (int64_t k = 0; k < n; k++) drawn[k] = draw_uniform(&seed, -most, most);
        values_convert(p->what.dtype, (char *)*copy + (size_t)i * element, CLXENT_F64, drawn, n);
    }
    return bench_write(p->device, to, *copy, (size_t)count * element);
}

static int make_inputs(linear_problem *p) {
    const bench_device *d = p->device;
    const int64_t rows = p->what.rows, classes = p->what.classes, features = p->features;
    /* logits of deviation 2 */
    int failed = make_values(p, &p->hidden_values, p->hidden, rows * features, 1, 1);
    if (!failed)
        failed = make_values(p, &p->classifier_values, p->classifier, classes * features,
                             2 / sqrt((double)features), 2);
    if (!failed)
        failed = bench_draw_targets(d, p->settings, rows, classes, p->targets_buffer, p->weights_buffer,
                                    &p->targets, &p->weights, &p->counted);
    p->products.rows = p->counted;
    return failed;
}

/* A matrix whose rows follow each other from `first_row` on. */
static clxent_matrix matrix(cl_mem mem, clxent_dtype dtype, int64_t first_row, int64_t columns,
                            int transposed) {
    return (clxent_matrix){.buffer = {mem, matrix_bytes(first_row, columns, dtype)},
                           .row_stride = columns,
                           .transposed = transposed,
                           .dtype = dtype};
}

static clxent_status enqueue(const linear_problem *p, int64_t m, int64_t n, int64_t k, clxent_matrix a,
                             clxent_matrix b, clxent_matrix c, float beta) {
    const clxent_product product = {
        .struct_size = sizeof product, .m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .beta = beta};
    return clxent_ctx_enqueue_product(p->device->session->ctx, &product, 0, NULL, NULL);
}

/* Whether plans have their products in bf16: then a first product in bf16 is not refused. */
static int multiplies_bf16(const linear_problem *p) {
    return p->what.dtype == CLXENT_BF16 &&
           enqueue(p, 1, 1, 1, matrix(p->hidden, CLXENT_BF16, 0, 1, 0),
                   matrix(p->classifier, CLXENT_BF16, 0, 1, 0),
                   matrix(p->products.logits, CLXENT_F32, 0, 1, 0), 0) == CLXENT_OK;
}

/* The factors of the bare products. */
static int make_factors(linear_problem *p) {
    const bench_device *d = p->device;
    linear_products *b = &p->products;
    const int64_t hidden = p->what.rows * p->features, classifier = p->what.classes * p->features;
    b->dtype = multiplies_bf16(p) ? CLXENT_BF16 : CLXENT_F32;
    b->dz = b->logits;
    if (b->dtype == p->what.dtype) {
        b->x = p->hidden;
        b->w = p->classifier;
        if (b->dtype == CLXENT_F32) return EXIT_GOOD;
        const int64_t logits = b->most_rows * p->what.classes;
        const int failed = bench_buffer(d, matrix_bytes(1, logits, b->dtype), "gradients by logits", &b->dz);
        return failed ? failed : bench_fill_logits(d, b->dz, 0, b->dtype, logits);
    }
    int failed = bench_buffer(d, matrix_bytes(1, hidden, CLXENT_F32), "hidden states of f32", &b->x);
    if (!failed)
        failed = bench_buffer(d, matrix_bytes(1, classifier, CLXENT_F32), "a classifier of f32", &b->w);
    if (!failed) failed = bench_fill_logits(d, b->x, 0, CLXENT_F32, hidden);
    if (!failed) failed = bench_fill_logits(d, b->w, 0, CLXENT_F32, classifier);
    return failed;
}

static int make_operands(linear_problem *p) {
    const bench_device *d = p->device;
    linear_products *b = &p->products;
    const size_t hidden = matrix_bytes(p->what.rows, p->features, CLXENT_F32);
    const size_t classifier = matrix_bytes(p->what.classes, p->features, CLXENT_F32);
    int failed = bench_buffer(d, matrix_bytes(b->most_rows, p->what.classes, CLXENT_F32),
                              "the logits of a block", &b->logits);
    if (!failed) failed = make_factors(p);
    if (p->what.op != BENCH_GRAD) return failed;
    if (p->what.dtype == CLXENT_F32) {
        b->dx = p->grad_hidden;
        b->dw = p->grad_classifier;
        return failed;
    }
    if (!failed) failed = bench_buffer(d, hidden, "gradients of f32", &b->dx);
    if (!failed) failed = bench_buffer(d, classifier, "gradients of f32", &b->dw);
    return failed;
}

static int make_plan(linear_problem *p) {
    const session *s = p->device->session;
    const double start = session_clock();
    clxent_status status = clxent_plan_create(&p->plan, s->ctx, &p->desc);
    p->plan_seconds = session_clock() - start;
    if (status == CLXENT_OK) status = clxent_workspace_bytes(p->plan, &p->workspace_bytes);
    return status == CLXENT_OK ? EXIT_GOOD : session_failed(s, status);
}

int linear_problem_open(linear_problem *p) {
    const int has_grad = p->what.op == BENCH_GRAD;
    const size_t rows = (size_t)p->what.rows, classes = (size_t)p->what.classes;
    const size_t hidden = matrix_bytes(p->what.rows, p->features, p->what.dtype);
    const size_t classifier = matrix_bytes(p->what.classes, p->features, p->what.dtype);
    const struct {
        cl_mem *buffer;
        size_t bytes;
        const char *what;
    } buffers[] = {{&p->hidden, hidden, "the hidden states"},
                   {&p->classifier, classifier, "the classifier"},
                   {&p->grad_hidden, has_grad ? hidden : 0, "the gradient by hidden"},
                   {&p->grad_classifier, has_grad ? classifier : 0, "the gradient by the classifier"},
                   {&p->targets_buffer, rows * sizeof(int64_t), "the targets"},
                   {&p->weights_buffer, p->settings->class_weight ? classes * sizeof(float) : 0, "weights"},
                   {&p->loss, sizeof(float), "the loss"},
                   {&p->row_loss, rows * sizeof(float), "the row losses"}};
    int failed = EXIT_GOOD;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers && !failed; i++)
        if (buffers[i].bytes)
            failed = bench_buffer(p->device, buffers[i].bytes, buffers[i].what, buffers[i].buffer);
    if (!failed) failed = make_inputs(p);
    if (!failed) failed = make_operands(p);
    if (!failed) failed = make_plan(p);
    return failed;
}

void linear_problem_close(linear_problem *p) {
    const linear_products *b = &p->products;
    const cl_mem buffers[] = {p->hidden,   p->classifier,  p->targets_buffer,  p->weights_buffer, p->loss,
                              p->row_loss, p->grad_hidden, p->grad_classifier, b->logits};
    /* the operands that are not the operation's or the logits */
    const cl_mem operands[] = {b->x == p->hidden ? NULL : b->x, b->w == p->classifier ? NULL : b->w,
                               b->dx == p->grad_hidden ? NULL : b->dx,
                               b->dw == p->grad_classifier ? NULL : b->dw, b->dz == b->logits ? NULL : b->dz};
    clxent_plan_destroy(p->plan);
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) bench_buffer_free(p->device, buffers[i]);
    for (size_t i = 0; i < sizeof operands / sizeof *operands; i++) bench_buffer_free(p->device, operands[i]);
    free(p->hidden_values);
    free(p->classifier_values);
    free(p->targets);
    free(p->weights);
    *p = (linear_problem){0};
}

/* ------------------------------------------------------------------------------ the calls ---- */

int linear_problem_call(const linear_problem *p, clxent_plan *plan, const clxent_desc *desc, double *seconds,
                        double *enqueue_seconds) {
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    b.hidden.mem = p->hidden;
    b.classifier.mem = p->classifier;
    b.targets.mem = p->targets_buffer;
    b.class_weight.mem = p->weights_buffer;
    if (desc->outputs & CLXENT_OUT_LOSS) b.loss.mem = p->loss;
    if (desc->outputs & CLXENT_OUT_ROW_LOSS) b.row_loss.mem = p->row_loss;
    if (desc->outputs & CLXENT_OUT_GRAD_HIDDEN) b.grad_hidden.mem = p->grad_hidden;
    if (desc->outputs & CLXENT_OUT_GRAD_CLASSIFIER) b.grad_classifier.mem = p->grad_classifier;
    return bench_enqueue(p->device, plan, &b, seconds, enqueue_seconds);
}

int linear_problem_products(const linear_problem *p, int64_t rows, double *seconds) {
    const linear_products *o = &p->products;
    const int64_t classes = p->what.classes, features = p->features;
    const clxent_dtype f32 = CLXENT_F32;
    const double start = session_clock();
    clxent_status status = CLXENT_OK;
    for (int64_t first = 0; first < o->rows && status == CLXENT_OK; first += rows) {
        const int64_t m = o->rows - first < rows ? o->rows - first : rows;
        status = enqueue(p, m, classes, features, matrix(o->x, o->dtype, first, features, 0),
                         matrix(o->w, o->dtype, 0, features, 1), matrix(o->logits, f32, 0, classes, 0), 0);
        if (p->what.op != BENCH_GRAD) continue;
        if (status == CLXENT_OK)
            status =
                enqueue(p, m, features, classes, matrix(o->dz, o->dtype, 0, classes, 0),
                        matrix(o->w, o->dtype, 0, features, 0), matrix(o->dx, f32, first, features, 0), 0);
        if (status == CLXENT_OK)
            status = enqueue(p, classes, features, m, matrix(o->dz, o->dtype, 0, classes, 1),
                             matrix(o->x, o->dtype, first, features, 0), matrix(o->dw, f32, 0, features, 0),
                             first > 0 ? 1.0F : 0.0F);
    }
    if (status != CLXENT_OK) return session_failed(p->device->session, status);
    const int failed = bench_finish(p->device);
    *seconds = session_clock() - start;
    return failed;
}
