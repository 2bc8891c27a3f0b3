/* SPDX-License-Identifier: Apache-2.0
 * The tuning table: a line a device, the first that matches counts, the last matches every device. Lines are
 * printed by `clxent tune`; host/doc/manual/tuning.md says how they get here.
 *
 * device: as clxent_ctx_options.device names one ("pocl", part of "platform / device", a type); "": any.
 * vendor: part of the device's vendor, case minded; "": any. Then the fields of CLXENT_TUNING_MAP, in order.
 */
#ifndef CLX_TUNING_TABLE_H
#define CLX_TUNING_TABLE_H

#include "tuning.h"

#define CLX_TUNED(device, vendor, ...) {device, vendor, {sizeof(clxent_tuning), __VA_ARGS__}},
/* clang-format off */
static const clx_tuned_device clx_tuned_devices[] = {
    /*         device  vendor  group: width, tile, short, size  wide: width, tile  lane few split: part, teams */
    /* An interpreter, which takes as long for an item without a class as for one with four: few items. */
    CLX_TUNED("oclgrind", "",         4,     4,    8,     16,         16,    8,    16,  32,        16384, 1)
    /* PoCL 3.1, two cores with AVX-512: LANE and WIDE are alike at 96 classes with a gradient, at 128 without. */
    CLX_TUNED("pocl",  "",            4,     4,    64,    64,         16,    8,    64,  112,     16384, 1)
    /* llvmpipe and what is new: small groups, since a CPU runs a group's items one after the other. */
    CLX_TUNED("cpu",   "",            4,     4,    64,    64,         16,    8,    64,  32,        16384, 1)
    /* Not measured on a card yet. */
    CLX_TUNED("gpu",   "",            4,     4,    64,    256,        16,    8,    64,  32,        16384, 2)
    CLX_TUNED("",      "",            4,     4,    64,    256,        16,    8,    64,  32,        16384, 2)
};
/* clang-format on */

#endif
