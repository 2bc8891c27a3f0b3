/* SPDX-License-Identifier: Apache-2.0
 *
 * An output is whole or absent. A signal comes before and after every call that makes a file, and this thread
 * or another takes it. The tests run with and without files that have no name. They also try links to missing
 * files and the longest names. The linker wraps the calls below (--wrap, see CMakeLists.txt).
 */
#define _GNU_SOURCE /* O_TMPFILE */
#include "files/file_write.h"
#include "files/interrupt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int __real_openat(int folder, const char *path, int flags, mode_t mode);
int __wrap_openat(int folder, const char *path, int flags, mode_t mode);
ssize_t __real_write(int file, const void *data, size_t bytes);
ssize_t __wrap_write(int file, const void *data, size_t bytes);
int __real_close(int file);
int __wrap_close(int file);
int __real_linkat(int at, const char *from, int to_at, const char *to, int flags);
int __wrap_linkat(int at, const char *from, int to_at, const char *to, int flags);
int __real_renameat(int at, const char *from, int to_at, const char *to);
int __wrap_renameat(int at, const char *from, int to_at, const char *to);

/* UNNAMED: a file has no name until it is whole. NAMED: the file system has no files without a name. NO_PROC:
 * without /proc such a file cannot get a name. */
typedef enum way { UNNAMED, NAMED, NO_PROC, WAYS } way;

static struct {
    way way;
    int wanted, steps; /* the step at which the signal comes, from 1; 0: none */
    int signal_number;
    bool by_other_thread;
} plan;
static atomic_int taken;

/* ------------------------------------------------------------ the signal ---- */

static void step(void) {
    if (++plan.steps != plan.wanted) return;
    kill(getpid(), plan.signal_number);
    while (plan.by_other_thread && !atomic_load(&taken)) sched_yield();
}

int __wrap_openat(int folder, const char *path, int flags, mode_t mode) {
    if (plan.way == NAMED && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    step();
    const int file = __real_openat(folder, path, flags, mode);
    step();
    return file;
}

ssize_t __wrap_write(int file, const void *data, size_t bytes) {
    step();
    const ssize_t written = __real_write(file, data, bytes);
    step();
    return written;
}

int __wrap_close(int file) {
    step();
    const int result = __real_close(file);
    step();
    return result;
}

int __wrap_linkat(int at, const char *from, int to_at, const char *to, int flags) {
    if (plan.way == NO_PROC) {
        errno = ENOENT;
        return -1;
    }
    step();
    const int result = __real_linkat(at, from, to_at, to, flags);
    step();
    return result;
}

int __wrap_renameat(int at, const char *from, int to_at, const char *to) {
    step();
    const int result = __real_renameat(at, from, to_at, to);
    step();
    return result;
}

/* This is the only thread that takes signals, and it takes them only in sigsuspend(). */
static void *take_signals(void *unused) {
    sigset_t none;
    sigemptyset(&none);
    sigsuspend(&none); /* returns after the handler */
    atomic_store(&taken, 1);
    return unused;
}

/* -------------------------------------------------------------- the files ---- */

static const char old[] = "what stood there before";
static unsigned char fresh[300000];

static void put(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static bool holds(const char *path, const void *data, size_t size) {
    static unsigned char read[sizeof fresh + 1];
    FILE *file = fopen(path, "rb");
    const size_t count = file ? fread(read, 1, sizeof read, file) : 0;
    if (file) fclose(file);
    return file && count == size && memcmp(read, data, size) == 0;
}

static int write_fresh(const char *path) {
    return file_write(path, (const file_part[]){{fresh, 1000}, {fresh + 1000, sizeof fresh - 1000}}, 2);
}

/* Counts the files in this folder except `expected`. `name` gets the last of them. */
static int others(const char *expected, char name[256]) {
    int count = 0;
    DIR *folder = opendir(".");
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, expected) == 0) continue;
        snprintf(name, 256, "%s", entry->d_name);
        count++;
    }
    closedir(folder);
    return count;
}

static char home[4096], top[] = "file-write-XXXXXX";

static int enter(void **state) {
    (void)state;
    char command[64];
    assert_int_equal(chdir(home), 0);
    snprintf(command, sizeof command, "rm -rf %s/*", top);
    assert_int_equal(system(command), 0);
    assert_int_equal(chdir(top), 0);
    memset(&plan, 0, sizeof plan);
    return 0;
}

/* ------------------------------------------------------------- interrupted ---- */

/* Runs in a child process. Exit status 0: it wrote the file. */
static void be_interrupted(void) {
    pthread_t thread;
    sigset_t all;
    interrupt_watch();
    if (plan.by_other_thread) {
        sigfillset(&all);
        if (pthread_sigmask(SIG_BLOCK, &all, NULL) != 0) _exit(2);
        if (pthread_create(&thread, NULL, take_signals, NULL) != 0) _exit(2);
    }
    _exit(write_fresh("out") == 0 ? 0 : 3);
}

static int run_child(void (*run)(void)) {
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) run();
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Sends a signal at each step in turn. Returns the number of steps. */
static int interrupt_each(const char *doing) {
    char left[256];
    for (plan.wanted = 1;; plan.wanted++) {
        put("out", old, sizeof old);
        const int status = run_child(be_interrupted);
        const bool is_new = holds("out", fresh, sizeof fresh);
        if (!is_new && !holds("out", old, sizeof old))
            fail_msg("%s, step %d: half a file", doing, plan.wanted);
        const int count = others("out", left);
        /* SIGKILL may leave a file only if that is whole: before, it had no name. */
        if (plan.signal_number == SIGKILL ? count > 1 || (count == 1 && !holds(left, fresh, sizeof fresh))
                                          : count)
            fail_msg("%s, step %d: %s is left", doing, plan.wanted, left);
        if (count) assert_int_equal(unlink(left), 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            assert_true(is_new);
            return plan.wanted - 1;
        }
        if (!WIFSIGNALED(status) || WTERMSIG(status) != plan.signal_number)
            fail_msg("%s, step %d: not ended by the signal (%x)", doing, plan.wanted, (unsigned)status);
    }
}

static bool can_be_unnamed(void) {
    const int file = open(".", O_TMPFILE | O_WRONLY, 0600);
    if (file >= 0) __real_close(file);
    return file >= 0;
}

static void interrupted(void **state) {
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    static const char *const names[WAYS] = {"without a name", "with a name", "without /proc"};
    int tried = 0;
    for (plan.way = 0; plan.way < WAYS; plan.way++)
        for (int other = 0; other < 2; other++)
            for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
                char doing[64];
                plan.by_other_thread = other;
                plan.signal_number = signals[i];
                snprintf(doing, sizeof doing, "%s, signal %d%s", names[plan.way], signals[i],
                         other ? " to another thread" : "");
                const int steps = interrupt_each(doing);
                assert_true(steps >= 10); /* before and after: open, two writes, close, rename; and more */
                tried += steps;
            }
    print_message("%d interruptions\n", tried);
}

/* No handler can take SIGKILL. So an unfinished file must have no name. */
static void killed(void **state) {
    (void)state;
    if (!can_be_unnamed()) {
        print_message("this file system has no files without a name\n");
        skip();
    }
    plan.way = UNNAMED;
    plan.signal_number = SIGKILL;
    assert_true(interrupt_each("killed") >= 12);
}

static void ignore_and_be_interrupted(void) {
    signal(SIGHUP, SIG_IGN); /* as nohup does */
    be_interrupted();
}

static void ignored_signals_stay_ignored(void **state) {
    (void)state;
    plan.signal_number = SIGHUP;
    plan.wanted = 3;
    assert_int_equal(run_child(ignore_and_be_interrupted), 0);
    assert_true(holds("out", fresh, sizeof fresh));
}

static void write_beyond_the_limit(void) {
    interrupt_watch();
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, 1000});
    _exit(write_fresh("out") == EFBIG ? 0 : 1);
}

static void beyond_the_users_limit(void **state) {
    (void)state;
    char left[256];
    put("out", old, sizeof old);
    for (plan.way = 0; plan.way < WAYS; plan.way++) {
        assert_int_equal(run_child(write_beyond_the_limit), 0);
        assert_true(holds("out", old, sizeof old));
        assert_int_equal(others("out", left), 0);
    }
}

/* ------------------------------------------------------------------- names ---- */

static void written(void **state) {
    (void)state;
    char longest[256], left[256];
    struct stat s;
    memset(longest, 'x', 255);
    longest[255] = '\0';
    umask(027);
    for (plan.way = 0; plan.way < WAYS; plan.way++) {
        assert_int_equal(write_fresh(longest), 0);
        assert_true(holds(longest, fresh, sizeof fresh));
        assert_int_equal(stat(longest, &s), 0);
        assert_int_equal(s.st_mode & 07777, 0640);
        assert_int_equal(others(longest, left), 0);
        assert_int_equal(unlink(longest), 0);
    }
    assert_int_equal(write_fresh("nowhere/x"), ENOENT);
    assert_int_equal(write_fresh("."), EISDIR);
}

static bool is_link(const char *path) {
    struct stat s;
    return lstat(path, &s) == 0 && S_ISLNK(s.st_mode);
}

static void links_to_what_is_not_there(void **state) {
    (void)state;
    char absolute[sizeof home + 64];
    assert_int_equal(mkdir("data", 0700), 0);
    assert_int_equal(mkdir("data/deep", 0700), 0);
    snprintf(absolute, sizeof absolute, "%s/%s/data/absolute", home, top);
    const struct {
        const char *to, *link, *file;
    } links[] = {{"data/a", "to_a", "data/a"},
                 {"../b", "data/deep/to_b", "data/b"}, /* relative to the folder of the link */
                 {absolute, "to_absolute", "data/absolute"},
                 {"data/deep/to_c", "to_to_c", NULL},
                 {"../../c", "data/deep/to_c", NULL}};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        assert_int_equal(symlink(links[i].to, links[i].link), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(file_is_same(links[i].link, links[i].file));
        assert_int_equal(write_fresh(links[i].link), 0);
        assert_true(is_link(links[i].link) && !is_link(links[i].file));
        assert_true(holds(links[i].file, fresh, sizeof fresh));
        assert_int_equal(write_fresh(links[i].link), 0); /* again: now the file exists */
        assert_true(is_link(links[i].link));
    }
    assert_true(file_is_same("to_to_c", "./c"));
    assert_int_equal(write_fresh("to_to_c"), 0);
    assert_true(is_link("to_to_c") && is_link("data/deep/to_c") && holds("c", fresh, sizeof fresh));

    assert_int_equal(symlink("nowhere/x", "to_nowhere"), 0);
    assert_int_equal(write_fresh("to_nowhere"), ENOENT);
    assert_true(is_link("to_nowhere"));
    assert_int_equal(symlink("round", "round"), 0);
    assert_int_equal(write_fresh("round"), ELOOP);
    assert_true(is_link("round"));
}

/* The check before a write finds the same errors as the write. */
static void checked_before(void **state) {
    (void)state;
    char *folder = NULL, left[256];
    put("file", old, sizeof old);
    assert_int_equal(mkdir("data", 0700), 0);
    assert_int_equal(symlink("data/new", "to_new"), 0);
    assert_int_equal(symlink("../nowhere/x", "data/to_nowhere"), 0);
    assert_int_equal(symlink("round", "round"), 0);
    static const struct {
        const char *path, *folder;
        int code;
    } checks[] = {{"file", NULL, 0},      {"new", NULL, 0},
                  {"data/new", NULL, 0},  {"to_new", NULL, 0},
                  {"/dev/null", NULL, 0}, {"data", NULL, EISDIR},
                  {".", NULL, EISDIR},    {"nowhere/x", NULL, ENOENT},
                  {"round", NULL, ELOOP}, {"data/to_nowhere", "data/../nowhere/", ENOENT},
                  {"new/", NULL, ENOENT}, {"file/x", NULL, ENOTDIR}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        assert_int_equal(file_write_check(checks[i].path, &folder), checks[i].code);
        if (checks[i].folder)
            assert_string_equal(folder, checks[i].folder);
        else
            assert_null(folder);
        free(folder);
        if (checks[i].code) assert_int_equal(write_fresh(checks[i].path), checks[i].code);
    }
    assert_true(holds("file", old, sizeof old));
    assert_int_equal(others("file", left), 3); /* data, to_new, round */
}

static void same_files(void **state) {
    (void)state;
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(symlink("folder", "other"), 0);
    assert_true(file_is_same("x", "./x"));
    assert_true(file_is_same("folder/x", "other/x"));
    assert_true(file_is_same("folder/../x", "x"));
    assert_false(file_is_same("folder/x", "x"));
    assert_false(file_is_same("folder/x", "folder/y"));
    assert_false(file_is_same("nowhere/x", "./nowhere/x"));
}

/* A removed file is written under its name in /proc. No new file "... (deleted)" appears. */
static void removed_file(void **state) {
    (void)state;
    char name[64], left[256];
    put("gone", old, sizeof old);
    const int file = open("gone", O_RDWR);
    assert_true(file >= 0);
    assert_int_equal(unlink("gone"), 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    if (access(name, W_OK) != 0) skip();
    assert_int_equal(write_fresh(name), 0);
    assert_true(holds(name, fresh, sizeof fresh));
    assert_int_equal(others("", left), 0);
    __real_close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(interrupted, enter),
        cmocka_unit_test_setup(killed, enter),
        cmocka_unit_test_setup(ignored_signals_stay_ignored, enter),
        cmocka_unit_test_setup(beyond_the_users_limit, enter),
        cmocka_unit_test_setup(written, enter),
        cmocka_unit_test_setup(links_to_what_is_not_there, enter),
        cmocka_unit_test_setup(checked_before, enter),
        cmocka_unit_test_setup(same_files, enter),
        cmocka_unit_test_setup(removed_file, enter),
    };
    if (!getcwd(home, sizeof home) || !mkdtemp(top)) return 1;
    for (size_t i = 0; i < sizeof fresh; i++) fresh[i] = (unsigned char)(i * 2654435761u >> 13);
    const int failed = cmocka_run_group_tests_name("file_write", tests, NULL, NULL);
    return enter(NULL) != 0 || chdir(home) != 0 || rmdir(top) != 0 ? 1 : failed;
}
