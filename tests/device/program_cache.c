/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent_ctx_export_programs(), clxent_ctx_import_programs(). A context that imports all programs compiles
 * nothing and computes the same bits; layers/break_builds.c would break a compilation. A context may also
 * import fewer programs, or a blob that is damaged, foreign or refused by its driver (the same layer refuses
 * it). Such a context compiles the missing programs and reports no error. unit/program_blob.c tests a blob's
 * bytes. */
#include "leave.h"
#include "support/device_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 3, CLASSES = 5 };

/* A context computes two plans, so that a blob can contain one program and lack another. */
typedef enum work { PLAIN, WITH_ENTROPY } work;
typedef struct results {
    float loss, grad[ROWS][CLASSES];
    float entropy[ROWS];
} results;

static clxent_plan *new_plan(clxent_ctx *ctx, work what) {
    clxent_desc desc = CLXENT_DESC_INIT;
    clxent_plan *plan = NULL;
    desc.rows = ROWS;
    desc.classes = CLASSES;
    desc.outputs = CLXENT_OUT_LOSS | CLXENT_OUT_GRAD | (what == WITH_ENTROPY ? CLXENT_OUT_ENTROPY : 0);
    expect_status("clxent_plan_create", ctx, clxent_plan_create(&plan, ctx, &desc), CLXENT_OK);
    return plan;
}

static results compute(clxent_ctx *ctx, work what) {
    static const float logits[ROWS][CLASSES] = {
        {0.5f, -1.25f, 3, 0, 2.5f}, {1e-3f, 7, 7.5f, -30, 6}, {-2, -2.5f, -3, -3.5f, 0.1f}};
    static const int64_t targets[ROWS] = {2, 4, 1};
    results r;
    memset(&r, 0, sizeof r);
    clxent_plan *plan = new_plan(ctx, what);
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(logits, sizeof logits);
    a.targets = CLXENT_ARRAY(targets, sizeof targets);
    a.loss = CLXENT_ARRAY(&r.loss, sizeof r.loss);
    a.grad = CLXENT_ARRAY(r.grad, sizeof r.grad);
    if (what == WITH_ENTROPY) a.entropy = CLXENT_ARRAY(r.entropy, sizeof r.entropy);
    expect_status("clxent_run", ctx, clxent_run(plan, &a), CLXENT_OK);
    clxent_plan_destroy(plan);
    return r;
}

typedef struct blob {
    unsigned char *data;
    size_t bytes;
} blob;

static blob export(clxent_ctx *ctx) {
    blob b = {NULL, 0};
    size_t bytes = 0;
    expect_status("size", ctx, clxent_ctx_export_programs(ctx, NULL, 0, &b.bytes), CLXENT_OK);
    b.data = malloc(b.bytes + 1);
    assert_non_null(b.data);
    b.data[b.bytes] = 0x5C;
    expect_status("export", ctx, clxent_ctx_export_programs(ctx, b.data, b.bytes, &bytes), CLXENT_OK);
    assert_int_equal(bytes, b.bytes);
    assert_int_equal(b.data[b.bytes], 0x5C);
    return b;
}

static void import(clxent_ctx *ctx, const blob *b) {
    expect_status("import", ctx, clxent_ctx_import_programs(ctx, b->data, b->bytes), CLXENT_OK);
}

static void set(const char *name, const char *value) {
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

/* Opens a context, computes the plans up to `most`, and returns the context's blob and results. */
static blob a_blob(work most, results *r) {
    clxent_ctx *ctx = expect_ctx();
    for (int what = PLAIN; what <= (int)most; what++) {
        const results got = compute(ctx, (work)what);
        if (r) r[what] = got;
    }
    assert_true(clxent_ctx_programs_compiled(ctx) > 0);
    const blob b = export(ctx);
    clxent_ctx_destroy(ctx);
    return b;
}

/* Checks that a context with this import computes `r`, and whether the context compiles. */
static void expect_results(const blob *b, const results *r, bool compiles) {
    clxent_ctx *ctx = expect_ctx();
    import(ctx, b);
    set("CLXENT_BREAK_BUILDS", compiles ? NULL : "1");
    const results got = compute(ctx, PLAIN);
    set("CLXENT_BREAK_BUILDS", NULL);
    assert_memory_equal(&got, r, sizeof got);
    assert_int_equal(clxent_ctx_programs_compiled(ctx) > 0, compiles);
    assert_string_equal(clxent_ctx_last_error(ctx), "");
    assert_string_equal(clxent_ctx_build_log(ctx), "");
    clxent_ctx_destroy(ctx);
}

static void all_of_it(void **state) {
    (void)state;
    results r[2];
    const blob b = a_blob(WITH_ENTROPY, r);
    clxent_ctx *ctx = expect_ctx();
    import(ctx, &b);
    memset(b.data, 0, b.bytes); /* the context has a copy */
    set("CLXENT_BREAK_BUILDS", "1");
    for (int what = PLAIN; what <= WITH_ENTROPY; what++) {
        const results got = compute(ctx, (work)what);
        assert_memory_equal(&got, &r[what], sizeof got);
    }
    set("CLXENT_BREAK_BUILDS", NULL);
    assert_int_equal(clxent_ctx_programs_compiled(ctx), 0);

    /* The context exports programs that are as good, whether or not it has used each import. */
    blob second = export(ctx);
    assert_int_equal(second.bytes, b.bytes);
    expect_results(&second, &r[PLAIN], false);
    assert_int_equal(clxent_ctx_import_programs(ctx, NULL, 0), CLXENT_OK);
    free(second.data);
    second = export(ctx);
    expect_results(&second, &r[PLAIN], false);
    free(second.data);
    free(b.data);
    clxent_ctx_destroy(ctx);
}

static void a_part_of_it(void **state) {
    (void)state;
    results r;
    const blob small = a_blob(PLAIN, &r);
    clxent_ctx *ctx = expect_ctx();
    import(ctx, &small);
    compute(ctx, PLAIN);
    assert_int_equal(clxent_ctx_programs_compiled(ctx), 0);
    compute(ctx, WITH_ENTROPY);
    assert_true(clxent_ctx_programs_compiled(ctx) > 0);
    const blob large = export(ctx);
    assert_true(large.bytes > small.bytes);
    clxent_ctx_destroy(ctx);

    ctx = expect_ctx();
    import(ctx, &large);
    compute(ctx, WITH_ENTROPY);
    compute(ctx, PLAIN);
    assert_int_equal(clxent_ctx_programs_compiled(ctx), 0);
    clxent_ctx_destroy(ctx);
    free(large.data);
    free(small.data);
}

static void damaged(void **state) {
    (void)state;
    results r;
    const blob b = a_blob(PLAIN, &r);
    const size_t places[] = {0, 8, 40, b.bytes / 2, b.bytes - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const blob cut = {b.data, places[i]};
        expect_results(&cut, &r, true);
        b.data[places[i]] ^= 4;
        expect_results(&b, &r, true);
        b.data[places[i]] ^= 4;
    }
    expect_results(&b, &r, false);
    free(b.data);
}

/* Writes the checksum that ends a blob, FNV-1a. A test that changes a blob on purpose calls this. */
static void seal(const blob *b) {
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < b->bytes - sizeof sum; i++) sum = (sum ^ b->data[i]) * 1099511628211u;
    memcpy(b->data + b->bytes - sizeof sum, &sum, sizeof sum);
}

/* The blob comes from another version of clxent, other kernels, another device or another driver. */
static void foreign(void **state) {
    (void)state;
    results r;
    const blob b = a_blob(PLAIN, &r);
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    clxent_ctx *ctx = expect_ctx();
    assert_int_equal(clxent_ctx_device(ctx, &info), CLXENT_OK);
    clxent_ctx_destroy(ctx);
    const char *parts[] = {clxent_version(), "kernels ",          info.platform,        info.name,
                           info.driver,      info.opencl_version, info.opencl_c_version};
    seal(&b);
    expect_results(&b, &r, false); /* proves that seal() computes the library's checksum */
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        unsigned char *at = NULL;
        const size_t length = strlen(parts[i]);
        for (size_t k = 0; at == NULL && k + length <= b.bytes && k < 1100; k++)
            if (memcmp(b.data + k, parts[i], length) == 0) at = b.data + k + length - 1;
        if (at == NULL) fail_msg("\"%s\" is not in the blob's identity", parts[i]);
        *at ^= 1;
        seal(&b);
        expect_results(&b, &r, true);
        *at ^= 1;
    }
    free(b.data);
}

/* The driver refuses a binary, at each place where it can. The context compiles the program instead, and
 * exports the compiled program. */
static void refused_by_the_driver(void **state) {
    (void)state;
    static const char *const where[] = {"create", "status", "build", "kernel"};
    results r;
    const blob b = a_blob(PLAIN, &r);
    for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
        set("CLXENT_BREAK_BINARIES", where[i]);
        expect_results(&b, &r, true);
        clxent_ctx *ctx = expect_ctx();
        import(ctx, &b);
        compute(ctx, PLAIN);
        set("CLXENT_BREAK_BINARIES", NULL);
        const blob again = export(ctx);
        assert_true(again.bytes < b.bytes + b.bytes / 2); /* the new programs replace the refused ones */
        expect_results(&again, &r, false);
        free(again.data);
        clxent_ctx_destroy(ctx);
    }
    free(b.data);
}

static void wrong_use(void **state) {
    (void)state;
    clxent_ctx *ctx = expect_ctx();
    unsigned char byte = 0x5C;
    size_t bytes = 7, whole = 0;
    assert_int_equal(clxent_ctx_export_programs(ctx, NULL, 0, NULL), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(ctx), "bytes is NULL");
    assert_int_equal(clxent_ctx_export_programs(ctx, NULL, 12, &bytes), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(ctx), "data is NULL|12");
    assert_int_equal(clxent_ctx_import_programs(ctx, NULL, 12), CLXENT_ERR_ARGUMENT);
    assert_says(clxent_ctx_last_error(ctx), "data is NULL|12");

    compute(ctx, PLAIN);
    expect_status("size", ctx, clxent_ctx_export_programs(ctx, NULL, 0, &whole), CLXENT_OK);
    assert_int_equal(clxent_ctx_export_programs(ctx, &byte, 0, &bytes), CLXENT_ERR_BUFFER);
    assert_int_equal(bytes, whole);
    assert_int_equal(byte, 0x5C);
    assert_says(clxent_ctx_last_error(ctx), "capacity is 0 bytes|the programs have");
    clxent_ctx_destroy(ctx);
}

/* An empty context exports a blob without programs. A context may import this blob. */
static void nothing_of_it(void **state) {
    (void)state;
    results r;
    free(a_blob(PLAIN, &r).data);
    clxent_ctx *ctx = expect_ctx();
    const blob b = export(ctx);
    expect_results(&b, &r, true);
    clxent_ctx_destroy(ctx);
    free(b.data);
}

/* The caller's OpenCL context has two devices. The blob holds the programs of the queue's device. */
static void one_of_two_devices(void **state) {
    (void)state;
    cl_platform_id platform;
    cl_device_id devices[2];
    cl_uint count = 0;
    cl_int code;
    clxent_error err;
    clxent_ctx *ctx = NULL;
    assert_cl(clGetPlatformIDs(1, &platform, NULL));
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 2, devices, &count) != CL_SUCCESS || count < 2) skip();
    cl_context context = clCreateContext(NULL, 2, devices, NULL, NULL, &code);
    assert_cl(code);
    cl_command_queue queue = clCreateCommandQueue(context, devices[1], 0, &code);
    assert_cl(code);
    if (clxent_ctx_create_from_queue(&ctx, queue, NULL, &err) != CLXENT_OK) fail_msg("%s", err.message);
    const results r = compute(ctx, PLAIN);
    const blob b = export(ctx);
    clxent_ctx_destroy(ctx);

    if (clxent_ctx_create_from_queue(&ctx, queue, NULL, &err) != CLXENT_OK) fail_msg("%s", err.message);
    import(ctx, &b);
    set("CLXENT_BREAK_BUILDS", "1");
    const results got = compute(ctx, PLAIN);
    set("CLXENT_BREAK_BUILDS", NULL);
    assert_memory_equal(&got, &r, sizeof r);
    assert_int_equal(clxent_ctx_programs_compiled(ctx), 0);
    clxent_ctx_destroy(ctx);
    free(b.data);
    assert_cl(clReleaseCommandQueue(queue));
    assert_cl(clReleaseContext(context));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(a_part_of_it),
        cmocka_unit_test(damaged),
        cmocka_unit_test(foreign),
        cmocka_unit_test(wrong_use),
        cmocka_unit_test(nothing_of_it),
        cmocka_unit_test(one_of_two_devices),
        cmocka_unit_test(refused_by_the_driver),
    };
    return leave(cmocka_run_group_tests_name("program cache", tests, NULL, NULL));
}
