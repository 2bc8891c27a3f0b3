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
#define HOLDS_REAL_f16        0
#define HAS_NUMBER_f16        0
#define LOAD_1_f16(p, at)     REAL(vload_half(at, p))
#define STORE_1_f16(x, p, at) vstore_half_rte((float)(x), at, p)
#define LOAD_4_f16(p, at)     TO_REAL4(vload_half4(0, (p) + (at)))
#define STORED_f16(x)         f16_of(TO_FLOATV(x))

#if WIDTH > 1
#define LOAD_V_f16(p, at)       TO_REALV(CLX_JOIN(vload_half, WIDTH)(0, (p) + (at)))
#define STORE_V_f16(x, p, at)   STORE_USHORTS(f16_of(TO_FLOATV(x)), (__global ushort *)(p) + (at))
#define LOAD_HELD_f16(p, i)     CLX_JOIN(vloada_half, WIDTH)(i, p)
#define STORE_HELD_f16(x, p, i) CLX_JOIN(CLX_JOIN(vstorea_half, WIDTH), _rte)(x, i, p)
#else
#define LOAD_V_f16              LOAD_1_f16
#define STORE_V_f16             STORE_1_f16
#define LOAD_HELD_f16(p, i)     REAL(vload_half(i, p))
#define STORE_HELD_f16(x, p, i) vstore_half_rte(x, i, p)
#endif

#endif
