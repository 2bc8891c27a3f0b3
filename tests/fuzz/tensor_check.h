/* SPDX-License-Identifier: Apache-2.0
 *
 * What holds after a tensor format's parser has read a stranger's bytes, or refused them.
 */
#ifndef CLXENT_FUZZ_TENSOR_CHECK_H
#define CLXENT_FUZZ_TENSOR_CHECK_H

#include "files/tensor_format.h"

/* The tensor lies in the file, its shape has the bytes that it says, and all of them can be read. */
void check_tensor(const tensor *t, size_t offset, const tensor_source *source);

#endif
