/* SPDX-License-Identifier: Apache-2.0
 *
 * The programs in the library are the files of kernels/, and each `#line` is right: if a compiler's message
 * names a file and a line, the message is about that line of that file. */
#include "kernel_sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINE_BYTES = 512 };

/* Reads a line of the text, without its end. Returns false behind the last one. */
static int next_line(const char **at, const char *end, char *line) {
    if (*at == end) return 0;
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    assert_non_null(stop);
    const size_t length = (size_t)(stop - *at);
    assert_true(length < LINE_BYTES);
    memcpy(line, *at, length);
    line[length] = '\0';
    *at = stop + 1;
    return 1;
}

static FILE *open_source(const char *file) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", CLXENT_TEST_SOURCES, file);
    FILE *in = fopen(path, "r");
    if (!in) fail_msg("no file %s", path);
    return in;
}

/* Reads the next line of the file, without its end. */
static void read_line(FILE *in, char *line, const char *file, int number) {
    if (!fgets(line, LINE_BYTES, in)) fail_msg("%s has no line %d", file, number);
    line[strcspn(line, "\n")] = '\0';
}

static void check_program(const clx_kernel_source *source) {
    const char *at = source->text, *end = source->text + source->length;
    char line[LINE_BYTES], real[LINE_BYTES], file[64] = "";
    FILE *in = NULL;
    int number = 0, directives = 0, lines = 0;
    while (next_line(&at, end, line)) {
        if (strncmp(line, "#line ", 6) == 0) {
            assert_int_equal(sscanf(line, "#line %d \"%63[^\"]\"", &number, file), 2);
            directives++;
            if (in) fclose(in);
            in = open_source(file);
            for (int i = 1; i < number; i++) read_line(in, real, file, i);
            continue;
        }
        assert_non_null(in); /* the program begins with a #line */
        read_line(in, real, file, number++);
        if (strcmp(line, real) != 0)
            fail_msg("%s: \"%s\" is not line %d of %s, \"%s\"", source->name, line, number - 1, file, real);
        assert_null(strstr(line, "#include \""));
        lines++;
    }
    assert_non_null(in);
    fclose(in);
    assert_true(directives > 1 && lines > 100);
}

static void each_line_is_where_it_says(void **state) {
    (void)state;
    int programs = 0;
    for (const clx_kernel_source *source = clx_kernel_sources; source->name; source++) {
        char expected[80], file[64];
        snprintf(file, sizeof file, "kernels/%s.cl", source->name);
        snprintf(expected, sizeof expected, "#line 1 \"%s\"\n", file);
        assert_memory_equal(source->text, expected, strlen(expected));
        check_program(source);
        programs++;
    }
    assert_int_equal(programs, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_line_is_where_it_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
