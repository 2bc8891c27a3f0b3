/* SPDX-License-Identifier: Apache-2.0
 *
 * Output files that appear whole or not at all.
 */
#ifndef CLXENT_CLI_FILE_WRITE_H
#define CLXENT_CLI_FILE_WRITE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct file_part {
    const void *data;
    size_t bytes;
} file_part;

/* Writes all of it where the file stands, whatever is short or interrupted. 0, or an errno value. */
int file_write_all(int file, const void *data, size_t bytes);

/* Writes the parts, one behind the other, to a file beside `path` and renames it, so that no reader ever sees
 * half of one; a device or pipe is written in place. 0; or an errno value, and what stood at path still does.
 */
int file_write(const char *path, const file_part *parts, int count);

/* Whether two paths lead to one file, which need not be there yet. False where a folder is not there. */
bool file_is_same(const char *path, const char *other);

#endif
