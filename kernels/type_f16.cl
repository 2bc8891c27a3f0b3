/* SPDX-License-Identifier: Apache-2.0
 *
 * f16 in memory: IEEE binary16, without cl_khr_fp16. See storage.cl for the names that a type file
 * defines. */
#ifndef CLX_TYPE_F16_CL
#define CLX_TYPE_F16_CL
#include "number.cl"

/* Rounds to nearest even; overflows to inf. The result goes through a variable: on PoCL vstore_half16 needs
 * an alignment that rows with an odd number of classes do not have. */
static CLX_V(ushort) f16_of(CLX_V(float) x) {
    CLX_V(ushort) bits;
#if WIDTH == 1
    vstore_half_rte(x, 0, (half *)&bits);
#else
    CLX_JOIN(CLX_JOIN(vstore_half, WIDTH), _rte)(x, 0, (half *)&bits);
#endif
    return bits;
}

typedef half memory_f16;
typedef ushort stored_f16;
typedef half held_f16;
#define HOLDS_REAL_f16 0
#define HAS_NUMBER_f16 0

static real load_1_f16(__global const half *p, long at) {
    return REAL(vload_half(at, p));
}

static void store_1_f16(real x, __global half *p, long at) {
    vstore_half_rte((float)x, at, p);
}

static real4 load_4_f16(__global const half *p, long at) {
    return TO_REAL4(vload_half4(0, p + at));
}

static CLX_V(ushort) to_memory_f16(realv x) {
    return f16_of(TO_FLOATV(x));
}

#if WIDTH > 1
static realv load_v_f16(__global const half *p, long at) {
    return TO_REALV(CLX_JOIN(vload_half, WIDTH)(0, p + at));
}

static void store_v_f16(realv x, __global half *p, long at) {
    STORE_USHORTS(f16_of(TO_FLOATV(x)), (__global ushort *)p + at);
}

static realv load_held_f16(__local const half *p, uint i) {
    return TO_REALV(CLX_JOIN(vloada_half, WIDTH)(i, p));
}

static void store_held_f16(realv x, __local half *p, uint i) {
    CLX_JOIN(CLX_JOIN(vstorea_half, WIDTH), _rte)(TO_FLOATV(x), i, p);
}
#else
#define load_v_f16  load_1_f16
#define store_v_f16 store_1_f16

static realv load_held_f16(__local const half *p, uint i) {
    return REAL(vload_half(i, p));
}

static void store_held_f16(realv x, __local half *p, uint i) {
    vstore_half_rte((float)x, i, p);
}
#endif

#endif
