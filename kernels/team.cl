/* SPDX-License-Identifier: Apache-2.0
 *
 * The work-items that share a piece of work, a row or a chunk of rows: a whole work-group with TEAM 1, one
 * work-item alone with TEAM 0. Every function is called by all items of the team and gives all the same
 * result. The local size is a power of two. Each ends with a barrier behind its last read, so the scratch is
 * free again.
 *
 * A fold goes through local memory: each item leaves its value, WAYS items add up a part of them each, and
 * all add up these parts. With SUBGROUPS the values are first folded within each sub-group, which takes
 * neither memory nor barrier; up to WAYS sub-groups are left then, and one of the three barriers goes too, or
 * with a single sub-group all. The order of the additions is a fixed tree; within a sub-group it is the
 * compiled kernel's. OpenCL leaves that order open, but a sub-group's items have no order of arrival to go
 * by: the same device and driver give the same bits. */
#ifndef CLX_TEAM_CL
#define CLX_TEAM_CL
#include "sums.cl"

#ifndef TEAM
#define TEAM 0
#endif

#ifndef SUBGROUPS
#define SUBGROUPS 0
#endif
#if SUBGROUPS && defined(cl_khr_subgroups)
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif

/* The largest type folded, a work-item. Declared as what has the largest alignment: drivers go by it. */
typedef __local long16 team_scratch;

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

/* The body of a fold of `values` values: this item's `own`, which it leaves in the slot of that number where
 * `leaves`. `statement` adds `other` to `sum`. */
#define FOLD_VALUES(type, values, slot, leaves, statement)    \
    enum { WAYS = 16 };                                       \
    __local type *v = (__local type *)scratch;                \
    const int count = (values), item = team_item();           \
    if (count == 1) return own;                               \
    if (leaves) v[slot] = own;                                \
    barrier(CLK_LOCAL_MEM_FENCE);                             \
    if (count > WAYS) {                                       \
        if (item < WAYS) {                                    \
            type sum = v[item];                               \
            for (int k = item + WAYS; k < count; k += WAYS) { \
                type other = v[k];                            \
                statement;                                    \
            }                                                 \
            v[item] = sum;                                    \
        }                                                     \
        barrier(CLK_LOCAL_MEM_FENCE);                         \
    }                                                         \
    type sum = v[0];                                          \
    for (int k = 1; k < WAYS && k < count; k++) {             \
        type other = v[k];                                    \
        statement;                                            \
    }                                                         \
    barrier(CLK_LOCAL_MEM_FENCE);                             \
    return sum;

/* Defines `type name(type own, scratch)`: the items' values folded by `statement`, which adds `other` to
 * `sum`. */
#define DEFINE_TEAM_FOLD(name, type, statement)                       \
    static type name(type own, team_scratch *scratch) {               \
        FOLD_VALUES(type, team_items(), team_item(), true, statement) \
    }

/* The same where `type in_sub_group(type own)` folds the values of a sub-group. */
#if SUBGROUPS
#define DEFINE_SUB_GROUP_FOLD(name, type, in_sub_group, statement)                                      \
    static type name(type own, team_scratch *scratch) {                                                 \
        own = in_sub_group(own);                                                                        \
        FOLD_VALUES(type, (int)get_num_sub_groups(), get_sub_group_id(), get_sub_group_local_id() == 0, \
                    statement)                                                                          \
    }
#endif

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

#ifndef DEFINE_SUB_GROUP_FOLD
#define DEFINE_SUB_GROUP_FOLD(name, type, in_sub_group, statement) DEFINE_TEAM_FOLD(name, type, statement)
#endif

#endif
