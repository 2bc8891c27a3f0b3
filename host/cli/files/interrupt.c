/* SPDX-License-Identifier: Apache-2.0
 *
 * See interrupt.h. The handler first sets `came` and then reads `held`. interrupt_hold() and
 * interrupt_release() first write `held` and then read `came`. So at least one of the two sees the other.
 */
#define _XOPEN_SOURCE 700 /* SIGXFSZ */
#include "interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

static atomic_int held, came;
/* The tool writes this only while `held` is set, so that no handler reads it at that time. */
static struct {
    int folder;
    const char *name;
} unfinished;

/* Ends the process by the signal that came. It calls only functions that a handler may call. */
static void end(void) {
    const int signal_number = atomic_load(&came);
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigset_t only;
    if (unfinished.name) unlinkat(unfinished.folder, unfinished.name, 0);
    sigaction(signal_number, &by_default, NULL);
    sigemptyset(&only);
    sigaddset(&only, signal_number);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL); /* the handler of a signal runs with the signal blocked */
    raise(signal_number);
}

static void on_signal(int signal_number) {
    atomic_store(&came, signal_number);
    if (!atomic_load(&held)) end();
}

void interrupt_watch(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction own = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    sigemptyset(&own.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &own, NULL);
    own.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &own, NULL);
}

void interrupt_hold(void) {
    atomic_store(&held, 1);
    if (atomic_load(&came)) end();
}

void interrupt_release(int folder, const char *name) {
    unfinished.folder = folder;
    unfinished.name = name;
    atomic_store(&held, 0);
    if (atomic_load(&came)) end();
}
