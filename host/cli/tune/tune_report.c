/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of `tune`: a table with a line for host/src/tuning_table.h, or JSON.
 */
#include "files/file_write.h"
#include "shell/report.h"
#include "tune.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *tuning_json(const clxent_tuning *t) {
    json_t *o = json_object();
#define FIELD(field, least, most, power) json_object_set_new(o, #field, json_integer(t->field));
    CLXENT_TUNING_MAP(FIELD)
#undef FIELD
    return o;
}

static json_t *measurement_json(const tune_measurement *m) {
    json_t *o = json_object();
    json_object_set_new(o, "field", json_string(m->field));
    json_object_set_new(o, "value", json_integer(m->value));
    json_object_set_new(o, "instead_of", json_integer(m->instead_of));
    json_object_set_new(o, "cases", json_integer((json_int_t)m->cases));
    json_object_set_new(o, "ratio", m->ratio > 0 ? json_number(m->ratio) : json_null());
    json_object_set_new(o, "worst", m->ratio > 0 ? json_number(m->worst) : json_null());
    json_object_set_new(o, "taken", json_boolean(m->taken));
    json_object_set_new(o, "why", json_string(m->why));
    return o;
}

static json_t *result_json(const session *s, const tune_result *result) {
    json_t *o = json_object(), *measured = json_array();
    for (size_t i = 0; i < result->n; i++)
        json_array_append_new(measured, measurement_json(&result->measured[i]));
    json_object_set_new(o, "clxent", json_string(clxent_version()));
    json_object_set_new(o, "device", json_text(s->device.name));
    json_object_set_new(o, "platform", json_text(s->device.platform));
    json_object_set_new(o, "driver", json_text(s->device.driver));
    json_object_set_new(o, "tuning", tuning_json(&result->tuning));
    json_object_set_new(o, "measured", measured);
    return o;
}

void tune_report_json(const session *s, const tune_result *result) {
    report_json(result_json(s, result));
}

int tune_write(const session *s, const tune_result *result, const char *path) {
    char *text = report_json_text(result_json(s, result));
    if (!text) return tool_error(s->command, EXIT_DEVICE, "--out: no host memory for what goes to %s", path);
    const int code = file_write(path, &(file_part){text, strlen(text)}, 1);
    free(text);
    return code ? tool_error(s->command, EXIT_DATA, "--out: cannot write %s: %s", path, strerror(code))
                : EXIT_GOOD;
}

void tune_report(const session *s, const tune_result *result) {
    printf("%s (%s)\n%zu values measured, %zu cases\n\n", s->device.name, s->device.platform, result->n,
           result->cases);
#define FIELD(field, least, most, power)                                                              \
    printf("%-18s %6" PRId32, #field, result->tuning.field);                                          \
    if (result->before.field != result->tuning.field) printf("  was %" PRId32, result->before.field); \
    putchar('\n');
    CLXENT_TUNING_MAP(FIELD)
#undef FIELD
    printf("\nfor host/src/tuning_table.h, the names shortened to what tells the device:\n"
           "    CLX_TUNED(\"%s\", \"%s\"",
           s->device.name, s->device.vendor);
#define FIELD(field, least, most, power) printf(", %" PRId32, result->tuning.field);
    CLXENT_TUNING_MAP(FIELD)
#undef FIELD
    puts(")");
}
