/* SPDX-License-Identifier: Apache-2.0
 *
 * See interrupt.h. The handler says that a signal came and then looks whether names are held; who holds or
 * releases them does it the other way round. So one of the two always sees the other.
 */
#define _XOPEN_SOURCE 700 /* SIGXFSZ */
#include "interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

static atomic_int held, came;
/* Written while names are held, read while they are not. */
static struct {
    int folder;
    const char *name;
} unfinished;

/* By the signal that came. Only what a handler may call. */
static void end(void) {
    const int signal_number = atomic_load(&came);
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigset_t only;
    if (unfinished.name) unlinkat(unfinished.folder, unfinished.name, 0);
    sigaction(signal_number, &by_default, NULL);
    sigemptyset(&only);
    sigaddset(&only, signal_number);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL); /* it is blocked in its own handler */
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
