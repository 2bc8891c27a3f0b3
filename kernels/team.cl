/* SPDX-License-Identifier: Apache-2.0
 *
 * A team is the work-items that share a piece of work, a row or a chunk of rows: a whole work-group with TEAM
 * 1, a single work-item with TEAM 0. All items of the team call a fold, and it gives all of them the same
 * result. The local size is a power of two. A fold ends with a barrier behind its last read, so that the
 * scratch is free again.
 *
 * A fold goes through local memory. Each item stores its value, WAYS items add up a share of the values each,
 * and all items add up the shares: three barriers. With SUBGROUPS each sub-group first folds its values,
 * which takes neither memory nor barrier, and all items add up the results of the sub-groups: two barriers.
 * The order of the additions is a fixed tree. Within a sub-group the compiled kernel fixes the order: OpenCL
 * leaves it open, but the items of a sub-group do not arrive one by one, so the same device and driver give
 * the same bits.
 *
 * Never put a barrier inside a branch, even a uniform one: PoCL compiles the code behind such a barrier
 * twice. */
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

/* The local scratch has SCRATCH_BYTES for each work-item. A fold of a larger type does not compile: it
 * divides by zero. The scratch is declared as long16, which has the largest alignment: drivers align it by
 * its type. */
#ifndef SCRATCH_BYTES
#define SCRATCH_BYTES (REAL_F64 ? CLX_ROW_SCRATCH_BYTES_F64 : CLX_ROW_SCRATCH_BYTES)
#endif
#define FITS_SCRATCH(type) (1 / (int)(sizeof(type) <= SCRATCH_BYTES))
typedef __local long16 team_scratch;

#if TEAM

static int team_item(void) {
    return (int)get_local_id(0);
}

static int team_items(void) {
    return (int)get_local_size(0);
}

/* Put it before every function that reaches a barrier. It inlines the function, so that the kernel itself has
 * the barrier: a barrier inside a call ends the process on llvmpipe of Mesa 25. BARRIERS_INLINE 0 is for
 * Oclgrind: clang leaves an intrinsic that Oclgrind does not know where it inlines a function that returns a
 * struct. */
#ifndef BARRIERS_INLINE
#define BARRIERS_INLINE 1
#endif
#if BARRIERS_INLINE
#define HAS_BARRIER ALWAYS_INLINE
#else
#define HAS_BARRIER
#endif

/* After this barrier an item may overwrite anything that another item has read. */
HAS_BARRIER static void team_barrier(void) {
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
}

/* Defines `type name(type own, scratch)`, which folds the items' values. `statement` adds `other` to
 * `sum`. */
#define DEFINE_TEAM_FOLD(name, type, statement)               \
    HAS_BARRIER                                               \
    static type name(type own, team_scratch *scratch) {       \
        enum { WAYS = 16, FITS = FITS_SCRATCH(type) };        \
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

/* The same with sub-groups: `type in_sub_group(type own)` folds the values of one sub-group. */
#if SUBGROUPS
#define DEFINE_SUB_GROUP_FOLD(name, type, in_sub_group, statement)               \
    HAS_BARRIER                                                                  \
    static type name(type own, team_scratch *scratch) {                          \
        enum { FITS = FITS_SCRATCH(type) };                                      \
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

#define HAS_BARRIER /* a single item needs none */

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
