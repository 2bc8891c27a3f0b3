/* SPDX-License-Identifier: Apache-2.0
 *
 * The one place that decides by the kind of a device or by its driver; but for numbers that cut rows, which
 * are in tuning_table.h. What a driver gets wrong and the kernels can avoid at no cost stands in the kernels,
 * where it says so: a barrier in a function that is not inlined ends llvmpipe of Mesa 25 (team.cl), a tail
 * behind a loop is wrong in PoCL 3.1 (row_at.cl). */
#include "facts.h"

#include <stdlib.h>

#include "device.h"

enum { ANY = 1000000 };

/* What is known of a driver: every line that is the device's counts. */
static const struct known {
    const char *device; /* as clxent_ctx_options.device names one */
    long from, to;      /* the driver's major versions */
    clx_facts facts;
} known[] = {
    /* Its interpreter does not know an intrinsic that clang leaves where it inlined functions, so it gets
     * them not inlined; for the other options see number.cl and team.cl. */
    {"oclgrind",
     0,
     ANY,
     {.is_emulated = true,
      .language = "-cl-std=CL1.2 -cl-opt-disable -DLANES_IN_MEMORY=1 -DBARRIERS_INLINE=0 "}},
    /* Seen in 6.0: in a work-group of 1 or 2 items a function of sub-groups is an undefined symbol
     * (__pocl_work_group_alloca), and the process ends. 4.0 brought these functions; 7.0 has no compilation
     * of its own for small groups. */
    {"pocl", 4, 6, {.no_subgroups = true}},
    /* Seen in 3.1. Holding events costs little, so newer ones are not told apart. */
    {"pocl", 0, ANY, {.loses_events = true}},
    {"llvmpipe", 0, ANY, {.is_emulated = true}},
    /* Seen in 25.0 and before. */
    {"rusticl / llvmpipe", 0, ANY, {.loop_limit = 65535}},
    /* Its fma() is libclc's, a routine of integers that is compiled anew for each lane of each call: seen in
     * 22.3, WIDE took minutes and 8 GB to compile, and takes seconds without. In 26.2 that of LLVM 22 calls
     * what is nowhere ("nir_shader not fully linked"). */
    {"rusticl", 0, ANY, {.options = "-DFMA=0 "}},
};

clx_facts clx_facts_of(const clxent_device_info *info) {
    clx_facts all = {.options = ""};
    const long version = strtol(info->driver, NULL, 10);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct known *k = &known[i];
        if (!clx_device_matches(info, k->device) || version < k->from || version > k->to) continue;
        if (k->facts.is_emulated) all.is_emulated = true;
        if (k->facts.loop_limit) all.loop_limit = k->facts.loop_limit;
        if (k->facts.no_subgroups) all.no_subgroups = true;
        if (k->facts.loses_events) all.loses_events = true;
        if (k->facts.language) all.language = k->facts.language;
        if (k->facts.options) all.options = k->facts.options;
    }
    all.runs_items_in_turn = info->type == CLXENT_DEVICE_CPU;
    all.runs_rows_in_vectors = all.runs_items_in_turn && !all.is_emulated;
    return all;
}
