/* SPDX-License-Identifier: Apache-2.0
 * Checks of a desc, and of a call's scalars. */
#ifndef CLX_VALIDATE_H
#define CLX_VALIDATE_H

#include <clxent/clxent_experimental.h>

#include "context.h"

/* Copies `in` with its defaults resolved, or says what is wrong with it or with the schedule that
 * is asked for. */
clxent_status clx_resolve_desc(clxent_ctx *ctx, const clxent_desc *in, clxent_schedule asked,
                               clxent_desc *out);
clxent_status clx_check_scalars(clxent_error *err, const clxent_desc *desc, const clxent_scalars *scalars);
clxent_scalars clx_desc_scalars(const clxent_desc *desc);

#endif
