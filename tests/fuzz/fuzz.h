/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that the fuzz targets share. A target is one file that defines LLVMFuzzerTestOneInput(): it
 * gives a stranger's bytes to one of the project's readers, and checks what must hold for any bytes.
 * libFuzzer drives it (ci/fuzz); with any compiler, replay.c can drive it too (ctest).
 */
#ifndef CLXENT_FUZZ_H
#define CLXENT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0. The caller has the bytes in memory of exactly their size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts if the condition does not hold, after a line that names it. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_failed(const char *file, int line, const char *condition);

/* Limits the allocations that follow; more than the limit aborts. A single allocation may have 8 times `size`
 * + FUZZ_FREE bytes. All memory that jansson holds at a time may have `json_times` times `size` + FUZZ_FREE
 * bytes. The limits count every allocation of the project's own code and of jansson (allocations.c). */
enum { FUZZ_FREE = 16 << 10 };
void fuzz_limit_allocations(size_t size, size_t json_times);

/* Checks a message for people: one line, not empty, ended by NUL, and nothing that a terminal obeys. */
void fuzz_check_message(const char *message, size_t capacity);

#endif
