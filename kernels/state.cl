/* SPDX-License-Identifier: Apache-2.0
 *
 * The sums of a part of a row, in memory. They are in the workspace where several teams share a row
 * (split.cl), and in the array `state` where a row's classes are split over calls. clxent_arrays.h has the
 * columns, and says how two states become one. */
#ifndef CLX_STATE_CL
#define CLX_STATE_CL
#include "score_row.cl"

/* The target's logit; `here`: its class is among those of the call. */
typedef struct target_logit {
    real x;
    int here;
} target_logit;

static target_logit target_logit_of(const call *k, const row_task *t) {
    target_logit g;
    g.here = t->counted && HAS(k, targets) && k->p->targets != CLX_PROBABILITY && t->target.y >= 0 &&
             t->target.y < k->p->classes;
    g.x = g.here ? LOAD_LOGIT(k->logits, t->at.logits + t->target.y * class_step(k)) : REAL(0);
    return g;
}

/* An integer that one f32 may not hold is stored in two reals: 65536 times the first, plus the second. */
static void store_number(__global real *to, long number) {
    to[0] = (real)(number >> 16);
    to[1] = (real)(number & 0xffff);
}

static long load_number(__global const real *from) {
    return ((long)from[0] << 16) + (long)from[1];
}

/* The place of a column in a part, which has a state's columns from REFERENCE on. */
#define PART_COLUMN(name) (CLXENT_STATE_##name - CLXENT_STATE_REFERENCE)

static void store_part(__global real *to, const row_part *p, target_logit g) {
    to[PART_COLUMN(REFERENCE)] = p->ref;
    to[PART_COLUMN(OWN)] = p->own;
    to[PART_COLUMN(OTHERS)] = p->exp;
    to[PART_COLUMN(U)] = p->u;
    to[PART_COLUMN(DOT)] = p->dot;
    to[PART_COLUMN(ENTROPY)] = p->ent;
    to[PART_COLUMN(NANS)] = p->nans ? REAL(1) : REAL(0);
    to[PART_COLUMN(BEST)] = p->best;
    store_number(to + PART_COLUMN(BEST_HIGH), p->best_at);
    to[PART_COLUMN(TARGET)] = g.x;
    to[PART_COLUMN(HERE)] = g.here ? REAL(1) : REAL(0);
}

/* Loads a part without `before`, which a state does not have. */
static row_part load_part(__global const real *from) {
    row_part p;
    p.ref = from[PART_COLUMN(REFERENCE)];
    p.own = from[PART_COLUMN(OWN)];
    p.exp = from[PART_COLUMN(OTHERS)];
    p.u = from[PART_COLUMN(U)];
    p.dot = from[PART_COLUMN(DOT)];
    p.ent = from[PART_COLUMN(ENTROPY)];
    p.nans = from[PART_COLUMN(NANS)] != 0;
    p.best = from[PART_COLUMN(BEST)];
    p.best_at = (int)load_number(from + PART_COLUMN(BEST_HIGH));
    p.before = 0;
    return p;
}

static target_logit load_target(__global const real *from) {
    target_logit g;
    g.here = from[PART_COLUMN(HERE)] != 0;
    g.x = from[PART_COLUMN(TARGET)];
    return g;
}

/* Merges `count` parts, `apart` reals from one to the next. */
static row_part merge_parts_of(const call *k, __global const real *parts, long apart, int count) {
    real ref = -REAL_INF;
    for (int i = 0; i < count; i++) ref = fmax(ref, parts[i * apart + PART_COLUMN(REFERENCE)]);
    row_part whole = part_rebased(k, load_part(parts), ref);
    for (int i = 1; i < count; i++)
        whole = part_add(whole, part_rebased(k, load_part(parts + i * apart), ref));
    return whole;
}

/* The target's logit, from the part that has it. */
static target_logit merge_targets_of(__global const real *parts, long apart, int count) {
    target_logit g = load_target(parts);
    for (int i = 1; i < count && !g.here; i++) g = load_target(parts + i * apart);
    return g;
}

/* The kind of this program's states. */
#define STATE_KIND                                            \
    REAL(U == U_WEIGHT        ? CLXENT_STATE_OF_WEIGHTS       \
         : U == U_PROBABILITY ? CLXENT_STATE_OF_PROBABILITIES \
                              : CLXENT_STATE_PLAIN)

static void store_state(__global real *to, const row_part *p, target_logit g, long begin, long end) {
    to[CLXENT_STATE_KIND] = STATE_KIND;
    store_number(to + CLXENT_STATE_BEGIN_HIGH, begin);
    store_number(to + CLXENT_STATE_END_HIGH, end);
    store_part(to + CLXENT_STATE_REFERENCE, p, g);
}

/* Whether a state has this program's kind and covers all classes. */
static bool is_whole(const call *k, __global const real *state) {
    return state[CLXENT_STATE_KIND] == STATE_KIND && load_number(state + CLXENT_STATE_BEGIN_HIGH) == 0 &&
           load_number(state + CLXENT_STATE_END_HIGH) == k->p->classes_total;
}

#endif
