/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures the errors of results against exact ones, in units of their bounds: for all types, magnitudes from
 * 1e-30 to 1e30, rows whose largest logits are a unit in the last place apart, up to 4 million classes, and
 * every schedule.
 *
 *   test_accuracy         runs a few shapes, and not every schedule with every type
 *   test_accuracy long    runs all shapes, and every schedule, also AUTO, with every type
 *   test_accuracy print   uses no device, and writes the cases of `long`, with exact results and bounds, to
 *                         standard output for ci/peers_python/accuracy.py (format: print_case())
 *
 * The test fails if a value is outside its bound. */
#include <clxent/clxent_experimental.h>

#include "leave.h"
#include "sweep.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const clxent_dtype dtypes[] = {CLXENT_F32, CLXENT_F16, CLXENT_BF16, CLXENT_F64};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

enum { SCHEDULES = CLXENT_SCHEDULE_SPLIT + 1 };

typedef struct shape {
    int64_t rows, classes;
    int in_short, everywhere; /* everywhere: with every type and magnitude; else f32, 1 to 10 */
} shape;

static const shape shapes[] = {
    {64, 2, 0, 1},    {64, 10, 1, 1},    {32, 113, 0, 1},    {16, 1000, 1, 1},   {4, 32000, 0, 1},
    {3, 50257, 0, 1}, {2, 262144, 0, 1}, {1, 1000003, 0, 0}, {1, 4194304, 0, 0}, {1, 300007, 1, 0},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static int has_case(int long_form, const shape *s, clxent_dtype dtype, const sweep_spread *spread) {
    if (!sweep_has(dtype, spread) || (!long_form && !s->in_short)) return 0;
    return s->everywhere || (dtype == CLXENT_F32 && spread->magnitude >= 1 && spread->magnitude <= 10);
}

/* ------------------------------------------------------------------------------------ on a device */

static void *room(int64_t count, size_t size) {
    void *data = malloc((size_t)count * size);
    assert_non_null(data);
    memset(data, 0x7B, (size_t)count * size); /* neither a plausible result nor a NaN */
    return data;
}

static clxent_array output(int64_t count, size_t size) {
    return CLXENT_ARRAY(room(count, size), (size_t)count * size);
}

/* 0: the device does not run this schedule for this shape. */
static int run(clxent_ctx *ctx, const sweep_case *c, clxent_schedule schedule, clxent_arrays *a) {
    clxent_desc desc = CLXENT_DESC_INIT;
    clxent_plan *plan;
    desc.rows = c->rows;
    desc.classes = c->classes;
    desc.logits_dtype = c->dtype;
    const clxent_status status = clxent_plan_create_scheduled(&plan, ctx, &desc, schedule);
    if (status == CLXENT_ERR_UNSUPPORTED) return 0;
    expect_status("plan", ctx, status, CLXENT_OK);
    expect_status("run", ctx, clxent_run(plan, a), CLXENT_OK);
    clxent_plan_destroy(plan);
    return 1;
}

static void compare_rows(sweep_error *e, clxent_dtype dtype, const clxent_array *got, const double *exact,
                         const double *bound, int64_t rows, double sign) {
    for (int64_t i = 0; i < rows; i++)
        sweep_note(e, dtype, element(dtype, got->data, i), sign * exact[i], bound[i]);
}

static void compare_grad(sweep_error *e, const sweep_case *c, const void *got) {
    for (int64_t i = 0; i < c->rows * c->classes; i++)
        sweep_note(e, c->dtype, element(c->dtype, got, i), c->grad[i], c->grad_bound[i / c->classes]);
}

/* Makes two calls: one for every output and a gradient in its own memory, one for the loss and a gradient
 * over the logits. */
static int run_case(clxent_ctx *ctx, const sweep_case *c, clxent_schedule schedule,
                    sweep_error errors[SWEEP_OUTPUTS]) {
    const clxent_dtype real = c->dtype == CLXENT_F64 ? CLXENT_F64 : CLXENT_F32;
    const size_t size = clxent_dtype_size(real), logit = clxent_dtype_size(c->dtype);
    const int64_t n = c->rows, all = n * c->classes;
    clxent_arrays a = CLXENT_ARRAYS_INIT, in_place = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(c->logits, (size_t)all * logit);
    in_place.targets = a.targets = CLXENT_ARRAY(c->targets, (size_t)n * sizeof *c->targets);
    a.loss = output(1, size);
    a.row_loss = output(n, size);
    a.log_prob = output(n, size);
    a.lse = output(n, size);
    a.entropy = output(n, size);
    a.grad = output(all, logit);
    in_place.loss = output(1, size);
    in_place.logits = in_place.grad = output(all, logit);
    memcpy(in_place.logits.data, c->logits, in_place.logits.bytes);
    expect_about("%lld x %lld, %s, %s schedule", (long long)n, (long long)c->classes, c->spread->name,
                 clxent_schedule_name(schedule));
    const int ran = run(ctx, c, schedule, &a) && run(ctx, c, schedule, &in_place);
    if (ran) {
        sweep_note(&errors[SWEEP_LOSS], real, element(real, a.loss.data, 0), c->loss, c->loss_bound);
        sweep_note(&errors[SWEEP_LOSS_IN_PLACE], real, element(real, in_place.loss.data, 0), c->loss,
                   c->loss_bound);
        compare_rows(&errors[SWEEP_ROW_LOSS], real, &a.row_loss, c->log_prob, c->row_loss_bound, n, -1);
        compare_rows(&errors[SWEEP_LOG_PROB], real, &a.log_prob, c->log_prob, c->log_prob_bound, n, 1);
        compare_rows(&errors[SWEEP_LSE], real, &a.lse, c->lse, c->lse_bound, n, 1);
        compare_rows(&errors[SWEEP_ENTROPY], real, &a.entropy, c->entropy, c->entropy_bound, n, 1);
        compare_grad(&errors[SWEEP_GRAD], c, a.grad.data);
        compare_grad(&errors[SWEEP_GRAD_IN_PLACE], c, in_place.grad.data);
    }
    void *const outputs[] = {a.loss.data,    a.row_loss.data, a.log_prob.data,    a.lse.data,
                             a.entropy.data, a.grad.data,     in_place.loss.data, in_place.grad.data};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) free(outputs[i]);
    return ran;
}

/* ------------------------------------------------------------------------------------- the tables */

static struct {
    clxent_ctx *ctx;
    int long_form, cases, skipped;
    sweep_error all, by_schedule[SCHEDULES][DTYPES], reference[DTYPES];
} sweep;

static void print_head(const char *dtype) {
    printf("\n%-24s %9s", dtype, "values");
    for (int i = 0; i < SWEEP_OUTPUTS; i++) printf("  %14s", sweep_output_names[i]);
    printf("\n");
}

static void print_line(const char *name, const sweep_error errors[SWEEP_OUTPUTS]) {
    int64_t values = 0;
    for (int i = 0; i < SWEEP_OUTPUTS; i++) values += errors[i].values;
    printf("%-24s %9" PRId64, name, values);
    for (int i = 0; i < SWEEP_OUTPUTS; i++)
        printf("  %7.3f %6.4f", errors[i].largest,
               errors[i].values ? errors[i].sum / (double)errors[i].values : 0.0);
    printf("\n");
    fflush(stdout);
}

/* The short form compiles less: it leaves out AUTO, which chooses one of the other schedules, and runs types
 * other than f32 with every second schedule. */
static int takes(int dtype, int schedule) {
    if (sweep.long_form) return 1;
    return schedule != CLXENT_SCHEDULE_AUTO && (dtypes[dtype] == CLXENT_F32 || (schedule + dtype) % 2);
}

/* Prints one line, for all shapes and schedules of a type and magnitude. */
static void run_spread(int which, const sweep_spread *spread) {
    const clxent_dtype dtype = dtypes[which];
    sweep_error line[SWEEP_OUTPUTS] = {{0, 0, 0, 0}};
    for (int i = 0; i < SHAPES; i++) {
        if (!has_case(sweep.long_form, &shapes[i], dtype, spread)) continue;
        sweep_case c;
        sweep_case_open(&c, dtype, spread, shapes[i].rows, shapes[i].classes);
        sweep_merge(&sweep.reference[which], &c.reference);
        for (int s = CLXENT_SCHEDULE_AUTO; s < SCHEDULES; s++) {
            if (!takes(which, s)) continue;
            sweep_error errors[SWEEP_OUTPUTS] = {{0, 0, 0, 0}};
            if (!run_case(sweep.ctx, &c, (clxent_schedule)s, errors)) {
                sweep.skipped++;
                continue;
            }
            sweep.cases++;
            for (int o = 0; o < SWEEP_OUTPUTS; o++) {
                sweep_merge(&line[o], &errors[o]);
                sweep_merge(&sweep.by_schedule[s][which], &errors[o]);
            }
        }
        sweep_case_close(&c);
    }
    for (int o = 0; o < SWEEP_OUTPUTS; o++) sweep_merge(&sweep.all, &line[o]);
    print_line(spread->name, line);
}

static void print_summary(const clxent_device_info *device) {
    printf("\n%-24s", "largest, by schedule");
    for (int d = 0; d < DTYPES; d++) printf("  %7s", clxent_dtype_name(dtypes[d]));
    for (int s = 0; s < SCHEDULES; s++) {
        printf("\n%-24s", clxent_schedule_name((clxent_schedule)s));
        for (int d = 0; d < DTYPES; d++)
            if (sweep.by_schedule[s][d].values)
                printf("  %7.3f", sweep.by_schedule[s][d].largest);
            else
                printf("  %7s", "-");
    }
    printf("\n%-24s", "the double reference");
    for (int d = 0; d < DTYPES; d++) printf("  %7.3f", sweep.reference[d].largest);
    printf("\n\n%s (%s): %d cases, %d that a schedule does not run, %" PRId64 " values, %" PRId64
           " outside their bound\n",
           device->name, device->platform, sweep.cases, sweep.skipped, sweep.all.values, sweep.all.outside);
}

static void every_value_is_within_its_bound(void **state) {
    (void)state;
    clxent_device_info device = CLXENT_DEVICE_INFO_INIT;
    sweep.ctx = expect_ctx();
    assert_int_equal(clxent_ctx_device(sweep.ctx, &device), CLXENT_OK);
    printf("Of the bound (16-bit gradients: and half a unit): the largest error, the mean\n");
    for (int d = 0; d < DTYPES; d++) {
        if (dtypes[d] == CLXENT_F64 && !device.fp64) {
            printf("\nf64: the device has none\n");
            continue;
        }
        print_head(clxent_dtype_name(dtypes[d]));
        for (int i = 0; i < sweep_spread_count; i++)
            if (sweep_has(dtypes[d], &sweep_spreads[i])) run_spread(d, &sweep_spreads[i]);
    }
    print_summary(&device);
    clxent_ctx_destroy(sweep.ctx);
    assert_true(sweep.cases > 0);
    assert_int_equal(sweep.all.outside, 0);
}

/* ---------------------------------------------------------------------------------------- printed */

static void write_all(const void *data, int64_t count, size_t size) {
    if (fwrite(data, size, (size_t)count, stdout) != (size_t)count) fail_msg("standard output: write failed");
}

/* Writes a line "dtype|spread|rows|classes", and then arrays in the byte order of this machine: the logits
 * (N,C) in their type; the targets (N) as i64; and as f64 the loss, its bound, (N) each of log_prob, its
 * bound, the bound of row_loss, lse and its bound, (N,C) the gradient, and (N) its bound. */
static void print_case(const char *dtype, const sweep_case *c) {
    const int64_t all = c->rows * c->classes;
    printf("%s|%s|%" PRId64 "|%" PRId64 "\n", dtype, c->spread->name, c->rows, c->classes);
    write_all(c->logits, all, clxent_dtype_size(c->dtype));
    write_all(c->targets, c->rows, sizeof *c->targets);
    write_all(&c->loss, 1, sizeof(double));
    write_all(&c->loss_bound, 1, sizeof(double));
    const double *const rows[] = {c->log_prob, c->log_prob_bound, c->row_loss_bound, c->lse, c->lse_bound};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) write_all(rows[i], c->rows, sizeof(double));
    write_all(c->grad, all, sizeof(double));
    write_all(c->grad_bound, c->rows, sizeof(double));
}

static void print_cases(void) {
    for (int d = 0; d < DTYPES; d++)
        for (int i = 0; i < sweep_spread_count; i++)
            for (int s = 0; s < SHAPES; s++) {
                if (!has_case(1, &shapes[s], dtypes[d], &sweep_spreads[i])) continue;
                sweep_case c;
                sweep_case_open(&c, dtypes[d], &sweep_spreads[i], shapes[s].rows, shapes[s].classes);
                print_case(clxent_dtype_name(dtypes[d]), &c);
                sweep_case_close(&c);
            }
    if (fflush(stdout) != 0) fail_msg("standard output: write failed");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_value_is_within_its_bound)};
    if (argc > 1 && strcmp(argv[1], "print") == 0) {
        print_cases();
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "long") != 0) {
        fprintf(stderr, "%s: %s is neither long nor print\n", argv[0], argv[1]);
        return 2;
    }
    sweep.long_form = argc > 1;
    return leave(cmocka_run_group_tests_name("accuracy", tests, NULL, NULL));
}
