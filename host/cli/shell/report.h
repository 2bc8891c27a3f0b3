/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts that all reports share: durations as text, and JSON. JSON has no NaN and no infinity; both become
 * null.
 */
#ifndef CLXENT_CLI_REPORT_H
#define CLXENT_CLI_REPORT_H

#include <jansson.h>

json_t *json_number(double value);    /* null for NaN and infinity */
json_t *json_text(const char *value); /* if it is not UTF-8, bytes outside ASCII become '?' */

/* "0.42 ms" */
#define DURATION_TEXT 32
const char *duration_text(char text[DURATION_TEXT], double seconds);

/* Releases the object and returns it as text, which the caller frees. NULL: there was no memory for the text,
 * or for a part of the object. */
char *report_json_text(json_t *object);

/* Releases the object and prints its text to standard output, or nothing if memory ran out.
 * report_is_complete() says whether every report was printed. */
void report_json(json_t *object);
int report_is_complete(void);

#endif
