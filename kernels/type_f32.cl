/* SPDX-License-Identifier: Apache-2.0
 *
 * f32 in memory. See storage.cl for the names that a type file defines. */
#ifndef CLX_TYPE_F32_CL
#define CLX_TYPE_F32_CL
#include "number.cl"

typedef float memory_f32, stored_f32;
typedef CLX_V(float) held_f32;
#define HOLDS_REAL_f32 (!REAL_F64)
#define HAS_NUMBER_f32 0

static real load_1_f32(__global const float *p, long at) {
    return REAL(p[at]);
}

static void store_1_f32(real x, __global float *p, long at) {
    p[at] = (float)x;
}

static real4 load_4_f32(__global const float *p, long at) {
    return TO_REAL4(vload4(0, p + at));
}

static CLX_V(float) to_memory_f32(realv x) {
    return TO_FLOATV(x);
}

static realv load_held_f32(__local const held_f32 *p, uint i) {
    return TO_REALV(p[i]);
}

static void store_held_f32(realv x, __local held_f32 *p, uint i) {
    p[i] = TO_FLOATV(x);
}

#if WIDTH > 1
static realv load_v_f32(__global const float *p, long at) {
    return TO_REALV(CLX_VLOAD(0, p + at));
}

/* One store where the compiler has a type for it; some libraries make several stores of a vstore. */
#ifdef __clang__
typedef CLX_V(float) float_store __attribute__((aligned(4)));
#endif
static void store_v_f32(realv x, __global float *p, long at) {
#ifdef __clang__
    *(__global float_store *)(p + at) = TO_FLOATV(x);
#else
    CLX_VSTORE(TO_FLOATV(x), 0, p + at);
#endif
}
#else
#define load_v_f32  load_1_f32
#define store_v_f32 store_1_f32
#endif

#endif
