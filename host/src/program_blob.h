/* SPDX-License-Identifier: Apache-2.0
 * Compiled programs as one run of bytes that can be stored: read with suspicion, written in one pass. Nothing
 * here knows OpenCL; what the bytes of a program mean is the driver's business.
 *
 * Layout, integers in the machine's own byte order (a blob of another order has another version):
 *
 *     "clxentPC"  u32 version  u32 identity_bytes  identity
 *     each entry: u32 key_bytes  u64 binary_bytes  key  binary
 *     u64 FNV-1a of all that stands before it
 *
 * The identity says for what the binaries were made, down to the driver's version: they are of use where it
 * is the same. A key says what a binary is. Both are plain text without a NUL. */
#ifndef CLX_PROGRAM_BLOB_H
#define CLX_PROGRAM_BLOB_H

#include <stdbool.h>
#include <stddef.h>

/* A checked blob: pointers into its bytes. */
typedef struct clx_blob {
    const char *identity;
    size_t identity_bytes;
    const unsigned char *entries; /* those not yet read */
    size_t entries_bytes;
} clx_blob;

typedef struct clx_blob_entry {
    const char *key;
    size_t key_bytes;
    const unsigned char *binary;
    size_t binary_bytes; /* not 0 */
} clx_blob_entry;

/* Whether these bytes are a whole, undamaged blob, every length in it checked. Reads nothing outside them,
 * whatever they hold; allocates nothing. */
bool clx_blob_open(clx_blob *out, const void *data, size_t bytes);

/* Takes the next entry off the blob (a copy of it, to be able to begin anew). False: there is none. */
bool clx_blob_next(clx_blob *blob, clx_blob_entry *out);

/* Writes begin, add ..., end. What does not fit into `capacity` is counted only: with data NULL, that is the
 * way to learn the size. */
typedef struct clx_blob_writer {
    unsigned char *data;
    size_t capacity;
    size_t bytes; /* so far, whether written or not */
} clx_blob_writer;

void clx_blob_begin(clx_blob_writer *writer, const char *identity);
void clx_blob_add(clx_blob_writer *writer, const clx_blob_entry *entry);
void clx_blob_end(clx_blob_writer *writer);

#endif
