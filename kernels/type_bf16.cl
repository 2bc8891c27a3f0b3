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
#define HOLDS_REAL_bf16        0
#define HAS_NUMBER_bf16        1
#define LOAD_1_bf16(p, at)     REAL(as_float((uint)(p)[at] << 16))
#define STORE_1_bf16(x, p, at) ((p)[at] = bf16_of_1((float)(x)))
#define STORE_1_bf16_number    STORE_1_bf16
#define LOAD_4_bf16(p, at)     TO_REAL4(as_float4(convert_uint4(vload4(0, (p) + (at))) << 16))
#define STORED_bf16(x)         bf16_of(TO_FLOATV(x))
#define FLOATS_OF_BF16(x)      CLX_JOIN(as_, CLX_V(float))(CLX_JOIN(convert_, CLX_V(uint))(x) << 16)
#define LOAD_HELD_bf16(p, i)   FLOATS_OF_BF16((p)[i])
#define STORE_HELD_bf16(x, p, i) \
    ((p)[i] = CLX_JOIN(convert_, CLX_V(ushort))(CLX_JOIN(as_, CLX_V(uint))(x) >> 16))

#if WIDTH > 1
#define LOAD_V_bf16(p, at)            TO_REALV(FLOATS_OF_BF16(CLX_VLOAD(0, (p) + (at))))
#define STORE_V_bf16(x, p, at)        STORE_USHORTS(bf16_of(TO_FLOATV(x)), (p) + (at))
#define STORE_V_bf16_number(x, p, at) STORE_USHORTS(bf16_of_number(TO_FLOATV(x)), (p) + (at))
#else
#define LOAD_V_bf16         LOAD_1_bf16
#define STORE_V_bf16        STORE_1_bf16
#define STORE_V_bf16_number STORE_1_bf16
#endif

#endif
