/* SPDX-License-Identifier: Apache-2.0
 * The three phases of a call, as steps of a launch: begin, from the targets alone, counts the rows and makes
 * the divisors; rows, from the logits, gives each row's outputs and its finished gradient; end adds the
 * losses up. */
#ifndef CLX_PHASES_H
#define CLX_PHASES_H

#include "launch.h"

/* Whether a call has anything to do in begin, and whether a kernel reads its rows. */
bool clx_counts_first(const clx_launch *launch, const clx_call *call);
bool clx_reads_rows(const clx_call *call);

/* Add a phase's steps for the rows [first, end); all steps between two submits are for the same rows. Begin
 * and end: `first` is a chunk's first row, `end` one chunk's or the call's last, and with that the sums over
 * all rows are finished. */
void clx_add_begin(clx_launch *launch, const clx_call *call, int64_t first, int64_t end);
clxent_status clx_add_rows(clx_launch *launch, const clx_call *call, int64_t first, int64_t end);
void clx_add_end(clx_launch *launch, const clx_call *call, int64_t first, int64_t end);

#endif
