/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads, checks and applies tuning files, which `clxent tune --out` writes. A bad file costs only speed, so
 * the tool warns and goes on.
 */
#ifndef CLXENT_CLI_TUNING_FILE_H
#define CLXENT_CLI_TUNING_FILE_H

#include <clxent/clxent_experimental.h>

#include "session.h"

/* A tuning file is a JSON object. Its "device" and "platform" must be those of the device. Its "tuning" has
 * integers by the names of CLXENT_TUNING_MAP. The parser ignores other keys. clxent_ctx_set_tuning() checks
 * the limits. False: the bytes are no such object, and `why` says what is wrong and where. */
enum { TUNING_FILE_BYTES = 64 << 10, TUNING_WHY = 512 };
int tuning_parse(const char *bytes, size_t size, const clxent_device_info *device, clxent_tuning *out,
                 char why[TUNING_WHY]);

/* Applies the tuning of the file. If `path` is NULL, it takes the file that the environment variable
 * CLXENT_TUNING names, if any. If that fails, it prints one warning, and the library's table stays. */
void tuning_apply(const session *s, const char *path);

#endif
