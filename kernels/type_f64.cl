/* SPDX-License-Identifier: Apache-2.0
 *
 * f64 in memory, for programs whose reals are f64. See storage.cl for the names that a type file defines. */
#ifndef CLX_TYPE_F64_CL
#define CLX_TYPE_F64_CL
#include "number.cl"

#define HOLDS_REAL_f64 1
#define HAS_NUMBER_f64 0
#if REAL_F64
typedef double memory_f64, stored_f64;
typedef CLX_V(double) held_f64;

static real load_1_f64(__global const double *p, long at) {
    return p[at];
}

static void store_1_f64(real x, __global double *p, long at) {
    p[at] = x;
}

static real4 load_4_f64(__global const double *p, long at) {
    return vload4(0, p + at);
}

static realv to_memory_f64(realv x) {
    return x;
}

static realv load_held_f64(__local const held_f64 *p, uint i) {
    return p[i];
}

static void store_held_f64(realv x, __local held_f64 *p, uint i) {
    p[i] = x;
}

#if WIDTH > 1
static realv load_v_f64(__global const double *p, long at) {
    return CLX_VLOAD(0, p + at);
}

static void store_v_f64(realv x, __global double *p, long at) {
    CLX_VSTORE(x, 0, p + at);
}
#else
#define load_v_f64  load_1_f64
#define store_v_f64 store_1_f64
#endif
#endif

#endif
