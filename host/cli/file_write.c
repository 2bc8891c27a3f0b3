/* SPDX-License-Identifier: Apache-2.0
 *
 * See file_write.h.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_write_all(int file, const void *data, size_t bytes) {
    const char *at = data;
    while (bytes > 0) {
        /* Linux writes at most 2 GiB at a time; a short write goes on where it stopped. */
        const ssize_t written = write(file, at, bytes < (1u << 30) ? bytes : (1u << 30));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return written == 0 ? ENOSPC : errno;
        at += written;
        bytes -= (size_t)written;
    }
    return 0;
}

/* Creates a file beside `target` that nobody else has; its name is in *name (to be freed). */
static int create_beside(const char *target, char **name) {
    const size_t size = strlen(target) + 48;
    *name = malloc(size);
    if (!*name) return -1;
    for (int i = 0; i < 100; i++) {
        snprintf(*name, size, "%s.%ld-%d.tmp", target, (long)getpid(), i);
        const int file = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST) return file;
    }
    return -1;
}

int file_write(const char *path, const file_part *parts, int count) {
    struct stat status;
    char *temporary = NULL;
    char *target = realpath(path, NULL); /* through a link, so that the link stays one */
    if (!target) target = strdup(path);
    if (!target) return ENOMEM;

    const int in_place = stat(target, &status) == 0 && !S_ISREG(status.st_mode);
    const int file = in_place ? open(target, O_WRONLY | O_CLOEXEC) : create_beside(target, &temporary);
    int code = file < 0 ? errno : 0;
    for (int i = 0; i < count && !code; i++) code = file_write_all(file, parts[i].data, parts[i].bytes);
    if (file >= 0 && close(file) != 0 && !code) code = errno;
    if (file >= 0 && temporary) {
        if (!code && rename(temporary, target) != 0) code = errno;
        if (code) unlink(temporary);
    }
    free(temporary);
    free(target);
    return code;
}

/* The path without links and dots, to be freed; of a file that is not there yet by its folder. */
static char *resolve(const char *path) {
    char *whole = realpath(path, NULL);
    if (whole) return whole;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *copy = strdup(path);
    if (!copy) return NULL;
    copy[name - path] = '\0';
    char *folder = realpath(*copy ? copy : ".", NULL);
    free(copy);
    if (!folder) return NULL;
    const size_t size = strlen(folder) + strlen(name) + 2;
    whole = malloc(size);
    if (whole) snprintf(whole, size, "%s/%s", folder, name);
    free(folder);
    return whole;
}

bool file_is_same(const char *path, const char *other) {
    if (strcmp(path, other) == 0) return true;
    char *a = resolve(path), *b = resolve(other);
    const bool same = a && b && strcmp(a, b) == 0;
    free(a);
    free(b);
    return same;
}
