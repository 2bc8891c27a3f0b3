/* SPDX-License-Identifier: Apache-2.0
 *
 * Fails every call of a scenario, one after the other: the scenario runs with call 1 failing, then call 2,
 * until a run in which nothing was left to fail. Each call once, and once more with all that follow it; in
 * the short form one in three of the latter, where those that follow are seldom reached.
 *
 * In each run: a step that fails says so with a status and a message that names the call; nothing of OpenCL
 * and no memory is left at the end; and where one call alone failed, the same step succeeds when it is tried
 * again. A step that succeeds is right: the scenario checks its results. A failure that no step reports must
 * be of an entry whose failure changes nothing. A run that hangs is ended and named. */
#ifndef CLXENT_TESTS_FAULT_LOOP_H
#define CLXENT_TESTS_FAULT_LOOP_H

#include <clxent/clxent.h>

#include "board.h"

typedef struct fault_scenario {
    const char *name;
    void (*run)(void);
    const char *absorbed; /* entries whose failure need not be reported, beside releases: "clA clB" */
    int stride; /* each STRIDE-th call fails; in the long form each. Above 1: much resembles another */
} fault_scenario;

/* A call of the library, tried again as far as the loop wants that. `message` is read after each attempt. */
#define ATTEMPT(message, call) \
    do {                       \
        fault_arm();           \
        fault_result(call);    \
        fault_disarm();        \
    } while (fault_again(#call, (message)))

/* A call that returns no status. */
#define ALWAYS(call)    \
    do {                \
        fault_arm();    \
        call;           \
        fault_disarm(); \
    } while (0)

void fault_arm(void);
void fault_disarm(void);
void fault_result(clxent_status status);
bool fault_again(const char *what, const char *message);
/* Whether the last attempt succeeded at last. */
bool fault_good(void);

/* Ends the test: the device has not what the scenario is about. */
void fault_skip(void);

fault_board *fault_board_of_test(void);

/* Runs each scenario with each of these kinds of faults, a cmocka test each, and prints how many faults were
 * tried. @return main()'s exit code. */
int fault_loops(const char *group, const fault_scenario *scenarios, size_t count, int (*setup)(void **));

#endif
