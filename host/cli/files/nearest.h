/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean": finds the known name that is nearest to a mistyped name. If none is near, it finds one that
 * contains the mistyped name.
 */
#ifndef CLXENT_CLI_NEAREST_H
#define CLXENT_CLI_NEAREST_H

#include <stddef.h>

#define NEAREST_LENGTH 64 /* longer names are never near */

typedef struct nearest {
    const char *given; /* not terminated */
    size_t length;
    const char *found; /* NULL: none is near */
    size_t distance;
    const char *whole; /* a name that contains `given`, at its end if there is one; NULL: none */
    int is_end;        /* `given` is the end of `whole` */
} nearest;

/* Begins the search. Call nearest_offer() for each known name; of equally good names it keeps the first. */
nearest nearest_to(const char *given, size_t length);
void nearest_offer(nearest *n, const char *name);

/* Returns "; did you mean --targets?", with `before` in front of the found name; "" if it found none. */
#define NEAREST_TEXT (NEAREST_LENGTH + 32)
const char *nearest_text(const nearest *n, const char *before, char text[NEAREST_TEXT]);

#endif
