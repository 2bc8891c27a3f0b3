/* SPDX-License-Identifier: Apache-2.0
 *
 * Output files that appear whole or not at all, whatever fails and whichever signal ends the tool.
 */
#ifndef CLXENT_CLI_FILE_WRITE_H
#define CLXENT_CLI_FILE_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct file_part {
    const void *data;
    size_t bytes;
} file_part;

/* Writes the parts, one behind the other, to a file that takes the place of `path` once it is whole, so that
 * no reader ever sees half of one. 0; or an errno value, and what stood at path still does. Until then the
 * file has no name where the file system allows that; elsewhere it stands beside `path`, and interrupt.h
 * removes it. `folder` and `mode` are openat()'s; a link that stands at `path` is replaced. */
int file_replace(int folder, const char *path, mode_t mode, const file_part *parts, int count);

/* The same for an output that a user named: through links, to what they lead to, which need not be there yet.
 * A device or pipe is written in place. */
int file_write(const char *path, const file_part *parts, int count);

/* What file_write() would fail with, as far as permissions and folders tell before it: an errno value, or 0.
 * *folder, to be freed: the one that is at fault where a link at `path` leads into it; else NULL. */
int file_write_check(const char *path, char **folder);

/* Whether two paths lead to one file, which need not be there yet. False where a folder is not there. */
bool file_is_same(const char *path, const char *other);

#endif
