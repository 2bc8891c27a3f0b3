/* SPDX-License-Identifier: Apache-2.0
 *
 * What `loss` and `nll` print: a short table, or one JSON object.
 */
#ifndef CLXENT_CLI_LOSS_REPORT_H
#define CLXENT_CLI_LOSS_REPORT_H

#include "session/session.h"

/* What the targets' log-probabilities say of the model; NaN where it is not defined. */
typedef struct score {
    double perplexity, bits_per_token, accuracy;
} score;

typedef struct loss_report {
    const clxent_desc *desc;
    clxent_dtype real;
    const void *loss; /* real: 1 element, or rows for none */
    int64_t counts[4];
    score score;
    const session *session;
    double seconds;
} loss_report;

void loss_report_table(const loss_report *r);
void loss_report_json(const loss_report *r);

#endif
