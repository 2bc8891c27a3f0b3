/* SPDX-License-Identifier: Apache-2.0
 *
 * The board: a test writes on it which call must fail, and reads from it what happened. It is a file that the
 * test and the injectors of faults (layers/fail_calls.c, fail_host.c, allocations.c) map, in one process or
 * in two. */
#ifndef CLXENT_TESTS_BOARD_H
#define CLXENT_TESTS_BOARD_H

#include <stdbool.h>
#include <stddef.h>

/* The kinds of calls that are counted and can fail. */
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
    long call; /* the call that made it */
    char type[16], maker[BOARD_ENTRY];
} board_object;

typedef struct fault_board {
    /* The test writes these. */
    fault_kind kind;
    long wanted;  /* the number of the call that fails, from 1; 0: none */
    bool lasting; /* every call after it fails too */
    int flavour;  /* in which of its ways the call fails */
    /* The injectors write these. */
    long calls, failed;      /* calls counted and failed so far */
    char entry[BOARD_ENTRY]; /* the first entry that failed since the test emptied this */
    int code;                /* its code */
    long commands;           /* commands enqueued since the test set this to 0 */
    long allocations;        /* the library's allocations that are not freed: allocations.c */
    char misuse[160];        /* the use or release of an object that does not live; "": none */
    board_object objects[BOARD_OBJECTS];
} fault_board;

/* The environment variable CLXENT_FAULT_BOARD names the file. board_create() makes and maps it, and sets the
 * variable. board_open() maps it, and returns NULL if the variable is not set. Both end the process when they
 * fail. */
fault_board *board_create(void);
fault_board *board_open(void);
void board_remove(void); /* removes the file, in the process that made it */

/* Counts a call of this kind. Returns the way in which it must fail, from 0 to `flavours` - 1, or -1 if it
 * must not fail. The caller then notes the code of the failure. */
int board_fails(fault_board *board, fault_kind kind, const char *entry, int flavours);
void board_note(fault_board *board, const char *entry, int code);

/* Note that an object was made, got a reference, lost a reference, or was used. */
void board_made(fault_board *board, const char *type, const void *handle, const char *maker);
void board_retained(fault_board *board, const void *handle, const char *entry);
void board_released(fault_board *board, const void *handle, const char *entry);
void board_used(fault_board *board, const void *handle, const char *entry);

/* Writes "event of call 7, clEnqueueReadBuffer (1 references); ...", and returns how many are left. */
int board_leaks(const fault_board *board, char *text, size_t size);

#endif
