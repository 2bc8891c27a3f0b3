/* SPDX-License-Identifier: Apache-2.0
 *
 * bf16 in memory: the upper half of an f32. See storage.cl for the names that a type file defines.
 * bf16_number is bf16 for stores of values that are not NaN. */
#ifndef CLX_TYPE_BF16_CL
#define CLX_TYPE_BF16_CL
#include "number.cl"

/* Rounds to nearest even. */
static CLX_V(ushort) bf16_of_number(CLX_V(float) x) { /* not NaN */
    CLX_V(uint) bits = CLX_JOIN(as_, CLX_V(uint))(x);
    return CLX_JOIN(convert_, CLX_V(ushort))((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

static CLX_V(ushort) bf16_of(CLX_V(float) x) { /* keeps a NaN a NaN */
    CLX_V(uint) bits = CLX_JOIN(as_, CLX_V(uint))(x);
    CLX_V(uint) rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return CLX_JOIN(convert_, CLX_V(ushort))(isnan(x) ? (bits >> 16) | 0x40u : rounded);
}

static ushort bf16_of_1(float x) {
#if WIDTH > 1
    return bf16_of((CLX_V(float))(x)).s0;
#else
    return bf16_of(x);
#endif
}

typedef ushort memory_bf16, memory_bf16_number, stored_bf16;
typedef CLX_V(ushort) held_bf16;
#define HOLDS_REAL_bf16 0
#define HAS_NUMBER_bf16 1

static CLX_V(float) floats_of_bf16(CLX_V(ushort) bits) {
    return CLX_JOIN(as_, CLX_V(float))(CLX_JOIN(convert_, CLX_V(uint))(bits) << 16);
}

static real load_1_bf16(__global const ushort *p, long at) {
    return REAL(as_float((uint)p[at] << 16));
}

static void store_1_bf16(real x, __global ushort *p, long at) {
    p[at] = bf16_of_1((float)x);
}
#define store_1_bf16_number store_1_bf16

static real4 load_4_bf16(__global const ushort *p, long at) {
    return TO_REAL4(as_float4(convert_uint4(vload4(0, p + at)) << 16));
}

static CLX_V(ushort) to_memory_bf16(realv x) {
    return bf16_of(TO_FLOATV(x));
}

static realv load_held_bf16(__local const held_bf16 *p, uint i) {
    return TO_REALV(floats_of_bf16(p[i]));
}

static void store_held_bf16(realv x, __local held_bf16 *p, uint i) {
    p[i] = CLX_JOIN(convert_, CLX_V(ushort))(CLX_JOIN(as_, CLX_V(uint))(TO_FLOATV(x)) >> 16);
}

#if WIDTH > 1
static realv load_v_bf16(__global const ushort *p, long at) {
    return TO_REALV(floats_of_bf16(CLX_VLOAD(0, p + at)));
}

static void store_v_bf16(realv x, __global ushort *p, long at) {
    STORE_USHORTS(bf16_of(TO_FLOATV(x)), p + at);
}

static void store_v_bf16_number(realv x, __global ushort *p, long at) {
    STORE_USHORTS(bf16_of_number(TO_FLOATV(x)), p + at);
}
#else
#define load_v_bf16         load_1_bf16
#define store_v_bf16        store_1_bf16
#define store_v_bf16_number store_1_bf16
#endif

#endif
