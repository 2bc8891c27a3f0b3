/* SPDX-License-Identifier: Apache-2.0
 *
 * See json_alloc.h.
 */
#include "json_alloc.h"

#include <jansson.h>
#include <stdlib.h>

static int failed;

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    if (!memory) failed = 1;
    return memory;
}

void json_alloc_watch(void) {
    json_set_alloc_funcs(allocate, free);
}

int json_alloc_failed(void) {
    return failed;
}
