/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile cache file, read as it is, and then with the right checksum behind it. An enemy can compute the
 * checksum too; without it, the reader would refuse nearly every input at once.
 */
#include "program_blob.h"

#include "fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_within(const void *part, size_t bytes, const uint8_t *data, size_t size) {
    const uint8_t *at = part;
    return at >= data && at <= data + size && bytes <= (size_t)(data + size - at);
}

static void read_blob(const uint8_t *data, size_t size) {
    clx_blob blob = {0};
    clx_blob_entry entry;
    volatile unsigned char sum = 0;
    if (!clx_blob_open(&blob, data, size)) return;
    FUZZ_CHECK(is_within(blob.identity, blob.identity_bytes, data, size));
    size_t bytes = 8 + 4 + 4 + blob.identity_bytes + 8;
    while (clx_blob_next(&blob, &entry)) {
        FUZZ_CHECK(is_within(entry.key, entry.key_bytes, data, size));
        FUZZ_CHECK(is_within(entry.binary, entry.binary_bytes, data, size) && entry.binary_bytes > 0);
        for (size_t i = 0; i < entry.binary_bytes; i++) sum = (unsigned char)(sum + entry.binary[i]);
        bytes += 4 + 8 + entry.key_bytes + entry.binary_bytes;
    }
    FUZZ_CHECK(bytes == size); /* no byte was left over or read twice */
}

/* FNV-1a, as program_blob.h says. */
static uint64_t checksum(const uint8_t *data, size_t size) {
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < size; i++) {
        sum ^= data[i];
        sum *= 1099511628211u;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_limit_allocations(size, 1);
    read_blob(data, size);
    const uint64_t sum = checksum(data, size);
    uint8_t *sealed = malloc(size + sizeof sum);
    FUZZ_CHECK(sealed != NULL);
    if (size > 0) memcpy(sealed, data, size);
    memcpy(sealed + size, &sum, sizeof sum);
    read_blob(sealed, size + sizeof sum);
    free(sealed);
    return 0;
}
