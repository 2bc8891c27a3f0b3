/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays in memory: loads and stores of their elements.
 *
 * LOGITS, GRAD and PROBS (probability targets) are types: f32, f16, bf16 or f64. The file type_TYPE.cl
 * defines these names, each of which ends in the type:
 *
 *     memory_TYPE                      the type of an element in memory
 *     load_1_, store_1_                load and store one element
 *     load_v_, store_v_                load and store WIDTH adjacent elements
 *     load_4_                          loads four adjacent elements (tile.cl)
 *     to_memory_, stored_              converts a vector to the form that memory has; the type of its lanes
 *     held_, load_held_, store_held_   a vector in local memory that was loaded from such an array
 *                                      (scan_team.cl)
 *     HOLDS_REAL_                      1: an element holds any real, so memory can keep an exponential there
 *     HAS_NUMBER_                      1: there is TYPE_number too, with stores for values that are not NaN
 *
 * DEFINE_LOAD and DEFINE_STORE are macros, since OpenCL C has no function for any type. STRIDED 1: the
 * classes of a row are not adjacent. */
#ifndef CLX_STORAGE_CL
#define CLX_STORAGE_CL
#include "type_bf16.cl"
#include "type_f16.cl"
#include "type_f32.cl"
#include "type_f64.cl"

#ifndef STRIDED
#define STRIDED 0
#endif
#ifndef LOGITS
#define LOGITS REAL_TYPE
#endif
#ifndef GRAD
#define GRAD LOGITS
#endif
#ifndef PROBS
#define PROBS LOGITS
#endif

/* load_NAME and store_NAME access `lanes` (1 to WIDTH) elements, from `at` on and `step` apart. A load gives
 * `fill` in the other lanes; a store leaves the other lanes out. A call with the constants step 1 and lanes
 * WIDTH compiles to one wide access. */
#define DEFINE_LOAD(name, type)                                                                         \
    static realv load_##name(__global const CLX_JOIN(memory_, type) * p, long at, long step, int lanes, \
                             real fill) {                                                               \
        if (step == 1 && lanes == WIDTH) return CLX_JOIN(load_v_, type)(p, at);                         \
        real lane[WIDTH];                                                                               \
        for (int k = 0; k < WIDTH; k++)                                                                 \
            lane[k] = k < lanes ? CLX_JOIN(load_1_, type)(p, at + k * step) : fill;                     \
        return FROM_LANES(lane);                                                                        \
    }
#define DEFINE_STORE(name, type)                                                                             \
    static void store_##name(realv x, __global CLX_JOIN(memory_, type) * p, long at, long step, int lanes) { \
        if (step == 1 && lanes == WIDTH) {                                                                   \
            CLX_JOIN(store_v_, type)(x, p, at);                                                              \
            return;                                                                                          \
        }                                                                                                    \
        real lane[WIDTH];                                                                                    \
        TO_LANES(x, lane);                                                                                   \
        for (int k = 0; k < WIDTH; k++)                                                                      \
            if (k < lanes) CLX_JOIN(store_1_, type)(lane[k], p, at + k * step);                              \
    }
#define LOGITS_T   CLX_JOIN(memory_, LOGITS)
#define GRAD_T     CLX_JOIN(memory_, GRAD)
#define PROBS_T    CLX_JOIN(memory_, PROBS)
#define LOAD_LOGIT CLX_JOIN(load_1_, LOGITS)
#define STORE_GRAD CLX_JOIN(store_1_, GRAD)
DEFINE_LOAD(logits, LOGITS)
DEFINE_LOAD(grad, GRAD)
DEFINE_LOAD(probs, PROBS)
DEFINE_LOAD(real, REAL_TYPE)
DEFINE_STORE(grad, GRAD)
/* store_grad_numbers: store_grad for values that are not NaN. */
#if CLX_JOIN(HAS_NUMBER_, GRAD)
DEFINE_STORE(grad_numbers, CLX_JOIN(GRAD, _number))
#else
#define store_grad_numbers store_grad
#endif
DEFINE_STORE(real, REAL_TYPE)

#endif
