/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning files, as `clxent tune --out` writes them: read, judged, put into effect. A file that is of no use
 * costs speed alone, so it is a warning, never a failure.
 */
#ifndef CLXENT_CLI_TUNING_FILE_H
#define CLXENT_CLI_TUNING_FILE_H

#include <clxent/clxent_experimental.h>

#include "session.h"

/* A JSON object whose "device" and "platform" are the device's and whose "tuning" has integers by the names
 * of CLXENT_TUNING_MAP; what else it has is passed over. Limits are left to clxent_ctx_set_tuning(). False:
 * it is not that, and `why` says what is wrong and where. */
enum { TUNING_FILE_BYTES = 64 << 10, TUNING_WHY = 512 };
int tuning_parse(const char *bytes, size_t size, const clxent_device_info *device, clxent_tuning *out,
                 char why[TUNING_WHY]);

/* Puts the file's tuning into effect; `path` NULL: that of the environment variable CLXENT_TUNING, if it has
 * one. Where that fails: one warning, and the library's table. */
void tuning_apply(const session *s, const char *path);

#endif
