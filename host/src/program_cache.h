/* SPDX-License-Identifier: Apache-2.0
 * Programs that a context was given ready-made, and those it can give to others. What their bytes look like
 * is program_blob.h's, when one is asked for is program.c's. */
#ifndef CLX_PROGRAM_CACHE_H
#define CLX_PROGRAM_CACHE_H

#include "context.h"
#include "program_blob.h"

/* The imported binary of the program with this key. False: there is none. */
bool clx_imported_program(const clxent_ctx *ctx, const char *key, clx_blob_entry *out);

/* Forgets the import. */
void clx_import_release(clxent_ctx *ctx);

#endif
