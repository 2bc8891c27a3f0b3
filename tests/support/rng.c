/* SPDX-License-Identifier: Apache-2.0
 *
 * See rng.h.
 */
#include "rng.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t rng_seed(uint64_t seed) {
    const char *text = getenv("CLXENT_TEST_SEED");
    if (text && *text) {
        char *end;
        errno = 0;
        seed = strtoull(text, &end, 0);
        if (*end || errno) {
            fprintf(stderr, "CLXENT_TEST_SEED=%s is not a number of 64 bits\n", text);
            exit(2);
        }
    }
    printf("seed %" PRIu64 " (CLXENT_TEST_SEED sets another)\n", seed);
    return seed;
}

rng rng_start(uint64_t seed) {
    return (rng){seed};
}

uint64_t rng_next(rng *r) {
    uint64_t x = r->state += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

double rng_uniform(rng *r, double low, double high) {
    return low + (high - low) * ((double)(rng_next(r) >> 11) * 0x1p-53);
}

double rng_normal(rng *r) { /* Box and Muller 1958 */
    const double radius = sqrt(-2.0 * log(rng_uniform(r, 0x1p-53, 1.0)));
    return radius * cos(6.283185307179586 * rng_uniform(r, 0.0, 1.0));
}

int64_t rng_integer(rng *r, int64_t low, int64_t high) {
    return low + (int64_t)(rng_next(r) % ((uint64_t)(high - low) + 1u));
}

int rng_chance(rng *r, double probability) {
    return rng_uniform(r, 0.0, 1.0) < probability;
}
