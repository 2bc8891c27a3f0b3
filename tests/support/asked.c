/* SPDX-License-Identifier: Apache-2.0 */
#include "asked.h"

uint32_t asked_outputs(const clxent_desc *desc, const clxent_arrays *arrays) {
    const clxent_array *given = &arrays->logits; /* all arrays, by their numbers */
    uint32_t asked = 0, inputs = 0;
#define INPUT_BITS(number) inputs |= 1u << (number);
#define OUTPUT_BITS(number)
#define BITS(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin) side##_BITS(number)
    CLXENT_ARRAY_MAP(BITS)
    if (desc->op == CLXENT_NLL) inputs |= CLXENT_OUT_LOG_PROBS;
    if (desc->flags & CLXENT_GRAD_FROM_LSE) inputs |= CLXENT_OUT_LSE | CLXENT_OUT_LSE_RESIDUAL;
    if (desc->flags & CLXENT_FROM_STATE) inputs |= CLXENT_OUT_STATE;
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (given[i].data) asked |= 1u << i;
    return asked & ~inputs;
}
