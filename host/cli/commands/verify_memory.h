/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of a problem that `verify` checks. One call frees all of it.
 */
#ifndef CLXENT_CLI_VERIFY_MEMORY_H
#define CLXENT_CLI_VERIFY_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Start from zeros. `failed` says that memory ran out, or that there were more than POOL_MOST parts. */
enum { POOL_MOST = 64 };
typedef struct pool {
    void *all[POOL_MOST];
    int n, failed;
} pool;

/* Returns zeroed memory for `count` elements; NULL, with `failed` set, if there is none. */
void *pool_take(pool *p, int64_t count, size_t size);
void pool_release(pool *p);

#endif
