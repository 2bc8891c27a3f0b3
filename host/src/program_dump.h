/* SPDX-License-Identifier: Apache-2.0
 * Programs as they are compiled, for who wants to read them or compile them elsewhere. */
#ifndef CLX_PROGRAM_DUMP_H
#define CLX_PROGRAM_DUMP_H

#include <clxent/clxent.h>

#include "kernel_sources.h"

/* Where the environment has CLXENT_DUMP=FOLDER: writes FOLDER/NAME-HASH.cl, the source's text below a comment
 * with its options. ERR_ARGUMENT where that cannot be written: who asks for the text is told that there is
 * none. */
clxent_status clx_dump_program(clxent_error *err, const clx_kernel_source *source, const char *options);

#endif
