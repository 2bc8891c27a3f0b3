/* SPDX-License-Identifier: Apache-2.0
 *
 * See cache.h. A program is code that this user will run: a folder or a file that another user could have
 * written is not touched. A file is written beside its place and renamed into it, so that two runs at once do
 * each other no harm: the later one's programs stay.
 */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BYTES = 64 << 20, NAME_BYTES = 96 };

static bool is_off(void) {
    const char *wanted = getenv("CLXENT_CACHE");
    return wanted && strcmp(wanted, "off") == 0;
}

/* The user's, and nobody else may write to it. */
static bool is_private(const struct stat *s) {
    return s->st_uid == geteuid() && (s->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The folder, opened; made first if `make` and it is not there. -1: there is none that can be used. */
static int open_folder(bool make) {
    char base[3072], path[4096];
    struct stat s;
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/') /* one that is not absolute is to be ignored */
        snprintf(base, sizeof base, "%s", cache);
    else if (home && *home == '/')
        snprintf(base, sizeof base, "%s/.cache", home);
    else
        return -1;
    snprintf(path, sizeof path, "%s/clxent", base);
    if (make) { /* failing where they are there already; open() tells */
        mkdir(base, S_IRWXU);
        mkdir(path, S_IRWXU);
    }
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return -1;
    if (fstat(folder, &s) == 0 && is_private(&s)) return folder;
    close(folder);
    return -1;
}

/* The file of a device and its driver, whose other versions have files of their own. */
static void name_file(char name[NAME_BYTES], const clxent_device_info *device) {
    const char *const parts[] = {device->platform, device->name, device->driver, device->opencl_version};
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t k = 0; k <= strlen(parts[i]); k++)
            hash = (hash ^ (unsigned char)parts[i][k]) * 0x100000001b3u;
    snprintf(name, NAME_BYTES, "programs-%016" PRIx64, hash);
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

static bool write_all(int file, const unsigned char *data, size_t bytes) {
    for (size_t done = 0; done < bytes;) {
        const ssize_t n = write(file, data + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

void cache_load(clxent_ctx *ctx, const clxent_device_info *device) {
    char name[NAME_BYTES];
    struct stat s;
    const int folder = is_off() ? -1 : open_folder(false);
    if (folder < 0) return;
    name_file(name, device);
    /* Not blocking: what stands there may be a pipe. */
    const int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file >= 0 && fstat(file, &s) == 0 && S_ISREG(s.st_mode) && is_private(&s) && s.st_size > 0 &&
        s.st_size <= MOST_BYTES) {
        const size_t bytes = (size_t)s.st_size;
        unsigned char *data = malloc(bytes);
        /* A status is no matter: what was not imported is compiled. */
        if (data && read_all(file, data, bytes)) (void)clxent_ctx_import_programs(ctx, data, bytes);
        free(data);
    }
    if (file >= 0) close(file);
    close(folder);
}

/* The file anew, or as it was. */
static void replace(int folder, const char *name, const unsigned char *data, size_t bytes) {
    char beside[NAME_BYTES + 64];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(beside, sizeof beside, "%s.%ld.%ld.new", name, (long)getpid(), now.tv_nsec);
    const int file =
        openat(folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0) return;
    bool good = write_all(file, data, bytes);
    if (close(file) != 0) good = false; /* some file systems find out here that they are full */
    if (!good || renameat(folder, beside, folder, name) != 0) unlinkat(folder, beside, 0);
}

void cache_store(clxent_ctx *ctx, const clxent_device_info *device) {
    char name[NAME_BYTES];
    size_t bytes = 0;
    if (is_off() || clxent_ctx_programs_compiled(ctx) == 0) return;
    const int folder = open_folder(true);
    if (folder < 0) return;
    name_file(name, device);
    if (clxent_ctx_export_programs(ctx, NULL, 0, &bytes) == CLXENT_OK) {
        unsigned char *data = bytes <= MOST_BYTES ? malloc(bytes) : NULL;
        if (bytes > MOST_BYTES)
            unlinkat(folder, name, 0); /* grown over the years: the next run begins anew */
        if (data && clxent_ctx_export_programs(ctx, data, bytes, &bytes) == CLXENT_OK)
            replace(folder, name, data, bytes);
        free(data);
    }
    close(folder);
}
