/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of program blobs against blobs that a disk or an enemy has damaged: cut at every length, with
 * every byte changed, and with wrong lengths under a right checksum. The blobs are in memory of exactly their
 * size, so that a memory checker sees a read outside them. No device is needed. */
#include "program_blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char identity[] = "clxent 1.2.3\nplatform\ndevice";
static const clx_blob_entry entries[] = {
    {"wide -DA=1", 10, (const unsigned char *)"\0binary\xff one", 12},
    {"", 0, (const unsigned char *)"x", 1},
    {"reduce", 6, (const unsigned char *)"a longer binary, of no round length", 35},
};
enum { ENTRIES = sizeof entries / sizeof *entries };

static void write_blob(clx_blob_writer *w, size_t count) {
    clx_blob_begin(w, identity);
    for (size_t i = 0; i < count; i++) clx_blob_add(w, &entries[i]);
    clx_blob_end(w);
}

/* Makes a blob of the first `count` entries. The caller frees it. */
static unsigned char *new_blob(size_t count, size_t *bytes) {
    clx_blob_writer size = {0};
    write_blob(&size, count);
    clx_blob_writer w = {.data = malloc(size.bytes), .capacity = size.bytes};
    assert_non_null(w.data);
    write_blob(&w, count);
    assert_int_equal(w.bytes, size.bytes);
    *bytes = w.bytes;
    return w.data;
}

static void what_was_written_is_read(void **state) {
    (void)state;
    for (size_t count = 0; count <= ENTRIES; count++) {
        size_t bytes = 0;
        unsigned char *data = new_blob(count, &bytes);
        clx_blob blob;
        clx_blob_entry entry;
        assert_true(clx_blob_open(&blob, data, bytes));
        assert_int_equal(blob.identity_bytes, strlen(identity));
        assert_memory_equal(blob.identity, identity, blob.identity_bytes);
        for (size_t i = 0; i < count; i++) {
            assert_true(clx_blob_next(&blob, &entry));
            assert_int_equal(entry.key_bytes, entries[i].key_bytes);
            assert_memory_equal(entry.key, entries[i].key, entry.key_bytes);
            assert_int_equal(entry.binary_bytes, entries[i].binary_bytes);
            assert_memory_equal(entry.binary, entries[i].binary, entry.binary_bytes);
        }
        assert_false(clx_blob_next(&blob, &entry));
        assert_false(clx_blob_next(&blob, &entry));
        free(data);
    }
}

/* With too little room, the writer writes nothing outside it, and still returns the right size. */
static void room_that_is_too_small(void **state) {
    (void)state;
    size_t bytes = 0;
    unsigned char *whole = new_blob(ENTRIES, &bytes);
    for (size_t capacity = 0; capacity < bytes; capacity++) {
        clx_blob_writer w = {.data = malloc(capacity + 1), .capacity = capacity};
        assert_non_null(w.data);
        w.data[capacity] = 0x5C;
        write_blob(&w, ENTRIES);
        assert_int_equal(w.bytes, bytes);
        assert_int_equal(w.data[capacity], 0x5C);
        free(w.data);
    }
    free(whole);
}

static void cut_anywhere(void **state) {
    (void)state;
    size_t bytes = 0;
    unsigned char *whole = new_blob(ENTRIES, &bytes);
    clx_blob blob;
    assert_false(clx_blob_open(&blob, NULL, 0));
    assert_false(clx_blob_open(&blob, NULL, bytes));
    for (size_t length = 0; length < bytes; length++) {
        unsigned char *part = malloc(length ? length : 1);
        assert_non_null(part);
        memcpy(part, whole, length);
        assert_false(clx_blob_open(&blob, part, length));
        memcpy(part, whole + bytes - length, length); /* and the end without the beginning */
        assert_false(clx_blob_open(&blob, part, length));
        free(part);
    }
    unsigned char *longer = calloc(1, bytes + 1);
    assert_non_null(longer);
    memcpy(longer, whole, bytes);
    assert_false(clx_blob_open(&blob, longer, bytes + 1));
    free(longer);
    free(whole);
}

static void any_byte_changed(void **state) {
    (void)state;
    size_t bytes = 0;
    unsigned char *data = new_blob(ENTRIES, &bytes);
    clx_blob blob;
    for (size_t i = 0; i < bytes; i++)
        for (unsigned change = 1; change < 256; change++) {
            data[i] ^= (unsigned char)change;
            assert_false(clx_blob_open(&blob, data, bytes));
            data[i] ^= (unsigned char)change;
        }
    assert_true(clx_blob_open(&blob, data, bytes));
    free(data);
}

/* Sets the checksum, as the layout defines it. The test has its own code for that: an enemy can compute it
 * too. */
static void seal(unsigned char *data, size_t bytes) {
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < bytes - sizeof sum; i++) {
        sum ^= data[i];
        sum *= 1099511628211u;
    }
    memcpy(data + bytes - sizeof sum, &sum, sizeof sum);
}

/* Replaces each length of a blob by wrong ones, and makes the checksum fit. */
static void lengths_that_lie(void **state) {
    (void)state;
    static const uint64_t lies[] = {0,
                                    1,
                                    2,
                                    7,
                                    8,
                                    100,
                                    0x7fffffff,
                                    0x80000000,
                                    0xfffffff0,
                                    0xffffffff,
                                    UINT64_MAX,
                                    UINT64_MAX - 7,
                                    UINT64_MAX / 2,
                                    (uint64_t)1 << 32,
                                    ((uint64_t)1 << 32) + 1};
    const size_t identity_at = 12, key_at = 16 + strlen(identity), binary_at = key_at + 4;
    const struct {
        size_t at, size, truth;
    } lengths[] = {{identity_at, 4, strlen(identity)},
                   {key_at, 4, entries[0].key_bytes},
                   {binary_at, 8, entries[0].binary_bytes}};
    size_t bytes = 0;
    unsigned char *data = new_blob(1, &bytes);
    clx_blob blob;
    seal(data, bytes);
    assert_true(clx_blob_open(&blob, data, bytes)); /* seal() computes the right checksum */
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
            const uint64_t lie = lengths[l].size == 4 ? (uint32_t)lies[i] : lies[i];
            const uint32_t low = (uint32_t)lie;
            if (lie == lengths[l].truth) continue;
            memcpy(data + lengths[l].at, lengths[l].size == 4 ? (const void *)&low : &lie, lengths[l].size);
            seal(data, bytes);
            assert_false(clx_blob_open(&blob, data, bytes));
            free(data);
            data = new_blob(1, &bytes);
        }
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(room_that_is_too_small),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(any_byte_changed),
        cmocka_unit_test(lengths_that_lie),
    };
    return cmocka_run_group_tests_name("program blob", tests, NULL, NULL);
}
