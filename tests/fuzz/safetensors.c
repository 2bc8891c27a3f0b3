/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile .safetensors file. The target asks for a tensor that the file may have, and then for its only
 * tensor. If the file has more, the reader's message lists them.
 */
#include "fuzz.h"
#include "tensor_check.h"

#include <string.h>

static void ask(const uint8_t *data, size_t size, const char *name) {
    char message[1400] = "";
    tensor t;
    size_t offset = 0;
    const tensor_source source = {"f.safetensors", data, size, message, sizeof message};
    memset(&t, 0, sizeof t);
    fuzz_limit_allocations(size, 32);
    if (safetensors_parse(&t, &offset, &source, name) == 0) {
        FUZZ_CHECK(message[0] == '\0');
        check_tensor(&t, offset, &source);
        FUZZ_CHECK(offset >= 8);
    } else {
        fuzz_check_message(message, sizeof message);
        FUZZ_CHECK(strncmp(message, "f.safetensors: ", 15) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ask(data, size, "x");
    ask(data, size, NULL);
    return 0;
}
