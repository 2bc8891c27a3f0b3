/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder that the tool keeps for its user, $XDG_CACHE_HOME/clxent or $HOME/.cache/clxent, and whole files
 * in it. The folder and its files must belong to the user, and no other user may be able to write there: the
 * tool runs the programs that it finds there. The last part of a path must not be a symbolic link. The checks
 * look at the opened folder or file, so a later change of its path has no effect.
 */
#ifndef CLXENT_CLI_CACHE_FOLDER_H
#define CLXENT_CLI_CACHE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

enum { CACHE_FILE_BYTES = 64 << 20, CACHE_WHY = 4400 };

/* Opens the folder; the caller closes it. With `make` it first makes a missing folder. -1: the folder does
 * not exist or can have no path, and `why` is ""; or it is refused, and `why` names it, its fault and the
 * expected state. */
int cache_folder_open(bool make, char why[CACHE_WHY]);

/* Returns the bytes of a file, which the caller frees. They are those of one cache_file_write(), even if
 * others write at the same time. NULL: there is no file of 1 to CACHE_FILE_BYTES bytes that can be trusted.
 */
unsigned char *cache_file_read(int folder, const char *name, size_t *bytes);

/* Makes the file, or replaces the old one in one step. False: the folder is as it was before. A power cut may
 * leave an incomplete file; its checksum tells that. */
bool cache_file_write(int folder, const char *name, const unsigned char *data, size_t bytes);

#endif
