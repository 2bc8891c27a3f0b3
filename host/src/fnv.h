/* SPDX-License-Identifier: Apache-2.0
 *
 * FNV-1a with 64 bits (Fowler, Noll, Vo), a hash. Every step is invertible, so a change of a single byte
 * always changes the hash. It does not withstand an attacker. */
#ifndef CLX_FNV_H
#define CLX_FNV_H

#include <stddef.h>
#include <stdint.h>

#define CLX_FNV_START 0xcbf29ce484222325u /* the hash of nothing */

/* The hash of what gave `hash`, and these bytes behind it. */
static inline uint64_t clx_fnv(uint64_t hash, const void *data, size_t bytes) {
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

#endif
