/* SPDX-License-Identifier: Apache-2.0
 *
 * See file_write.h.
 */
#define _GNU_SOURCE /* O_TMPFILE */
#include "file_write.h"
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LINKS = 40, MOST_NAMES = 100 };

/* ----------------------------------------------------------------- paths ---- */

/* Returns `name` in the folder of `path`. The caller frees it. */
static char *beside(const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    const size_t folder = slash ? (size_t)(slash - path) + 1 : 0, length = strlen(name);
    char *whole = malloc(folder + length + 1);
    if (!whole) return NULL;
    memcpy(whole, path, folder);
    memcpy(whole + folder, name, length + 1);
    return whole;
}

/* Returns where the path leads, through links at its end. No file need exist there. The caller frees it.
 * NULL: see errno. */
static char *follow(const char *path) {
    char link[PATH_MAX + 1];
    char *at = strdup(path);
    for (int links = 0; at; links++) {
        const ssize_t length = readlink(at, link, PATH_MAX);
        if (length < 0 && (errno == EINVAL || errno == ENOENT)) return at; /* no link, or no file */
        int code = length < 0 ? errno : links == MOST_LINKS ? ELOOP : 0;
        char *next = NULL;
        if (!code) {
            link[length] = '\0';
            next = *link == '/' ? strdup(link) : beside(at, link);
            code = ENOMEM; /* it only counts if `next` is NULL */
        }
        free(at);
        at = next;
        errno = code;
    }
    return NULL;
}

static bool is_same_folder(const char *path, const char *other) {
    struct stat a, b;
    char *folder = beside(path, "."), *of_other = beside(other, ".");
    const bool same = folder && of_other && stat(folder, &a) == 0 && stat(of_other, &b) == 0 &&
                      a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    free(folder);
    free(of_other);
    return same;
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool file_is_same(const char *path, const char *other) {
    if (strcmp(path, other) == 0) return true;
    char *a = follow(path), *b = follow(other);
    const bool same = a && b && strcmp(name_of(a), name_of(b)) == 0 && is_same_folder(a, b);
    free(a);
    free(b);
    return same;
}

/* --------------------------------------------------------------- writing ---- */

static int write_all(int file, const void *data, size_t bytes) {
    const char *at = data;
    while (bytes > 0) {
        /* Linux writes at most 2 GiB at a time. The loop goes on where a short write stopped. */
        const ssize_t written = write(file, at, bytes < (1u << 30) ? bytes : (1u << 30));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return written == 0 ? ENOSPC : errno;
        at += written;
        bytes -= (size_t)written;
    }
    return 0;
}

static int write_parts(int file, const file_part *parts, int count) {
    int code = 0;
    for (int i = 0; i < count && !code; i++) code = write_all(file, parts[i].data, parts[i].bytes);
    return code;
}

/* Gives `file` a new name beside `path`. If `file` is -1, it creates a file there. Returns the file, with its
 * name in *name, which the caller frees. From then on a signal removes that name. On failure it returns -1
 * and sets errno, and *name is NULL. */
static int give_name(int file, int folder, const char *path, mode_t mode, char **name) {
    char own[64], unnamed[64];
    int named = -1, code = EEXIST;
    snprintf(unnamed, sizeof unnamed, "/proc/self/fd/%d", file);
    for (int i = 0; i < MOST_NAMES && named < 0 && code == EEXIST; i++) {
        snprintf(own, sizeof own, "clxent-%ld-%d.tmp", (long)getpid(), i);
        *name = beside(path, own);
        if (!*name) {
            code = ENOMEM;
            break;
        }
        interrupt_hold();
        if (file < 0)
            named = openat(folder, *name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        else if (linkat(AT_FDCWD, unnamed, folder, *name, AT_SYMLINK_FOLLOW) == 0)
            named = file;
        code = errno;
        interrupt_release(folder, named < 0 ? NULL : *name);
        if (named >= 0) break;
        free(*name);
        *name = NULL;
    }
    errno = code;
    return named;
}

/* Writes a file without a name, and then gives it one. Returns the file. *code is 0, or the errno value of
 * the write, and then the file has no name. -1: the system cannot do this. Some file systems have no files
 * without a name, and a system without /proc cannot give them a name later. */
static int write_unnamed(int folder, const char *path, mode_t mode, const file_part *parts, int count,
                         char **name, int *code) {
    int file = -1;
#ifdef O_TMPFILE
    char *above = beside(path, ".");
    if (above) file = openat(folder, above, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
    free(above);
    if (file < 0) return -1;
    *code = write_parts(file, parts, count);
    if (*code || give_name(file, folder, path, mode, name) >= 0) return file;
    close(file);
#endif
    return -1;
}

int file_replace(int folder, const char *path, mode_t mode, const file_part *parts, int count) {
    char *name = NULL;
    int code = 0;
    int file = write_unnamed(folder, path, mode, parts, count, &name, &code);
    if (file < 0) {
        file = give_name(-1, folder, path, mode, &name);
        code = file < 0 ? errno : write_parts(file, parts, count);
    }
    if (file >= 0 && close(file) != 0 && !code)
        code = errno; /* some file systems notice only here that they are full */
    if (name) {
        interrupt_hold();
        if (!code && renameat(folder, name, folder, path) != 0) code = errno;
        if (code) unlinkat(folder, name, 0);
        interrupt_release(folder, NULL);
    }
    free(name);
    return code;
}

/* A pipe may wait for its reader, and may lose it. So the report goes out first, and SIGPIPE is ignored:
 * write() then fails, and no signal ends the tool. */
static int write_in_place(const char *path, const file_part *parts, int count) {
    struct sigaction ignored = {.sa_handler = SIG_IGN}, before;
    fflush(stdout); /* main.c checks for a failure at the end */
    const int file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (file < 0) return errno;
    sigaction(SIGPIPE, &ignored, &before);
    int code = write_parts(file, parts, count);
    sigaction(SIGPIPE, &before, NULL);
    if (close(file) != 0 && !code) code = errno;
    return code;
}

/* True: `path` is no regular file, or it is a regular file other than `target`. Such a file was removed, and
 * only a link of /proc leads to it. */
static bool is_in_place(const char *path, const char *target) {
    struct stat is, was;
    return stat(path, &is) == 0 && (!S_ISREG(is.st_mode) || stat(target, &was) != 0 ||
                                    is.st_dev != was.st_dev || is.st_ino != was.st_ino);
}

int file_write(const char *path, const file_part *parts, int count) {
    char *target = follow(path);
    if (!target) return errno;
    const int code = is_in_place(path, target) ? write_in_place(path, parts, count)
                                               : file_replace(AT_FDCWD, target, 0666, parts, count);
    free(target);
    return code;
}

int file_write_check(const char *path, char **folder) {
    struct stat is;
    int code = 0;
    *folder = NULL;
    char *target = follow(path);
    if (!target) return errno;
    if (is_in_place(path, target)) {
        if (access(path, W_OK) != 0) code = errno;
        if (stat(path, &is) == 0 && S_ISDIR(is.st_mode)) code = EISDIR;
    } else {
        char *above = beside(target, strchr(target, '/') ? "" : ".");
        code = !above ? ENOMEM : access(above, W_OK | X_OK) != 0 ? errno : 0;
        if (!code && stat(target, &is) != 0 && errno != ENOENT) code = errno; /* a name too long, ... */
        if (above && code && strcmp(target, path) != 0)
            *folder = above;
        else
            free(above);
    }
    free(target);
    return code;
}
