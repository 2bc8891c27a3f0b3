/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 100000 };

static char record_name[64];
entry record[MOST];
int record_length;

void start_recording(void) {
    static int number;
    snprintf(record_name, sizeof record_name, "calls-%ld-%d.record", (long)getpid(), ++number);
    assert_int_equal(setenv("CLXENT_RECORD", record_name, 1), 0);
}

void stop_recording(void) {
    assert_int_equal(unsetenv("CLXENT_RECORD"), 0);
    FILE *file = fopen(record_name, "r");
    if (file == NULL) fail_msg("no %s: is the layer there? (OPENCL_LAYERS)", record_name);
    record_length = 0;
    while (record_length < MOST) {
        entry *e = &record[record_length];
        if (fscanf(file, "%31s %llx %d %zu %d\n", e->call, &e->queue, &e->blocking, &e->bytes, &e->events) !=
            5)
            break;
        record_length++;
    }
    assert_true(feof(file));
    fclose(file);
    remove(record_name);
}

bool is_call(const entry *e, const char *call) {
    return strcmp(e->call, call) == 0;
}

int count(const char *call) {
    int found = 0;
    for (int i = 0; i < record_length; i++) found += is_call(&record[i], call);
    return found;
}

uint64_t most_buffer_bytes(void) {
    uint64_t now = 0, most = 0;
    for (int i = 0; i < record_length; i++) {
        if (is_call(&record[i], "clCreateBuffer")) now += record[i].bytes;
        if (is_call(&record[i], "clReleaseMemObject")) now -= record[i].bytes;
        if (now > most) most = now;
    }
    assert_int_equal(now, 0); /* the record has both the creation and the release of each buffer */
    return most;
}
