/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `verify`: runs a list of problems, each in several shapes, and prints the verdict.
 * verify_case.c makes and compares one problem. verify_folder.c runs cases in files instead.
 */
#include "commands.h"
#include "shell/options.h"
#include "verify_case.h"
#include "verify_folder.h"
#include "verify_report.h"

#include <stdio.h>

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

static clxent_status run_group(const session *s, const group *g, verify_line *l) {
    *l = (verify_line){.what = g->what};
    if (g->dtype == CLXENT_F64 && !s->device.fp64) {
        l->skipped = "the device has no f64";
        return CLXENT_OK;
    }
    for (int i = 0; i < SHAPES; i++) {
        const verify_case c = make_case(g, i);
        const clxent_status status = verify_case_run(s, &c, &l->result);
        /* If the device cannot run a schedule on a shape, the library never chooses that schedule for it. */
        if (status == CLXENT_ERR_UNSUPPORTED && g->schedule != CLXENT_SCHEDULE_AUTO) continue;
        if (status != CLXENT_OK) return status;
        l->cases++;
    }
    return CLXENT_OK;
}

static int verify(const session *s, int as_json) {
    verify_report report;
    verify_report_start(&report, s, as_json, "a double-precision reference");
    for (int i = 0; i < GROUPS; i++) {
        verify_line l;
        const clxent_status status = run_group(s, &groups[i], &l);
        if (status != CLXENT_OK) {
            verify_report_drop(&report);
            fprintf(stderr, "%s, case %d:\n", groups[i].what, l.cases);
            return session_failed(s, status);
        }
        verify_report_line(&report, &l);
    }
    return verify_report_end(&report);
}

int verify_run(const tool_command *command, const tool_options *options) {
    session s;
    int code = session_open(&s, command, options);
    if (code == EXIT_GOOD)
        code = options->folder ? verify_folder(&s, command, options) : verify(&s, options->json);
    session_close(&s);
    return code;
}
