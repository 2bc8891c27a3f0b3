/* SPDX-License-Identifier: Apache-2.0
 *
 * CLXENT_DUMP=FOLDER: the library writes there each program that it compiles, with its options, before the
 * driver compiles it. So it also writes a program that does not compile; layers/break_builds.c makes one. The
 * file contains a command that compiles it. If the folder does not exist, the error names the file. */
#include <clxent/clxent_experimental.h>

#include "expect.h"
#include "kernel_sources.h"
#include "said.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "dump-XXXXXX";

static void set(const char *name, const char *value) {
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

/* Makes a plan of a softmax in a new context. */
static clxent_status make_plan(char *message, size_t bytes) {
    clxent_ctx *ctx = expect_ctx();
    clxent_plan *plan = NULL;
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.op = CLXENT_SOFTMAX; /* needs one program only */
    desc.rows = 2;
    desc.classes = 3;
    const clxent_status status = clxent_plan_create_scheduled(&plan, ctx, &desc, CLXENT_SCHEDULE_LANE);
    snprintf(message, bytes, "%s", clxent_ctx_last_error(ctx));
    if (status != CLXENT_OK) assert_null(plan);
    if (status != CLXENT_OK) said(message);
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    return status;
}

/* Reads the only file of the folder, and gives its name and its text. */
static size_t take_file(char *name, char *text, size_t bytes) {
    int files = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        snprintf(name, 300, "%s/%s", folder, entry->d_name);
        files++;
    }
    closedir(dir);
    assert_int_equal(files, 1);
    FILE *in = fopen(name, "rb");
    assert_non_null(in);
    const size_t length = fread(text, 1, bytes - 1, in);
    text[length] = '\0';
    fclose(in);
    return length;
}

static const clx_kernel_source *find_source(const char *name) {
    const clx_kernel_source *source = clx_kernel_sources;
    while (strcmp(source->name, name) != 0) source++;
    return source;
}

/* Checks the file: a comment of two lines, then the program. If clang is installed, it compiles the file. */
static void check_file(const char *name, const char *text, size_t length) {
    const clx_kernel_source *source = find_source("lane");
    const char *behind = strstr(text, "*/\n");
    const char *command = strstr(text, "\n * clang ");
    char shell[2000], file[64];
    unsigned long long hash;
    assert_int_equal(sscanf(name, "dump-%*6c/lane-%16llx.cl", &hash), 1);
    assert_non_null(behind);
    assert_non_null(command);
    assert_true(command < behind);
    behind += strlen("*/\n");
    assert_int_equal(length - (size_t)(behind - text), source->length);
    assert_memory_equal(behind, source->text, source->length);
    assert_memory_equal(text, "/* kernels/lane.cl of clxent ", 29);
    command += strlen("\n * ");
    snprintf(file, sizeof file, " lane-%016llx.cl */\n", hash);
    assert_memory_equal(behind - strlen(file), file, strlen(file));
    assert_true(strstr(command, " -DREAL_F64=0 ") != NULL && strstr(command, " -DREAL_F64=0 ") < behind);
    snprintf(shell, sizeof shell, "cd %s && %.*s", folder,
             (int)(behind - command - (ptrdiff_t)strlen(" */\n")), command);
    if (CLXENT_TEST_HAS_CLANG) assert_int_equal(system(shell), 0);
}

static void program_is_written(void **state) {
    (void)state;
    static char text[1 << 20];
    char name[300], broken[300], message[600];
    set("CLXENT_DUMP", folder);
    assert_int_equal(make_plan(message, sizeof message), CLXENT_OK);
    size_t length = take_file(name, text, sizeof text);
    check_file(name, text, length);
    assert_int_equal(make_plan(message, sizeof message), CLXENT_OK); /* the same file */
    assert_int_equal(take_file(broken, text, sizeof text), length);
    assert_string_equal(name, broken);
    assert_int_equal(remove(name), 0);

    set("CLXENT_BREAK_BUILDS", "1");
    assert_int_equal(make_plan(message, sizeof message), CLXENT_ERR_BUILD);
    set("CLXENT_BREAK_BUILDS", NULL);
    assert_int_equal(take_file(broken, text, sizeof text), length);
    assert_string_equal(name, broken); /* the library does not see the layer's option */
    assert_int_equal(remove(name), 0);

    set("CLXENT_DUMP", "");
    assert_int_equal(make_plan(message, sizeof message), CLXENT_OK);
    set("CLXENT_DUMP", NULL);
    assert_int_equal(rmdir(folder), 0); /* proves that the folder is empty */
}

static void folder_that_is_none(void **state) {
    (void)state;
    char message[600], expected[600], path[5000];
    set("CLXENT_DUMP", folder);
    assert_int_equal(make_plan(message, sizeof message), CLXENT_ERR_ARGUMENT);
    snprintf(expected, sizeof expected, "CLXENT_DUMP: cannot write %s/lane-", folder);
    assert_memory_equal(message, expected, strlen(expected));
    assert_non_null(strstr(message, strerror(ENOENT)));

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    set("CLXENT_DUMP", path);
    assert_int_equal(make_plan(message, sizeof message), CLXENT_ERR_ARGUMENT);
    assert_memory_equal(message, "CLXENT_DUMP: cannot write xxx", 29);
    set("CLXENT_DUMP", NULL);
    assert_int_equal(make_plan(message, sizeof message), CLXENT_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(program_is_written), /* removes the folder in the end */
        cmocka_unit_test(folder_that_is_none),
    };
    if (!mkdtemp(folder)) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
