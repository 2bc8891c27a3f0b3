/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in memory and in registers: `real` (f32, or f64 with REAL_F64), `realv` (WIDTH of them), and
 * loads and stores of f32, f16, bf16 and f64 elements. Half loads need no cl_khr_fp16.
 *
 * ROWS, the rows that a work-item scores side by side: 1, or WIDTH, each row in a lane. `rowreal` is a number
 * a row, `rowmask` a truth a row, `rowlong` an integer a row; what is written with arithmetic, comparisons,
 * &, | and ?: is right for both.
 *
 * LOGITS, GRAD, PROBS (the type of probability targets) are numbers of clxent_dtype:
 * 1 f32, 2 f16, 3 bf16, 4 f64. STRIDED: the classes of a row are not adjacent. */
#ifndef CLX_STORAGE_CL
#define CLX_STORAGE_CL
#include "params.h"

/* Sums in two parts need every rounding where it is written; where a product is to be fused, fma says so. */
#pragma OPENCL FP_CONTRACT OFF

#ifndef REAL_F64
#define REAL_F64 0
#endif
#ifndef WIDTH
#define WIDTH 1
#endif
#ifndef STRIDED
#define STRIDED 0
#endif
#ifndef ROWS
#define ROWS 1
#endif

#if REAL_F64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define REAL_NAME     double
#define MASK_NAME     long
#define REAL_STORE    4
#define REAL_OF(bits) as_double(bits)
#define BITS_OF(x)    as_ulong(x)
#else
#define REAL_NAME     float
#define MASK_NAME     int
#define REAL_STORE    1
#define REAL_OF(bits) as_float((uint)(bits))
#define BITS_OF(x)    ((ulong)as_uint(x))
#endif

#ifndef LOGITS
#define LOGITS REAL_STORE
#endif
#ifndef GRAD
#define GRAD LOGITS
#endif
#ifndef PROBS
#define PROBS LOGITS
#endif

#define CLX_JOIN_(a, b) a##b
#define CLX_JOIN(a, b)  CLX_JOIN_(a, b)
#if WIDTH == 1
#define CLX_V(type) type
#else
#define CLX_V(type) CLX_JOIN(type, WIDTH)
#endif

/* For functions that are called in several places: a call that is left keeps what its pointers name in
 * memory, in every loop. */
#ifdef __clang__
#define ALWAYS_INLINE __attribute__((always_inline))
#else
#define ALWAYS_INLINE
#endif

typedef REAL_NAME real;
typedef CLX_JOIN(REAL_NAME, 8) real8;
typedef CLX_V(REAL_NAME) realv;
typedef CLX_V(MASK_NAME) maskv; /* what comparing two realv gives; also class numbers beside them */
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

/* bf16 is the upper half of an f32: stores round to nearest even. */
static CLX_V(ushort) bf16_of_number(CLX_V(float) x) { /* not NaN */
    CLX_V(uint) bits = CLX_JOIN(as_, CLX_V(uint))(x);
    return CLX_JOIN(convert_, CLX_V(ushort))((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

static CLX_V(ushort) bf16_of(CLX_V(float) x) { /* keeps a NaN a NaN */
    CLX_V(uint) bits = CLX_JOIN(as_, CLX_V(uint))(x);
    CLX_V(uint) rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return CLX_JOIN(convert_, CLX_V(ushort))(isnan(x) ? (bits >> 16) | 0x40u : rounded);
}

#if WIDTH > 1
#define bf16_of_1(x) (bf16_of((CLX_V(float))(x)).s0)
#else
#define bf16_of_1 bf16_of
#endif

/* f16 to nearest even, overflow to inf. Through a variable, since vstore_half16 wants an alignment on PoCL
 * that rows of an odd number of classes do not have. */
static CLX_V(ushort) f16_of(CLX_V(float) x) {
    CLX_V(ushort) bits;
#if WIDTH == 1
    vstore_half_rte(x, 0, (half *)&bits);
#else
    CLX_JOIN(CLX_JOIN(vstore_half, WIDTH), _rte)(x, 0, (half *)&bits);
#endif
    return bits;
}

/* By type number: the memory type; one element (_1), WIDTH adjacent ones (_V). 5: bf16 that is no NaN. */
typedef float memory_1;
typedef half memory_2;
typedef ushort memory_3, memory_5;
#define LOAD_1_1(p, at)     REAL((p)[at])
#define LOAD_1_2(p, at)     REAL(vload_half(at, p))
#define LOAD_1_3(p, at)     REAL(as_float((uint)(p)[at] << 16))
#define LOAD_1_4(p, at)     ((p)[at])
#define STORE_1_1(x, p, at) ((p)[at] = (float)(x))
#define STORE_1_2(x, p, at) vstore_half_rte((float)(x), at, p)
#define STORE_1_3(x, p, at) ((p)[at] = bf16_of_1((float)(x)))
#define STORE_1_4(x, p, at) ((p)[at] = (x))
#define STORE_1_5           STORE_1_3
#if REAL_F64
typedef double memory_4;
#endif

#if WIDTH > 1
#define CLX_VLOAD       CLX_JOIN(vload, WIDTH)
#define CLX_VSTORE      CLX_JOIN(vstore, WIDTH)
#define LOAD_V_1(p, at) TO_REALV(CLX_VLOAD(0, (p) + (at)))
#define LOAD_V_2(p, at) TO_REALV(CLX_JOIN(vload_half, WIDTH)(0, (p) + (at)))
#define LOAD_V_3(p, at) \
    TO_REALV(CLX_JOIN(as_, CLX_V(float))(CLX_JOIN(convert_, CLX_V(uint))(CLX_VLOAD(0, (p) + (at))) << 16))
#define LOAD_V_4(p, at) CLX_VLOAD(0, (p) + (at))
/* One store where the compiler has a type for it; some libraries make several of a vstore. */
#ifdef __clang__
typedef CLX_V(float) float_store __attribute__((aligned(4)));
typedef CLX_V(ushort) ushort_store __attribute__((aligned(2)));
#define CLX_STORE(type, x, p) (*(__global CLX_JOIN(type, _store) *)(p) = (x))
#else
#define CLX_STORE(type, x, p) CLX_VSTORE(x, 0, p)
#endif
#define STORE_V_1(x, p, at) CLX_STORE(float, TO_FLOATV(x), (p) + (at))
#define STORE_V_2(x, p, at) CLX_STORE(ushort, f16_of(TO_FLOATV(x)), (__global ushort *)(p) + (at))
#define STORE_V_3(x, p, at) CLX_STORE(ushort, bf16_of(TO_FLOATV(x)), (p) + (at))
#define STORE_V_4(x, p, at) CLX_VSTORE(x, 0, (p) + (at))
#define STORE_V_5(x, p, at) CLX_STORE(ushort, bf16_of_number(TO_FLOATV(x)), (p) + (at))
#define FROM_LANES(lane)    CLX_VLOAD(0, lane)
#define TO_LANES(x, lane)   CLX_VSTORE(x, 0, lane)
#else
#define LOAD_V_1          LOAD_1_1
#define LOAD_V_2          LOAD_1_2
#define LOAD_V_3          LOAD_1_3
#define LOAD_V_4          LOAD_1_4
#define STORE_V_1         STORE_1_1
#define STORE_V_2         STORE_1_2
#define STORE_V_3         STORE_1_3
#define STORE_V_4         STORE_1_4
#define STORE_V_5         STORE_1_3
#define FROM_LANES(lane)  ((lane)[0])
#define TO_LANES(x, lane) ((lane)[0] = (x))
#endif

/* load_NAME and store_NAME: `lanes` (1 to WIDTH) elements from `at`, `step` apart; the other lanes read as
 * `fill` and are not stored. The call with a constant `lanes` of WIDTH compiles to one wide access. */
#define DEFINE_LOAD(name, type)                                                                         \
    static realv load_##name(__global const CLX_JOIN(memory_, type) * p, long at, long step, int lanes, \
                             real fill) {                                                               \
        if (step == 1 && lanes == WIDTH) return CLX_JOIN(LOAD_V_, type)(p, at);                         \
        real lane[WIDTH];                                                                               \
        for (int k = 0; k < WIDTH; k++)                                                                 \
            lane[k] = k < lanes ? CLX_JOIN(LOAD_1_, type)(p, at + k * step) : fill;                     \
        return FROM_LANES(lane);                                                                        \
    }
#define DEFINE_STORE(name, type)                                                                             \
    static void store_##name(realv x, __global CLX_JOIN(memory_, type) * p, long at, long step, int lanes) { \
        if (step == 1 && lanes == WIDTH) {                                                                   \
            CLX_JOIN(STORE_V_, type)(x, p, at);                                                              \
            return;                                                                                          \
        }                                                                                                    \
        real lane[WIDTH];                                                                                    \
        TO_LANES(x, lane);                                                                                   \
        for (int k = 0; k < WIDTH; k++)                                                                      \
            if (k < lanes) CLX_JOIN(STORE_1_, type)(lane[k], p, at + k * step);                              \
    }
#define LOGITS_T   CLX_JOIN(memory_, LOGITS)
#define GRAD_T     CLX_JOIN(memory_, GRAD)
#define PROBS_T    CLX_JOIN(memory_, PROBS)
#define LOAD_LOGIT CLX_JOIN(LOAD_1_, LOGITS)
#define STORE_GRAD CLX_JOIN(STORE_1_, GRAD)
DEFINE_LOAD(logits, LOGITS)
DEFINE_LOAD(grad, GRAD)
DEFINE_LOAD(probs, PROBS)
DEFINE_LOAD(real, REAL_STORE)
DEFINE_STORE(grad, GRAD)
#if GRAD == 3
DEFINE_STORE(grad_numbers, 5)
#else
#define store_grad_numbers store_grad
#endif
DEFINE_STORE(real, REAL_STORE)

/* Whether a comparison is true in a lane: as one instruction where the compiler of a CPU device (CPU 1, see
 * split.cl) has it. clang has it for every target, but Mesa's translator ends the process when it meets it.
 */
#if WIDTH == 1
#define any_lane(compared) ((compared) != 0)
#else
#define any_lane(compared) any(compared)
#if CPU && defined(__has_builtin)
#if __has_builtin(__builtin_reduce_or)
#undef any_lane
#define any_lane(compared) (__builtin_reduce_or(compared) != 0)
#endif
#endif
#endif

/* Of the lanes of a vector, as far as they belong to one row: the sum and the largest (there are no NaNs),
 * pairwise; and the first. In registers; LANES_IN_MEMORY 1 is for Oclgrind, which takes for uninitialized
 * what `.lo` and `.hi` give. */
#ifndef LANES_IN_MEMORY
#define LANES_IN_MEMORY 0
#endif
#define PLUS(a, b)   ((a) + (b))
#define LARGER(a, b) ((b) > (a) ? (b) : (a))
#if WIDTH == 1 || ROWS > 1
#define first_lane(x) (x)
#define sum_lanes(x)  (x)
#define max_lanes(x)  (x)
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
#define first_lane(x)    ((x).s0)
static real sum_lanes(realv x) {
    return CLX_JOIN(FOLD_, WIDTH)(PLUS, x);
}

static real max_lanes(realv x) {
    return CLX_JOIN(FOLD_, WIDTH)(LARGER, x);
}
#endif

#endif
