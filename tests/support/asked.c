/* SPDX-License-Identifier: Apache-2.0 */
#include "asked.h"

#include <stddef.h>

uint32_t asked_outputs(const clxent_desc *desc, const clxent_arrays *arrays) {
    const struct {
        const clxent_array *array;
        uint32_t bit;
    } outputs[] = {
        {&arrays->loss, CLXENT_OUT_LOSS},
        {&arrays->row_loss, CLXENT_OUT_ROW_LOSS},
        {&arrays->log_prob, CLXENT_OUT_LOG_PROB},
        {&arrays->lse, CLXENT_OUT_LSE},
        {&arrays->lse_residual, CLXENT_OUT_LSE_RESIDUAL},
        {&arrays->argmax, CLXENT_OUT_ARGMAX},
        {&arrays->rank, CLXENT_OUT_RANK},
        {&arrays->entropy, CLXENT_OUT_ENTROPY},
        {&arrays->log_probs, CLXENT_OUT_LOG_PROBS},
        {&arrays->probs, CLXENT_OUT_PROBS},
        {&arrays->grad, CLXENT_OUT_GRAD},
        {&arrays->counts, CLXENT_OUT_COUNTS},
    };
    uint32_t asked = 0, inputs = 0;
    if (desc->op == CLXENT_NLL) inputs |= CLXENT_OUT_LOG_PROBS;
    if (desc->flags & CLXENT_GRAD_FROM_LSE) inputs |= CLXENT_OUT_LSE | CLXENT_OUT_LSE_RESIDUAL;
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        if (outputs[i].array->data) asked |= outputs[i].bit;
    return asked & ~inputs;
}
