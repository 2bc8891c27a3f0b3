/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the library's OpenCL calls, which layers/watch_calls.c records. */
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

/* The calls between the last start and the last stop. */
extern entry record[];
extern int record_length;

void start_recording(void);
/* Fails the test when the layer is not loaded. */
void stop_recording(void);

bool is_call(const entry *e, const char *call);
/* How many times the record contains the call. */
int count(const char *call);

/* The largest total size of all buffers that existed at the same time. */
uint64_t most_buffer_bytes(void);

#endif
