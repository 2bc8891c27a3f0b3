/* SPDX-License-Identifier: Apache-2.0
 *
 * See fault_loop.h. */
#include "fault_loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "leave.h"
#include "said.h"

enum { SECONDS = 60 }; /* a run takes a fraction of a second */

static fault_board *board;
static struct {
    fault_kind kind;
    clxent_status status;
    bool retried, reported;  /* in this run */
    char entry[BOARD_ENTRY]; /* the first that failed, in the last step with a failure */
    int code;
    const char *absorbed_entries; /* the scenario's */
    long tried, absorbed;         /* of this test */
    long all_tried;
} loop;
static char doing[256];

fault_board *fault_board_of_test(void) {
    return board;
}

void fault_arm(void) {
    board->entry[0] = '\0';
    board->code = 0;
    board->kind = loop.kind;
}

void fault_disarm(void) {
    board->kind = FAULT_NONE;
    if (board->entry[0] == '\0') return;
    memcpy(loop.entry, board->entry, sizeof loop.entry);
    loop.code = board->code;
}

void fault_result(clxent_status status) {
    loop.status = status;
}

void fault_skip(void) {
    alarm(0);
    skip();
}

bool fault_good(void) {
    return loop.status == CLXENT_OK;
}

/* Whether no step need report the failure of this entry. */
static bool is_absorbed(void) {
    const size_t length = strlen(loop.entry);
    if (strncmp(loop.entry, "clRelease", 9) == 0) return true;
    for (const char *at = loop.absorbed_entries; at && (at = strstr(at, loop.entry)) != NULL; at += length)
        if (at[length] == ' ' || at[length] == '\0') return true;
    return false;
}

/* Checks that the message names the call that failed, and its code. */
static void check_message(const char *what, const char *message) {
    char code[32] = "memory";
    const char *entry = loop.kind == FAULT_OPENCL ? loop.entry : "memory";
    if (board->lasting && is_absorbed() && strstr(message, "cl") && strstr(message, "(-")) return;
    if (loop.kind == FAULT_OPENCL) snprintf(code, sizeof code, "(%d)", loop.code);
    if (!strstr(message, entry) || !strstr(message, code))
        fail_msg("%s: %s: \"%s\" does not name %s and %s", doing, what, message, entry, code);
}

static bool is_plausible(clxent_status status) {
    if (loop.kind == FAULT_MEMORY) return status == CLXENT_ERR_MEMORY;
    return status == CLXENT_ERR_OPENCL || status == CLXENT_ERR_MEMORY || status == CLXENT_ERR_BUILD ||
           status == CLXENT_ERR_NO_DEVICE;
}

bool fault_again(const char *what, const char *message) {
    if (loop.status == CLXENT_OK) return false;
    said(message);
    if (board->failed == 0 || loop.retried)
        fail_msg("%s: %s: %s, %s: \"%s\"", doing, what, clxent_status_name(loop.status),
                 loop.retried ? "when tried again" : "though no call failed", message);
    if (!is_plausible(loop.status))
        fail_msg("%s: %s (%s, %d) gave %s: \"%s\"", doing, what, loop.entry, loop.code,
                 clxent_status_name(loop.status), message);
    check_message(what, message);
    loop.reported = true;
    loop.retried = !board->lasting;
    return loop.retried;
}

static void check_end(void) {
    char leaks[1500];
    if (board_leaks(board, leaks, sizeof leaks) > 0)
        fail_msg("%s (%s, %d): objects are left: %s", doing, loop.entry, loop.code, leaks);
    if (board->misuse[0]) fail_msg("%s (%s, %d): %s", doing, loop.entry, loop.code, board->misuse);
    if (board->allocations != 0)
        fail_msg("%s (%s, %d): %ld allocations are left", doing, loop.entry, loop.code, board->allocations);
    if (board->failed == 0 || loop.reported) return;
    loop.absorbed++;
    if (!is_absorbed()) fail_msg("%s: %s failed with %d and nobody said so", doing, loop.entry, loop.code);
}

static void say_and_die(int number) {
    (void)number;
    static const char hung[] = "hangs or crashes: ";
    if (write(STDERR_FILENO, hung, sizeof hung - 1) < 0 || write(STDERR_FILENO, doing, strlen(doing)) < 0)
        _exit(98);
    _exit(97);
}

/* Runs the scenario once. Returns false if it did not reach call `wanted`. */
static bool run_with(const fault_scenario *scenario, long wanted, bool lasting, int flavour) {
    memset(board, 0, sizeof *board);
    board->wanted = wanted;
    board->lasting = lasting;
    board->flavour = flavour;
    loop.retried = loop.reported = false;
    loop.status = CLXENT_OK;
    snprintf(doing, sizeof doing, "%s, call %ld%s, way %d", scenario->name, wanted,
             lasting ? " and all after it" : "", flavour);
    alarm(SECONDS);
    scenario->run();
    alarm(0);
    check_end();
    if (board->failed == 0) return false;
    loop.tried++;
    return true;
}

/* The long form tries every way in which a call can fail. The short form takes one way for each call, in
 * turn. */
static void run_all(const fault_scenario *scenario, fault_kind kind) {
    static const char *const names[] = {"", "OpenCL calls", "allocations"};
    enum { WAYS = 6 };
    const test_effort effort = expect_effort();
    const int ways = kind == FAULT_OPENCL && expect_long() ? WAYS : 1;
    const int stride = expect_long() ? 1 : effort != EFFORT_FULL ? 7 : scenario->stride;
    long calls = 0;
    loop.kind = kind;
    loop.absorbed_entries = scenario->absorbed;
    loop.tried = loop.absorbed = 0;
    for (int lasting = 0; lasting < 2; lasting++)
        for (int way = 0; way < ways; way++)
            for (long wanted = 1;; wanted += lasting && !expect_long() ? 3 * stride : stride) {
                const bool reached = run_with(scenario, wanted, lasting, ways > 1 ? way : (int)wanted);
                calls = board->calls;
                if (!reached) break;
            }
    loop.all_tried += loop.tried;
    print_message("%s: %ld %s, %ld faults, %ld of them without consequence\n", scenario->name, calls,
                  names[kind], loop.tried, loop.absorbed);
}

static void fail_calls(void **state) {
    run_all(*state, FAULT_OPENCL);
    assert_true(loop.tried > 0); /* 0: the layer is not loaded */
}

static void fail_allocations(void **state) {
    run_all(*state, FAULT_MEMORY);
}

int fault_loops(const char *group, const fault_scenario *scenarios, size_t count, int (*setup)(void **)) {
    char names[64][48];
    struct CMUnitTest tests[64];
    size_t total = 0;
    board = board_create();
    signal(SIGALRM, say_and_die);
    for (size_t i = 0; i < count; i++)
        for (int memory = 0; memory < 2; memory++, total++) {
            snprintf(names[total], sizeof names[total], "%s.%s", scenarios[i].name,
                     memory ? "memory" : "opencl");
            tests[total] = (struct CMUnitTest){names[total], memory ? fail_allocations : fail_calls, NULL,
                                               NULL, (void *)&scenarios[i]};
        }
    const int failed = _cmocka_run_group_tests(group, tests, total, setup, NULL);
    printf("%s: %ld faults tried\n", group, loop.all_tried);
    board_remove();
    return leave(failed);
}
