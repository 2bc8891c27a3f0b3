/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `verify`: runs a list of problems, each in several shapes, and prints the verdict.
 * verify_case.c makes and compares one problem.
 */
#include "commands.h"
#include "shell/options.h"
#include "shell/report.h"
#include "verify_case.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

/* One line of the table. An option that a line does not name is off. */
typedef struct group {
    const char *what;
    clxent_op op;
    clxent_targets targets;
    clxent_dtype dtype;
    clxent_schedule schedule;
    double label_smoothing, z_loss, softcap, logit_scale;
    int inner, ignore, weighted, hostile;
} group;

static const group groups[] = {
    {.what = "cross entropy, f32", .ignore = 1},
    {.what = "  lane schedule", .schedule = CLXENT_SCHEDULE_LANE, .ignore = 1},
    {.what = "  group schedule", .schedule = CLXENT_SCHEDULE_GROUP, .ignore = 1},
    {.what = "  wide schedule", .schedule = CLXENT_SCHEDULE_WIDE, .ignore = 1},
    {.what = "  split schedule", .schedule = CLXENT_SCHEDULE_SPLIT, .ignore = 1},
    {.what = "  class and row weights, grad_output", .ignore = 1, .weighted = 1},
    {.what = "  label smoothing, z-loss, scale",
     .weighted = 1,
     .label_smoothing = 0.1,
     .z_loss = 1e-3,
     .logit_scale = 0.7},
    {.what = "  softcap", .softcap = 15, .ignore = 1},
    {.what = "  masked, huge and NaN logits", .hostile = 1},
    {.what = "  classes at axis 1", .inner = 6, .ignore = 1, .weighted = 1},
    {.what = "  next token, packed documents", .targets = CLXENT_TARGETS_NEXT_TOKEN},
    {.what = "  probability targets",
     .targets = CLXENT_TARGETS_PROBABILITY,
     .weighted = 1,
     .label_smoothing = 0.1},
    {.what = "cross entropy, f16", .dtype = CLXENT_F16, .ignore = 1},
    {.what = "cross entropy, bf16", .dtype = CLXENT_BF16, .ignore = 1},
    {.what = "cross entropy, f64", .dtype = CLXENT_F64, .ignore = 1, .weighted = 1},
    {.what = "negative log-likelihood", .op = CLXENT_NLL, .ignore = 1, .weighted = 1},
    {.what = "softmax, forward and backward", .op = CLXENT_SOFTMAX},
    {.what = "log-softmax, forward and backward", .op = CLXENT_LOG_SOFTMAX, .logit_scale = 0.7},
};
enum { GROUPS = sizeof groups / sizeof *groups };

/* Rows are multiples of 6: a sequence has 6 rows, and the group with the classes at axis 1 has inner 6. */
enum { SEQUENCE = 6 };
static const struct {
    int64_t rows, classes;
} shapes[] = {{6, 1}, {12, 3}, {60, 31}, {24, 64}, {18, 257}, {300, 1000}, {6, 4097}, {6, 50257}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static verify_case make_case(const group *g, int shape) {
    static const clxent_reduction reductions[] = {CLXENT_MEAN, CLXENT_SUM, CLXENT_NONE};
    const int is_loss = g->op == CLXENT_CROSS_ENTROPY || g->op == CLXENT_NLL;
    verify_case c = {
        .desc = CLXENT_DESC_INIT, .schedule = g->schedule, .weighted = g->weighted, .hostile = g->hostile};
    clxent_desc *d = &c.desc;
    c.seed = (uint64_t)(g - groups) * SHAPES + (uint64_t)shape + 1;
    d->op = g->op;
    d->targets = g->targets;
    d->rows = shapes[shape].rows;
    d->classes = shapes[shape].classes;
    d->reduction = is_loss ? reductions[shape % 3] : CLXENT_MEAN;
    d->logits_dtype = d->grad_dtype = g->dtype ? g->dtype : CLXENT_F32;
    if (g->targets == CLXENT_TARGETS_PROBABILITY) d->targets_dtype = CLXENT_F32;
    if (g->targets == CLXENT_TARGETS_NEXT_TOKEN) {
        d->sequence_length = SEQUENCE;
        d->tokens_per_sequence = SEQUENCE + shape % 2;
    }
    if (g->inner) d->inner = g->inner;
    if (g->logit_scale > 0) d->logit_scale = g->logit_scale;
    d->use_ignore_index = g->ignore;
    d->ignore_index = -100;
    d->label_smoothing = g->label_smoothing;
    d->z_loss = g->z_loss;
    d->softcap = g->softcap;
    return c;
}

/* The result of a group. */
typedef struct line {
    const group *group;
    int cases, skipped; /* skipped: the device has no f64 */
    verify_result result;
} line;

static clxent_status run_group(const session *s, line *l) {
    l->skipped = l->group->dtype == CLXENT_F64 && !s->device.fp64;
    for (int i = 0; i < SHAPES && !l->skipped; i++) {
        const verify_case c = make_case(l->group, i);
        const clxent_status status = verify_case_run(s, &c, &l->result);
        /* If the device cannot run a schedule on a shape, the library never chooses that schedule for it. */
        if (status == CLXENT_ERR_UNSUPPORTED && l->group->schedule != CLXENT_SCHEDULE_AUTO) continue;
        if (status != CLXENT_OK) return status;
        l->cases++;
    }
    return CLXENT_OK;
}

static void print_line(const line *l) {
    if (l->skipped)
        printf("%-38s      -  the device has no f64\n", l->group->what);
    else
        printf("%-38s  %5d  %9" PRId64 "  %8.3f  %-9s  %s\n", l->group->what, l->cases, l->result.values,
               l->result.worst, l->result.output, l->result.outside ? "OUTSIDE" : "ok");
    fflush(stdout); /* a person reads the lines as they come */
}

static json_t *line_json(const line *l) {
    const char *what = l->group->what;
    while (*what == ' ') what++;
    json_t *o = json_object();
    json_object_set_new(o, "what", json_string(what));
    json_object_set_new(o, "skipped", json_boolean(l->skipped));
    json_object_set_new(o, "cases", json_integer(l->cases));
    json_object_set_new(o, "values", json_integer(l->result.values));
    json_object_set_new(o, "outside", json_integer(l->result.outside));
    json_object_set_new(o, "worst", json_number(l->result.worst));
    json_object_set_new(o, "worst_output", l->result.output ? json_string(l->result.output) : json_null());
    return o;
}

static int verify(const session *s, int as_json) {
    int64_t values = 0, outside = 0;
    int cases = 0;
    const time_t start = time(NULL);
    json_t *lines = json_array();
    if (!as_json) {
        printf("%s (%s) against a double-precision reference\n\n", s->device.name, s->device.platform);
        printf("%-38s  %5s  %9s  %8s  %-9s\n", "", "cases", "values", "worst*", "in");
    }
    for (int i = 0; i < GROUPS; i++) {
        line l = {.group = &groups[i]};
        const clxent_status status = run_group(s, &l);
        if (status != CLXENT_OK) {
            json_decref(lines);
            fprintf(stderr, "%s, case %d:\n", groups[i].what, l.cases);
            return session_failed(s, status);
        }
        if (as_json)
            json_array_append_new(lines, line_json(&l));
        else
            print_line(&l);
        cases += l.cases;
        values += l.result.values;
        outside += l.result.outside;
    }
    if (as_json) {
        json_t *o = json_object();
        json_object_set_new(o, "device", json_text(s->device.name));
        json_object_set_new(o, "platform", json_text(s->device.platform));
        json_object_set_new(o, "trusted", json_boolean(outside == 0));
        json_object_set_new(o, "cases", json_integer(cases));
        json_object_set_new(o, "values", json_integer(values));
        json_object_set_new(o, "outside", json_integer(outside));
        json_object_set_new(o, "groups", lines);
        report_json(o);
    } else {
        json_decref(lines);
        printf("\n* the largest error, in units of its proven bound (to which 16-bit outputs add the half "
               "unit of\n"
               "their own rounding); in: the output that has it\n");
        printf("%d cases, %" PRId64 " values, %.0f s\n", cases, values, difftime(time(NULL), start));
        if (outside)
            printf("%" PRId64 " values are outside their bound: this device CANNOT be trusted.\n", outside);
        else
            printf("Every value is within its bound: this device can be trusted.\n");
    }
    return outside ? EXIT_DIFFERS : EXIT_GOOD;
}

int verify_run(const tool_command *command, const tool_options *options) {
    session s;
    int code = session_open(&s, command, options);
    if (code == EXIT_GOOD) code = verify(&s, options->json);
    session_close(&s);
    return code;
}
