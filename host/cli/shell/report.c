/* SPDX-License-Identifier: Apache-2.0
 *
 * See report.h.
 */
#include "report.h"
#include "files/json_alloc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_text(const char *value) {
    json_t *text = json_string(value);
    if (text) return text;
    char ascii[256];
    size_t n = 0;
    for (; value[n] && n + 1 < sizeof ascii; n++)
        ascii[n] = (char)((unsigned char)value[n] < 0x80 ? value[n] : '?');
    ascii[n] = '\0';
    return json_string(ascii);
}

static int incomplete;

char *report_json_text(json_t *object) {
    char *text = json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    if (!json_alloc_failed()) return text;
    free(text);
    return NULL;
}

void report_json(json_t *object) {
    char *text = report_json_text(object);
    if (text)
        puts(text);
    else
        incomplete = 1;
    free(text);
}

int report_is_complete(void) {
    return !incomplete;
}

const char *duration_text(char text[DURATION_TEXT], double seconds) {
    if (seconds < 1)
        snprintf(text, DURATION_TEXT, "%.3g ms", 1e3 * seconds);
    else
        snprintf(text, DURATION_TEXT, "%.3g s", seconds);
    return text;
}
