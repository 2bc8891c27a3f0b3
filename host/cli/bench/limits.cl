/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernels with which `clxent bench` measures the device's memory, and those that fill its buffers. Words
 * are uint, so sums and updates are exact in any order, and every limit can be checked to the last bit.
 *
 * limit_read reads each word once. It adds its sums to 1024 words, so that no compiler can leave out a read.
 *
 * limit_update reads, changes and writes back each word.
 *
 * limit_copy reads each word and writes it to another buffer.
 *
 * limit_copy_past_cache does the same with nontemporal stores, if the compiler has them. Such a store does
 * not first fetch the line that it overwrites.
 *
 * One loop serves all devices, and the host chooses its steps. All steps count vectors of WIDTH words.
 * Work-item g starts at g * per_item. It reads STREAMS vectors that are `gap` apart, and advances by
 * `per_step`; it does this `count` times. On a CPU each work-item has its own stretch of memory and reads it
 * in STREAMS places at once: per_step = 1, gap = count, per_item = STREAMS * count. On a GPU neighbouring
 * work-items read neighbouring vectors: per_item = 1, gap = work-items, per_step = STREAMS * work-items.
 * REST() shares out the vectors behind items * STREAMS * count one at a time.
 *
 * The build options set WIDTH (4, 8 or 16) and STREAMS.
 */
#ifndef WIDTH
#define WIDTH 4
#endif
#ifndef STREAMS
#define STREAMS 4
#endif
#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)
typedef CAT(uint, WIDTH) words;
#define LOAD(from, i)       CAT(vload, WIDTH)(i, from)
#define STORE(to, i, value) CAT(vstore, WIDTH)(value, i, to)

#define STORE_PAST_CACHE STORE
#ifdef __has_builtin
#if __has_builtin(__builtin_nontemporal_store)
#undef STORE_PAST_CACHE
#define STORE_PAST_CACHE(to, i, value) __builtin_nontemporal_store(value, (__global words *)(to) + (i))
#endif
#endif

#define LIMIT_CHANGE 3u
#define LIMIT_SUMS   1024

#define LIMIT_ARGUMENTS \
    __global uint *x, __global uint *y, ulong vectors, ulong per_item, ulong per_step, ulong gap, ulong count

/* Runs EACH(i) for the work-item's share of the vectors behind the last full step, one at a time. */
#define REST(EACH)                                                                       \
    for (ulong i = get_global_size(0) * STREAMS * count + get_global_id(0); i < vectors; \
         i += get_global_size(0))                                                        \
        EACH(i);

__kernel void limit_read(LIMIT_ARGUMENTS) {
    words sum[STREAMS];
    for (int j = 0; j < STREAMS; j++) sum[j] = 0;
    ulong first = get_global_id(0) * per_item;
    for (ulong k = 0; k < count; k++, first += per_step) {
#pragma unroll
        for (int j = 0; j < STREAMS; j++) sum[j] += LOAD(x, first + j * gap);
    }
#define ADD(i) sum[0] += LOAD(x, i)
    REST(ADD)
    for (int j = 1; j < STREAMS; j++) sum[0] += sum[j];
    uint lanes[WIDTH], total = 0;
    STORE(lanes, 0, sum[0]);
    for (int j = 0; j < WIDTH; j++) total += lanes[j];
    atomic_add(&y[get_group_id(0) % LIMIT_SUMS], total);
}

__kernel void limit_update(LIMIT_ARGUMENTS) {
    ulong first = get_global_id(0) * per_item;
    for (ulong k = 0; k < count; k++, first += per_step) {
        words value[STREAMS];
#pragma unroll
        for (int j = 0; j < STREAMS; j++) value[j] = LOAD(x, first + j * gap);
#pragma unroll
        for (int j = 0; j < STREAMS; j++) STORE(x, first + j * gap, value[j] + LIMIT_CHANGE);
    }
#define UPDATE(i) STORE(x, i, LOAD(x, i) + LIMIT_CHANGE)
    REST(UPDATE)
}

#define COPY_KERNEL(name, STORE_)                                                                     \
    __kernel void name(LIMIT_ARGUMENTS) {                                                             \
        ulong first = get_global_id(0) * per_item;                                                    \
        for (ulong k = 0; k < count; k++, first += per_step) {                                        \
            words value[STREAMS];                                                                     \
            _Pragma("unroll") for (int j = 0; j < STREAMS; j++) value[j] = LOAD(x, first + j * gap);  \
            _Pragma("unroll") for (int j = 0; j < STREAMS; j++) STORE_(y, first + j * gap, value[j]); \
        }                                                                                             \
        REST(COPY)                                                                                    \
    }
#define COPY(i) STORE(y, i, LOAD(x, i))
COPY_KERNEL(limit_copy, STORE)
COPY_KERNEL(limit_copy_past_cache, STORE_PAST_CACHE)

/* ------------------------------------------------------------------ the contents of the buffers ---- */

/* Writes known words, to check a limit. */
__kernel void fill_pattern(__global uint *x, uint salt) {
    x[get_global_id(0)] = (uint)get_global_id(0) * 0x9e3779b1u + salt;
}

/* A logit is the sum of four uniform numbers. This is close to a normal distribution of deviation 2.3. Logits
 * are multiples of 1/16 that every floating type holds, so all types get the same numbers. The mixer is the
 * finalizer of MurmurHash3. */
uint mix(uint h) {
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    return h ^ (h >> 16);
}

float logit(ulong i) {
    const uint h = mix((uint)i ^ mix((uint)(i >> 32) + 1u));
    const int sum = (h & 63) + (h >> 6 & 63) + (h >> 12 & 63) + (h >> 18 & 63);
    return (float)(sum - 126) * 0.0625f;
}

/* Write logits from word `first_word` on. Each work-item writes a word. */
__kernel void fill_f32(__global uint *x, ulong first_word) {
    const ulong i = get_global_id(0);
    x[first_word + i] = as_uint(logit(i));
}

__kernel void fill_f16(__global uint *x, ulong first_word) {
    const ulong i = get_global_id(0);
    __global half *at = (__global half *)(x + first_word);
    vstore_half(logit(2 * i), 2 * i, at);
    vstore_half(logit(2 * i + 1), 2 * i + 1, at);
}

__kernel void fill_bf16(__global uint *x, ulong first_word) {
    const ulong i = get_global_id(0);
    x[first_word + i] = as_uint(logit(2 * i)) >> 16 | (as_uint(logit(2 * i + 1)) & 0xffff0000u);
}

/* Measures the cost of a launch: it writes nothing. */
__kernel void nothing(__global uint *y) {
    if (get_global_id(0) > 0) y[0] = 0;
}
