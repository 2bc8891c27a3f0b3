/* SPDX-License-Identifier: Apache-2.0
 *
 * See verify_report.h.
 */
#include "verify_report.h"
#include "shell/tool.h"

#include <inttypes.h>
#include <stdio.h>

void verify_report_start(verify_report *report, const session *s, int as_json, const char *against) {
    *report = (verify_report){
        .session = s, .as_json = as_json, .lines = as_json ? json_array() : NULL, .start = time(NULL)};
    if (as_json) return;
    printf("%s (%s) against %s\n\n", s->device.name, s->device.platform, against);
    printf("%-38s  %5s  %9s  %8s  %-9s\n", "", "cases", "values", "worst*", "in");
}

static void print_line(const verify_line *l) {
    if (l->skipped)
        printf("%-38s      -  %s\n", l->what, l->skipped);
    else
        printf("%-38s  %5d  %9" PRId64 "  %8.3f  %-9s  %s\n", l->what, l->cases, l->result.values,
               l->result.worst, l->result.output, l->result.outside ? "OUTSIDE" : "ok");
    fflush(stdout); /* a person reads the lines as they come */
}

static json_t *line_json(const verify_line *l) {
    const char *what = l->what;
    while (*what == ' ') what++;
    json_t *o = json_object();
    json_object_set_new(o, "what", json_text(what));
    json_object_set_new(o, "skipped", json_boolean(l->skipped != NULL));
    json_object_set_new(o, "cases", json_integer(l->cases));
    json_object_set_new(o, "values", json_integer(l->result.values));
    json_object_set_new(o, "outside", json_integer(l->result.outside));
    json_object_set_new(o, "worst", json_number(l->result.worst));
    json_object_set_new(o, "worst_output", l->result.output ? json_string(l->result.output) : json_null());
    return o;
}

void verify_report_line(verify_report *report, const verify_line *line) {
    if (report->as_json)
        json_array_append_new(report->lines, line_json(line));
    else
        print_line(line);
    report->cases += line->cases;
    report->values += line->result.values;
    report->outside += line->result.outside;
}

int verify_report_end(verify_report *report) {
    if (report->as_json) {
        json_t *o = json_object();
        json_object_set_new(o, "device", json_text(report->session->device.name));
        json_object_set_new(o, "platform", json_text(report->session->device.platform));
        json_object_set_new(o, "trusted", json_boolean(report->outside == 0));
        json_object_set_new(o, "cases", json_integer(report->cases));
        json_object_set_new(o, "values", json_integer(report->values));
        json_object_set_new(o, "outside", json_integer(report->outside));
        json_object_set_new(o, "groups", report->lines);
        report_json(o);
    } else {
        printf("\n* the largest error, in units of its proven bound (to which 16-bit outputs add the half "
               "unit of\n"
               "their own rounding); in: the output that has it\n");
        printf("%d cases, %" PRId64 " values, %.0f s\n", report->cases, report->values,
               difftime(time(NULL), report->start));
        if (report->outside)
            printf("%" PRId64 " values are outside their bound: this device CANNOT be trusted.\n",
                   report->outside);
        else
            printf("Every value is within its bound: this device can be trusted.\n");
    }
    return report->outside ? EXIT_DIFFERS : EXIT_GOOD;
}

void verify_report_drop(verify_report *report) {
    json_decref(report->lines); /* NULL is fine */
}
