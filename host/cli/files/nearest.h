/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean": of the names that there are, the one that a mistyped name is nearest to, or else is a part
 * of.
 */
#ifndef CLXENT_CLI_NEAREST_H
#define CLXENT_CLI_NEAREST_H

#include <stddef.h>

#define NEAREST_LENGTH 64 /* names that are longer are never near */

typedef struct nearest {
    const char *given; /* not terminated */
    size_t length;
    const char *found; /* NULL: none is near */
    size_t distance;
    const char *whole; /* of which `given` is the end or, if of none, a part; NULL: of no name */
    int is_end;
} nearest;

/* Then nearest_offer() for each name there is; of equally good ones the first stays. */
nearest nearest_to(const char *given, size_t length);
void nearest_offer(nearest *n, const char *name);

/* "; did you mean --targets?", with `before` in front of the name found; "" when none is near. */
#define NEAREST_TEXT (NEAREST_LENGTH + 32)
const char *nearest_text(const nearest *n, const char *before, char text[NEAREST_TEXT]);

#endif
