/* SPDX-License-Identifier: Apache-2.0
 *
 * Only this file decides by the kind of a device or by its driver, with two exceptions. tuning_table.h has
 * the numbers that cut rows. The kernels themselves avoid a driver's fault where that costs nothing, and say
 * so there: a barrier in a function that is not inlined ends the process with llvmpipe of Mesa 25 (team.cl);
 * PoCL 3.1 gets a tail behind a loop wrong (row_at.cl). */
#include "facts.h"

#include <stdlib.h>

#include "device.h"

enum { ANY = 1000000 };

/* The known drivers. Every line that matches a device applies to it. */
static const struct known {
    const char *device; /* as clxent_ctx_options.device names one */
    long from, to;      /* the driver's major versions */
    clx_facts facts;
} known[] = {
    /* Oclgrind's interpreter does not know an intrinsic that clang leaves where it has inlined functions. So
     * clang must not inline; number.cl and team.cl explain the other options. */
    {"oclgrind",
     0,
     ANY,
     {.is_emulated = true,
      .language = "-cl-std=CL1.2 -cl-opt-disable -DLANES_IN_MEMORY=1 -DBARRIERS_INLINE=0 "}},
    /* Seen in PoCL 6.0: in a work-group of 1 or 2 items a sub-group function leaves an undefined symbol
     * (__pocl_work_group_alloca), and the process ends. PoCL 4.0 introduced these functions. PoCL 7.0 does
     * not compile small groups on their own. */
    {"pocl", 4, 6, {.no_subgroups = true}},
    /* Seen in PoCL 3.1. Holding events costs little, so this line also covers newer versions. */
    {"pocl", 0, ANY, {.loses_events = true}},
    {"llvmpipe", 0, ANY, {.is_emulated = true}},
    /* Seen in Mesa 25.0 and before. */
    {"rusticl / llvmpipe", 0, ANY, {.loop_limit = 65535}},
    /* rusticl's fma() is libclc's, a routine of integers that the compiler expands for each lane of each
     * call. Seen in Mesa 22.3: WIDE took minutes and 8 GB to compile, and takes seconds without fma(). Seen
     * in Mesa 26.2: the fma() of LLVM 22 calls a function that does not exist ("nir_shader not fully
     * linked"). */
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
