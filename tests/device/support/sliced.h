/* SPDX-License-Identifier: Apache-2.0
 *
 * Computes a cross entropy in slices of classes. Each slice has its own plan and computes its state. The
 * slices' states are merged into one state. From this state each slice computes its outputs, in the whole
 * arrays. */
#ifndef TEST_SLICED_H
#define TEST_SLICED_H

#include <clxent/clxent.h>

enum { SLICED_MOST = 7 };

/* cuts[0] = 0 < ... < cuts[slices] = classes. `order` has `slices` numbers. Merges the states in this order,
 * on the host or on the device. Returns the status of the calls, which must be the same for each. Fails the
 * test when anything else goes wrong. */
clxent_status run_in_slices(clxent_ctx *ctx, const clxent_desc *desc, const clxent_arrays *arrays,
                            const int64_t *cuts, const int *order, int slices, int on_device);

#endif
