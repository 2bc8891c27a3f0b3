/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets share. A target is one file that defines LLVMFuzzerTestOneInput(): bytes that a
 * stranger made, given to one of the project's readers, and what must hold whatever they are. libFuzzer
 * drives it (ci/fuzz), and replay.c does with any compiler (ctest).
 */
#ifndef CLXENT_FUZZ_H
#define CLXENT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Always 0. The bytes stand in memory of exactly their size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold. Aborts, after a line that names it. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_failed(const char *file, int line, const char *condition);

/* From here on a single allocation may have 8 times `size` + FUZZ_FREE bytes, and all that jansson holds at a
 * time json_times `size` + FUZZ_FREE: more aborts. Every allocation of the project's own code and of jansson
 * is seen (allocations.c). */
enum { FUZZ_FREE = 16 << 10 };
void fuzz_limit_allocations(size_t size, size_t json_times);

/* A message for people: one line, ended, with nothing in it that a terminal would obey. */
void fuzz_check_message(const char *message, size_t capacity);

#endif
