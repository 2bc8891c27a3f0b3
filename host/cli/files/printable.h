/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that quote files: a terminal obeys control characters, and a stranger's file may hold some.
 */
#ifndef CLXENT_CLI_PRINTABLE_H
#define CLXENT_CLI_PRINTABLE_H

/* Makes control characters, and bytes that are not UTF-8, into '?'. */
void make_printable(char *text);

#endif
