/* SPDX-License-Identifier: Apache-2.0
 * Compiled programs as one run of bytes for storage. The reader trusts no byte; the writer takes one pass.
 * Nothing here knows OpenCL: only the driver knows the meaning of a program's bytes.
 *
 * Layout. Integers have the machine's own byte order; with the other order the version reads as another one:
 *
 *     "clxentPC"  u32 version  u32 identity_bytes  identity
 *     each entry: u32 key_bytes  u64 binary_bytes  key  binary
 *     u64 FNV-1a of all that stands before it
 *
 * The identity names the clxent, the device and the driver version that the binaries were made for. They are
 * valid only where it is the same. A key names a program. Both are plain text without a NUL. */
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

/* Whether these bytes are a whole, undamaged blob. Checks every length in it. Reads nothing outside the
 * bytes, whatever they hold, and allocates nothing. */
bool clx_blob_open(clx_blob *out, const void *data, size_t bytes);

/* Takes the next entry off the blob. To read a blob again, pass a copy. False: there is no entry. */
bool clx_blob_next(clx_blob *blob, clx_blob_entry *out);

/* Writes a blob by begin, add ..., end. It only counts what does not fit into `capacity`: with data NULL it
 * gives the size of the blob. */
typedef struct clx_blob_writer {
    unsigned char *data;
    size_t capacity;
    size_t bytes; /* so far, whether written or not */
} clx_blob_writer;

void clx_blob_begin(clx_blob_writer *writer, const char *identity);
void clx_blob_add(clx_blob_writer *writer, const clx_blob_entry *entry);
void clx_blob_end(clx_blob_writer *writer);

#endif
