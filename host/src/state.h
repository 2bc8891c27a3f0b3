/* SPDX-License-Identifier: Apache-2.0
 * The states of rows on the host: what they are of, and several as one. clxent_arrays.h has their columns. */
#ifndef CLX_STATE_H
#define CLX_STATE_H

#include "plan.h"

/* Whether the plan gives or takes states; else ERR_UNSUPPORTED. */
clxent_status clx_check_has_states(const clxent_plan *plan, const char *function);

/* ERR_ARGUMENT unless each of so many states is of such a call, and of all its classes. */
clxent_status clx_check_whole_states(const clxent_plan *plan, const clxent_scalars *scalars,
                                     const void *states, int64_t rows);

#endif
