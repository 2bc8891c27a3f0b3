/* SPDX-License-Identifier: Apache-2.0
 *
 * See loss_report.h.
 */
#include "loss_report.h"
#include "files/dtype_values.h"
#include "shell/report.h"

#include <inttypes.h>
#include <stdio.h>

#define ROWS_SHOWN 6

void loss_report_json(const loss_report *r) {
    json_t *object = json_object();
    if (r->desc->reduction == CLXENT_NONE) {
        json_t *rows = json_array();
        for (int64_t i = 0; i < r->desc->rows; i++)
            json_array_append_new(rows, json_number(value_at(r->real, r->loss, i)));
        json_object_set_new(object, "loss", rows);
    } else {
        json_object_set_new(object, "loss", json_number(value_at(r->real, r->loss, 0)));
    }
    json_object_set_new(object, "reduction", json_string(clxent_reduction_name(r->desc->reduction)));
    json_object_set_new(object, "rows", json_integer(r->desc->rows));
    json_object_set_new(object, "counted", json_integer(r->counts[0]));
    json_object_set_new(object, "ignored", json_integer(r->counts[1]));
    json_object_set_new(object, "bad_targets", json_integer(r->counts[2]));
    json_object_set_new(object, "perplexity", json_number(r->score.perplexity));
    json_object_set_new(object, "bits_per_token", json_number(r->score.bits_per_token));
    json_object_set_new(object, "accuracy", json_number(r->score.accuracy));
    json_object_set_new(object, "device", json_text(r->session->device.name));
    json_object_set_new(object, "platform", json_text(r->session->device.platform));
    json_object_set_new(object, "seconds", json_number(r->seconds));
    report_json(object);
}

static void print_loss(const loss_report *r) {
    const int64_t rows = r->desc->rows;
    if (r->desc->reduction != CLXENT_NONE) {
        printf("loss            %.7g  (%s over %" PRId64 " rows, in nats)\n",
               value_shown(value_at(r->real, r->loss, 0)), clxent_reduction_name(r->desc->reduction),
               r->counts[0]);
        return;
    }
    printf("loss           ");
    for (int64_t i = 0; i < rows && i < ROWS_SHOWN; i++)
        printf(" %.7g", value_shown(value_at(r->real, r->loss, i)));
    printf("%s  (one a row, in nats)\n", rows > ROWS_SHOWN ? " ..." : "");
}

void loss_report_table(const loss_report *r) {
    char duration[DURATION_TEXT];
    print_loss(r);
    if (r->desc->targets != CLXENT_TARGETS_PROBABILITY && r->counts[0] > 0) {
        printf("perplexity      %.6g\n", value_shown(r->score.perplexity));
        printf("bits per token  %.6g\n", value_shown(r->score.bits_per_token));
        printf("accuracy        %.4g %%\n", 100 * r->score.accuracy);
    }
    printf("rows            %" PRId64 " of %" PRId64 " classes", r->desc->rows, r->desc->classes);
    if (r->desc->op == CLXENT_LINEAR_CROSS_ENTROPY) printf(" by %" PRId64 " features", r->desc->features);
    printf(": %" PRId64 " scored, %" PRId64 " ignored, %" PRId64 " with a bad target\n", r->counts[0],
           r->counts[1], r->counts[2]);
    printf("device          %s (%s)\n", r->session->device.name, r->session->device.platform);
    printf("time            %s\n", duration_text(duration, r->seconds));
}
