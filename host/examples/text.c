/* SPDX-License-Identifier: Apache-2.0
 *
 * See text.h. */
#include "text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 256 };
static const size_t longest_text = (size_t)1 << 30;

unsigned char *text_read(const char *path, size_t *size) {
    unsigned char *bytes = NULL;
    FILE *file = fopen(path, "rb");
    long end = -1;
    if (file && !fseek(file, 0, SEEK_END)) end = ftell(file);
    if (end >= 0 && (size_t)end <= longest_text) {
        rewind(file);
        *size = (size_t)end;
        bytes = malloc(*size + 1);
        if (bytes && fread(bytes, 1, *size, file) == *size)
            bytes[*size] = 0;
        else
            free(bytes), bytes = NULL;
    } else if (end >= 0) {
        errno = EFBIG;
    }
    if (!bytes) fprintf(stderr, "%s: %s\n", path, strerror(errno));
    if (file) fclose(file);
    return bytes;
}

double text_bigram_entropy(const unsigned char *text, size_t positions) {
    static size_t pairs[BYTES][BYTES], previous[BYTES];
    for (size_t p = 0; p < positions; p++) {
        pairs[text[p]][text[p + 1]]++;
        previous[text[p]]++;
    }
    double sum = 0;
    for (int a = 0; a < BYTES; a++)
        for (int b = 0; b < BYTES; b++)
            if (pairs[a][b]) sum += (double)pairs[a][b] * log((double)previous[a] / (double)pairs[a][b]);
    return sum / (double)positions;
}
