/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile tuning file. The reader must take it, or refuse it with a reason and change nothing.
 */
#include "fuzz.h"
#include "session/tuning_file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const clxent_device_info device = {.name = "M1 \xff", .platform = "P"};
    char why[TUNING_WHY] = "";
    clxent_tuning tuning, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    memcpy(&tuning, &untouched, sizeof tuning);
    /* 96 times, because {} takes only 2 bytes in the file. A file has at most 64 KiB. */
    fuzz_limit_allocations(size, 96);
    if (tuning_parse((const char *)data, size, &device, &tuning, why)) {
        FUZZ_CHECK(why[0] == '\0');
        FUZZ_CHECK(tuning.struct_size == sizeof tuning);
        FUZZ_CHECK(size <= TUNING_FILE_BYTES);
    } else {
        fuzz_check_message(why, sizeof why);
        FUZZ_CHECK(memcmp(&tuning, &untouched, sizeof tuning) == 0);
    }
    return 0;
}
