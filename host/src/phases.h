/* SPDX-License-Identifier: Apache-2.0
 * The three phases of a call, as steps of a launch. Begin counts the rows and makes the divisors, from
 * targets and weights alone. Rows gives each row's outputs and its finished gradient, from the logits. End
 * adds up the losses. */
#ifndef CLX_PHASES_H
#define CLX_PHASES_H

#include "launch.h"

/* Whether a call has anything to do in begin, and whether a kernel reads its rows. */
bool clx_counts_first(const clx_launch *launch, const clx_call *call);
bool clx_reads_rows(const clx_call *call);

/* Each adds a phase's steps for the rows [first, end). All steps between two submits are for the same rows.
 * In begin and end, `first` is the first row of a chunk; `end` is the end of a chunk or of the call, and at
 * the end of the call these steps finish the sums over all rows. */
void clx_add_begin(clx_launch *launch, const clx_call *call, int64_t first, int64_t end);
clxent_status clx_add_rows(clx_launch *launch, const clx_call *call, int64_t first, int64_t end);
void clx_add_end(clx_launch *launch, const clx_call *call, int64_t first, int64_t end);

#endif
