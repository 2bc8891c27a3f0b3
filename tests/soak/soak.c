/* SPDX-License-Identifier: Apache-2.0
 *
 *   test_soak [CALLS]     CALLS is 5000 by default
 *
 * Long use in one process. First, calls of clxent_enqueue() and clxent_run() run random problems of job.c.
 * Several calls are in flight, and plans are destroyed and made anew. Then other contexts are opened and
 * closed beside them.
 *
 * The results of each clxent_run(), and of one in SPOT enqueued calls, must have the bits of the first
 * results, which agree with the double-precision reference. The reference count of the OpenCL context must be
 * the same at each sample: every buffer, kernel's program and queue adds to it. The process must not grow
 * after the first tenth of the calls. */
#include "job.h"
#include "leave.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_JOBS = 32, IN_FLIGHT = 6, SPOT = 13, SAMPLES = 20 };

/* How much the process may grow after the first tenth of the calls, whatever their number: on PoCL it grows
 * by 8 to 80 KiB. And how much it may grow after the first SAMPLES contexts, each of which compiles its
 * kernels: it has grown by 2 MiB by then, and grows by 1 MiB more up to the 300th; PoCL keeps something of
 * every program. */
enum { GROWTH_ALLOWED = 256 << 10, GROWTH_ALLOWED_CONTEXTS = 4 << 20 };

static long calls = 5000;

/* A call in flight, and the memory for its results. */
typedef struct slot {
    cl_mem image;
    cl_event done;
    const job *job;
    job_outputs outputs;
    bool spot;
} slot;

static struct {
    owner owner;
    job jobs[MOST_JOBS];
    int job_count;
    size_t image_bytes; /* the largest */
    unsigned char *image, *filler;
    slot slots[IN_FLIGHT];
    rng rng;
    long enqueued, run, compared, plans, contexts;
} soak;

static bool chance(double probability) {
    return rng_chance(&soak.rng, probability) != 0;
}

static void compare(const job *j, job_outputs outputs) {
    expect_about("%lld x %lld, outputs %d", (long long)j->desc.rows, (long long)j->desc.classes,
                 (int)outputs);
    assert_memory_equal(soak.image, j->expected[outputs], j->image_bytes);
    soak.compared++;
}

static void finish(slot *s) {
    if (!s->done) return;
    assert_cl(clWaitForEvents(1, &s->done));
    cl_int status;
    assert_cl(clGetEventInfo(s->done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL));
    assert_int_equal(status, CL_COMPLETE);
    assert_cl(clReleaseEvent(s->done));
    s->done = NULL;
    if (!s->spot) return;
    assert_cl(clEnqueueReadBuffer(soak.owner.queue, s->image, CL_TRUE, 0, s->job->image_bytes, soak.image, 0,
                                  NULL, NULL));
    compare(s->job, s->outputs);
}

static void finish_all(void) {
    for (int i = 0; i < IN_FLIGHT; i++) finish(&soak.slots[i]);
}

static void enqueue(slot *s, const job *j, job_outputs outputs, bool spot) {
    finish(s);
    *s = (slot){s->image, NULL, j, outputs, spot};
    if (spot)
        assert_cl(clEnqueueWriteBuffer(soak.owner.queue, s->image, CL_FALSE, 0, j->image_bytes, soak.filler,
                                       0, NULL, NULL));
    s->done = job_enqueue(j, &soak.owner, outputs, s->image);
    soak.enqueued++;
}

static void run(const job *j, job_outputs outputs) {
    memset(soak.image, JOB_FILLER, j->image_bytes);
    job_run(j, &soak.owner, outputs, soak.image);
    compare(j, outputs);
    soak.run++;
}

/* Makes one call in a context of its own, on the same queue. */
static void run_elsewhere(const job *j) {
    owner other = soak.owner;
    job copy = *j;
    clxent_error err;
    if (clxent_ctx_create_from_queue(&other.ctx, soak.owner.queue, NULL, &err) != CLXENT_OK)
        fail_msg("%s", err.message);
    copy.plan = NULL;
    job_plan(&copy, &other);
    memset(soak.image, JOB_FILLER, j->image_bytes);
    job_run(&copy, &other, JOB_LOSS, soak.image);
    compare(j, JOB_LOSS);
    clxent_plan_destroy(copy.plan);
    clxent_ctx_destroy(other.ctx);
    soak.contexts++;
}

static void one_call(long i) {
    job *j = &soak.jobs[rng_integer(&soak.rng, 0, soak.job_count - 1)];
    const job_outputs outputs = (job_outputs)rng_integer(&soak.rng, 0, JOB_OUTPUTS - 1);
    if (chance(1.0 / 40)) { /* calls of the plan may be in flight */
        job_plan(j, &soak.owner);
        soak.plans++;
    }
    if (chance(1.0 / 8))
        run(j, outputs);
    else
        enqueue(&soak.slots[i % IN_FLIGHT], j, outputs, i % SPOT == 0);
}

/* ---------------------------------------------------------------------------------------- samples */

/* The bytes that the process has in memory; 0 if the system does not say. */
static long resident(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static cl_uint references(void) {
    cl_uint count = 0;
    assert_cl(clGetContextInfo(soak.owner.context, CL_CONTEXT_REFERENCE_COUNT, sizeof count, &count, NULL));
    return count;
}

/* The references, as soon as they are no more than `expected`, or after some seconds: a driver's thread may
 * release a command a little after its event is complete. */
static cl_uint settled_references(cl_uint expected) {
    const struct timespec pause = {0, 1000000};
    for (int i = 0; i < 5000 && references() > expected; i++) nanosleep(&pause, NULL);
    return references();
}

static int open_all(void **state) {
    (void)state;
    assert_true(owner_open(&soak.owner, 0));
    assert_true(job_count <= MOST_JOBS);
    for (int i = 0; i < job_count; i++) {
        job *j = &soak.jobs[soak.job_count];
        if (!job_open(j, i, &soak.owner)) continue;
        soak.job_count++;
        if (j->image_bytes > soak.image_bytes) soak.image_bytes = j->image_bytes;
    }
    soak.image = malloc(soak.image_bytes);
    soak.filler = malloc(soak.image_bytes);
    assert_true(soak.image && soak.filler);
    memset(soak.filler, JOB_FILLER, soak.image_bytes);
    for (int i = 0; i < IN_FLIGHT; i++) {
        cl_int code;
        soak.slots[i].image =
            clCreateBuffer(soak.owner.context, CL_MEM_READ_WRITE, soak.image_bytes, NULL, &code);
        assert_cl(code);
    }
    soak.rng = rng_start(rng_seed(8));
    return 0;
}

/* The last test. It is no teardown, because cmocka does not count the failure of a teardown. */
static void nothing_holds_the_queue(void **state) {
    (void)state;
    for (int i = 0; i < IN_FLIGHT; i++) assert_cl(clReleaseMemObject(soak.slots[i].image));
    for (int i = 0; i < soak.job_count; i++) job_close(&soak.jobs[i]);
    free(soak.filler);
    free(soak.image);
    clxent_ctx_destroy(soak.owner.ctx);
    soak.owner.ctx = NULL;
    cl_uint queue = 0;
    assert_cl(clGetCommandQueueInfo(soak.owner.queue, CL_QUEUE_REFERENCE_COUNT, sizeof queue, &queue, NULL));
    expect_integer("references to the queue", 0, queue, 1);
    owner_close(&soak.owner);
}

static void expect_growth(const char *during, long grown, long allowed) {
    if (grown > allowed) fail_msg("grown by %ld bytes by %s, %ld are allowed", grown, during, allowed);
}

static void calls_leave_memory_flat(void **state) {
    (void)state;
    long base = 0, most = 0;
    cl_uint base_references = 0;
    for (int sample = 0; sample < SAMPLES; sample++) {
        for (long i = calls * sample / SAMPLES; i < calls * (sample + 1) / SAMPLES; i++) one_call(i);
        finish_all();
        const long now = resident();
        if (sample == 0) base_references = references();
        const cl_uint live = settled_references(base_references);
        if (live < base_references) base_references = live; /* the first sample came too early */
        if (sample < SAMPLES / 10) base = now;
        if (now - base > most) most = now - base;
        print_message("%7ld calls: %6ld KiB resident, %u references to the context\n",
                      soak.enqueued + soak.run, now / 1024, (unsigned)live);
        expect_integer("references to the context", sample, live, base_references);
    }
    print_message("%ld calls enqueued, %ld run, %ld compared to the bit, %ld plans made anew; "
                  "grown by %ld KiB after the first tenth\n",
                  soak.enqueued, soak.run, soak.compared, soak.plans, most / 1024);
    assert_int_equal(soak.enqueued + soak.run, calls);
    expect_growth("calls", most, GROWTH_ALLOWED);
}

/* Makes SAMPLES contexts anew, and returns how many bytes that has added to the process. */
static long grown_by_contexts(void) {
    const long base = resident();
    for (int i = 0; i < SAMPLES; i++) {
        enqueue(&soak.slots[0], &soak.jobs[(i + 1) % soak.job_count], JOB_ALL, true); /* stays in flight */
        run_elsewhere(&soak.jobs[i % soak.job_count]);
    }
    finish_all();
    return resident() - base;
}

/* A leak grows in every round. The compiler of the driver takes some memory more now and then, which it uses
 * again: so one round without growth is enough. */
static void contexts_leave_nothing(void **state) {
    (void)state;
    enum { ROUNDS = 4 };
    const cl_uint base_references = references();
    long grown = grown_by_contexts(); /* what every program takes once */
    for (int round = 0; round < ROUNDS; round++) {
        grown = grown_by_contexts();
        print_message("%ld contexts made anew, grown by %ld KiB by the last %d\n", soak.contexts,
                      grown / 1024, SAMPLES);
        if (grown <= GROWTH_ALLOWED_CONTEXTS) break;
    }
    expect_integer("references to the context", 0, settled_references(base_references), base_references);
    expect_growth("contexts", grown, GROWTH_ALLOWED_CONTEXTS);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(calls_leave_memory_flat),
                                       cmocka_unit_test(contexts_leave_nothing),
                                       cmocka_unit_test(nothing_holds_the_queue)};
    if (argc > 1) {
        char *end;
        calls = strtol(argv[1], &end, 10);
        if (*end || calls < SAMPLES || calls > 1000000000) {
            fprintf(stderr, "%s: %s calls are not in %d to 1000000000\n", argv[0], argv[1], (int)SAMPLES);
            return 2;
        }
    }
    return leave(cmocka_run_group_tests_name("soak", tests, open_all, NULL));
}
