/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of `loss` and `nll`: a short table, or one JSON object.
 */
#ifndef CLXENT_CLI_LOSS_REPORT_H
#define CLXENT_CLI_LOSS_REPORT_H

#include "session/session.h"

/* How well the model predicts the targets. A value that is not defined is NaN. */
typedef struct score {
    double perplexity, bits_per_token, accuracy;
} score;

typedef struct loss_report {
    const clxent_desc *desc;
    clxent_dtype real;
    const void *loss; /* of type `real`: one element, or one a row for reduction none */
    int64_t counts[4];
    score score;
    const session *session;
    double seconds;
} loss_report;

void loss_report_table(const loss_report *r);
void loss_report_json(const loss_report *r);

#endif
