/* SPDX-License-Identifier: Apache-2.0
 *
 * The work-items that share a piece of work, a row or a chunk of rows: a whole work-group with TEAM 1, one
 * work-item alone with TEAM 0. Every function is called by all items of the team and gives all the same
 * result; the order of the additions is a fixed tree. The local size is a power of two.
 * Each ends with a barrier behind its last read, so the scratch is free again. */
#ifndef CLX_TEAM_CL
#define CLX_TEAM_CL
#include "sums.cl"

#ifndef TEAM
#define TEAM 0
#endif

typedef __local uchar team_scratch; /* CLX_SCRATCH_BYTES a work-item */

#if TEAM

static int team_item(void) {
    return (int)get_local_id(0);
}

static int team_items(void) {
    return (int)get_local_size(0);
}

/* Folds the upper half of `value[0 .. items)` onto the lower, until one is left. */
#define TEAM_FOLD(scratch, type, name, own, combine)                                                         \
    __local type *name = (__local type *)(scratch);                                                          \
    int item = team_item();                                                                                  \
    name[item] = (own);                                                                                      \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                            \
    for (int half_ = team_items() / 2; half_ > 0; half_ /= 2) {                                              \
        if (item < half_) {                                                                                  \
            int other = item + half_;                                                                        \
            combine;                                                                                         \
        }                                                                                                    \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                        \
    }                                                                                                        \
    type folded = name[0];                                                                                   \
    barrier(CLK_LOCAL_MEM_FENCE);

/* Behind it, every item may overwrite what any item has read. */
static void team_barrier(void) {
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
}

static real team_max(real x, team_scratch *scratch) {
    TEAM_FOLD(scratch, real, v, x, v[item] = fmax(v[item], v[other]))
    return folded;
}

static real team_sum(real x, team_scratch *scratch) {
    TEAM_FOLD(scratch, real, v, x, v[item] += v[other])
    return folded;
}

static long team_sum_long(long x, team_scratch *scratch) {
    TEAM_FOLD(scratch, long, v, x, v[item] += v[other])
    return folded;
}

static long team_min_long(long x, team_scratch *scratch) {
    TEAM_FOLD(scratch, long, v, x, v[item] = min(v[item], v[other]))
    return folded;
}

static long_sum team_long_sum(long_sum x, team_scratch *scratch) {
    TEAM_FOLD(scratch, long_sum, v, x, long_sum mine = v[item]; long_sum_merge(&mine, v[other]);
              v[item] = mine)
    return folded;
}

#else

static int team_item(void) {
    return 0;
}
static int team_items(void) {
    return 1;
}
static void team_barrier(void) {
}
static real team_max(real x, team_scratch *scratch) {
    return x;
}
static real team_sum(real x, team_scratch *scratch) {
    return x;
}
static long team_sum_long(long x, team_scratch *scratch) {
    return x;
}
static long team_min_long(long x, team_scratch *scratch) {
    return x;
}
static long_sum team_long_sum(long_sum x, team_scratch *scratch) {
    return x;
}

#endif
#endif
