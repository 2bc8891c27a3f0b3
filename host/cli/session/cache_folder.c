/* SPDX-License-Identifier: Apache-2.0
 *
 * See cache_folder.h.
 */
#include "cache_folder.h"
#include "files/file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const mode_t others_write = S_IWGRP | S_IWOTH;

/* Writes the reason to `why`. Always returns -1. */
__attribute__((format(printf, 2, 3))) static int refuse(char why[CACHE_WHY], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, CACHE_WHY, format, args);
    va_end(args);
    return -1;
}

/* Writes the path of the folder. With `make` it first makes the folder above. False: it has no path. */
static bool find_path(char *path, size_t size, bool make) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool named = cache && *cache == '/'; /* XDG: a relative path is ignored */
    if (!named && !(home && *home == '/')) return false;
    const int base = snprintf(path, size, "%s%s", named ? cache : home, named ? "" : "/.cache");
    if (base < 0 || (size_t)base + sizeof "/clxent" > size) return false; /* it would be cut off */
    if (make) mkdir(path, S_IRWXU); /* it fails if the folder exists; open() notices other failures */
    memcpy(path + base, "/clxent", sizeof "/clxent");
    return true;
}

/* Writes to `why` why the folder cannot be opened, or nothing if it does not exist. Always returns -1. */
static int cannot_open(const char *path, char why[CACHE_WHY], int error) {
    struct stat s;
    if (lstat(path, &s) != 0) return -1;
    if (S_ISLNK(s.st_mode)) return refuse(why, "%s is a symbolic link; a folder is expected", path);
    if (!S_ISDIR(s.st_mode)) return refuse(why, "%s is not a folder", path);
    return refuse(why, "%s: %s", path, strerror(error));
}

int cache_folder_open(bool make, char why[CACHE_WHY]) {
    char path[4096];
    struct stat s;
    why[0] = '\0';
    if (!find_path(path, sizeof path, make)) return -1;
    if (make) mkdir(path, S_IRWXU);
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return cannot_open(path, why, errno);
    if (fstat(folder, &s) != 0)
        refuse(why, "%s: %s", path, strerror(errno));
    else if (s.st_uid != geteuid())
        refuse(why, "%s belongs to user %lu, not to user %lu", path, (unsigned long)s.st_uid,
               (unsigned long)geteuid());
    else if (s.st_mode & others_write)
        refuse(why, "%s has mode %04o, so that others may write there; 0700 is expected", path,
               (unsigned)(s.st_mode & 07777));
    else
        return folder;
    close(folder);
    return -1;
}

static bool read_all(int file, unsigned char *data, size_t bytes) {
    for (size_t done = 0; done < bytes;) {
        const ssize_t n = read(file, data + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

unsigned char *cache_file_read(int folder, const char *name, size_t *bytes) {
    struct stat s;
    unsigned char *data = NULL;
    /* O_NONBLOCK: the name may be that of a pipe, and open() would wait. */
    const int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return NULL;
    if (fstat(file, &s) == 0 && S_ISREG(s.st_mode) && s.st_uid == geteuid() && !(s.st_mode & others_write) &&
        s.st_size > 0 && s.st_size <= CACHE_FILE_BYTES) {
        *bytes = (size_t)s.st_size;
        data = malloc(*bytes);
        if (data && !read_all(file, data, *bytes)) {
            free(data);
            data = NULL;
        }
    }
    close(file);
    return data;
}

bool cache_file_write(int folder, const char *name, const unsigned char *data, size_t bytes) {
    return file_replace(folder, name, S_IRUSR | S_IWUSR, &(file_part){data, bytes}, 1) == 0;
}
