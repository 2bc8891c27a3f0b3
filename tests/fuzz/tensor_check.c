/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor_check.h"

#include "fuzz.h"

void check_tensor(const tensor *t, size_t offset, const tensor_source *source) {
    const size_t size = clxent_dtype_size(t->dtype);
    FUZZ_CHECK(size >= 1 && size <= 8);
    FUZZ_CHECK(t->ndim >= 0 && t->ndim <= TENSOR_MAX_DIMS);
    FUZZ_CHECK(offset <= source->size && t->bytes <= source->size - offset);
    size_t count = 1;
    for (int d = 0; d < t->ndim; d++) {
        FUZZ_CHECK(t->shape[d] >= 0);
        if (t->shape[d] == 0) count = 0;
    }
    for (int d = 0; d < t->ndim && count > 0; d++) {
        FUZZ_CHECK((uint64_t)t->shape[d] <= source->size / count);
        count *= (size_t)t->shape[d];
    }
    FUZZ_CHECK(t->count >= 0 && (size_t)t->count == count);
    FUZZ_CHECK(t->bytes == count * size);
    volatile unsigned char sum = 0;
    for (size_t i = 0; i < t->bytes; i++) sum = (unsigned char)(sum + source->bytes[offset + i]);
}
