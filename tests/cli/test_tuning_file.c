/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of tuning files. It reads right files, and refuses wrong ones with the place or the field. No
 * bytes make it fail otherwise: the tests cut a file at every length and change every byte. The bytes are in
 * memory of exactly their size, so that a memory checker notices a read outside of them.
 */
#include "said.h"
#include "session/tuning_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const clxent_device_info device = {.name = "M1 \xff", .platform = "P"};

#define OF_DEVICE "\"device\": \"M1 ?\", \"platform\": \"P\", "
#define TUNING    "\"tuning\": {\"wide_tile\": 8, \"few_classes\": 0, \"teams_per_unit\": -3, \"later\": \"x\"}"
static const char good[] = "{" OF_DEVICE TUNING ", \"clxent\": 7}\n";

static int parse(const char *text, size_t size, clxent_tuning *out, char why[TUNING_WHY]) {
    char *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, text, size);
    memset(out, 0x5a, sizeof *out);
    why[0] = '\0';
    const int result = tuning_parse(exact, size, &device, out, why);
    free(exact);
    return result;
}

static void what_is_right_is_read(void **state) {
    (void)state;
    clxent_tuning got, expected = CLXENT_TUNING_INIT;
    char why[TUNING_WHY];
    assert_true(parse(good, strlen(good), &got, why));
    expected.wide_tile = 8;
    expected.teams_per_unit = -3; /* the library checks limits, the reader does not */
    assert_memory_equal(&got, &expected, sizeof got);
    assert_string_equal(why, "");
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "offset 0: "},
        {"{\"tuning\": }", "offset 12: "},
        {"[1]", "no \"tuning\" of type object"},
        {"{" OF_DEVICE "\"tuning\": 3}", "no \"tuning\" of type object"},
        {"{\"platform\": \"P\", " TUNING "}", "no \"device\" of type string"},
        {"{\"device\": \"M1 ?\", " TUNING "}", "no \"platform\" of type string"},
        {"{\"device\": 5, \"platform\": \"P\", " TUNING "}", "no \"device\" of type string"},
        {"{\"device\": \"M2\", \"platform\": \"P\", " TUNING "}", "it is for \"P / M2\", not for \"P / M1"},
        {"{\"device\": \"M1 ?\", \"platform\": \"P2\", " TUNING "}", "it is for \"P2 / M1 ?\", not for"},
        {"{\"device\": \"M1 ??\", \"platform\": \"P\", " TUNING "}", "it is for \"P / M1 ??\", not for"},
        /* the message repeats no control characters */
        {"{\"device\": \"\\u001b[2J\\u009b2J\\n\", \"platform\": \"\u00e9\", " TUNING "}",
         "it is for \"\u00e9 / ?[2J??2J?\", not for"},
        {"{\"device\": \"\033[2J\", " TUNING "}", "control character"},
        {"{" OF_DEVICE "\"tuning\": {\"wide_tile\": 8.5}}", "tuning.wide_tile is no integer"},
        {"{" OF_DEVICE "\"tuning\": {\"wide_tile\": \"8\"}}", "tuning.wide_tile is no integer"},
        {"{" OF_DEVICE "\"tuning\": {\"wide_tile\": 2147483648}}", "tuning.wide_tile is 2147483648, beyond"},
        {"{" OF_DEVICE "\"tuning\": {\"group_size\": -2147483649}}", "tuning.group_size is -2147483649, "},
        {"{" OF_DEVICE "\"tuning\": {\"wide_tile\": 8, \"wide_tile\": 8}}", "duplicate"},
        {"{" OF_DEVICE TUNING "} {}", "end of file expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clxent_tuning got, untouched;
        char why[TUNING_WHY];
        memset(&untouched, 0x5a, sizeof untouched);
        if (parse(cases[i].text, strlen(cases[i].text), &got, why)) fail_msg("%s: read", cases[i].text);
        assert_null(strpbrk(why, "\033\n"));
        said(why);
        if (!strstr(why, cases[i].why)) fail_msg("%s: %s, not %s", cases[i].text, why, cases[i].why);
        assert_memory_equal(&got, &untouched, sizeof got);
    }
}

static void size_limit(void **state) {
    (void)state;
    clxent_tuning got;
    char why[TUNING_WHY];
    char *text = malloc(TUNING_FILE_BYTES + 1);
    assert_non_null(text);
    memset(text, ' ', TUNING_FILE_BYTES + 1);
    memcpy(text, good, strlen(good));
    assert_true(parse(text, TUNING_FILE_BYTES, &got, why));
    assert_false(parse(text, TUNING_FILE_BYTES + 1, &got, why));
    assert_string_equal(why, "it has more than 65536 bytes");
    said(why);
    free(text);
}

/* The reader refuses a cut file, unless only the last newline is cut. It reads a changed file or refuses it
 * with a reason. */
static void damage(void **state) {
    (void)state;
    const size_t size = strlen(good);
    clxent_tuning got;
    char why[TUNING_WHY], changed[sizeof good];
    for (size_t cut = 0; cut + 1 < size; cut++) {
        assert_false(parse(good, cut, &got, why));
        assert_non_null(strstr(why, "offset"));
    }
    for (size_t at = 0; at < size; at++)
        for (int byte = 0; byte < 256; byte++) {
            memcpy(changed, good, sizeof good);
            changed[at] = (char)byte;
            const int is_read = parse(changed, size, &got, why);
            assert_int_equal(is_read, why[0] == '\0');
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_is_read),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(size_limit),
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests_name("tuning file", tests, NULL, NULL);
}
