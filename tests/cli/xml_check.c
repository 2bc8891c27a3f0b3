/* SPDX-License-Identifier: Apache-2.0
 *
 * See xml_check.h.
 */
#include "xml_check.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { DEEPEST = 32 };

static size_t name_length(const char *at) {
    size_t n = 0;
    if (!isalpha((unsigned char)*at)) return 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '-' || at[n] == ':' || at[n] == '_') n++;
    return n;
}

/* Returns the length of the entity that begins at '&'; 0: it is none of the five that XML defines. */
static size_t entity_length(const char *at) {
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(at, known[i], strlen(known[i])) == 0) return strlen(known[i]);
    return 0;
}

/* Skips attributes up to '>' or '/'. Returns NULL if one is wrong. */
static const char *skip_attributes(const char *at) {
    for (;;) {
        const char *before = at;
        while (isspace((unsigned char)*at)) at++;
        if (*at == '>' || *at == '/') return at;
        const size_t name = name_length(at);
        if (!name || at == before || at[name] != '=' || at[name + 1] != '"') return NULL;
        for (at += name + 2; *at && *at != '"' && *at != '<'; at++)
            if (*at == '&' && !entity_length(at)) return NULL;
        if (*at++ != '"') return NULL;
    }
}

const char *xml_check(const char *text, int *elements) {
    struct {
        const char *name;
        size_t length;
    } open[DEEPEST];
    int depth = 0, roots = 0;
    *elements = 0;
    const char *at = text;
    if (strncmp(at, "<?xml version=\"1.0\"", 19) == 0) {
        at = strstr(at, "?>");
        if (!at) return "the declaration does not end";
        at += 2;
    }
    while (*at) {
        if (*at == '&' && !entity_length(at)) return "an & that begins no entity";
        if (*at != '<') {
            if (depth == 0 && !isspace((unsigned char)*at)) return "text outside of the root element";
            at++;
            continue;
        }
        const int closing = at[1] == '/';
        const char *name = at + 1 + closing;
        const size_t length = name_length(name);
        if (!length) return "a < that begins no element";
        at = name + length;
        if (closing) {
            if (depth == 0 || open[depth - 1].length != length ||
                memcmp(open[depth - 1].name, name, length) != 0)
                return "an element is closed that is not open";
            depth--;
        } else {
            if (depth == 0 && roots++) return "a second root element";
            ++*elements;
            at = skip_attributes(at);
            if (!at) return "an attribute is wrong";
            if (*at == '/') {
                at++;
            } else {
                if (depth == DEEPEST) return "elements are too deep";
                open[depth].name = name;
                open[depth++].length = length;
            }
        }
        if (*at++ != '>') return "a tag does not end";
    }
    return depth ? "an element is not closed" : roots ? NULL : "there is no element";
}
