/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder of what the tool keeps for its user, $XDG_CACHE_HOME/clxent or $HOME/.cache/clxent, and whole
 * files in it. The tool runs what it finds there, so nothing is taken from where another user could have
 * written: the folder and its files must be the user's, not writable by others, and not reached through a
 * symbolic link. What is opened is what is looked at; after that its path is of no matter.
 */
#ifndef CLXENT_CLI_CACHE_FOLDER_H
#define CLXENT_CLI_CACHE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

enum { CACHE_FILE_BYTES = 64 << 20, CACHE_WHY = 4400 };

/* Opened, made first if `make` and it is not there; to be closed. -1: there is none, and `why` is "" (it is
 * not there, or cannot be), or it is refused, and `why` names it, what is wrong with it and what was
 * expected. */
int cache_folder_open(bool make, char why[CACHE_WHY]);

/* The bytes of a file, to be freed; NULL: there is none of 1 to CACHE_FILE_BYTES bytes that can be trusted.
 * Whole as one cache_file_write() left it, whoever writes meanwhile. */
unsigned char *cache_file_read(int folder, const char *name, size_t *bytes);

/* Puts a file there or in the place of the old one, at once. False: all is as it was. A file that a power cut
 * left incomplete is for its checksum to tell. */
bool cache_file_write(int folder, const char *name, const unsigned char *data, size_t bytes);

#endif
