/* SPDX-License-Identifier: Apache-2.0
 *
 * See verify_memory.h.
 */
#include "verify_memory.h"

#include <stdlib.h>

void *pool_take(pool *p, int64_t count, size_t size) {
    void *memory = p->n < POOL_MOST ? calloc(count > 0 ? (size_t)count : 1, size) : NULL;
    if (!memory) {
        p->failed = 1;
        return NULL;
    }
    return p->all[p->n++] = memory;
}

void pool_release(pool *p) {
    for (int i = 0; i < p->n; i++) free(p->all[i]);
}
