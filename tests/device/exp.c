/* SPDX-License-Identifier: Apache-2.0
 *
 * Evaluates the polynomials of exp_of(), tanh_of() and log_of_sum() of kernels/exp.cl on the device, and the
 * fma() of kernels/fma.cl. Compares them with double. host/doc/manual/numerics.md builds on these bounds.
 *
 * test_exp [STEP]   takes every STEP-th float of the range: 1 takes all, the default takes less than 1 %. */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <clxent/clxent_opencl.h>

#include "expect.h"
#include "leave.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 1 << 16 };

/* A little above the logarithm of the smallest normal number. Below it, a result of 0 is right. From 0.01
 * further down, the result must be 0. */
#define LEAST_EXP (-87.33F)

/* From here on, no intermediate result of tanh is subnormal. A device may flush subnormals. */
#define LEAST_TANH 0x1p-120F

/* The error of exp(d) is at most exp(d) (1 + |d|) exp_bound. tanh keeps both of its bounds. */
static const double exp_bound = 1.6e-7, tanh_bound = 1.7e-7, tanh_relative_bound = 1e-6;

static struct {
    clxent_ctx *ctx;
    cl_context context;
    cl_device_id device;
    cl_command_queue queue;
    uint32_t step; /* the argument; 0: the effort decides */
    bool subnormals;
} bench;

/* A kernel of one width that computes two functions, and the memory of a batch. */
typedef struct functions {
    cl_program program;
    cl_kernel kernel;
    int width;
    cl_mem x, results[2];
    float in[BATCH], out[2][BATCH];
} functions;
enum { EXP = 0, TANH = 1 };  /* kernel evaluate */
enum { LOG = 0, LOG1P = 1 }; /* kernel logarithms: the log of a sum, from the sum, or from the sum minus 1 */
enum { REST = 0, SUM = 1 };  /* kernel fused: the rounding error of x (x + 1), and x (x + 1) - x */

#define assert_cl(code) assert_cl_at((code), #code)
static void assert_cl_at(cl_int code, const char *what) {
    if (code != CL_SUCCESS) fail_msg("%s: %d", what, (int)code);
}

static const char source[] =
    "#include \"exp.cl\"\n"
    "#if WIDTH > 1\n"
    "#define LOAD(p)     CLX_VLOAD(get_global_id(0), p)\n"
    "#define STORE(v, p) CLX_VSTORE(v, get_global_id(0), p)\n"
    "#else\n"
    "#define LOAD(p)     (p)[get_global_id(0)]\n"
    "#define STORE(v, p) ((p)[get_global_id(0)] = (v))\n"
    "#endif\n"
    "__kernel void evaluate(__global const float *x, __global float *exps, __global float *tanhs,\n"
    "                       float one) {\n"
    "    const exp_constants constants = exp_constants_of(one);\n"
    "    const realv v = LOAD(x);\n"
    "    STORE(exp_of(&constants, v), exps);\n"
    "    STORE(tanh_of(&constants, v), tanhs);\n"
    "}\n"
    "#if ROWS > 1 || WIDTH == 1\n"
    "__kernel void logarithms(__global const float *x, __global float *logs, __global float *logs1p,\n"
    "                         float one) {\n"
    "    const realv v = LOAD(x);\n"
    "    STORE(log_of_sum(v, (rowmask)0, v - one), logs);\n"
    "    STORE(log_of_sum(v + one, ROW_TRUE, v), logs1p);\n"
    "}\n"
    "#endif\n"
    "__kernel void fused(__global const float *x, __global float *rests, __global float *sums, float one) {\n"
    "    const realv a = LOAD(x), product = a * (a + one);\n"
    "    STORE(fma(a, a + one, -product), rests);\n"
    "    STORE(fma(a, a + one, -a * one), sums);\n"
    "}\n";

static void build(functions *f, const char *kernel, int rows) {
    const char *text = source;
    char options[1024], log[4096] = "";
    const int length = snprintf(options, sizeof options,
                                "-w -cl-std=CL1.2 -DEXP_POLYNOMIAL=1 -DFMA=%d -DWIDTH=%d -DROWS=%d -I%s",
                                strcmp(kernel, "fused") != 0, f->width, rows, CLXENT_TEST_KERNELS);
    assert_true(length > 0 && (size_t)length < sizeof options);
    cl_int code;
    f->program = clCreateProgramWithSource(bench.context, 1, &text, NULL, &code);
    assert_cl(code);
    code = clBuildProgram(f->program, 1, &bench.device, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        clGetProgramBuildInfo(f->program, bench.device, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL);
        fail_msg("exp.cl with %s: %d\n%s", options, (int)code, log);
    }
    f->kernel = clCreateKernel(f->program, kernel, &code);
    assert_cl(code);
}

/* `rows` is ROWS of number.cl. */
static functions *open_functions(const char *kernel, int width, int rows) {
    functions *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->width = width;
    build(f, kernel, rows);
    cl_mem *const mem[] = {&f->x, &f->results[0], &f->results[1]};
    for (cl_uint i = 0; i < 3; i++) {
        cl_int code;
        *mem[i] = clCreateBuffer(bench.context, CL_MEM_READ_WRITE, sizeof f->in, NULL, &code);
        assert_cl(code);
        assert_cl(clSetKernelArg(f->kernel, i, sizeof *mem[i], mem[i]));
    }
    const float one = 1;
    assert_cl(clSetKernelArg(f->kernel, 3, sizeof one, &one));
    return f;
}

static void close_functions(functions *f) {
    for (int i = 0; i < 2; i++) clReleaseMemObject(f->results[i]);
    clReleaseMemObject(f->x);
    clReleaseKernel(f->kernel);
    clReleaseProgram(f->program);
    free(f);
}

/* Computes both functions of in[0 .. count], rounded up to whole vectors. */
static void evaluate(functions *f, size_t count) {
    const size_t items = (count + (size_t)f->width - 1) / (size_t)f->width;
    assert_cl(clEnqueueWriteBuffer(bench.queue, f->x, CL_FALSE, 0, sizeof f->in, f->in, 0, NULL, NULL));
    assert_cl(clEnqueueNDRangeKernel(bench.queue, f->kernel, 1, NULL, &items, NULL, 0, NULL, NULL));
    for (int i = 0; i < 2; i++)
        assert_cl(clEnqueueReadBuffer(bench.queue, f->results[i], CL_TRUE, 0, sizeof f->out[i], f->out[i], 0,
                                      NULL, NULL));
}

/* The largest error so far, in units of its bound. */
typedef struct worst {
    const char *what;
    double bound, off;
    float at;
} worst;

static void note(worst *w, float x, double error) {
    const double off = error / w->bound;
    if (off <= w->off) return; /* false for a NaN, which must be noted */
    w->off = off;
    w->at = x;
    if (!(off <= 1.0)) fail_msg("%s at %.9g: off by %.3g, allowed %.3g", w->what, (double)x, error, w->bound);
}

/* The sweep fills a batch and checks it when it is full. */
typedef struct sweep_state {
    size_t count;
    worst exp, tanh, tanh_relative;
} sweep_state;

static void check_batch(functions *f, sweep_state *s) {
    evaluate(f, s->count);
    for (size_t i = 0; i < s->count; i++) {
        const float x = f->in[i];
        const double e = exp((double)x), t = tanh((double)x);
        if (x < LEAST_EXP && (f->out[EXP][i] == 0.0F || x < LEAST_EXP - 0.01F)) {
            if (f->out[EXP][i] != 0.0F)
                fail_msg("exp(%.9g) is %.9g, not 0", (double)x, (double)f->out[EXP][i]);
        } else {
            note(&s->exp, x, fabs((double)f->out[EXP][i] - e) / (e * (1.0 + fabs((double)x))));
        }
        const double off = fabs((double)f->out[TANH][i] - t);
        note(&s->tanh, x, off);
        if (fabsf(x) >= LEAST_TANH) note(&s->tanh_relative, x, off / fabs(t));
    }
    s->count = 0;
}

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float number_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t step_of_sweep(void) {
    static const uint32_t steps[] = {[EFFORT_TINY] = 4000037, [EFFORT_SMALL] = 1009, [EFFORT_FULL] = 127};
    return bench.step ? bench.step : steps[expect_effort()];
}

/* Checks every step-th float of [-88, 8], with subnormals if the device has them. */
static void sweep(int width) {
    const uint32_t step = step_of_sweep();
    functions *f = open_functions("evaluate", width, 1);
    sweep_state s = {.exp = {"exp, relative by 1 + |d|", exp_bound, 0, 0},
                     .tanh = {"tanh", tanh_bound, 0, 0},
                     .tanh_relative = {"tanh, relative", tanh_relative_bound, 0, 0}};
    for (int negative = 0; negative < 2; negative++) {
        const uint32_t last = bits_of(negative ? 88.0F : 8.0F);
        for (uint64_t bits = 0; bits <= last; bits += step) {
            if (!bench.subnormals && bits && bits < 0x00800000) continue;
            f->in[s.count++] = number_of((uint32_t)bits | (uint32_t)negative << 31);
            if (s.count == BATCH) check_batch(f, &s);
        }
    }
    check_batch(f, &s);
    const worst *const all[] = {&s.exp, &s.tanh, &s.tanh_relative};
    for (int i = 0; i < 3; i++)
        print_message("width %d, every %u-th: %s: %.3g, at %.9g\n", width, (unsigned)step, all[i]->what,
                      all[i]->off * all[i]->bound, (double)all[i]->at);
    close_functions(f);
}

/* Checks the values that must be exact: masked classes, NaNs, and the tanh of large numbers. */
static void special(int width) {
    static const uint32_t nans[] = {0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF800001, 0x7FFFFFFF, 0xFFF5A5A5};
    static const struct {
        float x, exp, tanh; /* exp NaN: not checked */
    } values[] = {{-INFINITY, 0, -1}, {-3.4028235e38F, 0, -1}, {-1e30F, 0, -1},
                  {-1e4F, 0, -1},     {-100, 0, -1},           {-87.34F, 0, -1},
                  {0, 1, 0},          {-0.0F, 1, 0},           {30, NAN, 1},
                  {31, NAN, 1},       {1e4F, NAN, 1},          {3.4028235e38F, NAN, 1},
                  {INFINITY, NAN, 1}};
    enum { NANS = sizeof nans / sizeof *nans, VALUES = sizeof values / sizeof *values };
    functions *f = open_functions("evaluate", width, 1);
    for (int i = 0; i < VALUES; i++) f->in[i] = values[i].x;
    memcpy(f->in + VALUES, nans, sizeof nans); /* copies bits: a signalling NaN must not pass a register */
    evaluate(f, VALUES + NANS);
    for (int i = 0; i < VALUES; i++) {
        if (!isnan(values[i].exp) && f->out[EXP][i] != values[i].exp)
            fail_msg("exp(%.9g) is %.9g", (double)values[i].x, (double)f->out[EXP][i]);
        if (f->out[TANH][i] != values[i].tanh)
            fail_msg("tanh(%.9g) is %.9g", (double)values[i].x, (double)f->out[TANH][i]);
    }
    for (int i = 0; i < NANS; i++) {
        if (!isnan(f->out[EXP][VALUES + i]) || !isnan(f->out[TANH][VALUES + i]))
            fail_msg("of the NaN %08X: exp %.9g, tanh %.9g", (unsigned)nans[i],
                     (double)f->out[EXP][VALUES + i], (double)f->out[TANH][VALUES + i]);
    }
    close_functions(f);
}

static void check_logs(functions *f, size_t count, int which, worst *w) {
    evaluate(f, count);
    for (size_t i = 0; i < count; i++) {
        const double x = (double)f->in[i], exact = which == LOG ? log(x) : log1p(x);
        const double unit = exact == 0 ? 0x1p-149 : ldexp(1, ilogb(exact) - 23); /* in the last place */
        note(w, f->in[i], fabs((double)f->out[which][i] - exact) / unit);
    }
}

/* Checks every step-th float: sums from 7/8 to 2^31, and sums minus 1 from 2^-63 to 1/8. */
static void sweep_logarithms(int rows) {
    static const struct {
        float first, last;
        worst worst;
    } parts[] = {[LOG] = {0.875F, 0x1p31F, {"log, units in the last place", 0.9, 0, 0}},
                 [LOG1P] = {0x1p-63F, 0.125F, {"log1p, units in the last place", 0.7, 0, 0}}};
    const uint32_t step = step_of_sweep();
    functions *f = open_functions("logarithms", rows, rows);
    for (int which = LOG; which <= LOG1P; which++) {
        worst w = parts[which].worst;
        size_t count = 0;
        for (uint64_t bits = bits_of(parts[which].first); bits <= bits_of(parts[which].last); bits += step) {
            f->in[count++] = number_of((uint32_t)bits);
            if (count < BATCH) continue;
            check_logs(f, count, which, &w);
            count = 0;
        }
        check_logs(f, count, which, &w);
        print_message("width %d, every %u-th: %s: %.3g, at %.9g\n", rows, (unsigned)step, w.what,
                      w.off * w.bound, (double)w.at);
    }
    close_functions(f);
}

static void logarithms_one_by_one(void **state) {
    (void)state;
    sweep_logarithms(1);
}

static void logarithms_of_rows(void **state) {
    (void)state;
    if (expect_effort() != EFFORT_FULL) skip(); /* only fast CPU devices put a row into each lane */
    sweep_logarithms(16);
}

/* fma() by sums: the rounding error of a product is exact; other sums are within a unit in the last place. */
static void fma_of_sums(void **state) {
    (void)state;
    functions *f = open_functions("fused", 4, 1);
    const uint32_t first = bits_of(0x1p-30F), step = (bits_of(0x1p60F) - first) / BATCH;
    worst w = {"fma of sums, units in the last place", 1, 0, 0};
    for (uint32_t i = 0; i < BATCH; i++) f->in[i] = number_of(first + i * step);
    evaluate(f, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        const float x = f->in[i], y = x + 1, product = x * y;
        const float rest = (float)((double)x * (double)y - (double)product);
        const double sum = (double)x * (double)y - (double)x;
        if (f->out[REST][i] != rest)
            fail_msg("fma(%a, %a, -%a) is %a, not %a", (double)x, (double)y, (double)product,
                     (double)f->out[REST][i], (double)rest);
        note(&w, x, fabs((double)f->out[SUM][i] - sum) / ldexp(1, ilogb(sum) - 23));
    }
    print_message("%s: %.3g, at %.9g\n", w.what, w.off, (double)w.at);
    close_functions(f);
}

static void floats_one_by_one(void **state) {
    (void)state;
    sweep(1);
}

static void floats_in_vectors(void **state) {
    (void)state;
    sweep(16);
}

static void special_one_by_one(void **state) {
    (void)state;
    special(1);
}

static void special_in_vectors(void **state) {
    (void)state;
    special(16);
}

static int open_device(void **state) {
    (void)state;
    bench.ctx = expect_ctx();
    bench.queue = clxent_ctx_queue(bench.ctx);
    assert_cl(
        clGetCommandQueueInfo(bench.queue, CL_QUEUE_CONTEXT, sizeof bench.context, &bench.context, NULL));
    assert_cl(clGetCommandQueueInfo(bench.queue, CL_QUEUE_DEVICE, sizeof bench.device, &bench.device, NULL));
    cl_device_fp_config config = 0;
    assert_cl(clGetDeviceInfo(bench.device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof config, &config, NULL));
    bench.subnormals = (config & CL_FP_DENORM) != 0;
    return 0;
}

static int close_device(void **state) {
    (void)state;
    clxent_ctx_destroy(bench.ctx);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        char *end;
        const unsigned long step = strtoul(argv[1], &end, 10);
        if (*end || step < 1 || step > 1000000000) {
            fprintf(stderr, "%s: step %s is not in 1 to 1000000000\n", argv[0], argv[1]);
            return 2;
        }
        bench.step = (uint32_t)step;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_one_by_one),    cmocka_unit_test(special_in_vectors),
        cmocka_unit_test(floats_one_by_one),     cmocka_unit_test(floats_in_vectors),
        cmocka_unit_test(logarithms_one_by_one), cmocka_unit_test(logarithms_of_rows),
        cmocka_unit_test(fma_of_sums),
    };
    return leave(cmocka_run_group_tests_name("exp", tests, open_device, close_device));
}
