/* SPDX-License-Identifier: Apache-2.0 */
#include "asked.h"

uint32_t asked_outputs(const clxent_desc *desc, const clxent_arrays *arrays) {
    const clxent_array *given = &arrays->logits; /* all arrays, by their numbers */
    uint32_t asked = 0, inputs = 0;
    if (desc->op == CLXENT_NLL) inputs |= CLXENT_OUT_LOG_PROBS;
    if (desc->flags & CLXENT_GRAD_FROM_LSE) inputs |= CLXENT_OUT_LSE | CLXENT_OUT_LSE_RESIDUAL;
    if (desc->flags & CLXENT_FROM_STATE) inputs |= CLXENT_OUT_STATE;
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (i >= CLXENT_A_loss && given[i].data) asked |= 1u << i; /* inputs stand before loss */
    return asked & ~inputs;
}
