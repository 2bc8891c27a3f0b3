/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache folder against other users and other processes. It refuses files and folders that others could
 * have written, and says why. If several processes write a file at the same time, a reader sees only whole
 * files.
 */
#include "session/cache_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SOMEBODY_ELSE = 65534 };

static char top[] = "cache-folder-XXXXXX"; /* it holds the base, and the base holds clxent */
static char base[4096], folder_path[4200];
static char why[CACHE_WHY];

/* Removes the base with all it holds, so that a test begins anew. */
static void remove_all(void) {
    char command[4400];
    snprintf(command, sizeof command, "rm -rf '%s'", base);
    assert_int_equal(system(command), 0);
}

static int new_folder(void) {
    remove_all();
    const int folder = cache_folder_open(true, why);
    assert_true(folder >= 0);
    assert_string_equal(why, "");
    return folder;
}

static void bare(void) {
    remove_all();
    assert_int_equal(mkdir(base, 0700), 0);
}

/* ------------------------------------------------------------------ the folder ---- */

static void folder_of_mode(mode_t mode) {
    bare();
    assert_int_equal(mkdir(folder_path, 0700), 0);
    assert_int_equal(chmod(folder_path, mode), 0);
}

static void group_writable(void) {
    folder_of_mode(0770);
}
static void group_may_write_not_look(void) {
    folder_of_mode(0720);
}
static void all_writable(void) {
    folder_of_mode(0702);
}
static void sticky(void) {
    folder_of_mode(01777);
}

static void other_owner(void) {
    folder_of_mode(0700);
    assert_int_equal(chown(folder_path, SOMEBODY_ELSE, (gid_t)-1), 0);
}

static void link_to_good(void) {
    char target[4200];
    bare();
    snprintf(target, sizeof target, "%s/real", base);
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(symlink("real", folder_path), 0);
}

static void link_to_nothing(void) {
    bare();
    assert_int_equal(symlink("nothing", folder_path), 0);
}

static void regular_file(void) {
    bare();
    const int file = open(folder_path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(file >= 0);
    close(file);
}

static void fifo(void) {
    bare();
    assert_int_equal(mkfifo(folder_path, 0600), 0);
}

static void folders_are_refused(void **state) {
    (void)state;
    static const struct {
        void (*make)(void);
        const char *reason;
        int needs_root;
    } cases[] = {
        {group_writable, "has mode 0770, so that others may write there; 0700 is expected", 0},
        {group_may_write_not_look, "has mode 0720, so that", 0},
        {all_writable, "has mode 0702, so that", 0},
        {sticky, "has mode 1777, so that", 0},
        {other_owner, "belongs to user 65534, not to user 0", 1},
        {link_to_good, "is a symbolic link; a folder is expected", 0},
        {link_to_nothing, "is a symbolic link; a folder is expected", 0},
        {regular_file, "is not a folder", 0},
        {fifo, "is not a folder", 0},
    };
    int tried = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].needs_root && geteuid() != 0) {
            print_message("not root: \"%s\" is not tried\n", cases[i].reason);
            continue;
        }
        cases[i].make();
        for (int make = 0; make < 2; make++, tried++) {
            if (cache_folder_open(make, why) != -1) fail_msg("not refused: %s", cases[i].reason);
            if (strstr(why, cases[i].reason) == NULL || strstr(why, folder_path) != why)
                fail_msg("\"%s\", not \"%s %s\"", why, folder_path, cases[i].reason);
        }
    }
    print_message("%d folders refused\n", tried);
}

static void there_is_none(void **state) {
    (void)state;
    remove_all();
    assert_int_equal(cache_folder_open(false, why), -1);
    assert_string_equal(why, "");
    bare();
    assert_int_equal(cache_folder_open(false, why), -1);
    assert_string_equal(why, "");

    /* A path that is too long is not cut off, even though a part of this one is a good folder. */
    const int folder = new_folder();
    close(folder);
    char *deep = malloc(8192);
    assert_non_null(deep);
    for (size_t length = 3000; length < 8192; length += 17) {
        memset(deep, '/', length);
        memcpy(deep, base, strlen(base));
        memcpy(deep + length - 2, "/x", 3);
        assert_int_equal(setenv("XDG_CACHE_HOME", deep, 1), 0);
        assert_int_equal(cache_folder_open(false, why), -1);
        assert_string_equal(why, "");
    }
    free(deep);
    assert_int_equal(setenv("XDG_CACHE_HOME", base, 1), 0);
}

/* ------------------------------------------------------------------- its files ---- */

static int reads(int folder, const char *name) {
    size_t bytes = 0;
    unsigned char *data = cache_file_read(folder, name, &bytes);
    free(data);
    return data != NULL;
}

static void files_are_refused(void **state) {
    (void)state;
    static const unsigned char data[] = "programs";
    const int folder = new_folder();
    struct stat s;
    int tried = 0;
    assert_int_equal(fstat(folder, &s), 0);
    assert_int_equal(s.st_mode & 07777, 0700);
    assert_true(cache_file_write(folder, "good", data, sizeof data));
    assert_int_equal(fstatat(folder, "good", &s, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(s.st_mode & 07777, 0600);
    assert_true(reads(folder, "good"));

    static const mode_t modes[] = {0620, 0602, 0666, 0660};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++, tried++) {
        assert_int_equal(fchmodat(folder, "good", modes[i], 0), 0);
        assert_false(reads(folder, "good"));
        assert_true(cache_file_write(folder, "good", data, sizeof data)); /* the new file is private again */
        assert_true(reads(folder, "good"));
    }
    if (geteuid() == 0) {
        assert_int_equal(fchownat(folder, "good", SOMEBODY_ELSE, (gid_t)-1, 0), 0);
        assert_false(reads(folder, "good"));
        assert_true(cache_file_write(folder, "good", data, sizeof data));
        tried++;
    }
    assert_int_equal(symlinkat("good", folder, "link"), 0);
    assert_int_equal(mkfifoat(folder, "fifo", 0600), 0);
    assert_int_equal(mkdirat(folder, "folder", 0700), 0);
    const int empty = openat(folder, "empty", O_WRONLY | O_CREAT, 0600);
    const int huge = openat(folder, "huge", O_WRONLY | O_CREAT, 0600);
    assert_true(empty >= 0 && huge >= 0);
    assert_int_equal(ftruncate(huge, CACHE_FILE_BYTES + 1), 0);
    static const char *const names[] = {
        "link", "fifo", "folder", "empty", "huge", "nothing", "../base/clxent/none"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++, tried++) assert_false(reads(folder, names[i]));
    assert_int_equal(ftruncate(huge, 1000), 0);
    assert_true(reads(folder, "huge"));
    assert_false(cache_file_write(folder, "folder", data, sizeof data)); /* below: it leaves no file there */
    close(empty);
    close(huge);
    close(folder);
    char command[4400];
    snprintf(command, sizeof command, "ls '%s' | grep -q new", folder_path);
    assert_int_not_equal(system(command), 0);
    print_message("%d files refused\n", tried);
}

/* --------------------------------------------------------------- several at once ---- */

enum { WRITERS = 3, READERS = 3, WRITES = 400, LARGEST = 300000 };

/* A writer's file begins with this. It determines the rest of the file. */
typedef struct mark {
    uint32_t writer, number, bytes;
} mark;

static mark mark_of(uint32_t writer, uint32_t number) {
    const uint32_t mixed = (number * 2654435761u) ^ (writer * 40503u);
    return (mark){writer, number, (uint32_t)sizeof(mark) + mixed % LARGEST};
}

static void fill(unsigned char *data, mark m) {
    uint32_t state = m.writer * 7919 + m.number + 1;
    memcpy(data, &m, sizeof m);
    for (size_t i = sizeof m; i < m.bytes; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (unsigned char)(state >> 24);
    }
}

static void write_many(uint32_t writer, unsigned char *data) {
    const int folder = cache_folder_open(true, why);
    if (folder < 0) _exit(2);
    for (uint32_t i = 0; i < WRITES; i++) {
        const mark m = mark_of(writer, i);
        fill(data, m);
        if (!cache_file_write(folder, "programs", data, m.bytes)) _exit(3);
    }
    _exit(0);
}

/* Reads until the last writer closes the pipe `until`. Then it writes to `results` how many files it read. */
static void read_many(int until, int results, unsigned char *expected) {
    unsigned long seen[WRITERS] = {0};
    int any = 0;
    char byte;
    const int folder = cache_folder_open(true, why);
    if (folder < 0 || fcntl(until, F_SETFL, O_NONBLOCK) != 0) _exit(2);
    do {
        size_t bytes = 0;
        mark m;
        unsigned char *data = cache_file_read(folder, "programs", &bytes);
        if (!data && any) _exit(7);
        if (!data) continue; /* no file exists yet */
        any = 1;
        memcpy(&m, data, sizeof m);
        if (bytes < sizeof m || m.writer >= WRITERS || m.number >= WRITES || m.bytes != bytes ||
            mark_of(m.writer, m.number).bytes != bytes)
            _exit(4);
        fill(expected, m);
        if (memcmp(data, expected, bytes) != 0) _exit(5);
        seen[m.writer]++;
        free(data);
    } while (read(until, &byte, 1) < 0 && errno == EAGAIN);
    if (write(results, seen, sizeof seen) != sizeof seen) _exit(6);
    _exit(0);
}

static void no_half_files(void **state) {
    (void)state;
    static unsigned char data[sizeof(mark) + LARGEST];
    unsigned long sums[WRITERS] = {0}, total = 0;
    int until[2], results[2], ended = 0;
    close(new_folder());
    assert_int_equal(pipe(until), 0);
    assert_int_equal(pipe(results), 0);
    for (int i = 0; i < WRITERS + READERS; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child != 0) continue;
        if (i >= WRITERS) {
            close(until[1]);
            read_many(until[0], results[1], data);
        }
        write_many((uint32_t)i, data);
    }
    close(until[1]);
    close(results[1]);
    for (int i = 0; i < WRITERS + READERS; i++) {
        int status = -1;
        assert_true(wait(&status) > 0);
        ended |= status;
    }
    /* 2: no folder, 3: not written, 4, 7: not a whole file,
     * 5: a file of two writers */
    if (ended != 0) fail_msg("a process ended with %d", WIFEXITED(ended) ? WEXITSTATUS(ended) : -1);
    for (int i = 0; i < READERS; i++) {
        unsigned long seen[WRITERS];
        assert_int_equal(read(results[0], seen, sizeof seen), sizeof seen);
        for (int w = 0; w < WRITERS; w++) sums[w] += seen[w];
    }
    close(until[0]);
    close(results[0]);
    for (int w = 0; w < WRITERS; w++) {
        print_message("%lu files read that process %d wrote\n", sums[w], w);
        total += sums[w];
    }
    assert_true(total >= READERS);
    char command[4400];
    snprintf(command, sizeof command, "test \"$(ls '%s')\" = programs", folder_path);
    assert_int_equal(system(command), 0);
    print_message("%d files written by %d processes, %lu read by %d others, each of them whole\n",
                  WRITERS * WRITES, WRITERS, total, READERS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_are_refused),
        cmocka_unit_test(there_is_none),
        cmocka_unit_test(files_are_refused),
        cmocka_unit_test(no_half_files),
    };
    char here[2048];
    if (!mkdtemp(top) || !getcwd(here, sizeof here)) return 1;
    snprintf(base, sizeof base, "%s/%s/base", here, top);
    snprintf(folder_path, sizeof folder_path, "%s/clxent", base);
    if (setenv("XDG_CACHE_HOME", base, 1) != 0) return 1;
    const int failed = cmocka_run_group_tests_name("cache folder", tests, NULL, NULL);
    remove_all();
    rmdir(top);
    return failed;
}
