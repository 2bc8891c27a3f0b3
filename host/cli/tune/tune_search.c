/* SPDX-License-Identifier: Apache-2.0
 *
 * The search takes the fields one after the other: first those of the kernels, then the thresholds between
 * the kernels. It doubles a value as long as that is faster. If no doubling is faster, it halves the value as
 * long as that is faster.
 *
 * A contest times a new value against the best so far, on every case that the value affects. Both use the
 * same buffers and take turns, so other work of the machine slows both. A new value wins if it is faster by
 * more than MEAN_NOISE on the mean, and no case is slower by more than CASE_NOISE. The search takes a value
 * that wins two contests.
 */
#include "files/dtype_values.h"
#include "tune.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEAN_NOISE 0.03
#define CASE_NOISE 0.05
/* A case ends early if its median ratio is more than LOST after LOST_PAIRS pairs or more. A contest ends
 * after such a case. */
#define LOST 1.10
enum { LOST_PAIRS = 3 };

typedef struct field {
    const char *name;
    size_t at; /* in clxent_tuning */
    int32_t least, most;
} field;

#define FIELD(name, least, most, power) {#name, offsetof(clxent_tuning, name), least, most},
static const field fields[] = {CLXENT_TUNING_MAP(FIELD)};
#undef FIELD
#define NUMBER(name, least, most, power) NUMBER_##name,
enum { CLXENT_TUNING_MAP(NUMBER) FIELDS };
#undef NUMBER

/* A field affects the cases that run on one of its schedules with a number of classes in its range. It also
 * affects each case whose schedule it changes. */
enum {
    LANE = 1 << CLXENT_SCHEDULE_LANE,
    GROUP = 1 << CLXENT_SCHEDULE_GROUP,
    WIDE = 1 << CLXENT_SCHEDULE_WIDE,
    SPLIT = 1 << CLXENT_SCHEDULE_SPLIT,
    LANE_VECTORS = 1 << 16,
    LONG_ROW = 1025,
    SEVERAL_TILES = 512 /* a shorter row has one tile, whatever its size */
};
static const struct {
    unsigned schedules;
    int64_t least_classes, most_classes;
} matters_to[FIELDS] = {
    [NUMBER_group_width] = {GROUP, SEVERAL_TILES, INT32_MAX},
    [NUMBER_group_tile] = {GROUP, SEVERAL_TILES, INT32_MAX},
    [NUMBER_group_size_short] = {GROUP, 1, LONG_ROW - 1},
    [NUMBER_group_size] = {GROUP, LONG_ROW, INT32_MAX},
    [NUMBER_wide_width] = {WIDE, SEVERAL_TILES, INT32_MAX},
    [NUMBER_wide_tile] = {WIDE, SEVERAL_TILES, INT32_MAX},
    [NUMBER_lane_group_size] = {LANE, 1, INT32_MAX},
    [NUMBER_few_classes] = {0, 1, INT32_MAX},
    [NUMBER_split_part_classes] = {SPLIT, 1, INT32_MAX},
    [NUMBER_teams_per_unit] = {SPLIT, 1, INT32_MAX},
};

static int32_t *value_in(clxent_tuning *tuning, int f) {
    return (int32_t *)((char *)tuning + fields[f].at);
}

typedef struct search {
    const bench_device *device;
    const bench_list *list;
    tune_result *result;
} search;

/* One of the two tunings of a contest. */
typedef struct side {
    clxent_tuning tuning;
    clxent_plan *plan;
    unsigned schedules; /* bits of the plan's schedule, and for SPLIT also of the schedule of its parts */
} side;

static int open_side(const search *t, side *s, const clxent_desc *desc) {
    const session *opened = t->device->session;
    clxent_schedule schedule = CLXENT_SCHEDULE_AUTO;
    clxent_status status = clxent_ctx_set_tuning(opened->ctx, &s->tuning);
    if (status == CLXENT_OK) status = clxent_plan_create(&s->plan, opened->ctx, desc);
    if (status == CLXENT_OK) status = clxent_plan_schedule(s->plan, &schedule);
    /* If the device runs long rows on WIDE, no field affects LANE. */
    const clxent_schedule long_rows = clxent_device_schedule(&opened->device);
    const int vectors = long_rows == CLXENT_SCHEDULE_WIDE && schedule == CLXENT_SCHEDULE_LANE;
    s->schedules = vectors ? LANE_VECTORS : 1u << schedule;
    if (schedule == CLXENT_SCHEDULE_SPLIT) s->schedules |= 1u << long_rows;
    return status == CLXENT_OK ? EXIT_GOOD : session_failed(opened, status);
}

static void close_side(side *s) {
    clxent_plan_destroy(s->plan);
    s->plan = NULL;
}

static int matters(int f, const side *old, const side *new, int64_t classes) {
    if (old->schedules != new->schedules) return 1;
    return (new->schedules &matters_to[f].schedules) && classes >= matters_to[f].least_classes &&
           classes <= matters_to[f].most_classes;
}

/* The outcome of a contest or of one of its cases. A failure of the new side is no failure of the search. */
typedef enum outcome { TIMED, NO_MATTER, OLD_FAILED, NEW_FAILED, NEW_WRONG } outcome;

static outcome new_failed(int code) {
    return code == EXIT_DIFFERS ? NEW_WRONG : NEW_FAILED;
}

/* Sets *ratio to the median of a case's ratios, new time / old time. The sides take turns to go first. */
static outcome time_pairs(const bench_problem *p, const side *old, const side *new, double *ratios,
                          double *ratio, int *code) {
    double times[2][BENCH_CALLS], enqueue[BENCH_CALLS];
    size_t n = 0, calls = 0;
    for (int pair = -1; pair < p->settings->pairs; pair++) {
        for (int turn = 0; turn < 2; turn++) {
            const int is_new = (turn + pair) & 1;
            *code = bench_problem_time(p, is_new ? new->plan : old->plan, &p->desc, pair, times[is_new],
                                       enqueue, &calls);
            if (*code) return is_new ? new_failed(*code) : OLD_FAILED;
        }
        if (pair < 0) continue; /* this pair only warms up */
        ratios[n++] = bench_median(times[1], calls) / bench_median(times[0], calls);
        *ratio = bench_median(ratios, n);
        if (n >= LOST_PAIRS && *ratio > LOST) break;
    }
    return TIMED;
}

/* Checks a side's results. It sets the side's tuning first, because the check makes a plan too. */
static int check_side(const bench_problem *p, const side *s) {
    const session *opened = p->device->session;
    const clxent_status status = clxent_ctx_set_tuning(opened->ctx, &s->tuning);
    int failed = status == CLXENT_OK ? EXIT_GOOD : session_failed(opened, status);
    if (!failed) failed = bench_problem_fill(p, 0, p->slots);
    return failed ? failed : bench_check(p, s->plan);
}

static outcome compete(bench_problem *p, const side *old, const side *new, double *ratio, int *code) {
    outcome result = OLD_FAILED;
    double *ratios = malloc((size_t)p->settings->pairs * sizeof *ratios);
    *code = ratios ? bench_problem_open(p)
                   : tool_error(p->device->session->command, EXIT_DEVICE, "no host memory for times");
    if (!*code) *code = check_side(p, old);
    if (!*code) {
        *code = check_side(p, new);
        result = *code ? new_failed(*code) : TIMED;
    }
    if (result == TIMED) {
        *code = bench_problem_fill(p, 0, p->slots);
        result = *code ? OLD_FAILED : time_pairs(p, old, new, ratios, ratio, code);
    }
    bench_problem_close(p);
    free(ratios);
    return result;
}

/* Runs a case of the contest. NO_MATTER: the field does not affect it, or it does not fit the device. */
static outcome contest_case(const search *t, int f, const bench_case *what, side *old, side *new,
                            double *ratio, int *code) {
    char does_not_fit[sizeof((bench_result *)0)->skipped];
    bench_problem p;
    outcome result = TIMED;
    bench_problem_plan(&p, t->device, &t->list->settings, what, does_not_fit, sizeof does_not_fit);
    if (does_not_fit[0]) return NO_MATTER;
    if ((*code = open_side(t, old, &p.desc)) != EXIT_GOOD)
        result = OLD_FAILED;
    else if ((*code = open_side(t, new, &p.desc)) != EXIT_GOOD)
        result = NEW_FAILED;
    else if (!matters(f, old, new, what->classes))
        result = NO_MATTER;
    else
        result = compete(&p, old, new, ratio, code);
    close_side(old);
    close_side(new);
    return result;
}

/* Writes to m->why which case speaks against the value, and why. */
__attribute__((format(printf, 3, 4))) static void refuse(tune_measurement *m, const bench_case *what,
                                                         const char *format, ...) {
    va_list args;
    const int used =
        snprintf(m->why, sizeof m->why, "%s %" PRId64 "x%" PRId64 " %s ", bench_op_name(what->op), what->rows,
                 what->classes, clxent_dtype_name(what->dtype));
    va_start(args, format);
    if (used > 0 && (size_t)used < sizeof m->why)
        vsnprintf(m->why + used, sizeof m->why - (size_t)used, format, args);
    va_end(args);
}

/* Measures a value against the best on all cases. Returns EXIT_GOOD, or the exit code if the best itself
 * fails. m->cases is 0 if the value affects no case. */
static int contest(const search *t, int f, tune_measurement *m) {
    side old = {.tuning = t->result->tuning}, new = old;
    double log_sum = 0;
    *value_in(&new.tuning, f) = m->value;
    m->cases = 0;
    m->worst = m->ratio = 0;
    for (size_t i = 0; i < t->list->count && m->worst <= LOST; i++) {
        const bench_case *what = &t->list->cases[i];
        double ratio = 0;
        int code = EXIT_GOOD;
        const outcome o = contest_case(t, f, what, &old, &new, &ratio, &code);
        if (o == NO_MATTER) continue;
        if (o == OLD_FAILED) return code;
        m->cases++;
        if (o != TIMED) {
            m->ratio = m->worst = 0;
            refuse(m, what, o == NEW_WRONG ? "is wrong" : "fails on the device");
            return EXIT_GOOD;
        }
        log_sum += log(ratio);
        m->ratio = exp(log_sum / (double)m->cases);
        if (ratio <= m->worst) continue;
        m->worst = ratio;
        if (ratio > 1 + CASE_NOISE) refuse(m, what, "is slower by %.0f %%", 100 * (ratio - 1));
    }
    if (m->cases && !m->why[0] && m->ratio > 1 - MEAN_NOISE)
        snprintf(m->why, sizeof m->why, "not faster by more than %g %%", 100 * MEAN_NOISE);
    return EXIT_GOOD;
}

static void tell(const tune_measurement *m) {
    fprintf(stderr, "%-18s %6" PRId32 " for %6" PRId32, m->field, m->value, m->instead_of);
    if (m->ratio > 0) fprintf(stderr, ": %.3f of the time, %zu cases", m->ratio, m->cases);
    fprintf(stderr, ": %s\n", m->taken ? "taken" : m->why);
}

/* Tries a value of a field, and takes it if it is better. */
static int try_value(search *t, int f, int32_t value, int *taken) {
    tune_result *r = t->result;
    *taken = 0;
    if (value < fields[f].least || value > fields[f].most || r->n == TUNE_MEASUREMENTS) return EXIT_GOOD;
    tune_measurement m = {.field = fields[f].name, .value = value, .instead_of = *value_in(&r->tuning, f)};
    int failed = contest(t, f, &m);
    if (!failed && m.cases && !m.why[0]) failed = contest(t, f, &m); /* the first win may be chance */
    if (failed || !m.cases) return failed;
    m.taken = *taken = !m.why[0];
    if (m.taken) *value_in(&r->tuning, f) = value;
    r->measured[r->n++] = m;
    tell(&m);
    return EXIT_GOOD;
}

static int tune_field(search *t, int f) {
    int failed = EXIT_GOOD, taken = 1, doubled = 0;
    while (!failed && taken) {
        const int32_t value = *value_in(&t->result->tuning, f);
        failed = value > INT32_MAX / 2 ? (taken = 0, EXIT_GOOD) : try_value(t, f, 2 * value, &taken);
        doubled += taken;
    }
    taken = !doubled;
    while (!failed && taken) failed = try_value(t, f, *value_in(&t->result->tuning, f) / 2, &taken);
    return failed;
}

/* Counts the cases that fit the device, and prints the others. */
static size_t count_cases(const search *t) {
    size_t n = 0;
    for (size_t i = 0; i < t->list->count; i++) {
        char why[sizeof((bench_result *)0)->skipped];
        const bench_case *what = &t->list->cases[i];
        bench_problem p;
        bench_problem_plan(&p, t->device, &t->list->settings, what, why, sizeof why);
        n += !why[0];
        if (why[0])
            fprintf(stderr, "%s %" PRId64 "x%" PRId64 " %s left out: %s\n", bench_op_name(what->op),
                    what->rows, what->classes, clxent_dtype_name(what->dtype), why);
    }
    return n;
}

int tune_search(const bench_device *device, const bench_list *list, tune_result *result) {
    const session *s = device->session;
    search t = {device, list, result};
    *result = (tune_result){.before = CLXENT_TUNING_INIT};
    const clxent_status got = clxent_ctx_tuning(s->ctx, &result->before);
    if (got != CLXENT_OK) return session_failed(s, got);
    result->tuning = result->before;
    result->cases = count_cases(&t);
    if (result->cases == 0)
        return tool_error(s->command, EXIT_DEVICE, "none of the %zu cases fits \"%s\"", list->count,
                          s->device.name);
    int failed = EXIT_GOOD;
    for (int f = 0; f < FIELDS && !failed; f++) failed = tune_field(&t, f);
    const clxent_status restored = clxent_ctx_set_tuning(s->ctx, &result->before);
    return failed ? failed : restored == CLXENT_OK ? EXIT_GOOD : session_failed(s, restored);
}
