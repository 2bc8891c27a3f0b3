/* SPDX-License-Identifier: Apache-2.0
 *
 * For clxent_desc.outputs. A plan that knows the outputs of its call compiles one program, which the call
 * uses. A plan that does not know them also compiles a program for the fewest outputs that a call may ask
 * for. */
#ifndef CLXENT_TESTS_ASKED_H
#define CLXENT_TESTS_ASKED_H

#include <clxent/clxent.h>

/* The bits of the outputs that these arrays ask of a plan of `desc`. */
uint32_t asked_outputs(const clxent_desc *desc, const clxent_arrays *arrays);

#endif
