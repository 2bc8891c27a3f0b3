/* SPDX-License-Identifier: Apache-2.0
 *
 * What all reports share: durations in words, and JSON. JSON has no NaN and no infinity; both become null.
 */
#ifndef CLXENT_CLI_REPORT_H
#define CLXENT_CLI_REPORT_H

#include <jansson.h>

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
