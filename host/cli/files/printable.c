/* SPDX-License-Identifier: Apache-2.0
 *
 * See printable.h.
 */
#include "printable.h"

/* Returns the number of bytes of the character at `at`; 0: no UTF-8 character, or a control character. */
static int character(const unsigned char *at) {
    const int bytes = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf5 ? 4 : 0;
    for (int i = 1; i < bytes; i++)
        if ((at[i] & 0xc0) != 0x80) return 0; /* this stops at the text's NUL too */
    if (bytes == 1 && (*at < 0x20 || *at == 0x7f)) return 0;
    if (*at == 0xc2 && at[1] < 0xa0) return 0; /* U+0080 to U+009F: the 8-bit forms of escape sequences */
    return bytes;
}

void make_printable(char *text) {
    while (*text) {
        const int bytes = character((const unsigned char *)text);
        if (bytes == 0) *text = '?';
        text += bytes ? bytes : 1;
    }
}
