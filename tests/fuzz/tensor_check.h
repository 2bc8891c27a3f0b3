/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of a tensor that a parser has read from a stranger's bytes.
 */
#ifndef CLXENT_FUZZ_TENSOR_CHECK_H
#define CLXENT_FUZZ_TENSOR_CHECK_H

#include "files/tensor_format.h"

/* Checks that the tensor lies in the file, that its size is that of its shape, and that all its bytes can be
 * read. */
void check_tensor(const tensor *t, size_t offset, const tensor_source *source);

#endif
