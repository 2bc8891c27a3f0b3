/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers for generated problems. A seed gives the same numbers on every machine.
 */
#ifndef CLXENT_CLI_DRAW_H
#define CLXENT_CLI_DRAW_H

#include <stdint.h>

/* Any seed is good. Each call advances it. */
uint64_t draw(uint64_t *seed);
double draw_uniform(uint64_t *seed, double least, double most); /* in [least, most] */

#endif
