/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a test says which call is to fail, and reads what came of it: a file that the test and all that
 * injects faults (layers/fail_calls.c, fail_host.c, allocations.c) have mapped, in one process or in two. */
#ifndef CLXENT_TESTS_BOARD_H
#define CLXENT_TESTS_BOARD_H

#include <stdbool.h>
#include <stddef.h>

/* What is counted, and can fail. */
typedef enum fault_kind {
    FAULT_NONE,
    FAULT_OPENCL,
    FAULT_MEMORY,
    FAULT_FILE,
    FAULT_SIGNAL,
    FAULT_KINDS
} fault_kind;

enum { BOARD_ENTRY = 40, BOARD_OBJECTS = 1024 };

/* An OpenCL object that was made and not yet released. */
typedef struct board_object {
    const void *handle; /* NULL: a free place */
    int references;
    long call; /* by which it was made */
    char type[16], maker[BOARD_ENTRY];
} board_object;

typedef struct fault_board {
    /* The test's. */
    fault_kind kind;
    long wanted;  /* the number of the call that fails, from 1; 0: none */
    bool lasting; /* and every one after it */
    int flavour;  /* which of the ways in which it can fail */
    /* What came of it. */
    long calls, failed;      /* calls counted and failed so far */
    char entry[BOARD_ENTRY]; /* the first that failed since the test emptied this */
    int code;                /* and how */
    long commands;           /* enqueued since the test set this to 0 */
    long allocations;        /* of the library that live: allocations.c */
    char misuse[160];        /* an object used or released that does not live; "": none */
    board_object objects[BOARD_OBJECTS];
} fault_board;

/* The environment's CLXENT_FAULT_BOARD names the file. board_create() makes it and sets the variable;
 * board_open() maps it: NULL where the variable is not set. Both end the process where that fails. */
fault_board *board_create(void);
fault_board *board_open(void);
void board_remove(void); /* the file, by the process that made it */

/* Counts a call of this kind. `flavour` >= 0 of `flavours` when it is to fail, -1 when not. The caller notes
 * with what code it failed. */
int board_fails(fault_board *board, fault_kind kind, const char *entry, int flavours);
void board_note(fault_board *board, const char *entry, int code);

/* An object that was made; one more or one less reference to it; one that is used. */
void board_made(fault_board *board, const char *type, const void *handle, const char *maker);
void board_retained(fault_board *board, const void *handle, const char *entry);
void board_released(fault_board *board, const void *handle, const char *entry);
void board_used(fault_board *board, const void *handle, const char *entry);

/* Writes "2 left: event of call 7, clEnqueueReadBuffer (1 reference); ..." and returns how many. */
int board_leaks(const fault_board *board, char *text, size_t size);

#endif
