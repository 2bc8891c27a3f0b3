/* SPDX-License-Identifier: Apache-2.0
 * Import and export of a context's programs. program_blob.h defines their bytes; program.c decides when to
 * use an imported one. */
#ifndef CLX_PROGRAM_CACHE_H
#define CLX_PROGRAM_CACHE_H

#include "context.h"
#include "program_blob.h"

/* The imported binary of the program with this key. False: there is none. */
bool clx_imported_program(const clxent_ctx *ctx, const char *key, clx_blob_entry *out);

/* Forgets the import. */
void clx_import_release(clxent_ctx *ctx);

#endif
