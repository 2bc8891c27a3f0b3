/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells whether jansson ran out of memory. jansson itself does not tell: it leaves members out of an object,
 * and reports an error in the text if it cannot hold the text.
 */
#ifndef CLXENT_CLI_JSON_ALLOC_H
#define CLXENT_CLI_JSON_ALLOC_H

/* Call this before the first use of jansson; without it json_alloc_failed() is always 0. */
void json_alloc_watch(void);

/* True: an allocation of jansson has failed so far. */
int json_alloc_failed(void);

#endif
