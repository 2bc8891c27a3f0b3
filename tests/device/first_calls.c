/* SPDX-License-Identifier: Apache-2.0
 *
 * A program may begin by opening a context in several threads at once. The driver starts up in these calls,
 * and only once a process. So each attempt here runs in its own process. */
#include "expect.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { THREADS = 4, MOST_PROCESSES = 40 };

static atomic_int waiting; /* threads that have arrived; all begin when the last one arrives */

static void *open_first(void *argument) {
    clxent_error *err = argument;
    clxent_ctx *ctx = NULL;
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&waiting) < THREADS) {
    }
    if (clxent_ctx_create(&ctx, NULL, err) == CLXENT_OK) clxent_ctx_destroy(ctx);
    return NULL;
}

/* Runs in a process that has made no OpenCL call. Returns 0 if every thread got its context. */
static int open_in_threads(void) {
    pthread_t threads[THREADS];
    clxent_error errors[THREADS] = {{.status = CLXENT_OK}};
    int failed = 0;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, open_first, &errors[i]) != 0) return 2;
    for (int i = 0; i < THREADS; i++) {
        if (pthread_join(threads[i], NULL) != 0) return 2;
        if (errors[i].status == CLXENT_OK) continue;
        fprintf(stderr, "thread %d: %s\n", i, errors[i].message);
        failed = 1;
    }
    return failed;
}

static void every_thread_gets_a_context(void **state) {
    (void)state;
    const int processes = expect_effort() == EFFORT_FULL ? MOST_PROCESSES : MOST_PROCESSES / 4;
    for (int i = 0; i < processes; i++) {
        fflush(NULL);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) _exit(open_in_threads());
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFSIGNALED(status)) fail_msg("process %d was ended by signal %d", i, WTERMSIG(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    print_message("%d processes of %d threads, a context each as their first call\n", processes,
                  (int)THREADS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_thread_gets_a_context)};
    return cmocka_run_group_tests_name("first_calls", tests, NULL, NULL);
}
