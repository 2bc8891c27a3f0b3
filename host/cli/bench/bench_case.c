/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_case.h. bench_check.c checks the results.
 */
#include "bench_case.h"
#include "files/dtype_values.h"
#include "shell/draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* More than the caches of a device that does not report their size. */
enum { LEAST_ROTATED = 256 << 20 };

static int apart(bench_op op) {
    return op == BENCH_GRAD_APART || op == BENCH_LOG_SOFTMAX;
}

static clxent_desc describe(const bench_settings *s, const bench_case *what) {
    static const uint32_t outputs[BENCH_OPS] = {CLXENT_OUT_LOSS, CLXENT_OUT_LOSS | CLXENT_OUT_GRAD,
                                                CLXENT_OUT_LOSS | CLXENT_OUT_GRAD, CLXENT_OUT_GRAD,
                                                CLXENT_OUT_LOG_PROBS};
    clxent_desc d = CLXENT_DESC_INIT;
    d.op = what->op == BENCH_LOG_SOFTMAX ? CLXENT_LOG_SOFTMAX : CLXENT_CROSS_ENTROPY;
    d.flags = what->op == BENCH_GRAD_FROM_LSE ? CLXENT_GRAD_FROM_LSE : 0;
    d.outputs = outputs[what->op];
    d.rows = what->rows;
    d.classes = what->classes;
    d.logits_dtype = what->dtype;
    d.softcap = s->softcap;
    if (what->op == BENCH_LOG_SOFTMAX) return d;
    if (s->atomic && what->op != BENCH_GRAD_FROM_LSE) d.flags = CLXENT_ATOMIC;
    d.grad_dtype = what->dtype;
    d.label_smoothing = s->label_smoothing;
    d.z_loss = s->z_loss;
    d.use_ignore_index = s->ignored > 0;
    d.ignore_index = BENCH_IGNORE;
    return d;
}

static uint64_t aligned(uint64_t bytes) {
    return (bytes + BENCH_ALIGN - 1) / BENCH_ALIGN * BENCH_ALIGN;
}

void bench_problem_plan(bench_problem *p, const bench_device *d, const bench_settings *settings,
                        const bench_case *what, char *why, size_t size) {
    const clxent_device_info *device = &d->session->device;
    *p = (bench_problem){.device = d, .settings = settings, .what = *what};
    p->desc = describe(settings, what);
    p->out_dtype = what->op == BENCH_LOG_SOFTMAX ? CLXENT_F32 : what->dtype;
    const uint64_t cells = (uint64_t)what->rows * (uint64_t)what->classes; /* bench_list.c: no overflow */
    const uint64_t slot = aligned(cells * clxent_dtype_size(what->dtype));
    const uint64_t out_slot = apart(what->op) ? aligned(cells * clxent_dtype_size(p->out_dtype)) : 0;
    const uint64_t largest = slot > out_slot ? slot : out_slot;
    const uint64_t small = (uint64_t)what->rows * 24 + (uint64_t)what->classes * 4;
    why[0] = '\0';
    if (largest > device->largest_buffer_bytes || slot + out_slot + small > device->global_memory_bytes ||
        largest > SIZE_MAX / 4) {
        snprintf(
            why, size,
            "needs buffers of up to %.4g GB, %.4g GB in all; the device has %.4g GB, %.4g GB the largest",
            1e-9 * (double)largest, 1e-9 * (double)(slot + out_slot + small),
            1e-9 * (double)device->global_memory_bytes, 1e-9 * (double)device->largest_buffer_bytes);
        return;
    }
    /* The buffers take at most half of the device's memory. */
    uint64_t wanted = settings->rotate;
    if (wanted == 0) wanted = 4 * d->cache_bytes > LEAST_ROTATED ? 4 * d->cache_bytes : LEAST_ROTATED;
    const uint64_t room = device->global_memory_bytes / 2 / (slot + out_slot);
    uint64_t slots = (wanted + slot - 1) / slot;
    if (slots > device->largest_buffer_bytes / largest) slots = device->largest_buffer_bytes / largest;
    if (slots > room) slots = room;
    p->slots = slots > 0 ? (size_t)slots : 1;
    p->slot_bytes = (size_t)slot;
    p->out_slot_bytes = (size_t)out_slot;
}

int bench_draw_targets(const bench_device *d, const bench_settings *settings, int64_t rows, int64_t classes,
                       cl_mem targets_buffer, cl_mem weights_buffer, int64_t **targets, float **weights,
                       int64_t *counted) {
    const size_t n = (size_t)rows, c = (size_t)classes;
    *targets = malloc(n * sizeof **targets);
    *weights = settings->class_weight ? malloc(c * sizeof **weights) : NULL;
    if (!*targets || (settings->class_weight && !*weights))
        return tool_error(d->session->command, EXIT_DEVICE, "no host memory for %zu targets", n);
    uint64_t seed = 0, weight_seed = 0;
    *counted = 0;
    for (size_t i = 0; i < n; i++) {
        const int ignored = draw_uniform(&seed, 0, 1) < settings->ignored;
        const int64_t target = (int64_t)(draw(&seed) % c); /* ignored rows draw one too */
        (*targets)[i] = ignored ? BENCH_IGNORE : target;
        *counted += !ignored;
    }
    for (size_t i = 0; *weights && i < c; i++) (*weights)[i] = (float)draw_uniform(&weight_seed, 0.5, 1.5);
    int failed = bench_write(d, targets_buffer, *targets, n * sizeof **targets);
    if (*weights && !failed) failed = bench_write(d, weights_buffer, *weights, c * sizeof **weights);
    return failed;
}

int bench_problem_open(bench_problem *p) {
    const bench_device *d = p->device;
    const size_t rows = (size_t)p->what.rows;
    const struct {
        cl_mem *buffer;
        size_t bytes;
        const char *what;
    } buffers[] = {{&p->logits, p->slots * p->slot_bytes, "the logits"},
                   {&p->out, p->slots * p->out_slot_bytes, "the result"},
                   {&p->targets_buffer, rows * sizeof(int64_t), "the targets"},
                   {&p->weights_buffer,
                    p->settings->class_weight ? (size_t)p->what.classes * sizeof(float) : 0,
                    "the class weights"},
                   {&p->loss, sizeof(float), "the loss"},
                   {&p->lse, rows * sizeof(float), "the log-sum-exps"},
                   {&p->lse_residual, rows * sizeof(float), "the log-sum-exps' residuals"},
                   {&p->row_loss, rows * sizeof(float), "the rows' losses"}};
    int failed = EXIT_GOOD;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers && !failed; i++)
        if (buffers[i].bytes) failed = bench_buffer(d, buffers[i].bytes, buffers[i].what, buffers[i].buffer);
    return failed ? failed
                  : bench_draw_targets(d, p->settings, p->what.rows, p->what.classes, p->targets_buffer,
                                       p->weights_buffer, &p->targets, &p->weights, &p->counted);
}

void bench_problem_close(bench_problem *p) {
    const cl_mem buffers[] = {p->logits, p->out, p->targets_buffer, p->weights_buffer,
                              p->loss,   p->lse, p->lse_residual,   p->row_loss};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) bench_buffer_free(p->device, buffers[i]);
    free(p->targets);
    free(p->weights);
    *p = (bench_problem){0};
}

int bench_problem_fill(const bench_problem *p, size_t first, size_t end) {
    int failed = EXIT_GOOD;
    for (size_t slot = first; slot < end && !failed; slot++)
        failed = bench_fill_logits(p->device, p->logits, slot * p->slot_bytes, p->what.dtype,
                                   p->what.rows * p->what.classes);
    return failed;
}

clxent_buffers bench_problem_buffers(const bench_problem *p, const clxent_desc *desc, size_t slot) {
    const int from_lse = (desc->flags & CLXENT_GRAD_FROM_LSE) != 0;
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    const clxent_buffer apart_from_it = {p->out, slot * p->out_slot_bytes};
    b.logits = (clxent_buffer){p->logits, slot * p->slot_bytes};
    if (desc->op == CLXENT_CROSS_ENTROPY) {
        b.targets.mem = p->targets_buffer;
        b.class_weight.mem = p->weights_buffer;
    }
    if (desc->outputs & CLXENT_OUT_LOSS) b.loss.mem = p->loss;
    if (desc->outputs & CLXENT_OUT_ROW_LOSS) b.row_loss.mem = p->row_loss;
    if (desc->outputs & CLXENT_OUT_LSE || from_lse) b.lse.mem = p->lse;
    if (desc->outputs & CLXENT_OUT_LSE_RESIDUAL || from_lse) b.lse_residual.mem = p->lse_residual;
    if (desc->outputs & CLXENT_OUT_GRAD) b.grad = p->out ? apart_from_it : b.logits;
    if (desc->outputs & CLXENT_OUT_LOG_PROBS) b.log_probs = apart_from_it;
    return b;
}

int bench_problem_call(const bench_problem *p, clxent_plan *plan, const clxent_desc *desc, size_t slot,
                       double *seconds, double *enqueue_seconds) {
    const clxent_buffers buffers = bench_problem_buffers(p, desc, slot);
    return bench_enqueue(p->device, plan, &buffers, seconds, enqueue_seconds);
}

int bench_problem_time(const bench_problem *p, clxent_plan *plan, const clxent_desc *desc, int pair,
                       double *seconds, double *enqueue_seconds, size_t *n) {
    /* The calls use slots of the first half. A call in place needs new logits, so all slots are filled first,
     * the second half last. So the caches do not hold the logits that a call reads. */
    const int in_place = (desc->outputs & CLXENT_OUT_GRAD) && !p->out;
    const size_t usable = p->slots > 1 ? p->slots / 2 : 1;
    const size_t calls = usable < BENCH_CALLS ? usable : BENCH_CALLS;
    const size_t first = (size_t)(pair + 1) * calls % (usable - calls + 1);
    int failed = in_place ? bench_problem_fill(p, 0, p->slots) : EXIT_GOOD;
    *n = calls;
    for (size_t c = 0; c < calls && !failed; c++)
        failed = bench_problem_call(p, plan, desc, first + c, &seconds[c], &enqueue_seconds[c]);
    return failed;
}

double bench_problem_bytes(const bench_problem *p) {
    const double rows = (double)p->what.rows, counted = (double)p->counted, classes = (double)p->what.classes;
    const double element = (double)clxent_dtype_size(p->what.dtype);
    const double read = counted * classes * element, written = rows * classes * element;
    const double targets = rows * (double)sizeof(int64_t), lse = rows * 2 * (double)sizeof(float);
    switch (p->what.op) {
    case BENCH_FORWARD:
        return read + targets;
    case BENCH_GRAD:
    case BENCH_GRAD_APART:
        return read + written + targets;
    case BENCH_GRAD_FROM_LSE:
        return read + written + targets + lse;
    default: /* every row, and the result is f32 */
        return rows * classes * (element + (double)clxent_dtype_size(p->out_dtype));
    }
}
