/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether jansson had the memory that it asked for. It does not say: an object lacks what there was no memory
 * for, and a text that it could not hold is called a mistake in the text.
 */
#ifndef CLXENT_CLI_JSON_ALLOC_H
#define CLXENT_CLI_JSON_ALLOC_H

/* Before the first use of jansson; without it json_alloc_failed() is always 0. */
void json_alloc_watch(void);

/* Whether any allocation of jansson's has failed so far. */
int json_alloc_failed(void);

#endif
