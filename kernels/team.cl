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

typedef __local uchar team_scratch; /* the largest type reduced, a work-item */

#if TEAM

static int team_item(void) {
    return (int)get_local_id(0);
}

static int team_items(void) {
    return (int)get_local_size(0);
}

/* Behind it, every item may overwrite what any item has read. */
static void team_barrier(void) {
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
}

/* Defines `type name(type own, scratch)`: the items' values folded by `statement`, which adds `other` to
 * `sum`. */
#define DEFINE_TEAM_FOLD(name, type, statement)               \
    static type name(type own, team_scratch *scratch) {       \
        enum { WAYS = 16 };                                   \
        __local type *v = (__local type *)scratch;            \
        const int item = team_item();                         \
        const int items = team_items();                       \
        v[item] = own;                                        \
        barrier(CLK_LOCAL_MEM_FENCE);                         \
        if (item < WAYS) {                                    \
            type sum = own;                                   \
            for (int k = item + WAYS; k < items; k += WAYS) { \
                type other = v[k];                            \
                statement;                                    \
            }                                                 \
            v[item] = sum;                                    \
        }                                                     \
        barrier(CLK_LOCAL_MEM_FENCE);                         \
        type sum = v[0];                                      \
        for (int k = 1; k < WAYS && k < items; k++) {         \
            type other = v[k];                                \
            statement;                                        \
        }                                                     \
        barrier(CLK_LOCAL_MEM_FENCE);                         \
        return sum;                                           \
    }

#else

static int team_item(void) {
    return 0;
}

static int team_items(void) {
    return 1;
}

static void team_barrier(void) {}

#define DEFINE_TEAM_FOLD(name, type, statement)         \
    static type name(type own, team_scratch *scratch) { \
        return own;                                     \
    }

#endif

#endif
