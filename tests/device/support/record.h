/* SPDX-License-Identifier: Apache-2.0
 *
 * The OpenCL calls of the library, as layers/watch_calls.c writes them down. */
#ifndef CLXENT_TESTS_RECORD_H
#define CLXENT_TESTS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct entry {
    char call[32];
    unsigned long long queue;
    int blocking;
    size_t bytes;
    int events;
} entry;

/* What was written down between the last start and stop. */
extern entry record[];
extern int record_length;

void start_recording(void);
/* Fails the test where there is no layer. */
void stop_recording(void);

bool is_call(const entry *e, const char *call);
/* How often the record has the call. */
int count(const char *call);

/* The most bytes of buffers that were there at a time. */
uint64_t most_buffer_bytes(void);

#endif
