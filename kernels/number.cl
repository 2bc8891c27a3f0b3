/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in registers: `real` (f32, or f64 with REAL_F64 1), `realv` (a vector of WIDTH reals), their lanes,
 * and the numbers of a row.
 *
 * ROWS is the number of rows that a work-item scores side by side: 1, or WIDTH with one row in each lane.
 * `rowreal` is one number for each row, `rowmask` one truth value, `rowlong` one integer. An expression of
 * arithmetic, comparisons, &, | and ?: is right for both values of ROWS.
 *
 * Conversions are macros: the names of their types are put together from options, and a function has only one
 * type. */
#ifndef CLX_NUMBER_CL
#define CLX_NUMBER_CL
#include "params.h"

/* The compiler must not fuse a product and a sum: a sum in two parts needs every rounding where it is
 * written. Where a product is to be fused, the code calls fma(). */
#pragma OPENCL FP_CONTRACT OFF

#ifndef REAL_F64
#define REAL_F64 0
#endif
#ifndef WIDTH
#define WIDTH 1
#endif
#ifndef ROWS
#define ROWS 1
#endif

#if REAL_F64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define REAL_NAME     double
#define MASK_NAME     long
#define REAL_TYPE     f64
#define REAL_OF(bits) as_double(bits)
#define BITS_OF(x)    as_ulong(x)
#else
#define REAL_NAME     float
#define MASK_NAME     int
#define REAL_TYPE     f32
#define REAL_OF(bits) as_float((uint)(bits))
#define BITS_OF(x)    ((ulong)as_uint(x))
#endif

/* The names and types that follow are put together from options, which only macros can do. */
#define CLX_JOIN_(a, b) a##b
#define CLX_JOIN(a, b)  CLX_JOIN_(a, b)
#if WIDTH == 1
#define CLX_V(type) type
#else
#define CLX_V(type) CLX_JOIN(type, WIDTH)
#endif

/* For functions with several callers. When the compiler does not inline a call, it keeps the variables that
 * the call has pointers to in memory, in every loop. */
#ifdef __clang__
#define ALWAYS_INLINE __attribute__((always_inline))
#else
#define ALWAYS_INLINE
#endif

typedef REAL_NAME real;
typedef CLX_JOIN(REAL_NAME, 4) real4;
typedef CLX_JOIN(REAL_NAME, 8) real8;
typedef CLX_V(REAL_NAME) realv;
typedef CLX_V(MASK_NAME) maskv; /* the result of comparing two realv; also class numbers beside them */
#define TO_REALV  CLX_JOIN(convert_, CLX_V(REAL_NAME))
#define TO_FLOATV CLX_JOIN(convert_, CLX_V(float))
#define REAL(x)   ((real)(x))
#define REALV(x)  ((realv)((real)(x)))
#define REAL_NAN  REAL(NAN)
#define REAL_INF  REAL(INFINITY)

#if WIDTH == 1
#define LANE_NUMBERS ((maskv)0)
#elif WIDTH == 2
#define LANE_NUMBERS ((maskv)(0, 1))
#elif WIDTH == 4
#define LANE_NUMBERS ((maskv)(0, 1, 2, 3))
#elif WIDTH == 8
#define LANE_NUMBERS ((maskv)(0, 1, 2, 3, 4, 5, 6, 7))
#elif WIDTH == 16
#define LANE_NUMBERS ((maskv)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#endif

#if ROWS == 1
typedef real rowreal;
typedef int rowmask;
typedef long rowlong;
#define ROW_TRUE   1
#define TO_ROWMASK (rowmask)
#define TO_ROWREAL (rowreal)
#define AS_ROWMASK as_int /* of an f32 */
#define AS_ROWREAL as_float
#define TO_ROWLONG (rowlong)
#else
typedef realv rowreal;
typedef maskv rowmask;
typedef CLX_V(long) rowlong;
#define ROW_TRUE   ((rowmask)-1)
#define TO_ROWMASK CLX_JOIN(convert_, CLX_V(MASK_NAME))
#define TO_ROWREAL TO_REALV
#define AS_ROWMASK AS_MASKV
#define AS_ROWREAL AS_REALV
#define TO_ROWLONG CLX_JOIN(convert_, CLX_V(long))
#endif
#define TO_MASKV   CLX_JOIN(convert_, CLX_V(MASK_NAME))
#define AS_MASKV   CLX_JOIN(as_, CLX_V(MASK_NAME))
#define AS_REALV   CLX_JOIN(as_, CLX_V(REAL_NAME))
#define ROWREAL(x) ((rowreal)(x))
#define ROWLONG(x) ((rowlong)(long)(x))
#define TO_REAL4   CLX_JOIN(convert_, CLX_JOIN(REAL_NAME, 4))

#if WIDTH > 1
#define CLX_VLOAD         CLX_JOIN(vload, WIDTH)
#define CLX_VSTORE        CLX_JOIN(vstore, WIDTH)
#define FROM_LANES(lane)  CLX_VLOAD(0, lane)
#define TO_LANES(x, lane) CLX_VSTORE(x, 0, lane)
/* Stores a vector of 16-bit lanes in one store where the compiler has a type for it; some libraries make
 * several stores of a vstore. */
#ifdef __clang__
typedef CLX_V(ushort) ushort_store __attribute__((aligned(2)));
#define STORE_USHORTS(x, p) (*(__global ushort_store *)(p) = (x))
#else
#define STORE_USHORTS(x, p) CLX_VSTORE(x, 0, p)
#endif
#else
#define FROM_LANES(lane)  ((lane)[0])
#define TO_LANES(x, lane) ((lane)[0] = (x))
#endif

/* Whether a comparison is true in any lane. This is one instruction where the compiler of a CPU device
 * (CPU 1, see split.cl) has the builtin. Other devices do not use it: clang has it for every target, but
 * Mesa's translator ends the process when it meets it. */
#if CPU && WIDTH > 1 && defined(__has_builtin)
#if __has_builtin(__builtin_reduce_or)
#define HAS_REDUCE_OR
#endif
#endif
static bool any_lane(maskv compared) {
#if WIDTH == 1
    return compared != 0;
#elif defined(HAS_REDUCE_OR)
    return __builtin_reduce_or(compared) != 0;
#else
    return any(compared);
#endif
}

/* The first of a vector's lanes, their sum, and the largest (where no lane is NaN), folded in pairs. With
 * rows side by side each lane is another row, and the result is the vector itself. The folds use registers.
 * LANES_IN_MEMORY 1 is for Oclgrind, which takes the results of `.lo` and `.hi` for uninitialized. */
#ifndef LANES_IN_MEMORY
#define LANES_IN_MEMORY 0
#endif
/* Macros, since FOLD_n and DEFINE_FOLD_LANES take them as arguments. */
#define PLUS(a, b)   ((a) + (b))
#define LARGER(a, b) ((b) > (a) ? (b) : (a))
#if WIDTH == 1 || ROWS > 1
static rowreal first_lane(realv x) {
    return x;
}

static rowreal sum_lanes(realv x) {
    return x;
}

static rowreal max_lanes(realv x) {
    return x;
}
#elif LANES_IN_MEMORY
#define DEFINE_FOLD_LANES(name, FOLD)                                         \
    static real name(realv x) {                                               \
        real lane[WIDTH];                                                     \
        TO_LANES(x, lane);                                                    \
        for (int n = WIDTH / 2; n > 0; n /= 2)                                \
            for (int k = 0; k < n; k++) lane[k] = FOLD(lane[k], lane[k + n]); \
        return lane[0];                                                       \
    }
#define FIRST(a, b) (a)
DEFINE_FOLD_LANES(sum_lanes, PLUS)
DEFINE_FOLD_LANES(max_lanes, LARGER)
DEFINE_FOLD_LANES(first_lane, FIRST)
#else
#define FOLD_2(FOLD, x)  FOLD((x).s0, (x).s1)
#define FOLD_4(FOLD, x)  FOLD_2(FOLD, FOLD((x).lo, (x).hi))
#define FOLD_8(FOLD, x)  FOLD_4(FOLD, FOLD((x).lo, (x).hi))
#define FOLD_16(FOLD, x) FOLD_8(FOLD, FOLD((x).lo, (x).hi))
static real first_lane(realv x) {
    return x.s0;
}

static real sum_lanes(realv x) {
    return CLX_JOIN(FOLD_, WIDTH)(PLUS, x);
}

static real max_lanes(realv x) {
    return CLX_JOIN(FOLD_, WIDTH)(LARGER, x);
}
#endif

#endif
