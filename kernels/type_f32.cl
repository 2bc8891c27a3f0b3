/* SPDX-License-Identifier: Apache-2.0
 *
 * f32 in memory. See storage.cl for the names that a type file defines. */
#ifndef CLX_TYPE_F32_CL
#define CLX_TYPE_F32_CL
#include "number.cl"

typedef float memory_f32, stored_f32;
typedef CLX_V(float) held_f32;
#define HOLDS_REAL_f32          (!REAL_F64)
#define HAS_NUMBER_f32          0
#define LOAD_1_f32(p, at)       REAL((p)[at])
#define STORE_1_f32(x, p, at)   ((p)[at] = (float)(x))
#define LOAD_4_f32(p, at)       TO_REAL4(vload4(0, (p) + (at)))
#define STORED_f32(x)           TO_FLOATV(x)
#define LOAD_HELD_f32(p, i)     ((p)[i])
#define STORE_HELD_f32(x, p, i) ((p)[i] = (x))

#if WIDTH > 1
#define LOAD_V_f32(p, at) TO_REALV(CLX_VLOAD(0, (p) + (at)))
/* One store where the compiler has a type for it; some libraries make several stores of a vstore. */
#ifdef __clang__
typedef CLX_V(float) float_store __attribute__((aligned(4)));
#define STORE_V_f32(x, p, at) (*(__global float_store *)((p) + (at)) = TO_FLOATV(x))
#else
#define STORE_V_f32(x, p, at) CLX_VSTORE(TO_FLOATV(x), 0, (p) + (at))
#endif
#else
#define LOAD_V_f32  LOAD_1_f32
#define STORE_V_f32 STORE_1_f32
#endif

#endif
