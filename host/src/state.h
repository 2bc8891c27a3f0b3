/* SPDX-License-Identifier: Apache-2.0
 * The states of rows on the host: their checks, and merging. clxent_arrays.h has their columns. */
#ifndef CLX_STATE_H
#define CLX_STATE_H

#include "plan.h"

/* ERR_UNSUPPORTED unless the plan gives or takes states. */
clxent_status clx_check_has_states(const clxent_plan *plan, const char *function);

/* ERR_ARGUMENT unless each of so many states is of this plan's kind, and of all classes. */
clxent_status clx_check_whole_states(const clxent_plan *plan, const clxent_scalars *scalars,
                                     const void *states, int64_t rows);

#endif
