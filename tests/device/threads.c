/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent.h allows threads a context each on one device, and two contexts on one queue, from one thread and
 * from two. Every thread must get the same bits as one thread alone. Every error message must belong to its
 * own context. With CLXENT_SANITIZE=thread, the sanitizer watches the library's part.
 */
#include "leave.h"
#include "rng.h"
#include "support/device_call.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 4, MOST_ELEMENTS = 1 << 17, MOST_ROWS = 4096 };

/* A thread and its complaint; "" means that all is well. */
typedef struct worker {
    int number;
    unsigned long runs;
    char message[400];
    clxent_plan *plan;
    const owner *owner;
} worker;

static atomic_int waiting; /* threads that have arrived; all begin when the last one arrives */

static void begin_together(int threads) {
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&waiting) < threads) {
    }
}

/* Starts the threads and waits for their end. Returns the number of their runs. */
static unsigned long run_threads(worker *workers, int count, void *(*work)(void *)) {
    pthread_t threads[THREADS];
    unsigned long runs = 0;
    atomic_store(&waiting, 0);
    for (int i = 0; i < count; i++) {
        workers[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < count; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < count; i++) {
        if (workers[i].message[0]) fail_msg("thread %d: %s", i, workers[i].message);
        runs += workers[i].runs;
    }
    return runs;
}

static int complain(worker *w, const char *what, clxent_status status, const char *why) {
    snprintf(w->message, sizeof w->message, "%s: %s: %.300s", what, clxent_status_name(status), why);
    return 0;
}

/* ------------------------------------------------------------------------ a context each ---- */

/* The jobs have different operations, schedules and kernels. */
typedef struct job {
    const char *name;
    clxent_op op;
    clxent_reduction reduction;
    int64_t rows, classes;
    double label_smoothing, z_loss, softcap;
    int statistics; /* asks for argmax and rank */
} job;

static const job jobs[] = {
    {"digits", CLXENT_CROSS_ENTROPY, CLXENT_MEAN, 2000, 10, .z_loss = 1e-3},
    {"words", CLXENT_CROSS_ENTROPY, CLXENT_SUM, 3, 20011, .statistics = 1},
    {"smoothed", CLXENT_CROSS_ENTROPY, CLXENT_NONE, 60, 1001, .label_smoothing = 0.1},
    {"capped", CLXENT_CROSS_ENTROPY, CLXENT_MEAN, 40, 777, .softcap = 5},
    {"softmax", CLXENT_SOFTMAX, CLXENT_MEAN, 50, 300, .softcap = 0},
    {"one row", CLXENT_CROSS_ENTROPY, CLXENT_MEAN, 1, 70000, .softcap = 0},
};
enum { JOBS = sizeof jobs / sizeof *jobs };

/* All results of a job, without padding between them. */
typedef struct results {
    float loss[MOST_ROWS], lse[MOST_ROWS], matrix[MOST_ELEMENTS]; /* matrix: grad or probs */
    int64_t argmax[MOST_ROWS], rank[MOST_ROWS], counts[4];
} results;

static float logits[JOBS][MOST_ELEMENTS];
static int64_t targets[JOBS][MOST_ROWS];
static results expected[JOBS];

static void make_inputs(void) {
    for (int j = 0; j < JOBS; j++) {
        rng r = rng_start(1000 + (uint64_t)j);
        assert_true(jobs[j].rows <= MOST_ROWS && jobs[j].rows * jobs[j].classes <= MOST_ELEMENTS);
        for (int64_t i = 0; i < jobs[j].rows * jobs[j].classes; i++)
            logits[j][i] = (float)(3 * rng_normal(&r));
        for (int64_t i = 0; i < jobs[j].rows; i++) targets[j][i] = rng_integer(&r, 0, jobs[j].classes - 1);
    }
}

static void describe(const job *j, clxent_desc *d) {
    clxent_desc_init(d);
    d->op = j->op;
    d->reduction = j->reduction;
    d->rows = j->rows;
    d->classes = j->classes;
    d->label_smoothing = j->label_smoothing;
    d->z_loss = j->z_loss;
    d->softcap = j->softcap;
}

static void bind_arrays(int which, const int64_t *targets_used, results *out, clxent_arrays *a) {
    const job *j = &jobs[which];
    const size_t rows = (size_t)j->rows, elements = rows * (size_t)j->classes;
    clxent_arrays_init(a);
    memset(out, 0x7b, sizeof *out);
    a->logits = CLXENT_ARRAY(logits[which], elements * sizeof(float));
    if (j->op == CLXENT_SOFTMAX) {
        a->probs = CLXENT_ARRAY(out->matrix, elements * sizeof(float));
        return;
    }
    a->targets = CLXENT_ARRAY(targets_used, rows * sizeof(int64_t));
    a->loss = CLXENT_ARRAY(out->loss, sizeof out->loss);
    a->lse = CLXENT_ARRAY(out->lse, sizeof out->lse);
    a->grad = CLXENT_ARRAY(out->matrix, elements * sizeof(float));
    a->counts = CLXENT_ARRAY(out->counts, sizeof out->counts);
    if (!j->statistics) return;
    a->argmax = CLXENT_ARRAY(out->argmax, sizeof out->argmax);
    a->rank = CLXENT_ARRAY(out->rank, sizeof out->rank);
}

/* Runs a plan twice. The first run has a bad target that only this thread uses. */
static int run_job(worker *w, clxent_ctx *ctx, int which, results *out) {
    const job *j = &jobs[which];
    clxent_desc d;
    clxent_arrays a;
    clxent_plan *plan = NULL;
    describe(j, &d);
    clxent_status status = clxent_plan_create(&plan, ctx, &d);
    if (status != CLXENT_OK) return complain(w, j->name, status, clxent_ctx_last_error(ctx));
    if (j->op == CLXENT_CROSS_ENTROPY) {
        int64_t bad[MOST_ROWS];
        char wanted[80];
        const int64_t row = w->number % j->rows, target = j->classes + w->number;
        memcpy(bad, targets[which], sizeof bad);
        bad[row] = target;
        snprintf(wanted, sizeof wanted, "row %d: target %d is not in", (int)row, (int)target);
        bind_arrays(which, bad, out, &a);
        status = clxent_run(plan, &a);
        if (status != CLXENT_ERR_TARGET || !strstr(clxent_ctx_last_error(ctx), wanted))
            complain(w, wanted, status, clxent_ctx_last_error(ctx));
    }
    bind_arrays(which, targets[which], out, &a);
    status = clxent_run(plan, &a);
    if (status != CLXENT_OK) complain(w, j->name, status, clxent_ctx_last_error(ctx));
    clxent_plan_destroy(plan);
    w->runs++;
    return w->message[0] == '\0';
}

static void *run_all_jobs(void *argument) {
    worker *w = argument;
    const int rounds = expect_effort() == EFFORT_FULL ? 6 : 1;
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    clxent_ctx *ctx = NULL;
    clxent_error err;
    results *out = malloc(sizeof *out);
    options.memory_bytes = w->number % 2 ? 1 << 20 : 0; /* half of the threads stream rows in blocks */
    begin_together(THREADS);
    for (int round = 0; round < rounds && out; round++) {
        const clxent_status status = clxent_ctx_create(&ctx, &options, &err);
        if (status != CLXENT_OK) {
            complain(w, "clxent_ctx_create", status, err.message);
            break;
        }
        for (int i = 0; i < JOBS; i++) {
            const int which = (i + w->number * 2 + round) % JOBS; /* another job in each thread */
            if (!run_job(w, ctx, which, out)) break;
            if (memcmp(out, &expected[which], sizeof *out) != 0)
                complain(w, jobs[which].name, CLXENT_OK, "other bits than one thread alone gets");
        }
        clxent_ctx_destroy(ctx);
        if (w->message[0]) break;
    }
    if (!out) complain(w, "malloc", CLXENT_ERR_MEMORY, "");
    free(out);
    return NULL;
}

static void a_context_each(void **state) {
    (void)state;
    static worker alone, workers[THREADS];
    make_inputs();
    clxent_ctx *ctx = expect_ctx();
    for (int j = 0; j < JOBS; j++)
        if (!run_job(&alone, ctx, j, &expected[j])) fail_msg("one thread alone: %s", alone.message);
    clxent_ctx_destroy(ctx);
    const unsigned long runs = run_threads(workers, THREADS, run_all_jobs);
    print_message("%lu runs of %d kinds in %d threads, each with the bits of one thread alone\n", runs, JOBS,
                  THREADS);
}

/* -------------------------------------------------------------- two contexts on one queue ---- */

static const cl_command_queue_properties queues[] = {0, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE};
enum { QUEUES = sizeof queues / sizeof *queues, SHARERS = 2, IN_FLIGHT = 8 };

/* Opens a second context on the queue of the first. */
static void share(const owner *first, owner *second) {
    clxent_error err;
    *second = *first;
    if (clxent_ctx_create_from_queue(&second->ctx, first->queue, NULL, &err) != CLXENT_OK)
        fail_msg("%s", err.message);
}

/* Enqueues calls without waiting between them, then checks each. */
static void enqueue_some(const owner *o, clxent_plan *plan, float gap, worker *w) {
    device_call calls[IN_FLIGHT];
    cl_event done[IN_FLIGHT];
    for (int i = 0; i < IN_FLIGHT; i++) {
        call_open(o, &calls[i], gap + (float)i, true);
        const clxent_buffers b = call_buffers(&calls[i]);
        const clxent_status status = clxent_enqueue(plan, &b, 0, NULL, &done[i]);
        if (status != CLXENT_OK) fail_msg("clxent_enqueue: %s", clxent_ctx_last_error(o->ctx));
    }
    for (int i = IN_FLIGHT - 1; i >= 0; i--) {
        call_check(o, &calls[i], done[i], 0);
        assert_cl(clReleaseEvent(done[i]));
        call_close(&calls[i]);
        w->runs++;
    }
}

static int rounds_of_sharing(void) {
    return expect_effort() == EFFORT_FULL ? 40 : 10;
}

static void one_queue_one_thread(void **state) {
    (void)state;
    worker w = {0};
    for (int i = 0; i < QUEUES; i++) {
        owner first, second;
        if (!owner_open(&first, queues[i])) continue;
        share(&first, &second);
        clxent_plan *plans[SHARERS] = {owner_plan(&first), owner_plan(&second)};
        for (int round = 0; round < rounds_of_sharing(); round++) {
            /* The queue holds calls of both contexts, each with its own workspace. */
            device_call mine, other;
            call_open(&first, &mine, 1, true);
            call_open(&second, &other, 7, true);
            const clxent_buffers b[SHARERS] = {call_buffers(&mine), call_buffers(&other)};
            cl_event done[SHARERS];
            expect_about("two contexts on one queue");
            for (int c = 0; c < SHARERS; c++)
                expect_status("enqueue", c ? second.ctx : first.ctx,
                              clxent_enqueue(plans[c], &b[c], 0, NULL, &done[c]), CLXENT_OK);
            call_check(&second, &other, done[1], 0);
            call_check(&first, &mine, done[0], 0);
            for (int c = 0; c < SHARERS; c++) assert_cl(clReleaseEvent(done[c]));
            call_close(&mine);
            call_close(&other);
            w.runs += SHARERS;
        }
        for (int c = 0; c < SHARERS; c++) clxent_plan_destroy(plans[c]);
        clxent_ctx_destroy(second.ctx);
        owner_close(&first);
    }
    assert_true(w.runs > 0);
    print_message("%lu calls of two contexts on one queue, one thread\n", w.runs);
}

/* If an assert fails here, it prints its message and ends the whole program. */
static void *enqueue_many(void *argument) {
    worker *w = argument;
    begin_together(SHARERS);
    for (int round = 0; round < rounds_of_sharing(); round++)
        enqueue_some(w->owner, w->plan, (float)(1 + 3 * w->number), w);
    return NULL;
}

static void one_queue_two_threads(void **state) {
    (void)state;
    unsigned long calls = 0;
    for (int i = 0; i < QUEUES; i++) {
        owner owners[SHARERS];
        worker workers[SHARERS] = {0};
        if (!owner_open(&owners[0], queues[i])) continue;
        share(&owners[0], &owners[1]);
        for (int c = 0; c < SHARERS; c++) {
            workers[c].owner = &owners[c];
            workers[c].plan = owner_plan(&owners[c]);
        }
        calls += run_threads(workers, SHARERS, enqueue_many);
        for (int c = 0; c < SHARERS; c++) clxent_plan_destroy(workers[c].plan);
        clxent_ctx_destroy(owners[1].ctx);
        owner_close(&owners[0]);
    }
    assert_true(calls > 0);
    print_message("%lu calls of two contexts on one queue, two threads\n", calls);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_each),
        cmocka_unit_test(one_queue_one_thread),
        cmocka_unit_test(one_queue_two_threads),
    };
    return leave(cmocka_run_group_tests_name("threads", tests, NULL, NULL));
}
