/* SPDX-License-Identifier: Apache-2.0
 * The tuning table: one line for each device. The first line that matches a device counts; the last line
 * matches every device. `clxent tune` prints lines; host/doc/manual/tuning.md says how a line gets here.
 *
 * device: as clxent_ctx_options.device names one ("pocl", part of "platform / device", a type); "": any.
 * vendor: part of the device's vendor, in the same case; "": any. Then the fields of CLXENT_TUNING_MAP, in
 * order. */
#ifndef CLX_TUNING_TABLE_H
#define CLX_TUNING_TABLE_H

#include "tuning.h"

#define CLX_TUNED(device, vendor, ...) {device, vendor, {sizeof(clxent_tuning), __VA_ARGS__}},
/* clang-format off */
static const clx_tuned_device clx_tuned_devices[] = {
    /*         device  vendor  group: width, tile, short, size  wide: width, tile  lane few split: part, teams */
    /* An interpreter: an item without a class takes as long as an item with four, so groups have few items. */
    CLX_TUNED("oclgrind", "",         4,     4,    8,     16,         16,    8,    16,  32,        16384, 1)
    /* PoCL 3.1, two cores with AVX-512: LANE is as fast as WIDE at 96 classes with a gradient, at 128 without. */
    CLX_TUNED("pocl",  "",            4,     4,    64,    64,         16,    8,    64,  112,     16384, 1)
    /* llvmpipe and unknown CPU drivers: small groups, since a CPU runs a group's items one after the other. */
    CLX_TUNED("cpu",   "",            4,     4,    64,    64,         16,    8,    64,  32,        16384, 1)
    /* Not measured on a GPU yet. */
    CLX_TUNED("gpu",   "",            4,     4,    64,    256,        16,    8,    64,  32,        16384, 2)
    CLX_TUNED("",      "",            4,     4,    64,    256,        16,    8,    64,  32,        16384, 2)
};
/* clang-format on */

#endif
