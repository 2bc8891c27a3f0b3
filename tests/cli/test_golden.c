/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs every reference case through the tool, as a person would type it: the words of case.txt are the
 * options. The files of the tool must have the shapes of the files beside case.txt. Their values must be
 * within the reference's bounds, and half a unit more for a reference file of f32, because it is rounded.
 *
 * test_golden TOOL CASES_FOLDER: run it in a folder that it may write to.
 */
#include "cases.h"

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

static const char *tool, *cases_folder;

/* ------------------------------------------------------------------ the command line ---- */

enum { WORDS = 64 };
typedef struct command_line {
    int count;
    char *words[WORDS + 1];
} command_line;

__attribute__((format(printf, 2, 3))) static void add(command_line *c, const char *format, ...) {
    char word[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(word, sizeof word, format, args);
    va_end(args);
    assert_true(c->count < WORDS);
    c->words[c->count] = strdup(word);
    assert_non_null(c->words[c->count++]);
}

/* Adds the option with a name of case.txt, with - for _. */
static void add_option(command_line *c, const char *name) {
    add(c, "--%s", name);
    for (char *at = c->words[c->count - 1]; *at; at++)
        if (*at == '_') *at = '-';
}

/* Writes the path of an output's file in the working folder. */
static void output_path(char path[64], const char *role) {
    snprintf(path, 64, "golden_%s.npy", role);
}

static void add_files(command_line *c, const char *op, char *roles, const char *name, int are_outputs) {
    for (char *role = strtok(roles, " \n"); role; role = strtok(NULL, " \n")) {
        char path[64];
        if (!are_outputs && strcmp(op, "nll") == 0 && strcmp(role, "logits") == 0)
            continue; /* this file only shows where the log-probabilities came from */
        add_option(c, strstr(op, "softmax") && are_outputs ? "out" : role);
        output_path(path, role);
        if (are_outputs)
            add(c, "%s", path);
        else
            add(c, "%s/%s/%s.npy", cases_folder, name, role);
    }
}

static void read_command_line(command_line *c, const char *name) {
    char path[4096], line[1024], op[64] = "";
    snprintf(path, sizeof path, "%s/%s/case.txt", cases_folder, name);
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("cannot open %s", path);
    add(c, "%s", tool);
    while (fgets(line, sizeof line, file)) {
        char *value = strchr(line, ' ');
        if (!value) fail_msg("%s: no value in: %s", path, line);
        *value++ = '\0';
        value[strcspn(value, "\n")] = '\0';
        if (strcmp(line, "op") == 0) {
            snprintf(op, sizeof op, "%s", strcmp(value, "cross-entropy") == 0 ? "loss" : value);
            add(c, "%s", op);
        } else if (strcmp(line, "inputs") == 0 || strcmp(line, "outputs") == 0) {
            add_files(c, op, value, name, strcmp(line, "outputs") == 0);
        } else if (strcmp(line, "note") != 0) {
            add_option(c, line);
            add(c, "%s", value);
        }
    }
    fclose(file);
}

static void run(command_line *c) {
    pid_t child;
    int status;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    c->words[c->count] = NULL;
    assert_int_equal(posix_spawn(&child, tool, &actions, NULL, c->words, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    for (int i = 0; i < c->count; i++) fprintf(stderr, "%s ", c->words[i]);
    fail_msg("%s %d", WIFEXITED(status) ? "exits with" : "ends by signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* --------------------------------------------------------------------- the comparison ---- */

static double *doubles(int64_t count) {
    double *memory = calloc((size_t)count + 1, sizeof *memory);
    assert_non_null(memory);
    return memory;
}

static void compare(const char *role, const tensor *expected, const double *bound) {
    char path[64], message[1400];
    tensor got;
    output_path(path, role);
    if (tensor_open(&got, path, message, sizeof message) != 0) fail_msg("%s", message);
    expect_integer("dimensions", -1, got.ndim, expected->ndim);
    const double lost = case_lost(bound, got.count);
    for (int d = 0; d < got.ndim; d++) expect_integer("dimension", d, got.shape[d], expected->shape[d]);
    for (int64_t i = 0; i < got.count; i++) {
        const double value = element(expected->dtype, expected->data, i);
        const double rounding = expected->dtype == CLXENT_F32 ? reference_half_unit(REFERENCE_F32, value) : 0;
        expect_near(role, i, got.dtype, element(got.dtype, got.data, i), value, bound[i] + rounding + lost);
    }
    tensor_close(&got);
    unlink(path);
}

static void compare_outputs(const test_case *c) {
    const reference_problem *p = &c->problem;
    const int64_t n = p->rows, all = p->rows * p->classes;
    reference_result r = {.row_loss_bound = doubles(n),
                          .lse_bound = doubles(n),
                          .log_probs_bound = doubles(all),
                          .probs_bound = doubles(all),
                          .grad_bound = doubles(all)};
    assert_int_equal(reference_run(p, &r), 0);
    const struct {
        const char *role;
        const double *bound;
    } bounds[] = {{"loss", p->reduction == REFERENCE_NONE ? r.row_loss_bound : &r.loss_bound},
                  {"lse", r.lse_bound},
                  {"log_probs", r.log_probs_bound},
                  {"probs", r.probs_bound},
                  {"grad", r.grad_bound}};
    for (int i = 0; i < c->output_count; i++) {
        const double *bound = NULL;
        for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++)
            if (strcmp(bounds[b].role, c->outputs[i].role) == 0) bound = bounds[b].bound;
        if (!bound) fail_msg("%s: output %s is not known", c->name, c->outputs[i].role);
        compare(c->outputs[i].role, &c->outputs[i].data, bound);
    }
    free(r.row_loss_bound);
    free(r.lse_bound);
    free(r.log_probs_bound);
    free(r.probs_bound);
    free(r.grad_bound);
}

static void every_case(void **state) {
    (void)state;
    static char names[CASES_MOST][CASE_NAME];
    const int count = cases_list(names);
    int done = 0;
    for (int i = 0; i < count; i++) {
        test_case c;
        case_open(&c, names[i]);
        if (!c.next_token) { /* no command has this op: the demo shows it */
            command_line line = {.count = 0};
            expect_about("case %s", c.name);
            read_command_line(&line, c.name);
            run(&line);
            compare_outputs(&c);
            for (int w = 0; w < line.count; w++) free(line.words[w]);
            done++;
        }
        case_close(&c);
    }
    printf("%d cases through the tool\n", done);
    assert_int_equal(done, count - 1);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: test_golden TOOL CASES_FOLDER\n");
        return 2;
    }
    tool = argv[1];
    cases_folder = argv[2];
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
