/* SPDX-License-Identifier: Apache-2.0
 * Writes programs as they are compiled, for people who want to read them or compile them elsewhere. */
#ifndef CLX_PROGRAM_DUMP_H
#define CLX_PROGRAM_DUMP_H

#include <clxent/clxent.h>

#include "kernel_sources.h"

/* If the environment has CLXENT_DUMP=FOLDER, writes FOLDER/NAME-HASH.cl: a comment with the options, and
 * below it the source's text. ERR_ARGUMENT: the file cannot be written. This is an error, since the user has
 * asked for the text. */
clxent_status clx_dump_program(clxent_error *err, const clx_kernel_source *source, const char *options);

#endif
