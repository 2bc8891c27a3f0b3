/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile .npy file. The reader must read it whole and within its bytes, or refuse it with a message.
 */
#include "fuzz.h"
#include "tensor_check.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char message[1400] = "";
    tensor t;
    size_t offset = 0;
    const tensor_source source = {"f.npy", data, size, message, sizeof message};
    memset(&t, 0, sizeof t);
    fuzz_limit_allocations(size, 1);
    if (npy_parse(&t, &offset, &source) == 0) {
        FUZZ_CHECK(message[0] == '\0');
        check_tensor(&t, offset, &source);
        FUZZ_CHECK(offset + t.bytes == size);
    } else {
        fuzz_check_message(message, sizeof message);
        FUZZ_CHECK(strncmp(message, "f.npy: offset ", 14) == 0);
    }
    return 0;
}
