/* SPDX-License-Identifier: Apache-2.0
 * Sizes: quotients rounded up, and numbers of 64 bits on a host whose size_t has 32. */
#ifndef CLX_SIZES_H
#define CLX_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the host's size_t, whose largest value is `most`, holds the number. A size_t of 32 bits does not
 * hold every int64. `most` is an argument so that a 64-bit host can test the 32-bit case. */
static inline bool clx_fits_size(uint64_t number, uint64_t most, size_t *out) {
    *out = (size_t)(number <= most ? number : 0);
    return number <= most;
}

/* a / b rounded up. Neither number is negative. */
static inline int64_t clx_divided_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

#endif
