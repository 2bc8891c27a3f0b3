/* SPDX-License-Identifier: Apache-2.0
 *
 * A cross entropy whose classes are cut into slices, each with a plan of its own: their states, one state of
 * them, and from that all outputs of the call, in the arrays of the whole. */
#ifndef TEST_SLICED_H
#define TEST_SLICED_H

#include <clxent/clxent.h>

enum { SLICED_MOST = 7 };

/* cuts[0] = 0 < ... < cuts[slices] = classes. Merges the states on the host, or on the device, in the order
 * of `order`, `slices` numbers. Returns the status of the calls, which is the same for each; fails the test
 * where anything else is not as it must be. */
clxent_status run_in_slices(clxent_ctx *ctx, const clxent_desc *desc, const clxent_arrays *arrays,
                            const int64_t *cuts, const int *order, int slices, int on_device);

#endif
