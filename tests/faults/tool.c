/* SPDX-License-Identifier: Apache-2.0
 *
 *   test_faults_tool TOOL FAIL_HOST.so FAIL_CALLS.so [NAME]
 *
 * Every OpenCL call, every allocation and every file operation of the tool fails in turn, as in fault_loop.h.
 * In other runs, a signal comes before or after an operation that makes a file. After each run of the tool:
 * - The tool has exited by itself, in time, or the signal has ended it.
 * - After status 0, all that it wrote and printed has the bytes of a good run.
 * - Any other status is a documented one, and standard error names the OpenCL entry, memory or the file.
 * - After another status or a signal, every output is either as it was before, or whole and new.
 * - No temporary file is left and, unless a signal ended the tool, no OpenCL object.
 * - A read or write that was only short or interrupted has changed nothing. */
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "board.h"
#include "expect.h"
#include "files/tensor.h"

enum { SECONDS = 120, MOST_FILES = 8, TEXT = 1 << 16, NEVER = -1 /* a stride */ };

typedef struct tool_run {
    const char *name, *arguments;
    const char *outputs[MOST_FILES]; /* NULL at the end */
    const char *cache;               /* NULL: off; "cold": empty before each run; "warm" */
    /* each STRIDE-th call fails, one in three of these also with all after it; 0: only in the long form */
    int strides[FAULT_KINDS];
    const char *end; /* for a run that measures times, the end of a whole output; else NULL */
} tool_run;

static const tool_run runs[] = {
    {"devices", "devices", {NULL}, NULL, {0, 2, 1, 1, NEVER}, NULL},
    {"devices_json", "devices --json", {NULL}, NULL, {0, 7, 7, 0, NEVER}, NULL},
    {"loss",
     "loss --logits l.npy --targets t.npy --grad g.npy --per-row r.npy --argmax a.npy --reduction none",
     {"g.npy", "r.npy", "a.npy", NULL},
     NULL,
     {0, 7, 1, 4, 1},
     NULL},
    {"loss_named",
     "loss --logits l.npy --targets t.npy --grad g.npy --lse e.npy",
     {"g.npy", "e.npy", NULL},
     NULL,
     {0, NEVER, NEVER, 3, 1},
     NULL},
    {"loss_json",
     "loss --logits l.safetensors:x --targets l.safetensors:y --weight w.npy --json --lse e.npy --tuning "
     "tuning.json",
     {"e.npy", NULL},
     NULL,
     {0, 9, 5, 3, 0},
     NULL},
    {"softmax_cold", "softmax --logits l.npy --out p.npy", {"p.npy", NULL}, "cold", {0, 7, 1, 2, 1}, NULL},
    {"softmax_warm", "softmax --logits l.npy --out p.npy", {"p.npy", NULL}, "warm", {0, 7, 1, 2, 0}, NULL},
    {"nll",
     "nll --log-probs l.npy --targets t.npy --grad g.npy",
     {"g.npy", NULL},
     NULL,
     {0, 13, 5, 0, 1},
     NULL},
    {"demo", "demo", {NULL}, NULL, {0, 31, 3, 0, NEVER}, NULL},
    /* tune leaves out a value that fails, and says so: then its output differs from that of a good run */
    {"tune",
     "tune --rotate 50K --pairs 1 --rows 2 --classes 50 --out f.json",
     {"f.json", NULL},
     NULL,
     {0, 31, 13, 5, 1},
     "}"},
    {"bench",
     "bench --rotate 50K --pairs 1 --op forward --rows 2 --classes 50 --json --plot f.svg",
     {"f.svg", NULL},
     NULL,
     {0, 0, 0, 0, 2},
     "</svg>\n"},
};
enum { RUNS = sizeof runs / sizeof *runs };

static struct {
    const char *tool, *fail_host, *fail_calls;
    char folder[256];
    fault_board *board;
    long tried, all_tried;
    char doing[256];
    char good_out[TEXT], good_err[TEXT], good_files[MOST_FILES][TEXT];
    size_t good_sizes[MOST_FILES];
} test;

static const char old[] = "what stood there before";

/* ---------------------------------------------------------------- files ------------------------------- */

static const char *path_of(const char *name) {
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test.folder, name);
    return path;
}

/* 0 bytes where there is no file. */
static size_t read_file(const char *name, char text[TEXT]) {
    FILE *file = fopen(path_of(name), "rb");
    const size_t size = file ? fread(text, 1, TEXT - 1, file) : 0;
    if (file) fclose(file);
    text[size] = '\0';
    return size;
}

static void write_file(const char *name, const void *data, size_t size) {
    FILE *file = fopen(path_of(name), "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) fail_msg("cannot write %s", name);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static void remove_tree(const char *name) {
    nftw(path_of(name), remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_npy(const char *name, clxent_dtype dtype, int ndim, const int64_t *shape,
                      const void *data) {
    char err[1400];
    if (npy_write(path_of(name), dtype, ndim, shape, data, err, sizeof err) != 0) fail_msg("%s", err);
}

/* Writes logits (3, 5), targets and class weights; the first two also into a .safetensors file; and a tuning
 * file of a device that no machine has. */
static void write_inputs(void) {
    static const int64_t shape[] = {3, 5}, rows[] = {3}, classes[] = {5};
    static const int64_t targets[] = {4, 0, 2};
    static const char tuning[] = "{\"tuning\": {}, \"device\": \"none\", \"platform\": \"none\"}";
    float logits[15], weights[5] = {1, 2, 3, 4, 5};
    for (int i = 0; i < 15; i++) logits[i] = (float)(i * 7 % 5) - 1.5f;
    write_npy("l.npy", CLXENT_F32, 2, shape, logits);
    write_npy("t.npy", CLXENT_I64, 1, rows, targets);
    write_npy("w.npy", CLXENT_F32, 1, classes, weights);
    write_file("tuning.json", tuning, sizeof tuning - 1);

    char file[512] = "";
    const int header = snprintf(file + 8, sizeof file - 8,
                                "{\"x\":{\"dtype\":\"F32\",\"shape\":[3,5],\"data_offsets\":[0,60]},"
                                "\"y\":{\"dtype\":\"I64\",\"shape\":[3],\"data_offsets\":[60,84]}}");
    file[0] = (char)header; /* fewer than 256 bytes */
    memcpy(file + 8 + header, logits, sizeof logits);
    memcpy(file + 8 + header + sizeof logits, targets, sizeof targets);
    write_file("l.safetensors", file, 8 + (size_t)header + sizeof logits + sizeof targets);
}

/* Fails the test if a temporary file is left. */
static void check_leftovers(const char *folder) {
    DIR *dir = opendir(path_of(folder));
    for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        if (strstr(entry->d_name, ".tmp")) fail_msg("%s: %s is left", test.doing, entry->d_name);
    if (dir) closedir(dir);
}

/* ---------------------------------------------------------------- a run of the tool ------------------- */

static void redirect(const char *name, int to) {
    const int file = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, to) < 0) _exit(99);
    close(file);
}

static void become_tool(const tool_run *run) {
    char text[1024];
    char *argv[48] = {(char *)test.tool}, *rest = NULL;
    snprintf(text, sizeof text, "%s", run->arguments);
    int argc = 1;
    for (char *at = strtok_r(text, " ", &rest); at && argc < 47; at = strtok_r(NULL, " ", &rest))
        argv[argc++] = at;
    setenv("LD_PRELOAD", test.fail_host, 1);
    setenv("OPENCL_LAYERS", test.fail_calls, 1);
    if (strstr(run->name, "named")) setenv("CLXENT_FAULT_NO_TMPFILE", "1", 1);
    setenv("CLXENT_CACHE", run->cache ? "" : "off", 1);
    setenv("XDG_CACHE_HOME", path_of("cache"), 1);
    redirect("out", STDOUT_FILENO);
    redirect("err", STDERR_FILENO);
    if (chdir(test.folder) != 0) _exit(99);
    alarm(SECONDS); /* the alarm outlives exec */
    execv(test.tool, argv);
    _exit(99);
}

/* Returns the tool's exit status, or -1 if the signal that the board names ended it. */
static int run_tool(const tool_run *run) {
    int status = 0;
    if (run->cache && strcmp(run->cache, "cold") == 0) remove_tree("cache");
    for (int i = 0; run->outputs[i]; i++) write_file(run->outputs[i], old, sizeof old);
    const pid_t child = fork();
    if (child == 0) become_tool(run);
    if (child < 0 || waitpid(child, &status, 0) != child) fail_msg("fork: %s", strerror(errno));
    if (test.board->kind == FAULT_SIGNAL && WIFSIGNALED(status) && WTERMSIG(status) == test.board->code)
        return -1;
    if (!WIFEXITED(status))
        fail_msg("%s (%s, %d): %s", test.doing, test.board->entry, test.board->code,
                 WTERMSIG(status) == SIGALRM ? "it hangs" : "it crashes");
    return WEXITSTATUS(status);
}

/* Standard output without the lines that tell the time. */
static void printed(char out[TEXT]) {
    char all[TEXT], *rest = NULL;
    size_t used = 0;
    read_file("out", all);
    for (char *line = strtok_r(all, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, "time ", 5) != 0 && !strstr(line, "\"seconds\""))
            used += (size_t)snprintf(out + used, TEXT - used, "%s\n", line);
    out[used] = '\0';
}

static bool names_a_file(const tool_run *run, const char *err) {
    char text[1024], *rest = NULL;
    if (strstr(err, "standard output")) return true;
    snprintf(text, sizeof text, "%s", run->arguments);
    for (char *at = strtok_r(text, " ", &rest); at; at = strtok_r(NULL, " ", &rest)) {
        at[strcspn(at, ":")] = '\0';
        if (strchr(at, '.') && strstr(err, at)) return true;
    }
    return false;
}

/* "clX...", the name of an OpenCL call. */
static bool names_a_call(const char *err) {
    for (const char *at = err; (at = strstr(at, "cl")) != NULL; at++)
        if (at[2] >= 'A' && at[2] <= 'Z') return true;
    return false;
}

static void check_failure(const tool_run *run, fault_kind kind, int code) {
    char err[TEXT];
    read_file("err", err);
    const fault_board *b = test.board;
    char number[16];
    snprintf(number, sizeof number, "(%d)", b->code);
    /* the first of several failures may be in the cache, where it does not matter: any call may be named */
    const bool call_named =
        b->lasting ? names_a_call(err) && strstr(err, "(-") : strstr(err, b->entry) && strstr(err, number);
    const bool named = kind == FAULT_OPENCL   ? call_named
                       : kind == FAULT_MEMORY ? strstr(err, "memory") != NULL
                                              : names_a_file(run, err);
    const bool documented = kind == FAULT_OPENCL   ? code == 4
                            : kind == FAULT_MEMORY ? code == 3 || code == 4
                                                   : code == 3;
    if (b->failed == 0 || strncmp(err, "clxent", 6) != 0 || !named || !documented)
        fail_msg("%s (%s, %d): exit status %d, standard error: \"%s\"", test.doing, b->entry, b->code, code,
                 err);
}

/* A read or write that was only short or interrupted must leave no trace. */
static void check_soft_fault(const tool_run *run, int code) {
    static char err[TEXT];
    struct dirent **entries = NULL;
    const fault_board *b = test.board;
    if (b->kind != FAULT_FILE || b->lasting || (b->code != EINTR && b->code != -1)) return;
    if (strcmp(b->entry, "read") != 0 && strcmp(b->entry, "write") != 0) return;
    read_file("err", err);
    if (code != 0 || strcmp(err, test.good_err) != 0)
        fail_msg("%s: a %s was %s: exit status %d, standard error: \"%s\"", test.doing, b->entry,
                 b->code == EINTR ? "interrupted" : "short", code, err);
    const int cached = run->cache ? scandir(path_of("cache/clxent"), &entries, NULL, alphasort) : 3;
    if (cached < 3) fail_msg("%s: no programs are kept after a %s %d", test.doing, b->entry, b->code);
    for (int i = 0; entries && i < cached; i++) free(entries[i]);
    free(entries);
}

static void check_run(const tool_run *run, fault_kind kind, int code) {
    static char out[TEXT], file[TEXT];
    const fault_board *b = test.board;
    char leaks[1500];
    if (kind == FAULT_SIGNAL && b->failed > 0 && code != -1)
        fail_msg("%s (%s): exit status %d, yet signal %d came", test.doing, b->entry, code, b->code);
    if (code > 0) check_failure(run, kind, code);
    check_soft_fault(run, code);
    printed(out);
    if (code == 0 && !run->end && strcmp(out, test.good_out) != 0)
        fail_msg("%s (%s, %d): exit status 0, yet it prints \"%s\", not \"%s\"", test.doing, b->entry,
                 b->code, out, test.good_out);
    for (int i = 0; run->outputs[i]; i++) {
        const size_t size = read_file(run->outputs[i], file);
        const size_t end = run->end ? strlen(run->end) : 0;
        const bool is_good = run->end
                                 ? size > end && strcmp(file + size - end, run->end) == 0
                                 : size == test.good_sizes[i] && memcmp(file, test.good_files[i], size) == 0;
        const bool is_old = size == sizeof old && memcmp(file, old, size) == 0;
        if (!is_good && (code == 0 || !is_old))
            fail_msg("%s (%s, %d): exit status %d, and %s has %zu bytes of something else", test.doing,
                     b->entry, b->code, code, run->outputs[i], size);
    }
    check_leftovers("");
    check_leftovers("cache/clxent");
    if (code < 0) return; /* its objects ended with the process */
    if (board_leaks(b, leaks, sizeof leaks) > 0)
        fail_msg("%s (%s, %d): objects are left: %s", test.doing, b->entry, b->code, leaks);
    if (b->misuse[0]) fail_msg("%s (%s, %d): %s", test.doing, b->entry, b->code, b->misuse);
}

/* ---------------------------------------------------------------- the loop ---------------------------- */

/* The good run. All other runs are compared with it. */
static void run_well(const tool_run *run) {
    memset(test.board, 0, sizeof *test.board);
    const int code = run_tool(run);
    read_file("err", test.good_err);
    if (code != 0) fail_msg("%s: exit status %d: %s", run->name, code, test.good_err);
    printed(test.good_out);
    for (int i = 0; run->outputs[i]; i++) test.good_sizes[i] = read_file(run->outputs[i], test.good_files[i]);
}

static void run_all(const tool_run *run, fault_kind kind) {
    static const char *const names[] = {"", "OpenCL calls", "allocations", "file operations", "signals"};
    static const int most_ways[] = {0, 6, 1, 4, 3};
    const bool every = expect_long();
    const long stride = every && run->strides[kind] != NEVER ? 1 : run->strides[kind];
    long calls = 0;
    test.tried = 0;
    if (stride <= 0) skip();
    run_well(run);
    for (int lasting = 0; lasting < (kind == FAULT_SIGNAL ? 1 : 2); lasting++) {
        /* File operations fail in every way, so that each one is also short and interrupted; other calls fail
         * in one way each, in turn. */
        const int ways = every || (kind == FAULT_FILE && !lasting) ? most_ways[kind] : 1;
        for (int way = 0; way < ways; way++)
            for (long wanted = 1;; wanted += lasting && !every ? 3 * stride : stride) {
                fault_board *b = test.board;
                memset(b, 0, sizeof *b);
                b->kind = kind;
                b->wanted = wanted;
                b->lasting = lasting;
                b->flavour = ways > 1 ? way : (int)wanted;
                snprintf(test.doing, sizeof test.doing, "%s, %s, call %ld%s, way %d", run->name, names[kind],
                         wanted, lasting ? " and all after it" : "", b->flavour);
                const int code = run_tool(run);
                check_run(run, kind, code);
                calls = b->calls;
                if (b->failed == 0) break;
                test.tried++;
            }
    }
    test.all_tried += test.tried;
    print_message("%s: %ld %s, %ld faults\n", run->name, calls, names[kind], test.tried);
    assert_true(test.tried > 0);
}

static void fail_calls(void **state) {
    run_all(*state, FAULT_OPENCL);
}
static void fail_allocations(void **state) {
    run_all(*state, FAULT_MEMORY);
}
static void fail_files(void **state) {
    run_all(*state, FAULT_FILE);
}

static void interrupt_files(void **state) {
    run_all(*state, FAULT_SIGNAL);
}

static int setup(void **state) {
    (void)state;
    write_inputs();
    return 0;
}

int main(int argc, char **argv) {
    static const char *const kinds[] = {"opencl", "memory", "file", "signal"};
    void (*const functions[])(void **) = {fail_calls, fail_allocations, fail_files, interrupt_files};
    enum { KINDS = FAULT_KINDS - 1 };
    char names[KINDS * RUNS][48];
    struct CMUnitTest tests[KINDS * RUNS];
    if (argc < 4) return 2;
    test.tool = argv[1];
    test.fail_host = argv[2];
    test.fail_calls = argv[3];
    if (argc > 4) cmocka_set_test_filter(argv[4]);
    test.board = board_create();
    snprintf(test.folder, sizeof test.folder, "%s/clxent-faults-tool-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(test.folder)) return 2;
    for (int i = 0; i < KINDS * RUNS; i++) {
        const tool_run *run = &runs[i / KINDS];
        snprintf(names[i], sizeof names[i], "%s.%s", run->name, kinds[i % KINDS]);
        tests[i] = (struct CMUnitTest){names[i], functions[i % KINDS], NULL, NULL, (void *)run};
    }
    const int failed = _cmocka_run_group_tests("faults of the tool", tests, KINDS * RUNS, setup, NULL);
    printf("%ld faults tried\n", test.all_tried);
    remove_tree("");
    board_remove();
    return failed;
}
