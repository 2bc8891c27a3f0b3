/* SPDX-License-Identifier: Apache-2.0
 *
 * See tuning_file.h.
 */
#include "tuning_file.h"
#include "files/json_alloc.h"
#include "files/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(char why[TUNING_WHY], const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(char why[TUNING_WHY], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, TUNING_WHY, format, args);
    va_end(args);
    make_printable(why);
    return 0;
}

/* Returns the text of a key; NULL: it has none. */
static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* True: `text` is the name as json_text() of report.h writes it, with '?' for bytes outside ASCII. */
static int is_name(const char *text, const char *name) {
    size_t i = 0;
    if (strcmp(text, name) == 0) return 1;
    while (name[i] && text[i] == ((unsigned char)name[i] < 0x80 ? name[i] : '?')) i++;
    return !name[i] && !text[i];
}

static int is_of_device(const json_t *object, const clxent_device_info *device, char why[TUNING_WHY]) {
    const char *name = text_of(object, "device"), *platform = text_of(object, "platform");
    if (!name || !platform)
        return refuse(why, "it has no \"%s\" of type string", name ? "platform" : "device");
    if (is_name(name, device->name) && is_name(platform, device->platform)) return 1;
    return refuse(why, "it is for \"%.120s / %.120s\", not for \"%s / %s\"", platform, name, device->platform,
                  device->name);
}

static int read_field(const json_t *tuning, const char *name, int32_t *out, char why[TUNING_WHY]) {
    const json_t *value = json_object_get(tuning, name);
    if (!value) return 1;
    if (!json_is_integer(value)) return refuse(why, "tuning.%s is no integer", name);
    const json_int_t number = json_integer_value(value);
    if (number < INT32_MIN || number > INT32_MAX)
        return refuse(why, "tuning.%s is %" JSON_INTEGER_FORMAT ", beyond 32 bits", name, number);
    *out = (int32_t)number;
    return 1;
}

int tuning_parse(const char *bytes, size_t size, const clxent_device_info *device, clxent_tuning *out,
                 char why[TUNING_WHY]) {
    json_error_t error;
    clxent_tuning read = CLXENT_TUNING_INIT;
    if (size > TUNING_FILE_BYTES) return refuse(why, "it has more than %d bytes", TUNING_FILE_BYTES);
    json_t *object = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
    if (!object && json_alloc_failed()) return refuse(why, "no host memory for it");
    if (!object) return refuse(why, "offset %d: %s", error.position, error.text);
    const json_t *tuning = json_object_get(object, "tuning");
    int good = json_is_object(tuning) || refuse(why, "it has no \"tuning\" of type object");
    if (good) good = is_of_device(object, device, why);
#define READ(field, least, most, power) \
    if (good) good = read_field(tuning, #field, &read.field, why);
    CLXENT_TUNING_MAP(READ)
#undef READ
    json_decref(object);
    if (good) *out = read;
    return good;
}

/* Returns the file's bytes, which the caller frees. Of a file that is too large it reads one byte more than
 * is allowed. NULL: `why` has the reason. */
static char *read_file(const char *path, size_t *size, char why[TUNING_WHY]) {
    struct stat s;
    char *bytes = malloc(TUNING_FILE_BYTES + 1);
    /* O_NONBLOCK: the path may be that of a pipe, and open() would wait. */
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int failed = 1;
    if (!bytes)
        refuse(why, "no host memory for it");
    else if (file < 0 || fstat(file, &s) != 0)
        refuse(why, "%s", strerror(errno));
    else if (!S_ISREG(s.st_mode))
        refuse(why, "it is no regular file");
    else
        failed = 0;
    *size = 0;
    while (!failed && *size <= TUNING_FILE_BYTES) {
        const ssize_t n = read(file, bytes + *size, TUNING_FILE_BYTES + 1 - *size);
        if (n == 0) break;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) failed = !refuse(why, "%s", strerror(errno));
        if (n > 0) *size += (size_t)n;
    }
    if (file >= 0) close(file);
    if (!failed) return bytes;
    free(bytes);
    return NULL;
}

void tuning_apply(const session *s, const char *path) {
    const char *environment = getenv("CLXENT_TUNING");
    const char *given = path ? path : environment && *environment ? environment : NULL;
    char why[TUNING_WHY] = "";
    clxent_tuning tuning;
    size_t size = 0;
    if (!given) return;
    char *bytes = read_file(given, &size, why);
    const char *reason = why;
    int good = bytes && tuning_parse(bytes, size, &s->device, &tuning, why);
    if (good && clxent_ctx_set_tuning(s->ctx, &tuning) != CLXENT_OK) {
        reason = clxent_ctx_last_error(s->ctx);
        good = 0;
    }
    if (!good)
        tool_error(s->command, EXIT_GOOD, "warning: %s %s: %s; the built-in tuning is used",
                   path ? "--tuning" : "CLXENT_TUNING", given, reason);
    free(bytes);
}
