/* SPDX-License-Identifier: Apache-2.0
 *
 * See nearest.h.
 */
#include "nearest.h"

#include <stdio.h>
#include <string.h>

nearest nearest_to(const char *given, size_t length) {
    /* A name may have one slip in three letters, and at least one. A single letter is near to no name. */
    const size_t most = length < 2 ? 0 : length < 6 ? 1 : length / 3;
    return (nearest){.given = given, .length = length, .distance = most + 1};
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Counts the letters that are changed, added, left out, or swapped with the next one. This is the distance of
 * Damerau and Levenshtein in the form that touches no letter twice. Each row of the table stands for a prefix
 * of a; the last three rows are kept. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t rows[3][NEAREST_LENGTH + 1];
    for (size_t j = 0; j <= b_length; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *above_that = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], above_that[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

/* People remember "smoothing" of "label-smoothing": it looks for the given text in the name. */
static void offer_whole(nearest *n, const char *name, size_t length) {
    enum { LEAST = 3 }; /* fewer letters are in too many names */
    if (n->length < LEAST || n->is_end) return;
    for (size_t at = 0; at + n->length <= length; at++) {
        if (strncmp(name + at, n->given, n->length) != 0) continue;
        n->is_end = at + n->length == length;
        if (n->is_end || !n->whole) n->whole = name;
    }
}

void nearest_offer(nearest *n, const char *name) {
    const size_t length = strlen(name);
    if (n->length > NEAREST_LENGTH || length > NEAREST_LENGTH) return;
    offer_whole(n, name, length);
    const size_t apart =
        n->length < length ? length - n->length : n->length - length; /* the least distance */
    if (apart >= n->distance) return;
    const size_t from = distance(n->given, n->length, name, length);
    if (from >= n->distance) return;
    n->found = name;
    n->distance = from;
}

const char *nearest_text(const nearest *n, const char *before, char text[NEAREST_TEXT]) {
    text[0] = '\0';
    const char *meant = n->found ? n->found : n->whole;
    if (meant) snprintf(text, NEAREST_TEXT, "; did you mean %s%s?", before, meant);
    return text;
}
