/* SPDX-License-Identifier: Apache-2.0
 *
 * The text that bigram.c and lm_head.c train on. */
#ifndef CLXENT_EXAMPLES_TEXT_H
#define CLXENT_EXAMPLES_TEXT_H

#include <stddef.h>

/* Reads the whole file and appends a NUL; the caller frees it. On a failure it prints a message and returns
 * NULL. */
unsigned char *text_read(const char *path, size_t *size);

/* H(next | previous) in nats, from the counts of byte pairs. `positions` bytes have a next byte. No model
 * that sees one byte alone has a smaller loss on this text. */
double text_bigram_entropy(const unsigned char *text, size_t positions);

#endif
