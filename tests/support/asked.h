/* SPDX-License-Identifier: Apache-2.0
 *
 * For clxent_desc.outputs: a plan that is told what its call will ask for compiles the one program that the
 * call takes; a plan that is not, also one for the least that a call may ask. */
#ifndef CLXENT_TESTS_ASKED_H
#define CLXENT_TESTS_ASKED_H

#include <clxent/clxent.h>

/* Bits of the outputs that these arrays ask of such a plan. */
uint32_t asked_outputs(const clxent_desc *desc, const clxent_arrays *arrays);

#endif
