/* SPDX-License-Identifier: Apache-2.0
 *
 * The work-items that share a piece of work, a row or a chunk of rows: a whole work-group with TEAM 1, one
 * work-item alone with TEAM 0. Every function is called by all items of the team and gives all the same
 * result. The local size is a power of two. Each ends with a barrier behind its last read, so the scratch is
 * free again.
 *
 * A fold goes through local memory: each item leaves its value, WAYS items add up a part of them each, and
 * all add up these parts: three barriers. With SUBGROUPS the values are first folded within each sub-group,
 * which takes neither memory nor barrier, and all add up what the sub-groups leave: two barriers. The order
 * of the additions is a fixed tree; within a sub-group it is the compiled kernel's. OpenCL leaves that order
 * open, but a sub-group's items have no order of arrival to go by: the same device and driver give the same
 * bits. No barrier is under a condition, were it the same for all items: PoCL compiles what follows twice
 * then.
 */
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

/* Stands before every function that reaches a barrier, so that the kernel itself has the barrier: in the code
 * that llvmpipe of Mesa 25 makes of a call, a barrier ends the process. BARRIERS_INLINE 0 is for Oclgrind,
 * which does not know an intrinsic that clang leaves where it inlines a function that returns a struct. */
#ifndef BARRIERS_INLINE
#define BARRIERS_INLINE 1
#endif
#if BARRIERS_INLINE
#define HAS_BARRIER ALWAYS_INLINE
#else
#define HAS_BARRIER
#endif

/* Behind it, every item may overwrite what any item has read. */
HAS_BARRIER static void team_barrier(void) {
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
}

/* Defines `type name(type own, scratch)`: the items' values folded by `statement`, which adds `other` to
 * `sum`. */
#define DEFINE_TEAM_FOLD(name, type, statement)               \
    HAS_BARRIER                                               \
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

/* The same where `type in_sub_group(type own)` folds the values of a sub-group. */
#if SUBGROUPS
#define DEFINE_SUB_GROUP_FOLD(name, type, in_sub_group, statement)               \
    HAS_BARRIER                                                                  \
    static type name(type own, team_scratch *scratch) {                          \
        __local type *v = (__local type *)scratch;                               \
        const type of_sub_group = in_sub_group(own);                             \
        if (get_sub_group_local_id() == 0) v[get_sub_group_id()] = of_sub_group; \
        barrier(CLK_LOCAL_MEM_FENCE);                                            \
        type sum = v[0];                                                         \
        for (uint k = 1; k < get_num_sub_groups(); k++) {                        \
            type other = v[k];                                                   \
            statement;                                                           \
        }                                                                        \
        barrier(CLK_LOCAL_MEM_FENCE);                                            \
        return sum;                                                              \
    }
#endif

#else

static int team_item(void) {
    return 0;
}

static int team_items(void) {
    return 1;
}

#define HAS_BARRIER /* none here */

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
