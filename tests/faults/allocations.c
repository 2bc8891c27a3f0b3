/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts the allocations of a program that is linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free, and fails them as the board asks. It leaves the
 * allocations of shared libraries alone, the OpenCL driver's among them. */
#include "fault_loop.h"

#include <stdlib.h>

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void __real_free(void *old);
void __wrap_free(void *old);

static void count(long by) {
    if (fault_board_of_test()) fault_board_of_test()->allocations += by;
}

static bool fails(const char *entry) {
    return board_fails(fault_board_of_test(), FAULT_MEMORY, entry, 1) >= 0;
}

static void *made(void *memory) {
    if (memory) count(1);
    return memory;
}

void *__wrap_malloc(size_t bytes) {
    return fails("malloc") ? NULL : made(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes) {
    return fails("calloc") ? NULL : made(__real_calloc(count, bytes));
}

void *__wrap_realloc(void *old, size_t bytes) {
    if (fails("realloc")) return NULL;
    return old ? __real_realloc(old, bytes) : made(__real_realloc(NULL, bytes));
}

void __wrap_free(void *old) {
    if (old) count(-1);
    __real_free(old);
}
