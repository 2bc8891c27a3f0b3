/* SPDX-License-Identifier: Apache-2.0
 *
 * See far_problem.h. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE, madvise() */
#include "far_problem.h"
#include "leave.h"
#include "rng.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* In every type, this byte repeated is no plausible result and no NaN. */
enum { UNWRITTEN = 0x7B };

enum {
    LOSSES = CLXENT_OUT_LOSS | CLXENT_OUT_ROW_LOSS,
    DESCRIPTION = CLXENT_OUT_LSE | CLXENT_OUT_LSE_RESIDUAL | CLXENT_OUT_ARGMAX | CLXENT_OUT_LOG_PROBS
};

/* The cases cover each way in which the kernels reach an (N,C) array. Each case has one type for logits and
 * grad, which saves compilations. */
static const far_case cases[] = {
    {"in place f16", CLXENT_CROSS_ENTROPY, CLXENT_TARGETS_CLASS, CLXENT_F16, CLXENT_F16, 1, true, false,
     LOSSES | CLXENT_OUT_GRAD},
    {"described", CLXENT_CROSS_ENTROPY, CLXENT_TARGETS_CLASS, CLXENT_F32, CLXENT_F16, 1, false, false,
     LOSSES | DESCRIPTION | CLXENT_OUT_GRAD},
    {"probabilities", CLXENT_CROSS_ENTROPY, CLXENT_TARGETS_PROBABILITY, CLXENT_F16, CLXENT_BF16, 1, false,
     false, LOSSES | CLXENT_OUT_LOG_PROBS | CLXENT_OUT_GRAD},
    {"softmax", CLXENT_SOFTMAX, CLXENT_TARGETS_CLASS, CLXENT_BF16, CLXENT_F16, 1, false, false,
     CLXENT_OUT_PROBS | CLXENT_OUT_LOG_PROBS | CLXENT_OUT_GRAD},
    {"inner", CLXENT_CROSS_ENTROPY, CLXENT_TARGETS_CLASS, CLXENT_F16, CLXENT_F16, FAR_INNER, false, false,
     LOSSES | DESCRIPTION | CLXENT_OUT_GRAD},
    {"nll", CLXENT_NLL, CLXENT_TARGETS_CLASS, CLXENT_F16, CLXENT_F16, 1, false, false,
     LOSSES | CLXENT_OUT_GRAD},
    {"saved lse", CLXENT_CROSS_ENTROPY, CLXENT_TARGETS_CLASS, CLXENT_F16, CLXENT_F16, 1, false, true,
     CLXENT_OUT_GRAD},
    {"in place f32", CLXENT_CROSS_ENTROPY, CLXENT_TARGETS_CLASS, CLXENT_F32, CLXENT_F16, 1, true, false,
     LOSSES | CLXENT_OUT_GRAD},
};
enum { CASES = sizeof cases / sizeof *cases };

bool far_wants(const far_problem *f, uint32_t output) {
    return (f->kind->outputs & output) != 0;
}

/* ------------------------------------------------------------------------------------- places */

static int64_t row_at(int64_t outer) {
    return FAR_START + outer * FAR_STRIDE;
}

/* Adds a place to the array, unless the array has it already. */
static void add_decoy(far_array *a, int64_t at) {
    for (int i = 0; i < a->place_count; i++) {
        if (a->places[i] == at) return;
        assert_true(at >= a->places[i] + FAR_ROOM || at + FAR_ROOM <= a->places[i]);
    }
    assert_true(a->place_count < FAR_PLACES);
    a->places[a->place_count++] = at;
}

static void choose_places(far_array *a) {
    const int64_t whole = (int64_t)1 << 32;
    const int64_t moduli[] = {whole, whole / (int64_t)clxent_dtype_size(a->dtype)};
    for (int64_t o = 0; o < FAR_OUTER; o++) a->places[a->place_count++] = row_at(o);
    for (int64_t o = 0; o < FAR_OUTER; o++)
        for (size_t i = 0; i < sizeof moduli / sizeof *moduli; i++) {
            add_decoy(a, row_at(o) % moduli[i]);
            add_decoy(a, FAR_START + o * FAR_STRIDE % moduli[i]);
        }
}

/* ------------------------------------------------------------------------------------- the problem */

static int64_t room_of(const far_problem *f) {
    return f->kind->inner * FAR_CLASSES + FAR_MARGIN;
}

static double draw_value(rng *r, const far_problem *f, far_name name) {
    if (name == FAR_TARGETS) return rng_uniform(r, 0, 2.0 / FAR_CLASSES);
    return f->kind->op == CLXENT_NLL ? -rng_uniform(r, 0, 9) : 3 * rng_normal(r);
}

/* Draws an input's rows and decoys. Returns the rows' values for the reference. */
static double *draw_input(far_problem *f, far_name name, const char *called, clxent_dtype dtype, rng *r) {
    far_array *a = &f->arrays[name];
    const int64_t count = f->kind->inner * FAR_CLASSES;
    a->present = true;
    a->name = called;
    a->dtype = dtype;
    choose_places(a);
    for (int i = 0; i < a->place_count; i++) {
        for (int64_t k = 0; k < room_of(f); k++) set_element(dtype, a->images[i], k, draw_value(r, f, name));
        if (i >= FAR_OUTER) continue;
        for (int64_t k = 0; k < count; k++)
            f->values[name][0][i * count + k] = element(dtype, a->images[i], k);
    }
    return f->values[name][0];
}

/* Prepares an output. Returns the memory for the reference's results, or NULL if the case does not have the
 * output. */
static double *prepare_output(far_problem *f, far_name name, uint32_t output, const char *called,
                              clxent_dtype dtype) {
    const bool in_place = name == FAR_GRAD && f->kind->in_place;
    far_array *a = &f->arrays[in_place ? FAR_LOGITS : name];
    if (!far_wants(f, output)) return NULL;
    a->expected = f->values[name][0];
    a->bound = f->values[name][1];
    if (in_place) return f->values[name][0];
    a->present = true;
    a->name = called;
    a->dtype = dtype;
    choose_places(a);
    memset(a->images, UNWRITTEN, sizeof a->images);
    return f->values[name][0];
}

static void describe(far_problem *f) {
    const far_case *kind = f->kind;
    clxent_desc *d = &f->desc;
    clxent_desc_init(d);
    d->op = kind->op;
    d->targets = kind->targets;
    d->flags = kind->saved ? CLXENT_GRAD_FROM_LSE : 0;
    d->outputs = kind->outputs | (kind->op == CLXENT_SOFTMAX ? 0 : CLXENT_OUT_COUNTS);
    d->logits_dtype = kind->logits;
    if (kind->targets == CLXENT_TARGETS_PROBABILITY) d->targets_dtype = kind->probabilities;
    d->rows = FAR_OUTER * kind->inner;
    d->classes = FAR_CLASSES;
    d->inner = kind->inner;
    d->row_stride = d->grad_row_stride = d->targets_row_stride = d->log_probs_row_stride =
        d->grad_output_row_stride = FAR_STRIDE;
    if (kind->op == CLXENT_NLL) d->log_probs_row_stride = 0; /* row_stride is the stride of NLL's input */
}

static void draw_numbers(far_problem *f, rng *r) {
    far_numbers *n = &f->numbers;
    memset(n, UNWRITTEN, sizeof *n);
    for (int64_t row = 0; row < f->desc.rows; row++) n->targets[row] = rng_integer(r, 0, FAR_CLASSES - 1);
}

static void solve_reference(far_problem *f, reference_problem *p) {
    reference_result *e = &f->expected;
    p->op = (reference_op)f->desc.op;
    p->reduction = REFERENCE_MEAN;
    p->targets_kind = (reference_targets)f->desc.targets;
    p->rows = f->desc.rows;
    p->classes = FAR_CLASSES;
    p->inner = f->desc.inner;
    p->targets = f->numbers.targets;
    e->row_loss = f->row_loss[0];
    e->row_loss_bound = f->row_loss[1];
    e->lse = f->lse[0];
    e->lse_bound = f->lse[1];
    e->argmax = f->argmax;
    assert_int_equal(reference_run(p, e), 0);
    if (!f->kind->saved) return;
    for (int64_t row = 0; row < f->desc.rows; row++) {
        f->numbers.lse[row] = (float)f->lse[0][row];
        f->numbers.lse_residual[row] = (float)(f->lse[0][row] - (double)f->numbers.lse[row]);
    }
}

/* Draws a problem. False when the schedule does not apply to it. */
static bool draw(far_problem *f, const far_case *kind, clxent_schedule schedule) {
    rng r = rng_start(UINT64_C(0xFA2) + (uint64_t)(kind - cases));
    reference_problem p = REFERENCE_PROBLEM_INIT;
    reference_result *e = &f->expected;
    const bool softmax = kind->op == CLXENT_SOFTMAX;
    if (schedule == CLXENT_SCHEDULE_SPLIT && (kind->op == CLXENT_NLL || kind->saved)) return false;
    memset(f, 0, sizeof *f);
    f->kind = kind;
    f->schedule = schedule;
    describe(f);
    draw_numbers(f, &r);
    p.logits = draw_input(f, FAR_LOGITS, kind->op == CLXENT_NLL ? "log_probs" : "logits", kind->logits, &r);
    if (kind->targets == CLXENT_TARGETS_PROBABILITY)
        p.target_probs = draw_input(f, FAR_TARGETS, "targets", kind->probabilities, &r);
    if (softmax) p.grad_output = draw_input(f, FAR_GRAD_OUTPUT, "grad_output", CLXENT_F32, &r);
    e->log_probs = prepare_output(f, FAR_LOG_PROBS, CLXENT_OUT_LOG_PROBS, "log_probs", CLXENT_F32);
    e->log_probs_bound = e->log_probs ? f->values[FAR_LOG_PROBS][1] : NULL;
    e->probs = prepare_output(f, FAR_PROBS, CLXENT_OUT_PROBS, "probs", CLXENT_F32);
    e->probs_bound = e->probs ? f->values[FAR_PROBS][1] : NULL;
    e->grad = prepare_output(f, FAR_GRAD, CLXENT_OUT_GRAD, "grad", kind->logits);
    e->grad_bound = e->grad ? f->values[FAR_GRAD][1] : NULL;
    solve_reference(f, &p);
    for (int i = 0; i < FAR_ARRAYS; i++)
        f->arrays[i].bytes =
            (size_t)(row_at(FAR_OUTER - 1) + room_of(f)) * clxent_dtype_size(f->arrays[i].dtype);
    size_t *end = &f->arrays[FAR_LOGITS].bytes;
    f->numbers_at = (*end + 7) / 8 * 8;
    *end = f->numbers_at + sizeof f->numbers;
    return true;
}

/* ------------------------------------------------------------------------------------- memory */

/* Bytes in front of an array's memory. An element's number that is cut to 32 bits can be negative, and then
 * reaches them. */
static size_t guard_of(const far_array *a) {
    return ((size_t)1 << 32) * clxent_dtype_size(a->dtype);
}

void far_map(far_problem *f) {
    for (int i = 0; i < FAR_ARRAYS; i++) {
        far_array *a = &f->arrays[i];
        if (!a->present) continue;
        const size_t bytes = guard_of(a) + a->bytes;
        unsigned char *memory =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            print_message("skipped: %s needs %zu bytes of address space, of which next to nothing is used\n",
                          a->name, bytes);
            far_unmap(f);
            skip();
        }
#ifdef MADV_NOHUGEPAGE
        madvise(memory, bytes, MADV_NOHUGEPAGE); /* with huge pages, each place would take 2 MiB */
#endif
        a->memory = memory + guard_of(a);
    }
}

void far_unmap(far_problem *f) {
    for (int i = 0; i < FAR_ARRAYS; i++) {
        far_array *a = &f->arrays[i];
        if (a->memory) munmap(a->memory - guard_of(a), guard_of(a) + a->bytes);
        a->memory = NULL;
    }
}

void far_write(const far_problem *f, far_move *put, void *user) {
    for (int i = 0; i < FAR_ARRAYS; i++) {
        const far_array *a = &f->arrays[i];
        const size_t size = clxent_dtype_size(a->dtype);
        unsigned char bytes[FAR_ROOM * sizeof(float)];
        for (int k = 0; k < a->place_count; k++) {
            memcpy(bytes, a->images[k], sizeof bytes);
            put(user, (far_name)i, (size_t)a->places[k] * size, bytes, (size_t)room_of(f) * size);
        }
    }
}

/* ------------------------------------------------------------------------------------- results */

static int64_t checked_rows, checked_decoys;

static void check_place(const far_problem *f, const far_array *a, int place, const unsigned char *got) {
    const size_t size = clxent_dtype_size(a->dtype);
    const int64_t count = f->kind->inner * FAR_CLASSES, first = place * count;
    const bool is_row = place < FAR_OUTER;
    size_t same_from = 0;
    if (is_row && a->expected) {
        for (int64_t k = 0; k < count; k++)
            expect_near(a->expected == f->values[FAR_GRAD][0] ? "grad" : a->name, first + k, a->dtype,
                        element(a->dtype, got, k), a->expected[first + k], a->bound[first + k]);
        same_from = (size_t)count * size;
    }
    for (size_t i = same_from; i < (size_t)room_of(f) * size; i++)
        if (got[i] != a->images[place][i])
            fail_msg("%s: byte %zu at element %" PRId64 " (%s) is 0x%02x and was 0x%02x", a->name, i,
                     a->places[place], is_row ? "a row's, or behind it" : "a decoy's", got[i],
                     a->images[place][i]);
    is_row ? checked_rows++ : checked_decoys++;
}

static void check_numbers(const far_problem *f, const far_numbers *got) {
    const int64_t rows = f->desc.rows, counts[4] = {rows, 0, 0, -1};
    if (far_wants(f, CLXENT_OUT_LOSS))
        expect_near("loss", 0, CLXENT_F32, (double)got->loss, f->expected.loss, f->expected.loss_bound);
    for (int64_t i = 0; i < rows; i++) {
        if (far_wants(f, CLXENT_OUT_ROW_LOSS))
            expect_near("row_loss", i, CLXENT_F32, (double)got->row_loss[i], f->row_loss[0][i],
                        f->row_loss[1][i]);
        if (far_wants(f, CLXENT_OUT_LSE))
            expect_near("lse", i, CLXENT_F32, (double)got->lse[i], f->lse[0][i], f->lse[1][i]);
        if (far_wants(f, CLXENT_OUT_ARGMAX)) expect_integer("argmax", i, got->argmax[i], f->argmax[i]);
    }
    for (int i = 0; i < 4 && (f->desc.outputs & CLXENT_OUT_COUNTS); i++)
        expect_integer("counts", i, got->counts[i], counts[i]);
}

void far_check(const far_problem *f, const far_numbers *numbers, far_move *get, void *user) {
    check_numbers(f, numbers);
    for (int i = 0; i < FAR_ARRAYS; i++) {
        const far_array *a = &f->arrays[i];
        const size_t size = clxent_dtype_size(a->dtype);
        unsigned char bytes[FAR_ROOM * sizeof(float)];
        for (int k = 0; k < a->place_count; k++) {
            get(user, (far_name)i, (size_t)a->places[k] * size, bytes, (size_t)room_of(f) * size);
            check_place(f, a, k, bytes);
        }
    }
}

/* ------------------------------------------------------------------------------------- runner */

typedef struct job {
    const far_case *kind;
    clxent_schedule schedule;
    char name[64];
} job;

static void (*check_problem)(far_problem *f);

static void run_job(void **state) {
    static far_problem f;
    const job *j = *state;
    if (!draw(&f, j->kind, j->schedule)) skip();
    expect_about("%s", j->name);
    check_problem(&f);
}

/* True when a case shall run on a schedule. A slow compiler skips the vector kernels, which take a minute to
 * compile. An interpreter runs each case on one schedule, in turn. PoCL compiles GROUP slowly, so GROUP runs
 * only the first 4 cases. */
static bool is_worth_it(int kind, clxent_schedule schedule) {
    if (expect_effort() == EFFORT_SMALL) return schedule < CLXENT_SCHEDULE_WIDE;
    if (expect_long()) return true;
    if (expect_effort() == EFFORT_TINY) return kind % 4 == (int)schedule - CLXENT_SCHEDULE_LANE;
    return schedule != CLXENT_SCHEDULE_GROUP || kind < 4;
}

int far_main(const char *group, void (*check)(far_problem *f)) {
    const int total = CASES * 4;
    job *jobs = calloc((size_t)total, sizeof *jobs);
    struct CMUnitTest *tests = calloc((size_t)total, sizeof *tests);
    int failed = 1;
    check_problem = check;
    if (jobs && tests) {
        size_t count = 0;
        for (int i = 0; i < total; i++) {
            const clxent_schedule schedule = (clxent_schedule)(CLXENT_SCHEDULE_LANE + i % 4);
            if (!is_worth_it(i / 4, schedule)) continue;
            jobs[count].kind = &cases[i / 4];
            jobs[count].schedule = schedule;
            snprintf(jobs[count].name, sizeof jobs[count].name, "%s, %s", cases[i / 4].name,
                     clxent_schedule_name(schedule));
            tests[count] = (struct CMUnitTest){jobs[count].name, run_job, NULL, NULL, &jobs[count]};
            count++;
        }
        failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
        print_message("%" PRId64 " places of rows, %" PRId64 " decoys\n", checked_rows, checked_decoys);
    }
    free(tests);
    free(jobs);
    return leave(failed);
}
