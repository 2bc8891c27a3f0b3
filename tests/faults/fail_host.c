/* SPDX-License-Identifier: Apache-2.0
 *
 * Fails allocations and file operations of a program as the board (board.h) asks: LD_PRELOAD=this. It counts
 * only calls from the program itself and from libjansson, and knows them by their return addresses; drivers
 * have files and memory of their own. (It needs glibc, whose allocator has names beside the public ones.)
 *
 * A read or write may also be short or interrupted. That is no failure: the caller must go on. If every
 * operation fails from some point on, none is interrupted, because no caller could go on. A close that fails
 * has closed the file.
 *
 * This file can also send a signal, before or after one of the operations that make a file. If
 * CLXENT_FAULT_NO_TMPFILE is set, no file can be made without a name. */
#define _GNU_SOURCE /* RTLD_NEXT, dl_iterate_phdr, O_TMPFILE */
#include "board.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
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
    board = opened; /* calls can fail from here on */
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

/* The errno with which this call must fail; 0: it must not fail. */
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

/* A place where a signal may come. (SIGQUIT never comes: LLVM, in PoCL, has a handler that swallows the first
 * one.) */
static void interrupt(int caller_is_ours, const char *entry) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    const int error = errno;
    if (!caller_is_ours) return;
    const int flavour = board_fails(board, FAULT_SIGNAL, entry, (int)(sizeof signals / sizeof *signals));
    if (flavour < 0) return;
    board_note(board, entry, signals[flavour]);
    kill(getpid(), signals[flavour]);
    errno = error;
}
#define INTERRUPT(entry) interrupt(OURS, entry)

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

/* An entry that fails with `bad` and errno. Before and after a SIGNAL_ENTRY, a signal may come. */
#define ENTRY_WITH(around, type, name, bad, parameters, arguments, ...) \
    type name parameters {                                              \
        type(*next) parameters;                                         \
        const int code = FAULT(#name, __VA_ARGS__);                     \
        if (code) {                                                     \
            errno = code;                                               \
            return bad;                                                 \
        }                                                               \
        *(void **)&next = real(#name);                                  \
        around(#name);                                                  \
        type const result = next arguments;                             \
        around(#name);                                                  \
        return result;                                                  \
    }
#define NOTHING(name)     (void)0
#define ENTRY(...)        ENTRY_WITH(NOTHING, __VA_ARGS__)
#define SIGNAL_ENTRY(...) ENTRY_WITH(INTERRUPT, __VA_ARGS__)

/* open() and openat() have a mode only if they may make a file. */
static int open_as(int folder, const char *path, int flags, mode_t mode) {
    int (*next)(int, const char *, int, ...);
    *(void **)&next = real("openat");
    return next(folder, path, flags, mode);
}

static bool makes_file(int flags) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

static mode_t mode_of(int flags, va_list rest) {
    return makes_file(flags) ? (mode_t)va_arg(rest, unsigned) : 0;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    errno = FAULT("open", EMFILE, EINTR, EACCES, makes_file(flags) ? ENOSPC : EIO);
    return errno ? -1 : open_as(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    const bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    errno = FAULT("openat", EMFILE, EINTR, EACCES, makes_file(flags) ? ENOSPC : EIO);
    if (unnamed && !errno && OURS && getenv("CLXENT_FAULT_NO_TMPFILE")) errno = EOPNOTSUPP;
    if (errno) return -1;
    if (makes_file(flags)) INTERRUPT("openat");
    const int file = open_as(folder, path, flags, mode);
    if (makes_file(flags)) INTERRUPT("openat");
    return file;
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
    INTERRUPT("write");
    if (code == SHORT || code == 0) {
        const ssize_t written = next(file, data, code == SHORT && bytes > 1 ? bytes / 2 : bytes);
        INTERRUPT("write");
        return written;
    }
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
SIGNAL_ENTRY(int, linkat, -1, (int from_at, const char *from, int to_at, const char *to, int flags),
             (from_at, from, to_at, to, flags), EACCES, ENOSPC, EIO, ENOENT)
SIGNAL_ENTRY(int, renameat, -1, (int from_at, const char *from, int to_at, const char *to),
             (from_at, from, to_at, to), EACCES, ENOSPC, EIO)
ENTRY(int, mkdir, -1, (const char *path, mode_t mode), (path, mode), EACCES, ENOSPC)
ENTRY(ssize_t, readlink, -1, (const char *path, char *text, size_t bytes), (path, text, bytes), EIO, EACCES)
ENTRY(FILE *, fopen, NULL, (const char *path, const char *mode), (path, mode), EMFILE, EACCES)
ENTRY(FILE *, fdopen, NULL, (int file, const char *mode), (file, mode), ENOMEM)
ENTRY(int, fflush, EOF, (FILE * file), (file), ENOSPC, EIO)
