/* SPDX-License-Identifier: Apache-2.0
 *
 * Seeded random numbers (SplitMix64, Steele, Lea and Flood 2014): the same seed gives the same test.
 */
#ifndef CLXENT_TESTS_RNG_H
#define CLXENT_TESTS_RNG_H

#include <stdint.h>

typedef struct rng {
    uint64_t state;
} rng;

/* Returns `seed`, or CLXENT_TEST_SEED if the environment has it, and prints it, so that a failure can be
 * repeated. A CLXENT_TEST_SEED that is no number ends the program. */
uint64_t rng_seed(uint64_t seed);

rng rng_start(uint64_t seed);
uint64_t rng_next(rng *r);
double rng_uniform(rng *r, double low, double high);    /* [low, high) */
double rng_normal(rng *r);                              /* mean 0, deviation 1 */
int64_t rng_integer(rng *r, int64_t low, int64_t high); /* low to high, both included */
int rng_chance(rng *r, double probability);

#endif
