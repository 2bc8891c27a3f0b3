/* SPDX-License-Identifier: Apache-2.0
 *
 * Layouts. The same numbers give the same results when they are stored with strides, with padding, with
 * classes that are not adjacent, or in odd rows. The call touches nothing outside the outputs. A gradient in
 * place has the same bits as one in its own memory. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* ------------------------------------------------------------------- arrays between canaries */

enum { GUARD = 64, CANARY = 0x5C };

typedef struct guarded {
    unsigned char *memory;
    void *data; /* an output has no alignment beyond its element's own */
    size_t bytes, element;
    size_t mapped; /* of an input: the bytes before the page that nobody may access; else 0 */
} guarded;

/* Makes an output between canaries. */
static guarded guard(int64_t count, clxent_dtype dtype) {
    const size_t element = clxent_dtype_size(dtype), bytes = (size_t)count * element;
    unsigned char *memory = malloc(bytes + 2 * GUARD + element);
    assert_non_null(memory);
    memset(memory, CANARY, bytes + 2 * GUARD + element);
    return (guarded){memory, memory + GUARD + element, bytes, element, 0};
}

/* Makes an input that ends where memory ends. A device that uses it in place crashes if it reads further. */
static guarded guard_input(int64_t count, clxent_dtype dtype) {
    const size_t element = clxent_dtype_size(dtype), bytes = (size_t)count * element;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), mapped = (bytes / page + 1) * page;
    unsigned char *memory =
        mmap(NULL, mapped + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory + mapped, page, PROT_NONE), 0);
    memset(memory, CANARY, mapped);
    return (guarded){memory, memory + mapped - bytes, bytes, element, mapped};
}

static void assert_canaries(const unsigned char *from, const unsigned char *to, const char *what) {
    for (; from < to; from++) {
        if (*from != CANARY) fail_msg("%s was written outside", what);
    }
}

static void unguard(guarded *g, const char *what) {
    const unsigned char *data = g->data;
    assert_canaries(g->memory, data, what);
    if (g->mapped) {
        assert_int_equal(munmap(g->memory, g->mapped + (size_t)sysconf(_SC_PAGESIZE)), 0);
        return;
    }
    assert_canaries(data + g->bytes, data + g->bytes + GUARD, what);
    free(g->memory);
}

static clxent_array array_of(const guarded *g) {
    return CLXENT_ARRAY(g->data, g->bytes);
}

/* ------------------------------------------------------------------------------------ layouts */

typedef struct layout {
    const char *name;
    int64_t outer, inner, classes;
    int64_t padded;                    /* classes_padded, 0: none */
    int64_t logits, grad, logs, other; /* strides; 0: dense. logs: log_probs or probs. other: probability
                                        * targets, or an (N,C) grad_output */
} layout;

/* A matrix in memory. Element (o, c, i) stands at o * stride + c * inner + i; c is less than `width`. */
typedef struct matrix {
    guarded store;
    int64_t outer, inner, width, stride;
    clxent_dtype dtype;
} matrix;

static matrix matrix_of(const layout *l, int64_t width, int64_t stride, clxent_dtype dtype, bool is_output) {
    const int64_t dense = width * l->inner;
    matrix m = {{0}, l->outer, l->inner, width, stride ? stride : dense, dtype};
    const int64_t count = (l->outer - 1) * m.stride + dense; /* exactly as many as necessary */
    m.store = is_output ? guard(count, dtype) : guard_input(count, dtype);
    return m;
}

static int64_t place(const matrix *m, int64_t row, int64_t c) {
    return row / m->inner * m->stride + c * m->inner + row % m->inner;
}

static double get(const matrix *m, int64_t row, int64_t c) {
    return element(m->dtype, m->store.data, place(m, row, c));
}

static void put(matrix *m, int64_t row, int64_t c, double value) {
    set_element(m->dtype, m->store.data, place(m, row, c), value);
}

static void free_matrix(matrix *m, const char *what) {
    const unsigned char *data = m->store.data;
    for (int64_t o = 0; o + 1 < m->outer; o++) {
        const size_t end = (size_t)(o * m->stride + m->width * m->inner) * m->store.element;
        assert_canaries(data + end, data + (size_t)((o + 1) * m->stride) * m->store.element, what);
    }
    unguard(&m->store, what);
}

/* --------------------------------------------------------------------------------- one problem */

typedef enum task { CLASS_TARGETS, PROBABILITIES, SOFTMAX, NLL } task;
enum { ROWS = 24, ELEMENTS = ROWS * 300 };

typedef struct result { /* dense, by row and class, for every layout */
    double loss, row_loss[ROWS], lse[ROWS], logs[ELEMENTS], grad[ELEMENTS];
    int64_t argmax[ROWS];
} result;

/* Multiples of 1/8, which every floating type holds exactly. */
static double logit(int64_t row, int64_t c) {
    return (double)((row * 7919 + c * 104729) % 41) / 8 - 2.5;
}

static double weight(int64_t row, int64_t c) {
    return (double)((row * 31 + c * 17) % 9) / 8;
}

static void compute(task kind, const layout *l, clxent_dtype dtype, bool in_place, result *out) {
    const int64_t n = l->outer * l->inner, width = l->padded ? l->padded : l->classes;
    matrix logits = matrix_of(l, width, l->logits, dtype, in_place);
    matrix grad = matrix_of(l, width, l->grad, dtype, true);
    matrix logs = matrix_of(l, l->classes, l->logs, CLXENT_F32, true);
    matrix other = matrix_of(l, l->classes, l->other, CLXENT_F32, false);
    matrix *written = in_place ? &logits : &grad;
    guarded targets = guard_input(n, CLXENT_I64), loss = guard(1, CLXENT_F32), argmax = guard(n, CLXENT_I64);
    guarded row_loss = guard(n, CLXENT_F32), lse = guard(n, CLXENT_F32);
    for (int64_t r = 0; r < n; r++) {
        for (int64_t c = 0; c < width; c++) put(&logits, r, c, c < l->classes ? logit(r, c) : (double)NAN);
        for (int64_t c = 0; c < l->classes; c++) put(&other, r, c, weight(r, c));
        set_integer(CLXENT_I64, targets.data, r, r == 5 ? -7 : r * 13 % l->classes);
    }

    clxent_desc desc = CLXENT_DESC_INIT;
    static const clxent_op ops[] = {CLXENT_CROSS_ENTROPY, CLXENT_CROSS_ENTROPY, CLXENT_SOFTMAX, CLXENT_NLL};
    desc.op = ops[kind];
    desc.logits_dtype = dtype;
    desc.grad_dtype = grad.dtype;
    desc.rows = n;
    desc.classes = l->classes;
    desc.inner = l->inner;
    desc.classes_padded = l->padded;
    desc.row_stride = l->logits;
    desc.grad_row_stride = in_place ? l->logits : l->grad;
    desc.log_probs_row_stride = l->logs;
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.grad = array_of(&written->store);
    if (kind == NLL)
        a.log_probs = array_of(&logits.store);
    else
        a.logits = array_of(&logits.store);
    if (kind == SOFTMAX) {
        desc.grad_output_row_stride = l->other;
        a.grad_output = array_of(&other.store);
        a.probs = array_of(&logs.store);
    } else {
        a.loss = array_of(&loss);
        a.row_loss = array_of(&row_loss);
        a.targets = array_of(&targets);
    }
    if (kind == PROBABILITIES) {
        desc.targets = CLXENT_TARGETS_PROBABILITY;
        desc.targets_dtype = CLXENT_F32;
        desc.targets_row_stride = l->other;
        a.targets = array_of(&other.store);
    } else if (kind != SOFTMAX) {
        desc.use_ignore_index = 1;
        desc.ignore_index = -7;
    }
    if (kind == CLASS_TARGETS || kind == PROBABILITIES) {
        a.lse = array_of(&lse);
        a.argmax = array_of(&argmax);
        a.log_probs = array_of(&logs.store);
    }

    clxent_plan *plan = NULL;
    clxent_status status = clxent_plan_create_scheduled(&plan, test_ctx(), &desc, test_schedule());
    if (status == CLXENT_OK) status = clxent_run(plan, &a);
    expect_about("layout %s", l->name);
    expect_status("layout", test_ctx(), status, CLXENT_OK);
    clxent_plan_destroy(plan);

    memset(out, 0, sizeof *out);
    if (a.loss.data) out->loss = element(CLXENT_F32, loss.data, 0);
    for (int64_t r = 0; r < n; r++) {
        if (a.row_loss.data) out->row_loss[r] = element(CLXENT_F32, row_loss.data, r);
        if (a.lse.data) out->lse[r] = element(CLXENT_F32, lse.data, r);
        if (a.argmax.data) out->argmax[r] = integer(CLXENT_I64, argmax.data, r);
        for (int64_t c = 0; c < width; c++) {
            const double g = get(written, r, c);
            if (c >= l->classes)
                assert_same(g, 0);
            else
                out->grad[r * l->classes + c] = g;
            if (c < l->classes && kind != NLL) out->logs[r * l->classes + c] = get(&logs, r, c);
            if (!in_place && c < l->classes) assert_same(get(&logits, r, c), logit(r, c));
        }
    }
    free_matrix(&logits, "logits");
    free_matrix(&grad, "grad");
    free_matrix(&logs, "log_probs");
    free_matrix(&other, "targets");
    unguard(&targets, "targets");
    unguard(&loss, "loss");
    unguard(&argmax, "argmax");
    unguard(&row_loss, "row_loss");
    unguard(&lse, "lse");
}

/* ----------------------------------------------------------------------------------- the tests */

static const layout layouts[] = {
    {"(C)", 1, 1, 257, 0, 0, 0, 0, 0},
    {"one class", 24, 1, 1, 0, 0, 0, 0, 0},
    {"odd rows", 8, 1, 33, 0, 0, 0, 0, 0},
    {"row stride", 8, 1, 33, 0, 40, 37, 35, 34},
    {"wide row stride", 8, 1, 65, 0, 300, 65, 200, 99},
    {"padded", 8, 1, 50, 64, 0, 0, 0, 0},
    {"padded, one behind", 8, 1, 63, 64, 0, 0, 0, 0},
    {"padded and strided", 8, 1, 50, 61, 70, 63, 51, 53},
    {"(N,C,d)", 4, 6, 10, 0, 0, 0, 0, 0},
    {"(1,C,d)", 1, 24, 100, 0, 0, 0, 0, 0},
    {"(N,C,2)", 12, 2, 300, 0, 0, 0, 0, 0},
    {"(N,C,d) strided", 4, 6, 10, 0, 65, 61, 77, 64},
    {"(N,C,d) padded and strided", 4, 5, 17, 20, 101, 113, 86, 99},
    {"rows for all lanes of a vector", 16, 1, 5, 0, 0, 0, 0, 0}, /* kernels read four classes at a time */
};

/* An interpreter runs every third layout. These use each member of a layout. */
static size_t layout_step(void) {
    return expect_effort() == EFFORT_TINY ? 3 : 1;
}

static void agree(task kind, clxent_dtype dtype) {
    static result base, got;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i += layout_step()) {
        const layout *l = &layouts[i], dense = {"dense", l->outer * l->inner, 1, l->classes, 0, 0, 0, 0, 0};
        compute(kind, &dense, CLXENT_F32, false, &base);
        compute(kind, l, dtype, false, &got);
        expect_about("layout %s, %d classes", l->name, (int)l->classes);
        /* Both results are within the bound. A row's terms sum to less than 9 times its targets' mass. */
        const double mass = kind == PROBABILITIES ? 0.5 * (double)l->classes + 1 : 1;
        expect_near("loss", 0, CLXENT_F32, got.loss, base.loss, 2 * loss_bound(9 * mass));
        for (int64_t r = 0; r < l->outer * l->inner; r++) {
            expect_near("row_loss", r, CLXENT_F32, got.row_loss[r], base.row_loss[r],
                        2 * loss_bound(9 * mass));
            expect_near("lse", r, CLXENT_F32, got.lse[r], base.lse[r], 2 * loss_bound(9));
            expect_integer("argmax", r, got.argmax[r], base.argmax[r]);
        }
        for (int64_t k = 0; k < l->outer * l->inner * l->classes; k++) {
            expect_near("log_probs", k, CLXENT_F32, got.logs[k], base.logs[k], 2 * loss_bound(12));
            expect_near("grad", k, dtype, got.grad[k], base.grad[k], 2 * grad_bound(2 * mass));
        }
    }
}

static void class_targets(void) {
    agree(CLASS_TARGETS, CLXENT_F32);
}

/* Each schedule runs one of the two types, because each type needs another program. */
static clxent_dtype type_of_16_bits(void) {
    const clxent_schedule schedule = test_schedule();
    return schedule == CLXENT_SCHEDULE_GROUP || schedule == CLXENT_SCHEDULE_SPLIT ? CLXENT_BF16 : CLXENT_F16;
}

static void class_targets_16(void) {
    agree(CLASS_TARGETS, type_of_16_bits());
}

static void probabilities(void) {
    agree(PROBABILITIES, CLXENT_F32);
}

static void softmax_backward(void) {
    agree(SOFTMAX, CLXENT_F32);
}

static void nll(void) {
    agree(NLL, CLXENT_F32);
}

/* A gradient in place has the same bits as one in its own memory, and so have all other outputs. */
static void in_place(void) {
    const clxent_dtype dtypes[] = {CLXENT_F32, type_of_16_bits()};
    static result beside, within;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i += layout_step()) {
        for (int d = 0; d < 2; d++) {
            layout l = layouts[i];
            l.grad = l.logits;
            compute(CLASS_TARGETS, &l, dtypes[d], true, &within);
            compute(CLASS_TARGETS, &l, dtypes[d], false, &beside);
            expect_about("in place, layout %s, dtype %d", l.name, (int)dtypes[d]);
            assert_memory_equal(within.logs, beside.logs, sizeof within.logs);
            assert_memory_equal(within.row_loss, beside.row_loss, sizeof within.row_loss);
            assert_memory_equal(within.lse, beside.lse, sizeof within.lse);
            assert_same(within.loss, beside.loss);
            assert_memory_equal(within.grad, beside.grad, sizeof within.grad);
        }
    }
}

static void softmax_in_place(void) {
    static result beside, within;
    const layout l = {"padded and strided", 8, 1, 50, 61, 70, 70, 51, 53};
    compute(SOFTMAX, &l, CLXENT_F32, true, &within);
    compute(SOFTMAX, &l, CLXENT_F32, false, &beside);
    assert_memory_equal(within.grad, beside.grad, sizeof within.grad);
    assert_memory_equal(within.logs, beside.logs, sizeof within.logs);
}

int main(void) {
    static const rule rules[] = {
        RULE(class_targets_16), RULE(softmax_backward), /* an interpreter runs the first two */
        RULE(class_targets),    RULE(probabilities),    RULE(nll), RULE(in_place), RULE(softmax_in_place),
    };
    const size_t count = expect_effort() == EFFORT_TINY ? 2 : sizeof rules / sizeof *rules;
    return check_rules("layout", rules, count);
}
