/* SPDX-License-Identifier: Apache-2.0
 * Why there is no device, in words. */
#ifndef CLX_DIAGNOSE_H
#define CLX_DIAGNOSE_H

#include <clxent/clxent.h>

/* Writes into err why there is no device and what to do. `platforms`: the number of platforms that answered;
 * `names`: their names. */
clxent_status clx_no_device(clxent_error *err, unsigned platforms, const char *names);

#endif
