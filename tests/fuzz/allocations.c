/* SPDX-License-Identifier: Apache-2.0
 *
 * No allocation may exceed a small multiple of the input. The linker (--wrap) redirects the project's
 * malloc(), calloc() and realloc() to this file, and jansson is told to allocate here too.
 */
#include "fuzz.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

enum { ONE_TIMES = 8 };
static size_t input_bytes, json_most, json_bytes;

_Noreturn void fuzz_failed(const char *file, int line, const char *condition) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

static void check(size_t bytes, size_t times, const char *what) {
    if (bytes <= FUZZ_FREE || (bytes - FUZZ_FREE) / times <= input_bytes) return;
    fprintf(stderr, "%s: %zu bytes, more than %zu times the input's %zu and %d\n", what, bytes, times,
            input_bytes, FUZZ_FREE);
    abort();
}

void *__wrap_malloc(size_t bytes) {
    check(bytes, ONE_TIMES, "malloc");
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes) {
    FUZZ_CHECK(count == 0 || bytes <= SIZE_MAX / count);
    check(count * bytes, ONE_TIMES, "calloc");
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes) {
    check(bytes, ONE_TIMES, "realloc");
    return __real_realloc(old, bytes);
}

/* Each of jansson's allocations has its size in front of it, so that json_give() can take it off the sum. */
enum { FRONT = 16 };

static void *json_take(size_t bytes) {
    check(bytes, ONE_TIMES, "jansson");
    check(json_bytes + bytes, json_most, "all that jansson holds");
    char *front = __real_malloc(FRONT + bytes);
    if (!front) return NULL;
    memcpy(front, &bytes, sizeof bytes);
    json_bytes += bytes;
    return front + FRONT;
}

static void json_give(void *pointer) {
    size_t bytes;
    if (!pointer) return;
    memcpy(&bytes, (char *)pointer - FRONT, sizeof bytes);
    json_bytes -= bytes;
    free((char *)pointer - FRONT);
}

void fuzz_limit_allocations(size_t size, size_t json_times) {
    FUZZ_CHECK(json_bytes == 0); /* jansson frees all of it after each input */
    input_bytes = size;
    json_most = json_times;
    json_set_alloc_funcs(json_take, json_give);
}

void fuzz_check_message(const char *message, size_t capacity) {
    FUZZ_CHECK(memchr(message, '\0', capacity) != NULL);
    FUZZ_CHECK(message[0] != '\0');
    for (const unsigned char *c = (const unsigned char *)message; *c; c++) {
        FUZZ_CHECK(*c >= 0x20 && *c != 0x7f);
        FUZZ_CHECK(!(c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)); /* U+0080 to U+009F are controls too */
    }
}
