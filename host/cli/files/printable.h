/* SPDX-License-Identifier: Apache-2.0
 *
 * Cleans messages that quote files. A terminal obeys control characters, and a hostile file may hold some.
 */
#ifndef CLXENT_CLI_PRINTABLE_H
#define CLXENT_CLI_PRINTABLE_H

/* Replaces control characters, and bytes that are not UTF-8, with '?'. */
void make_printable(char *text);

#endif
