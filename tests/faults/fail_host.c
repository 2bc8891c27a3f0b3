/* SPDX-License-Identifier: Apache-2.0
 *
 * Fails allocations and file operations of a program as the board (board.h) asks: LD_PRELOAD=this. Only calls
 * from the program itself and from libjansson count, told by where they return to; drivers have files and
 * memory of their own. (glibc: its allocator has names beside the public ones.)
 *
 * A read or write may also be short or interrupted, which is no failure: who calls must go on. Where every
 * operation fails from some point on, none is interrupted, as nobody could go on. A close that fails has
 * closed. */
#define _GNU_SOURCE /* RTLD_NEXT, dl_iterate_phdr */
#include "board.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

static fault_board *board;
static struct { uintptr_t begin, end; } ours[8];
static int our_count;

static int add_ranges(struct dl_phdr_info *object, size_t size, void *first) {
    int *is_first = first;
    (void)size;
    if (!*is_first && strstr(object->dlpi_name, "libjansson") == NULL) return 0;
    *is_first = 0; /* the program is listed first */
    for (int i = 0; i < object->dlpi_phnum && our_count < 8; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        ours[our_count].begin = object->dlpi_addr + part->p_vaddr;
        ours[our_count].end = ours[our_count].begin + part->p_memsz;
        our_count++;
    }
    return 0;
}

__attribute__((constructor)) static void begin(void) {
    int first = 1;
    fault_board *opened = board_open();
    dl_iterate_phdr(add_ranges, &first);
    board = opened; /* from here on */
}

/* The real entry. */
static void *real(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

static int is_ours(const void *caller) {
    for (int i = 0; i < our_count; i++)
        if ((uintptr_t)caller >= ours[i].begin && (uintptr_t)caller < ours[i].end) return 1;
    return 0;
}
#define OURS is_ours(__builtin_return_address(0))

/* The errno with which this call is to fail; 0: it is not. */
static int fault(int caller_is_ours, const char *entry, const int *codes, int count) {
    if (!caller_is_ours) return 0;
    int flavour = board_fails(board, FAULT_FILE, entry, count);
    if (flavour < 0) return 0;
    if (board->lasting && codes[flavour] == EINTR) flavour = (flavour + 1) % count;
    board_note(board, entry, codes[flavour]);
    return codes[flavour];
}
#define FAULT(entry, ...) \
    fault(OURS, entry, (const int[]){__VA_ARGS__}, (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int)))
enum { SHORT = -1, END = -2 };

/* ---------------------------------------------------------------- memory ------------------------------ */

static int no_memory(int caller_is_ours, const char *entry) {
    if (!caller_is_ours || board_fails(board, FAULT_MEMORY, entry, 1) < 0) return 0;
    board_note(board, entry, ENOMEM);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t bytes) {
    return no_memory(OURS, "malloc") ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    return no_memory(OURS, "calloc") ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes) {
    return no_memory(OURS, "realloc") ? NULL : __libc_realloc(old, bytes);
}

char *strdup(const char *text) {
    const size_t bytes = strlen(text) + 1;
    char *copy = no_memory(OURS, "strdup") ? NULL : __libc_malloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

/* ---------------------------------------------------------------- files ------------------------------- */

/* An entry that returns -1 and errno. */
#define ENTRY(type, name, bad, parameters, arguments, ...) \
    type name parameters {                                 \
        type(*next) parameters;                            \
        const int code = FAULT(#name, __VA_ARGS__);        \
        if (code) {                                        \
            errno = code;                                  \
            return bad;                                    \
        }                                                  \
        *(void **)&next = real(#name);                     \
        return next arguments;                             \
    }

/* open() and openat(): the mode is there when a file may be made. */
static int open_as(int folder, const char *path, int flags, mode_t mode) {
    int (*next)(int, const char *, int, ...);
    *(void **)&next = real("openat");
    return next(folder, path, flags, mode);
}

static mode_t mode_of(int flags, va_list rest) {
    return flags & O_CREAT ? (mode_t)va_arg(rest, unsigned) : 0;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    errno = FAULT("open", EMFILE, EINTR, EACCES, flags & O_CREAT ? ENOSPC : EIO);
    return errno ? -1 : open_as(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    errno = FAULT("openat", EMFILE, EINTR, EACCES, flags & O_CREAT ? ENOSPC : EIO);
    return errno ? -1 : open_as(folder, path, flags, mode);
}

ssize_t read(int file, void *data, size_t bytes) {
    ssize_t (*next)(int, void *, size_t);
    const int code = FAULT("read", SHORT, EINTR, EIO, END);
    *(void **)&next = real("read");
    if (code == END) return 0;
    if (code == SHORT || code == 0) return next(file, data, code == SHORT && bytes > 1 ? bytes / 2 : bytes);
    errno = code;
    return -1;
}

ssize_t write(int file, const void *data, size_t bytes) {
    ssize_t (*next)(int, const void *, size_t);
    const int code = FAULT("write", SHORT, EINTR, ENOSPC, EIO);
    *(void **)&next = real("write");
    if (code == SHORT || code == 0) return next(file, data, code == SHORT && bytes > 1 ? bytes / 2 : bytes);
    errno = code;
    return -1;
}

int close(int file) {
    int (*next)(int);
    const int code = FAULT("close", EIO, EINTR, ENOSPC);
    *(void **)&next = real("close");
    const int result = next(file);
    if (code == 0) return result;
    errno = code;
    return -1;
}

int fclose(FILE *file) {
    int (*next)(FILE *);
    const int code = FAULT("fclose", ENOSPC, EIO);
    *(void **)&next = real("fclose");
    const int result = next(file);
    if (code == 0) return result;
    errno = code;
    return EOF;
}

ENTRY(int, fstat, -1, (int file, struct stat *out), (file, out), EIO, EOVERFLOW)
ENTRY(int, stat, -1, (const char *path, struct stat *out), (path, out), EACCES, EIO)
ENTRY(void *, mmap, MAP_FAILED, (void *at, size_t bytes, int protection, int flags, int file, off_t offset),
      (at, bytes, protection, flags, file, offset), ENOMEM, EAGAIN)
ENTRY(int, rename, -1, (const char *from, const char *to), (from, to), EACCES, ENOSPC, EIO)
ENTRY(int, renameat, -1, (int from_at, const char *from, int to_at, const char *to),
      (from_at, from, to_at, to), EACCES, ENOSPC, EIO)
ENTRY(int, mkdir, -1, (const char *path, mode_t mode), (path, mode), EACCES, ENOSPC)
ENTRY(char *, realpath, NULL, (const char *path, char *out), (path, out), ENOMEM, EACCES)
ENTRY(FILE *, fopen, NULL, (const char *path, const char *mode), (path, mode), EMFILE, EACCES)
ENTRY(FILE *, fdopen, NULL, (int file, const char *mode), (file, mode), ENOMEM)
ENTRY(int, fflush, EOF, (FILE * file), (file), ENOSPC, EIO)
