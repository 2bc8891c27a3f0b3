/* SPDX-License-Identifier: Apache-2.0
 *
 * f64 in memory, for programs whose reals are f64. See storage.cl for the names that a type file defines. */
#ifndef CLX_TYPE_F64_CL
#define CLX_TYPE_F64_CL
#include "number.cl"

#if REAL_F64
typedef double memory_f64, stored_f64;
typedef CLX_V(double) held_f64;
#endif
#define HOLDS_REAL_f64          1
#define HAS_NUMBER_f64          0
#define LOAD_1_f64(p, at)       ((p)[at])
#define STORE_1_f64(x, p, at)   ((p)[at] = (x))
#define LOAD_4_f64(p, at)       vload4(0, (p) + (at))
#define STORED_f64(x)           (x)
#define LOAD_HELD_f64(p, i)     ((p)[i])
#define STORE_HELD_f64(x, p, i) ((p)[i] = (x))

#if WIDTH > 1
#define LOAD_V_f64(p, at)     CLX_VLOAD(0, (p) + (at))
#define STORE_V_f64(x, p, at) CLX_VSTORE(x, 0, (p) + (at))
#else
#define LOAD_V_f64  LOAD_1_f64
#define STORE_V_f64 STORE_1_f64
#endif

#endif
