/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_limits.h. limits.cl explains the loop that all forms share.
 */
#include "bench_limits.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORD = sizeof(uint32_t), CHANGE = 3, SUMS = 1024 }; /* CHANGE, SUMS: as in limits.cl */

/* The number of work-items: `stretch` is bytes a work-item. If it is 0, `groups` is work-groups a compute
 * unit. If both are 0, each work-item has `streams` vectors. */
static const struct form {
    int width, streams;
    size_t stretch, groups, local;
} forms[LIMIT_FORMS] = {
    {4, 4, 2 << 20, 0, 1}, {8, 4, 2 << 20, 0, 1}, {16, 4, 2 << 20, 0, 1}, {8, 4, 1 << 19, 0, 1},
    {4, 1, 0, 0, 256},     {4, 2, 0, 0, 256},     {4, 4, 0, 0, 256},      {4, 2, 0, 8, 256},
    {4, 4, 0, 16, 256},    {4, 4, 0, 4, 512},
};
/* A candidate is a form. A copy also has the forms with stores past the cache, and the driver's copy. */
enum { PAST_CACHE = LIMIT_FORMS, DRIVER = 2 * LIMIT_FORMS, CANDIDATES = DRIVER + 1 };

static const char *const kernel_names[LIMIT_KINDS + 1] = {"limit_read", "limit_update", "limit_copy",
                                                          "limit_copy_past_cache"};

const char *limit_name(limit_kind kind) {
    static const char *const names[LIMIT_KINDS] = {"read", "update", "copy"};
    return names[kind];
}

int limits_open(bench_limits *l, const bench_device *d) {
    *l = (bench_limits){.device = d};
    return bench_buffer(d, SUMS * WORD, "the sums of the read limit", &l->sums);
}

void limits_close(bench_limits *l) {
    for (int i = 0; i < l->n_programs; i++) {
        for (int k = 0; k <= LIMIT_KINDS; k++)
            if (l->programs[i].kernels[k]) l->device->cl.ReleaseKernel(l->programs[i].kernels[k]);
        if (l->programs[i].program) l->device->cl.ReleaseProgram(l->programs[i].program);
    }
    if (l->sums) bench_buffer_free(l->device, l->sums);
    *l = (bench_limits){0};
}

double limit_traffic(const bench_limit *limit) {
    return (limit->kind == LIMIT_READ ? 1.0 : 2.0) * (double)limit->bytes;
}

/* Finds the program of a form. It compiles the program at its first use. */
static int find_program(bench_limits *l, const struct form *form, struct limit_program **out) {
    for (int i = 0; i < l->n_programs; i++)
        if (l->programs[i].width == form->width && l->programs[i].streams == form->streams) {
            *out = &l->programs[i];
            return EXIT_GOOD;
        }
    char options[64];
    struct limit_program *p = *out = &l->programs[l->n_programs++];
    p->width = form->width;
    p->streams = form->streams;
    snprintf(options, sizeof options, "-w -DWIDTH=%d -DSTREAMS=%d", form->width, form->streams);
    int failed = bench_build(l->device, options, &p->program);
    for (int k = 0; k <= LIMIT_KINDS && !failed; k++)
        failed = bench_kernel(l->device, p->program, kernel_names[k], &p->kernels[k]);
    return failed;
}

static int run_driver_copy(const bench_device *d, const bench_limit *limit, double *seconds) {
    const double start = session_clock();
    const cl_int code =
        d->cl.EnqueueCopyBuffer(d->queue, limit->x, limit->y, 0, 0, limit->bytes, 0, NULL, NULL);
    if (code != CL_SUCCESS) return bench_cl_check(d, code, "clEnqueueCopyBuffer");
    const int failed = bench_finish(d);
    *seconds = session_clock() - start;
    return failed;
}

/* Sets *items to the number of work-items of a form, and *local to its work-group size, or to the kernel's
 * limit if that is lower. */
static int work_items(const bench_limits *l, const struct form *form, cl_kernel kernel, size_t bytes,
                      size_t *items, size_t *local) {
    const bench_device *d = l->device;
    const size_t vectors = bytes / ((size_t)form->width * WORD);
    size_t most = 1;
    const cl_int code =
        d->cl.GetKernelWorkGroupInfo(kernel, d->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most, NULL);
    if (code != CL_SUCCESS) return bench_cl_check(d, code, "clGetKernelWorkGroupInfo");
    *local = form->local < most ? form->local : most;
    if (form->stretch)
        *items = bytes / form->stretch;
    else if (form->groups)
        *items =
            form->groups * *local * (d->session->device.compute_units ? d->session->device.compute_units : 1);
    else
        *items = vectors / (size_t)form->streams;
    *items -= *items % *local;
    if (*items == 0) *items = *local;
    return EXIT_GOOD;
}

int limit_run(bench_limits *l, const bench_limit *limit, double *seconds) {
    const bench_device *d = l->device;
    if (limit->form == DRIVER) return run_driver_copy(d, limit, seconds);
    const int past_cache = limit->form >= PAST_CACHE;
    const struct form *form = &forms[limit->form - (past_cache ? PAST_CACHE : 0)];
    struct limit_program *program;
    int failed = find_program(l, form, &program);
    if (failed) return failed;
    const cl_kernel kernel = program->kernels[past_cache ? LIMIT_KINDS : limit->kind];
    size_t items = 1, local = 1;
    failed = work_items(l, form, kernel, limit->bytes, &items, &local);
    if (failed) return failed;

    const cl_ulong streams = (cl_ulong)form->streams;
    const cl_ulong vectors = limit->bytes / ((size_t)form->width * WORD);
    const cl_ulong count = vectors / (items * streams);
    const cl_ulong per_item = form->stretch ? streams * count : 1;
    const cl_ulong per_step = form->stretch ? 1 : streams * items;
    const cl_ulong gap = form->stretch ? count : items;
    const cl_mem *y = limit->kind == LIMIT_COPY ? &limit->y : &l->sums;
    const struct {
        size_t size;
        const void *value;
    } arguments[] = {{sizeof limit->x, &limit->x}, {sizeof *y, y},
                     {sizeof vectors, &vectors},   {sizeof per_item, &per_item},
                     {sizeof per_step, &per_step}, {sizeof gap, &gap},
                     {sizeof count, &count}};
    for (cl_uint i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        const cl_int code = d->cl.SetKernelArg(kernel, i, arguments[i].size, arguments[i].value);
        if (code != CL_SUCCESS) return bench_cl_check(d, code, "clSetKernelArg");
    }
    return bench_launch(d, kernel, items, local, seconds);
}

static void describe(bench_limit *limit) {
    if (limit->form == DRIVER) {
        snprintf(limit->text, sizeof limit->text, "clEnqueueCopyBuffer");
        return;
    }
    const int past_cache = limit->form >= PAST_CACHE;
    const struct form *f = &forms[limit->form - (past_cache ? PAST_CACHE : 0)];
    int n = snprintf(limit->text, sizeof limit->text, "uint%d, %d at once, ", f->width, f->streams);
    if (f->stretch)
        n += snprintf(limit->text + n, sizeof limit->text - n, "%zu KiB a work-item", f->stretch >> 10);
    else if (f->groups)
        n += snprintf(limit->text + n, sizeof limit->text - n, "%zu groups of %zu a unit", f->groups,
                      f->local);
    else
        n += snprintf(limit->text + n, sizeof limit->text - n, "groups of %zu", f->local);
    if (past_cache) snprintf(limit->text + n, sizeof limit->text - n, ", past the cache");
}

/* ------------------------------------------------------------------------------ the check ---- */

static int wrong(const bench_limits *l, const bench_limit *limit, const char *what, uint64_t where,
                 uint32_t got, uint32_t expected) {
    return tool_error(l->device->session->command, EXIT_DEVICE,
                      "the %s limit (%s) on %zu bytes is not to be trusted: %s %" PRIu64 " is 0x%08" PRIx32
                      ", not 0x%08" PRIx32,
                      limit_name(limit->kind), limit->text, limit->bytes, what, where, got, expected);
}

static int check_sum(bench_limits *l, const bench_limit *limit) {
    uint32_t sums[SUMS] = {0}, got = 0;
    const uint64_t n = limit->bytes / WORD;
    double seconds;
    int failed = bench_write(l->device, l->sums, sums, sizeof sums);
    if (!failed) failed = limit_run(l, limit, &seconds);
    if (!failed) failed = bench_read(l->device, l->sums, 0, sums, sizeof sums);
    if (failed) return failed;
    for (int i = 0; i < SUMS; i++) got += sums[i];
    /* The sum of the words i * 0x9e3779b1, modulo 2^32, is that of the word with the number 0 + 1 + ... */
    const uint64_t numbers = n % 2 ? n * ((n - 1) / 2) : n / 2 * (n - 1);
    const uint32_t expected = bench_pattern((size_t)numbers, 0);
    return got == expected ? EXIT_GOOD : wrong(l, limit, "the sum of words 0 to", n - 1, got, expected);
}

static int check_words(bench_limits *l, const bench_limit *limit, uint32_t salt) {
    enum { BLOCK = 1 << 22 };
    const cl_mem where = limit->kind == LIMIT_COPY ? limit->y : limit->x;
    const uint32_t change = limit->kind == LIMIT_UPDATE ? CHANGE : 0;
    double seconds;
    uint32_t *words = malloc(BLOCK);
    if (!words)
        return tool_error(l->device->session->command, EXIT_DEVICE, "no host memory for %d bytes", BLOCK);
    int failed = limit_run(l, limit, &seconds);
    for (size_t at = 0; at < limit->bytes && !failed; at += BLOCK) {
        const size_t bytes = limit->bytes - at < BLOCK ? limit->bytes - at : BLOCK;
        failed = bench_read(l->device, where, at, words, bytes);
        for (size_t i = 0; i < bytes / WORD && !failed; i++) {
            const size_t word = at / WORD + i;
            const uint32_t expected = bench_pattern(word, salt) + change;
            if (words[i] != expected) failed = wrong(l, limit, "word", word, words[i], expected);
        }
    }
    free(words);
    return failed;
}

int limit_forms(limit_kind kind) {
    return kind == LIMIT_COPY ? CANDIDATES : LIMIT_FORMS;
}

int limit_check(bench_limits *l, bench_limit *limit) {
    describe(limit);
    /* A read leaves the words of the trials as they are. The others get new words here. */
    const uint32_t salt = limit->kind == LIMIT_READ ? 0 : 0x5eed;
    int failed = bench_fill_pattern(l->device, limit->x, limit->bytes / WORD, salt);
    if (!failed && limit->y) failed = bench_fill_pattern(l->device, limit->y, limit->bytes / WORD, ~salt);
    if (failed) return failed;
    return limit->kind == LIMIT_READ ? check_sum(l, limit) : check_words(l, limit, salt);
}

/* ------------------------------------------------------------------------------ the choice ---- */

int limit_choose(bench_limits *l, limit_kind kind, cl_mem x, cl_mem y, size_t bytes, bench_limit *out) {
    enum { ROUNDS = 3 };
    double best[CANDIDATES], fastest = INFINITY;
    const int candidates = limit_forms(kind);
    *out = (bench_limit){.kind = kind, .x = x, .y = y, .bytes = bytes};
    for (int i = 0; i < candidates; i++) best[i] = INFINITY;
    int failed = bench_fill_pattern(l->device, x, bytes / WORD, 0);
    if (!failed && y) failed = bench_fill_pattern(l->device, y, bytes / WORD, 0);

    bench_limit trial = *out;
    for (int round = 0; round <= ROUNDS && !failed; round++)
        for (int i = 0; i < candidates && !failed; i++) {
            double seconds;
            /* The first round only compiles. A form that is far behind after the second is not run again. */
            if (l->hopeless[kind][i] || (round > 1 && best[i] > 1.25 * fastest)) continue;
            trial.form = i;
            failed = limit_run(l, &trial, &seconds);
            if (failed || round == 0) continue;
            if (seconds < best[i]) best[i] = seconds;
            if (seconds < fastest) {
                fastest = seconds;
                out->form = i;
            }
        }
    if (failed) return failed;
    for (int i = 0; i < candidates; i++)
        if (best[i] > 2 * fastest) l->hopeless[kind][i] = 1;
    return limit_check(l, out);
}
