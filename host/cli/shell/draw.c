/* SPDX-License-Identifier: Apache-2.0
 *
 * See draw.h. The generator is splitmix64 (Steele, Lea, Flood 2014).
 */
#include "draw.h"

uint64_t draw(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double draw_uniform(uint64_t *seed, double least, double most) {
    return least + (most - least) * (double)(draw(seed) >> 11) * 0x1p-53;
}
