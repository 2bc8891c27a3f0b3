/* SPDX-License-Identifier: Apache-2.0
 *
 * The picture of `clxent bench --plot`. It is well-formed for any name of the device. It has a bar for each
 * result, none for a skipped case, and nothing outside of the frame. If it cannot be written, there is no
 * file.
 */
#include "bench/bench_plot.h"
#include "xml_check.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/clxent_plot_XXXXXX";
static char text[1 << 16];

static int make_path(void **state) {
    (void)state;
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_path(void **state) {
    (void)state;
    return remove(path);
}

/* Returns a result with this ratio. */
static bench_result result(bench_op op, int64_t classes, clxent_dtype dtype, double ratio) {
    return (bench_result){.what = {op, 8, classes, dtype},
                          .seconds = 1,
                          .bytes = 1e9 * ratio,
                          .limit_rate = 1e9,
                          .limit = "read"};
}

static void draw(const char *device, const char *options, const bench_result *results, size_t count) {
    assert_int_equal(bench_plot(path, device, "2025-01-31", options, results, count), 0);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t length = fread(text, 1, sizeof text - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_in_range(length, 1, sizeof text - 2);
    text[length] = '\0';
    int elements;
    const char *wrong = xml_check(text, &elements);
    if (wrong) fail_msg("%s", wrong);
}

static int count_of(const char *what) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++) n++;
    return n;
}

static void test_bars(void **state) {
    (void)state;
    bench_result results[] = {
        result(BENCH_FORWARD, 1000, CLXENT_F32, 0.5), result(BENCH_GRAD, 1000, CLXENT_F32, 0.25),
        result(BENCH_FORWARD, 1000, CLXENT_BF16, 2.3), result(BENCH_GRAD, 9, CLXENT_F32, 1)};
    strcpy(results[3].skipped, "too large");
    draw("A device", "", results, 4);
    assert_int_equal(count_of("<rect"), 3 + 2); /* three bars, and a legend of two operations */
    assert_int_equal(count_of(">8x1000 f32<"), 1);
    assert_int_equal(count_of(">8x1000 bf16<"), 1);
    assert_int_equal(count_of("8x9"), 0);
    assert_int_equal(count_of(">0.50<"), 1);
    assert_int_equal(count_of(">2.30<"), 1);
    assert_int_equal(count_of("class=\"one\""), 1);
    assert_int_equal(count_of(">2025-01-31"), 0); /* behind the device, on one line */
    assert_int_equal(count_of("A device, 2025-01-31<"), 1);

    /* The longest bar ends inside the picture; the others are as long as their ratios say. */
    double width, bars[3];
    int n = 0;
    assert_int_equal(sscanf(strstr(text, " width="), " width=\"%lf\"", &width), 1);
    for (const char *at = text; n < 3 && (at = strstr(at, "<rect x=\"140\"")); at++)
        n += sscanf(at, "<rect x=\"140\" y=\"%*d\" width=\"%lf\"", &bars[n]);
    assert_int_equal(n, 3);
    assert_true(140 + bars[2] < width);
    assert_true(bars[0] / bars[1] > 1.99 && bars[0] / bars[1] < 2.01);
    assert_true(bars[2] / bars[0] > 4.59 && bars[2] / bars[0] < 4.61);
}

static void test_names(void **state) {
    (void)state;
    const bench_result one = result(BENCH_FORWARD, 1000, CLXENT_F32, 0.5);
    draw("<GPU> \"A&B\" \x01\xc3\xa9", "softcap=2", &one, 1);
    assert_int_equal(count_of("&lt;GPU&gt; \"A&amp;B\" ???"), 2); /* title and heading */
    assert_int_equal(count_of("softcap=2"), 1);
}

static void test_nothing(void **state) {
    (void)state;
    draw("A device", "", NULL, 0);
    assert_int_equal(count_of("<rect"), 0);
}

static void test_unwritable(void **state) {
    (void)state;
    char beyond[sizeof path + 8];
    snprintf(beyond, sizeof beyond, "%s/x.svg", path); /* the folder of this path is a file */
    assert_int_equal(bench_plot(beyond, "A device", "", "", NULL, 0), ENOTDIR);
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(bench_plot("/dev/full", "A device", "", "", NULL, 0), ENOSPC);
        assert_int_equal(access("/dev/full", W_OK), 0); /* not removed */
    }
}

/* A disk fills up at each byte of the picture: the old file stays. */
static void test_full_disk(void **state) {
    (void)state;
    static const char old[] = "what stood there";
    char after[sizeof old] = "";
    struct rlimit before, limit;
    draw("A device", "", NULL, 0);
    const size_t whole = strlen(text);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(old, 1, sizeof old, file), sizeof old);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN); /* now a write beyond the limit is short, and the next one fails */
    for (size_t bytes = 0; bytes < whole; bytes++) {
        limit = before;
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const int code = bench_plot(path, "A device", "2025-01-31", "", NULL, 0);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(code, EFBIG);
        file = fopen(path, "r");
        assert_non_null(file);
        assert_int_equal(fread(after, 1, sizeof after, file), sizeof after);
        assert_int_equal(fclose(file), 0);
        assert_memory_equal(after, old, sizeof old);
    }
    print_message("%zu full disks\n", whole);
    draw("A device", "", NULL, 0);
    assert_int_equal(strlen(text), whole);
}

/* xml_check() itself refuses bad texts. */
static void test_xml_check(void **state) {
    (void)state;
    static const char *const good[] = {"<a/>", "<a b=\"c\">d&amp;<e/></a>",
                                       "<?xml version=\"1.0\"?>\n<a></a>\n"};
    static const char *const bad[] = {"",
                                      "a",
                                      "<a>",
                                      "<a></b>",
                                      "<a><b></a></b>",
                                      "<a/><b/>",
                                      "<a b=c/>",
                                      "<a b=\"<\"/>",
                                      "<a>&</a>",
                                      "<a>&nbsp;</a>",
                                      "<a b=\"&\"/>",
                                      "<a",
                                      "<a>< </a>",
                                      "<a b=\"c\"d=\"e\"/>"};
    int elements;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_null(xml_check(good[i], &elements));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!xml_check(bad[i], &elements)) fail_msg("%s passes", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_xml_check),  cmocka_unit_test(test_bars),
                                       cmocka_unit_test(test_names),      cmocka_unit_test(test_nothing),
                                       cmocka_unit_test(test_unwritable), cmocka_unit_test(test_full_disk)};
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
