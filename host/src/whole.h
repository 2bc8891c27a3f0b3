/* SPDX-License-Identifier: Apache-2.0
 * A call on host arrays that are all on the device at once: linear cross entropy, whose products take all of
 * the classifier for each block of rows. (stream.h brings blocks of rows to the device instead.) */
#ifndef CLX_WHOLE_H
#define CLX_WHOLE_H

#include "staging.h"

/* Enqueues the call, and the transfers of its arrays. */
clxent_status clx_run_whole(clxent_plan *plan, const clx_call *call, clx_transfers *transfers);

#endif
