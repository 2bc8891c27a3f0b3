/* SPDX-License-Identifier: Apache-2.0 */
#include "program_blob.h"

#include <stdint.h>
#include <string.h>

#include "fnv.h"

static const char magic[8] = {'c', 'l', 'x', 'e', 'n', 't', 'P', 'C'};
static const uint32_t version = 1;

/* ---------------------------------------------------------------- reading ----------------------------- */

/* Takes `bytes` bytes off the `*left` bytes at `*at`. NULL: there are not so many. */
static const void *take(const unsigned char **at, size_t *left, uint64_t bytes) {
    const void *taken = *at;
    if (bytes > *left) return NULL;
    *at += bytes;
    *left -= (size_t)bytes;
    return taken;
}

static bool take_value(const unsigned char **at, size_t *left, void *value, size_t size) {
    const void *from = take(at, left, size);
    if (from) memcpy(value, from, size);
    return from != NULL;
}

bool clx_blob_next(clx_blob *blob, clx_blob_entry *out) {
    uint32_t key_bytes = 0;
    uint64_t binary_bytes = 0;
    const unsigned char **at = &blob->entries;
    size_t *left = &blob->entries_bytes;
    if (!take_value(at, left, &key_bytes, sizeof key_bytes) ||
        !take_value(at, left, &binary_bytes, sizeof binary_bytes) || binary_bytes == 0)
        return false;
    out->key = take(at, left, key_bytes);
    if (out->key) out->binary = take(at, left, binary_bytes);
    if (out->key == NULL || out->binary == NULL) return false;
    out->key_bytes = key_bytes;
    out->binary_bytes = (size_t)binary_bytes;
    return true;
}

bool clx_blob_open(clx_blob *out, const void *data, size_t bytes) {
    const unsigned char *at = data;
    uint64_t sum = 0;
    uint32_t found_version = 0, identity_bytes = 0;
    if (data == NULL || bytes < sizeof sum) return false;
    size_t left = bytes - sizeof sum;
    const void *found_magic = take(&at, &left, sizeof magic);
    if (found_magic == NULL || memcmp(found_magic, magic, sizeof magic) != 0) return false;
    if (!take_value(&at, &left, &found_version, sizeof found_version) || found_version != version ||
        !take_value(&at, &left, &identity_bytes, sizeof identity_bytes))
        return false;
    const char *identity = take(&at, &left, identity_bytes);
    if (identity == NULL) return false;
    memcpy(&sum, (const unsigned char *)data + bytes - sizeof sum, sizeof sum);
    if (sum != clx_fnv(CLX_FNV_START, data, bytes - sizeof sum)) return false;

    *out = (clx_blob){identity, identity_bytes, at, left};
    clx_blob rest = *out;
    clx_blob_entry entry;
    while (rest.entries_bytes > 0)
        if (!clx_blob_next(&rest, &entry)) return false;
    return true;
}

/* ---------------------------------------------------------------- writing ----------------------------- */

static void put(clx_blob_writer *writer, const void *value, size_t size) {
    const size_t left = writer->bytes < writer->capacity ? writer->capacity - writer->bytes : 0;
    if (writer->data && size > 0 && size <= left) memcpy(writer->data + writer->bytes, value, size);
    writer->bytes += size;
}

void clx_blob_begin(clx_blob_writer *writer, const char *identity) {
    const uint32_t identity_bytes = (uint32_t)strlen(identity);
    put(writer, magic, sizeof magic);
    put(writer, &version, sizeof version);
    put(writer, &identity_bytes, sizeof identity_bytes);
    put(writer, identity, identity_bytes);
}

void clx_blob_add(clx_blob_writer *writer, const clx_blob_entry *entry) {
    const uint32_t key_bytes = (uint32_t)entry->key_bytes;
    const uint64_t binary_bytes = entry->binary_bytes;
    put(writer, &key_bytes, sizeof key_bytes);
    put(writer, &binary_bytes, sizeof binary_bytes);
    put(writer, entry->key, entry->key_bytes);
    put(writer, entry->binary, entry->binary_bytes);
}

void clx_blob_end(clx_blob_writer *writer) {
    const bool whole = writer->data && writer->bytes <= writer->capacity;
    const uint64_t sum = whole ? clx_fnv(CLX_FNV_START, writer->data, writer->bytes) : 0;
    put(writer, &sum, sizeof sum);
}
