/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person or a program reads of a result: a short table, or one JSON object. JSON has no NaN and
 * no infinity; both become null.
 */
#ifndef CLXENT_CLI_REPORT_H
#define CLXENT_CLI_REPORT_H

#include "session.h"

#include <jansson.h>

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

void report_loss_table(const loss_report *r);
void report_loss_json(const loss_report *r);

json_t *json_number(double value);    /* null for NaN and infinity */
json_t *json_text(const char *value); /* bytes that are not UTF-8 become '?' */

/* "0.42 ms" */
#define DURATION_TEXT 32
const char *duration_text(char text[DURATION_TEXT], double seconds);

/* The object as text, to be freed, and releases it. NULL: there was not the memory for it, or for a part of
 * it when it was made. */
char *report_json_text(json_t *object);

/* Prints that to standard output, if all of it is there. Whether it always was: report_is_complete(). */
void report_json(json_t *object);
int report_is_complete(void);

#endif
