/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes output files that appear whole or not at all, whatever fails and whichever signal ends the tool.
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

/* Writes the parts, one behind the other, to a new file. The file replaces `path` once it is whole, so no
 * reader ever sees a part of it. Returns 0, or an errno value, and then `path` is as before. An unfinished
 * file has no name if the file system allows that; else it is beside `path`, and interrupt.h removes it.
 * `folder` and `mode` are those of openat(). If `path` is a link, the new file replaces the link. */
int file_replace(int folder, const char *path, mode_t mode, const file_part *parts, int count);

/* Does the same for an output that a user named. It follows links; their target need not exist yet. It writes
 * to a device or a pipe in place. */
int file_write(const char *path, const file_part *parts, int count);

/* Checks permissions and folders before file_write(). Returns the errno value that file_write() would return,
 * or 0. If a link at `path` leads into a folder that is at fault, *folder is that folder, and the caller
 * frees it; else *folder is NULL. */
int file_write_check(const char *path, char **folder);

/* True: two paths lead to one file, which need not exist yet. False if a folder does not exist. */
bool file_is_same(const char *path, const char *other);

#endif
