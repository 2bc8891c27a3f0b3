/* SPDX-License-Identifier: Apache-2.0
 *
 * Fails every call of a scenario, one after the other: call 1 fails in the first run, call 2 in the second,
 * until a run ends before the call that must fail. Each call fails once alone, and once together with all
 * calls after it. The short form tries one in three of the latter, because a run seldom reaches the calls
 * after the first failure.
 *
 * In each run:
 * - A step that fails returns a status, and its message names the call.
 * - At the end, no OpenCL object and no memory is left.
 * - If one call alone failed, the same step succeeds when the loop tries it again.
 * - A step that succeeds is right: the scenario checks its results.
 * - If no step reports a failure, the entry that failed must be one whose failure changes nothing.
 * - A run that hangs is ended, and its name printed. */
#ifndef CLXENT_TESTS_FAULT_LOOP_H
#define CLXENT_TESTS_FAULT_LOOP_H

#include <clxent/clxent.h>

#include "board.h"

typedef struct fault_scenario {
    const char *name;
    void (*run)(void);
    const char *absorbed; /* entries, beside releases, whose failure no step need report: "clA clB" */
    int stride; /* each STRIDE-th call fails; in the long form, each. Above 1 where many calls are alike */
} fault_scenario;

/* Calls the library, and again as long as the loop wants that. Reads `message` after each attempt. */
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
/* Whether the last attempt succeeded. */
bool fault_good(void);

/* Skips the test: the device lacks what the scenario needs. */
void fault_skip(void);

fault_board *fault_board_of_test(void);

/* Runs each scenario with failing OpenCL calls and with failing allocations, as two cmocka tests, and prints
 * how many faults were tried. @return main()'s exit code. */
int fault_loops(const char *group, const fault_scenario *scenarios, size_t count, int (*setup)(void **));

#endif
