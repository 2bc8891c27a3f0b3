/* SPDX-License-Identifier: Apache-2.0
 * Matrix products by oneDNN, on a CPU device that runs native kernels. The library loads oneDNN at run time
 * and never closes it, since oneDNN has threads. One oneDNN serves all contexts of the process.
 *
 * oneDNN makes code for each size, which takes milliseconds, and keeps that of 1024 sizes. It takes scratch
 * memory of its own for each thread that calls it: 0.1 to 1.7 MB for products of 64 to 2048 rows with 50257
 * classes and 1024 features, on 2 threads. That memory is in no budget of this library.
 *
 * A product in bf16 is several times as fast as one in f32 where the CPU has AMX. With AVX512-BF16 alone it
 * was slower than in f32 (60 Gflop/s for 80), so "auto" does not choose it there. */
#include "gemm_native.h"

#ifndef CLXENT_HAS_DNNL

clxent_status clx_gemm_open_dnnl(clxent_ctx *ctx, clx_gemm *out) {
    (void)ctx;
    return clx_gemm_lacks(out, "this library was built without oneDNN (Debian and Ubuntu: libdnnl-dev)");
}

#else

#include <dlfcn.h>
#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdio.h>

#include "error.h"

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)
static const clx_gemm_library library = {"CLXENT_DNNL_LIBRARY", "libdnnl.so." TEXT(DNNL_VERSION_MAJOR),
                                         "libdnnl" TEXT(DNNL_VERSION_MAJOR)};

#if DNNL_VERSION_MAJOR < 3
#define ENTRIES_OF_VERSION(X) X(memory_desc_init_by_strides) X(matmul_desc_init) X(primitive_desc_create)
#else
#define ENTRIES_OF_VERSION(X) \
    X(memory_desc_create_with_strides) X(memory_desc_destroy) X(matmul_primitive_desc_create)
#endif
#define ENTRIES(X)                 \
    X(version)                     \
    X(get_effective_cpu_isa)       \
    X(engine_create)               \
    X(stream_create)               \
    X(stream_wait)                 \
    X(stream_destroy)              \
    X(primitive_attr_create)       \
    X(primitive_attr_set_post_ops) \
    X(post_ops_create)             \
    X(post_ops_append_sum)         \
    X(primitive_desc_destroy)      \
    X(primitive_create)            \
    X(primitive_execute)           \
    X(primitive_destroy)           \
    X(memory_create)               \
    X(memory_destroy)              \
    ENTRIES_OF_VERSION(X)

#define MEMBER(name) __typeof__(&dnnl_##name) name;
#define NAME(name)   "dnnl_" #name,
typedef struct entries {
    ENTRIES(MEMBER)
} entries;
static const char *const entry_names[] = {ENTRIES(NAME)};

/* oneDNN as the process has loaded it. Nothing changes it after that. */
static struct dnnl {
    entries call;
    void *loaded; /* NULL: not yet */
    dnnl_engine_t engine;
    dnnl_primitive_attr_t write, add; /* of products with beta 0 and 1 */
} dnnl;

/* ---------------------------------------------------------------- loading it -------------------------- */

static dnnl_status_t append_sum(const entries *call, dnnl_post_ops_t ops) {
#if DNNL_VERSION_MAJOR < 3
    return call->post_ops_append_sum(ops, 1);
#else
    return call->post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
#endif
}

static bool start(struct dnnl *d) {
    const entries *call = &d->call;
    dnnl_post_ops_t ops = NULL;
    return call->engine_create(&d->engine, dnnl_cpu, 0) == dnnl_success &&
           call->primitive_attr_create(&d->write) == dnnl_success &&
           call->primitive_attr_create(&d->add) == dnnl_success &&
           call->post_ops_create(&ops) == dnnl_success && append_sum(call, ops) == dnnl_success &&
           call->primitive_attr_set_post_ops(d->add, ops) == dnnl_success;
}

static clxent_status load(clx_gemm *out) {
    enum { COUNT = sizeof entry_names / sizeof *entry_names };
    _Static_assert(sizeof(entries) == sizeof entry_names, "the struct is an array of pointers");
    const char *name = clx_gemm_library_name(&library);
    struct dnnl now = {.loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL)};
    if (now.loaded == NULL) return clx_gemm_not_loaded(&library, out);
    if (now.loaded == dnnl.loaded) return CLXENT_OK;
    if (!clx_native_find(now.loaded, entry_names, COUNT, &now.call)) {
        dlclose(now.loaded);
        return clx_gemm_lacks(out, "%s lacks %s or another function of oneDNN " TEXT(DNNL_VERSION_MAJOR),
                              name, entry_names[0]);
    }
    const int version = now.call.version()->major;
    if (version != DNNL_VERSION_MAJOR)
        return clx_gemm_lacks(out, "%s is oneDNN %d, and this library was built for oneDNN %d", name, version,
                              DNNL_VERSION_MAJOR);
    if (dnnl.loaded) return clx_gemm_lacks(out, "%s is not the oneDNN that the process uses already", name);
    if (!start(&now)) return clx_gemm_lacks(out, "%s finds no CPU that it can use", name);
    dnnl = now;
    return CLXENT_OK;
}

static bool has_isa(dnnl_cpu_isa_t isa) { /* a later one has all bits of an earlier one, and more */
    return ((unsigned)dnnl.call.get_effective_cpu_isa() & (unsigned)isa) == (unsigned)isa;
}

static void say_why(clx_gemm *out) {
    const dnnl_version_t *version = dnnl.call.version();
    const char *isa = has_isa(dnnl_cpu_isa_avx512_core_amx)    ? "AMX"
                      : has_isa(dnnl_cpu_isa_avx512_core_bf16) ? "AVX512-BF16"
                                                               : "no bf16";
    int (*get_threads)(void) = NULL;
    int threads = 1;
    if (clx_native_find(dnnl.loaded, (const char *const[]){"omp_get_max_threads"}, 1, &get_threads))
        threads = get_threads();
    snprintf(out->why, sizeof out->why, "oneDNN %d.%d.%d, %s, %d thread%s", version->major, version->minor,
             version->patch, isa, threads, threads == 1 ? "" : "s");
}

/* ---------------------------------------------------------------- the product ------------------------- */

typedef struct shape {
    dnnl_memory_desc_t a, b, c;
    dnnl_primitive_desc_t desc;
} shape;

#if DNNL_VERSION_MAJOR < 3

static bool lay_out(dnnl_memory_desc_t *out, const dnnl_dims_t dims, dnnl_data_type_t type,
                    const dnnl_dims_t strides) {
    return dnnl.call.memory_desc_init_by_strides(out, 2, dims, type, strides) == dnnl_success;
}

static const dnnl_memory_desc_t *layout_of(const dnnl_memory_desc_t *layout) {
    return layout;
}

static bool describe(shape *s, dnnl_primitive_attr_t attr) {
    dnnl_matmul_desc_t matmul;
    return dnnl.call.matmul_desc_init(&matmul, &s->a, &s->b, NULL, &s->c) == dnnl_success &&
           dnnl.call.primitive_desc_create(&s->desc, &matmul, attr, dnnl.engine, NULL) == dnnl_success;
}

static void release_layouts(shape *s) {
    (void)s;
}

#else

static bool lay_out(dnnl_memory_desc_t *out, const dnnl_dims_t dims, dnnl_data_type_t type,
                    const dnnl_dims_t strides) {
    return dnnl.call.memory_desc_create_with_strides(out, 2, dims, type, strides) == dnnl_success;
}

static const_dnnl_memory_desc_t layout_of(const dnnl_memory_desc_t *layout) {
    return *layout;
}

static bool describe(shape *s, dnnl_primitive_attr_t attr) {
    return dnnl.call.matmul_primitive_desc_create(&s->desc, dnnl.engine, s->a, s->b, NULL, s->c, attr) ==
           dnnl_success;
}

static void release_layouts(shape *s) {
    if (s->a) dnnl.call.memory_desc_destroy(s->a);
    if (s->b) dnnl.call.memory_desc_destroy(s->b);
    if (s->c) dnnl.call.memory_desc_destroy(s->c);
}

#endif

static bool lay_out_matrix(dnnl_memory_desc_t *out, const clxent_matrix *x, int64_t rows, int64_t columns) {
    const dnnl_dims_t dims = {rows, columns};
    const dnnl_dims_t strides = {x->transposed ? 1 : x->row_stride, x->transposed ? x->row_stride : 1};
    return lay_out(out, dims, x->dtype == CLXENT_BF16 ? dnnl_bf16 : dnnl_f32, strides);
}

/* False: oneDNN has no such product, or there is no memory. close_shape() in any case. */
static bool open_shape(shape *s, const clxent_product *p, int64_t m, int64_t n, int64_t k) {
    *s = (shape){.desc = NULL};
    return lay_out_matrix(&s->a, &p->a, m, k) && lay_out_matrix(&s->b, &p->b, k, n) &&
           lay_out_matrix(&s->c, &p->c, m, n) && describe(s, p->beta == 0 ? dnnl.write : dnnl.add);
}

static void close_shape(shape *s) {
    if (s->desc) dnnl.call.primitive_desc_destroy(s->desc);
    release_layouts(s);
}

static bool execute(const shape *s, const clx_native_factors *f) {
    const entries *call = &dnnl.call;
    enum { ARGUMENTS = 3 };
    dnnl_exec_arg_t arguments[ARGUMENTS] = {
        {DNNL_ARG_SRC, NULL}, {DNNL_ARG_WEIGHTS, NULL}, {DNNL_ARG_DST, NULL}};
    const dnnl_memory_desc_t *layouts[ARGUMENTS] = {&s->a, &s->b, &s->c};
    void *const places[ARGUMENTS] = {f->a, f->b, f->c};
    dnnl_stream_t stream = NULL;
    dnnl_primitive_t primitive = NULL;
    bool good = call->stream_create(&stream, dnnl.engine, dnnl_stream_default_flags) == dnnl_success &&
                call->primitive_create(&primitive, s->desc) == dnnl_success;
    for (int i = 0; i < ARGUMENTS && good; i++)
        good = call->memory_create(&arguments[i].memory, layout_of(layouts[i]), dnnl.engine, places[i]) ==
               dnnl_success;
    good = good && call->primitive_execute(primitive, stream, ARGUMENTS, arguments) == dnnl_success &&
           call->stream_wait(stream) == dnnl_success;
    for (int i = 0; i < ARGUMENTS; i++)
        if (arguments[i].memory) call->memory_destroy(arguments[i].memory);
    if (primitive) call->primitive_destroy(primitive);
    if (stream) call->stream_destroy(stream);
    return good;
}

/* A native kernel cannot fail. If oneDNN does, there is no memory: then the product is NaN. */
static void multiply(clx_native_entry *entry, const clxent_product *p, const clx_native_factors *f) {
    shape s;
    (void)entry;
    const bool good = open_shape(&s, p, f->m, f->n, f->k) && execute(&s, f);
    close_shape(&s);
    for (int64_t row = 0; row < f->m && !good; row++)
        for (int64_t column = 0; column < f->n; column++) f->c[row * p->c.row_stride + column] = NAN;
}

/* Asks oneDNN before the product is enqueued. */
static clxent_status check_shape(clxent_ctx *ctx, const clxent_product *p) {
    shape s;
    const bool good = open_shape(&s, p, p->m, p->n, p->k);
    close_shape(&s);
    if (good) return CLXENT_OK;
    return clx_fail(&ctx->error, CLXENT_ERR_UNSUPPORTED,
                    "oneDNN refuses a matrix product of m %lld, n %lld, k %lld: give another name than "
                    "\"dnnl\" in clxent_ctx_options.gemm",
                    (long long)p->m, (long long)p->n, (long long)p->k);
}

/* ---------------------------------------------------------------- the provider ------------------------ */

clxent_status clx_gemm_open_dnnl(clxent_ctx *ctx, clx_gemm *out) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    clxent_status status = clx_native_check(ctx, out);
    if (status != CLXENT_OK) return status;
    pthread_mutex_lock(&lock);
    status = load(out);
    pthread_mutex_unlock(&lock);
    if (status != CLXENT_OK) return status;
    say_why(out);
    if (has_isa(dnnl_cpu_isa_avx512_core_bf16)) out->gemm.dtypes = UINT32_C(1) << CLXENT_BF16;
    if (has_isa(dnnl_cpu_isa_avx512_core_amx)) out->fast_dtypes = UINT32_C(1) << CLXENT_BF16;
    return clx_native_open(ctx, multiply, NULL, check_shape, out);
}

#endif
