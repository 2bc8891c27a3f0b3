/* SPDX-License-Identifier: Apache-2.0
 *
 * Translates the library's messages for the tool. The library names fields of structs, which a user of the
 * tool does not know. The translation names the options that set these fields.
 */
#ifndef CLXENT_CLI_WORDING_H
#define CLXENT_CLI_WORDING_H

#include <stddef.h>

/* Turns "logit_scale 1e-300 is ..." into "--logit-scale 1e-300 is ...". It cuts the text at `size`. */
void wording_of_options(char *text, size_t size, const char *message);

#endif
