/* SPDX-License-Identifier: Apache-2.0
 *
 * See wording.h.
 */
#include "wording.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The list leaves out words that messages also use for a file's contents (logits, targets). */
static const struct {
    const char *field, *option;
} words[] = {
    {"memory_bytes", "--memory"},
    {"logits_dtype", "--dtype"},
    {"hidden_dtype", "--dtype"},
    {"workspace_bytes", "--workspace"},
    {"label_smoothing", "--label-smoothing"},
    {"z_loss", "--z-loss"},
    {"softcap", "--softcap"},
    {"logit_scale", "--logit-scale"},
    {"class_weight", "--weight"},
    {"row_weight", "--row-weight"},
    {"grad_output", "--grad-output"},
    {"use_ignore_index", "--ignore-index"},
    {"row_loss", "--per-row"},
    {"classifier_bias", "--classifier-bias"},
    {"grad_hidden", "--grad-hidden"},
    {"grad_classifier", "--grad-classifier"},
    {"grad_classifier_bias", "--grad-classifier-bias"},
    {"schedule", "--schedule"},
};

static size_t word_length(const char *at) {
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_') n++;
    return n;
}

static const char *option_of(const char *word, size_t length) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].field) == length && strncmp(words[i].field, word, length) == 0)
            return words[i].option;
    return NULL;
}

void wording_of_options(char *text, size_t size, const char *message) {
    size_t used = 0;
    while (*message && used + 1 < size) {
        const size_t length = word_length(message);
        const size_t taken = length ? length : 1;
        const char *option = option_of(message, length);
        used += (size_t)snprintf(text + used, size - used, "%.*s", option ? (int)strlen(option) : (int)taken,
                                 option ? option : message);
        message += taken;
    }
    if (used >= size) used = size - 1;
    text[used] = '\0';
}
