/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of drivers that do something wrong which the kernels cannot avoid for all. What they can
 * avoid at no cost stands in the kernels, where it says so: a barrier in a function that is not inlined ends
 * llvmpipe of Mesa 25 (team.cl), a tail behind a loop is wrong in PoCL 3.1 (row_at.cl).
 */
#include "quirks.h"

#include <stdlib.h>
#include <string.h>

enum { ANY = 1000000 };

static const struct known {
    const char *platform, *device; /* a part of its name */
    long from, to;                 /* the driver's major versions */
    clx_quirks quirks;
} known[] = {
    /* Its interpreter does not know an intrinsic that clang leaves where it inlined functions, so it gets
     * them not inlined; for the other options see number.cl and team.cl. */
    {"Oclgrind",
     "",
     0,
     ANY,
     {.language = "-cl-std=CL1.2 -cl-opt-disable -DLANES_IN_MEMORY=1 -DBARRIERS_INLINE=0 "}},
    /* Seen in 6.0: in a work-group of 1 or 2 items a function of sub-groups is an undefined symbol
     * (__pocl_work_group_alloca), and the process ends. 4.0 brought these functions; 7.0 has no compilation
     * of its own for small groups. */
    {"Portable Computing Language", "", 4, 6, {.no_subgroups = true}},
    /* Seen in 3.1. Holding events costs little, so newer ones are not told apart. */
    {"Portable Computing Language", "", 0, ANY, {.loses_events = true}},
    /* Seen in 25.0 and before. */
    {"rusticl", "llvmpipe", 0, ANY, {.loop_limit = 65535}},
    /* Its fma() is libclc's, a routine of integers that is compiled anew for each lane of each call: seen in
     * 22.3, WIDE took minutes and 8 GB to compile, and takes seconds without. In 26.2 that of LLVM 22 calls
     * what is nowhere ("nir_shader not fully linked"). */
    {"rusticl", "", 0, ANY, {.options = "-DFMA=0 "}},
};

clx_quirks clx_quirks_of(const clxent_device_info *info) {
    clx_quirks all = {.options = ""};
    const long version = strtol(info->driver, NULL, 10);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct known *k = &known[i];
        if (!strstr(info->platform, k->platform) || !strstr(info->name, k->device)) continue;
        if (version < k->from || version > k->to) continue;
        if (k->quirks.loop_limit) all.loop_limit = k->quirks.loop_limit;
        if (k->quirks.no_subgroups) all.no_subgroups = true;
        if (k->quirks.loses_events) all.loses_events = true;
        if (k->quirks.language) all.language = k->quirks.language;
        if (k->quirks.options) all.options = k->quirks.options;
    }
    return all;
}
