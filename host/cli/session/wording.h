/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's messages in the tool's words: they name fields of structs, which a person at a shell has not
 * set; here they name the options that set them.
 */
#ifndef CLXENT_CLI_WORDING_H
#define CLXENT_CLI_WORDING_H

#include <stddef.h>

/* "logit_scale 1e-300 is ..." as "--logit-scale 1e-300 is ...". Cut where `size` ends. */
void wording_of_options(char *text, size_t size, const char *message);

#endif
