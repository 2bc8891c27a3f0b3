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
    {"clxent_ctx_options.gemm", "--gemm"},
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

static int is_of_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

static size_t word_length(const char *at) {
    size_t n = 0;
    while (is_of_word(at[n])) n++;
    return n;
}

/* Returns the option of the field that `at` begins with, and sets *length to the field's length; NULL: `at`
 * begins with none. */
static const char *option_of(const char *at, size_t *length) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        *length = strlen(words[i].field);
        if (strncmp(words[i].field, at, *length) == 0 && !is_of_word(at[*length])) return words[i].option;
    }
    return NULL;
}

void wording_of_options(char *text, size_t size, const char *message) {
    size_t used = 0;
    while (*message && used + 1 < size) {
        size_t taken;
        const char *option = option_of(message, &taken);
        if (!option) taken = word_length(message);
        if (!option && taken == 0) taken = 1;
        used += (size_t)snprintf(text + used, size - used, "%.*s", option ? (int)strlen(option) : (int)taken,
                                 option ? option : message);
        message += taken;
    }
    if (used >= size) used = size - 1;
    text[used] = '\0';
}
