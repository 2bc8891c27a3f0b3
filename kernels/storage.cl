/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays in memory: loads and stores of their elements.
 *
 * LOGITS, GRAD, PROBS (the type of probability targets): f32, f16, bf16, f64. Their names end those of what
 * type_TYPE.cl defines:
 *
 *     memory_TYPE                      an element
 *     LOAD_1_, STORE_1_                one element
 *     LOAD_V_, STORE_V_                WIDTH adjacent ones
 *     LOAD_4_, STORED_, stored_        four adjacent ones; a vector of what memory holds, its lane (tile.cl)
 *     held_, LOAD_HELD_, STORE_HELD_   a vector in local memory that was loaded from such an array
 *                                      (scan_team.cl)
 *     HOLDS_REAL_                      1: an element holds any real, so that an exponential can stand there
 *     HAS_NUMBER_                      1: there is TYPE_number too, with stores for what is no NaN
 *
 * These are macros since elements are addressed by pointers of four types, of which f64 is not in every
 * program. STRIDED 1: the classes of a row are not adjacent. */
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
DEFINE_LOAD(real, REAL_TYPE)
DEFINE_STORE(grad, GRAD)
/* store_grad_numbers: of what is no NaN. */
#if CLX_JOIN(HAS_NUMBER_, GRAD)
DEFINE_STORE(grad_numbers, CLX_JOIN(GRAD, _number))
#else
#define store_grad_numbers store_grad
#endif
DEFINE_STORE(real, REAL_TYPE)

#endif
