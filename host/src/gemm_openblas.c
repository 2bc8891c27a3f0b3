/* SPDX-License-Identifier: Apache-2.0
 * Matrix products by OpenBLAS, on a CPU device that runs native kernels: functions of the host, in the order
 * of the queue. The library loads OpenBLAS at run time and never closes it, since OpenBLAS has threads.
 *
 * A native kernel can ask the driver for the addresses of buffers. PoCL up to 6 gives them in the order in
 * which the buffers were created, each once, and a sub-buffer's address without its offset. So this provider
 * asks for one buffer only. A kernel of the device stores the addresses of the product's buffers in that one
 * before: a CPU device that runs native kernels has the host's addresses. */
#include "gemm_provider.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "launch.h"
#include "program.h"

static const clx_gemm_library library = {"CLXENT_OPENBLAS_LIBRARY", "libopenblas.so.0",
                                         "libopenblas0-pthread"};

/* The numbers and the types of cblas.h. */
enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };
typedef void sgemm_function(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                            const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef struct blas {
    sgemm_function *sgemm;
    int (*get_num_threads)(void);
    void (*set_num_threads)(int);
    char *(*get_corename)(void);
    char *(*get_config)(void);
} blas;
static const char *const entry_names[] = {"cblas_sgemm", "openblas_get_num_threads",
                                          "openblas_set_num_threads", "openblas_get_corename",
                                          "openblas_get_config"};

enum { A, B, C, ROW_COUNT, ADDRESSES }; /* in the order of store_addresses (kernels/product.cl) */

typedef struct openblas {
    clxent_ctx *ctx;
    sgemm_function *sgemm;
    clx_kernel *store_addresses; /* the context's list of programs owns it */
    cl_mem addresses;            /* on an in-order queue, of all products; else NULL: each product has one */
} openblas;

/* ---------------------------------------------------------------- loading it -------------------------- */

/* The most common fault of OpenBLAS: a release does not know CPUs that are newer, and takes kernels of 2004
 * for them, which have a third of the speed or less. The variable OPENBLAS_CORETYPE names other kernels. The
 * library reads it once, as it is loaded. */
#define CORE_VARIABLE "OPENBLAS_CORETYPE"

/* The kernels that the CPU could use in place of these; NULL: these are good. */
static const char *better_core_than(const char *core) {
#ifdef __x86_64__
    static const char *const without_avx2[] = {
        "Unknown", "Katmai",    "Coppermine", "Northwood", "Prescott",   "Banias",      "Atom",
        "Core2",   "Penryn",    "Dunnington", "Nehalem",   "Athlon",     "Opteron",     "Opteron_SSE3",
        "Nano",    "Barcelona", "Bobcat",     "Bulldozer", "Piledriver", "Steamroller", "Sandybridge"};
    for (size_t i = 0; i < sizeof without_avx2 / sizeof *without_avx2; i++) {
        if (strcasecmp(core, without_avx2[i]) != 0) continue;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            return "SKYLAKEX";
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "HASWELL";
    }
#else
    (void)core;
#endif
    return NULL;
}

static bool has_value(const char *variable) {
    const char *value = getenv(variable);
    return value != NULL && *value != '\0';
}

/* Loads the library with CORE_VARIABLE set to `core`. Other threads may read the environment meanwhile, and
 * setenv() may move it under their hands. So they see either of two lists that both stay as they are: the old
 * one, and a copy with one variable more. The copy is never freed. */
static void *load_with_core(const char *name, const char *core) {
#ifdef __linux__
    extern char **environ;
    static char **copy, variable[64];
    char **const before = environ;
    size_t count = 0;
    while (before && before[count]) count++;
    if (copy == NULL && (copy = malloc((count + 2) * sizeof *copy)) != NULL) { /* once in a process */
        snprintf(variable, sizeof variable, CORE_VARIABLE "=%s", core);
        if (count > 0) memcpy(copy, before, count * sizeof *copy);
        copy[count] = variable;
        copy[count + 1] = NULL;
        environ = copy;
        void *loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (environ == copy) environ = before; /* else another thread has made a list of its own from it */
        return loaded;
    }
#endif
    (void)core;
    return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

static bool is_loaded(const char *name) {
    void *loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (loaded) dlclose(loaded);
    return loaded != NULL;
}

static bool find_entries(void *loaded, blas *out) {
    _Static_assert(sizeof(blas) == sizeof entry_names, "the struct is an array of pointers");
    for (size_t i = 0; i < sizeof entry_names / sizeof *entry_names; i++) {
        void *entry = dlsym(loaded, entry_names[i]);
        if (entry == NULL) return false;
        memcpy((char *)out + i * sizeof entry, &entry, sizeof entry);
    }
    return true;
}

/* Loads the library. `own` is false if the process had it before: then its settings are the program's. The
 * caller holds the lock, so a library that was just loaded for its kernels' name can be closed again. */
static clxent_status load(blas *out, bool *own, clx_gemm *gemm) {
    const char *name = clx_gemm_library_name(&library);
    *own = !is_loaded(name);
    void *loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (loaded == NULL) return clx_gemm_not_loaded(&library, gemm);
    if (!find_entries(loaded, out)) {
        dlclose(loaded);
        return clx_gemm_lacks(gemm, "%s lacks %s or another function of OpenBLAS", name, entry_names[0]);
    }
    const char *better = *own && !has_value(CORE_VARIABLE) ? better_core_than(out->get_corename()) : NULL;
    if (better == NULL) return CLXENT_OK;
    dlclose(loaded);
    /* If the library stays loaded, it stays with its kernels, and this only opens it again. */
    loaded = load_with_core(name, better);
    if (loaded == NULL) return clx_gemm_not_loaded(&library, gemm);
    return find_entries(loaded, out) ? CLXENT_OK : clx_gemm_lacks(gemm, "%s has changed", name);
}

/* "OpenBLAS 0.3.21 ..." becomes "OpenBLAS 0.3.21". */
static int version_length(const char *config) {
    const char *space = strchr(config, ' ');
    return (int)(space ? (size_t)(space - config) + 1 + strcspn(space + 1, " ") : strlen(config));
}

static clxent_status load_and_set(const clxent_ctx *ctx, blas *out, clx_gemm *gemm) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    bool own = false;
    pthread_mutex_lock(&lock);
    const clxent_status status = load(out, &own, gemm);
    if (status == CLXENT_OK && own && !has_value("OPENBLAS_NUM_THREADS") && !has_value("OMP_NUM_THREADS"))
        out->set_num_threads((int)ctx->info.compute_units);
    pthread_mutex_unlock(&lock);
    if (status != CLXENT_OK) return status;
    const char *config = out->get_config(), *core = out->get_corename(), *better = better_core_than(core);
    const int threads = out->get_num_threads();
    snprintf(gemm->why, sizeof gemm->why, "%.*s, %s kernels%s%s%s, %d thread%s", version_length(config),
             config, core, better ? " (slow here: start the program with " CORE_VARIABLE "=" : "",
             better ? better : "", better ? ")" : "", threads, threads == 1 ? "" : "s");
    return CLXENT_OK;
}

/* ---------------------------------------------------------------- the product ------------------------- */

/* The argument of multiply(); the driver copies it. */
typedef struct native_product {
    const uint64_t *addresses; /* the driver sets it */
    sgemm_function *sgemm;
    size_t offset[ADDRESSES]; /* bytes */
    int m, n, k, lda, ldb, ldc, trans_a, trans_b;
    float beta;
    int counted;
    int64_t first_row;
} native_product;

/* Of `all` indices, how many exist. */
static int existing(const int32_t *row_count, int64_t first_row, int all) {
    const int64_t rows = *row_count - first_row;
    return rows < 0 ? 0 : rows < all ? (int)rows : all;
}

static void CL_CALLBACK multiply(void *argument) {
    const native_product *p = argument;
    char *at[ADDRESSES];
    for (int i = 0; i < ADDRESSES; i++) at[i] = (char *)(uintptr_t)p->addresses[i] + p->offset[i];
    float *c = (float *)(void *)at[C];
    const int32_t *row_count = (const int32_t *)(const void *)at[ROW_COUNT];
    const int m = p->counted == 'm' ? existing(row_count, p->first_row, p->m) : p->m;
    const int k = p->counted == 'k' ? existing(row_count, p->first_row, p->k) : p->k;
    if (k > 0 && m > 0)
        p->sgemm(ROW_MAJOR, p->trans_a, p->trans_b, m, p->n, k, 1, (const float *)(const void *)at[A], p->lda,
                 (const float *)(const void *)at[B], p->ldb, p->beta, c, p->ldc);
    else if (p->beta == 0)
        for (int row = 0; row < m; row++)
            memset(c + (size_t)row * (size_t)p->ldc, 0, (size_t)p->n * sizeof *c);
}

/* OpenBLAS counts with ints. */
static clxent_status check_sizes(const clxent_product *p, clxent_error *err) {
    const struct {
        const char *name;
        int64_t value;
    } sizes[] = {{"m", p->m},
                 {"n", p->n},
                 {"k", p->k},
                 {"the row stride of a", p->a.row_stride},
                 {"the row stride of b", p->b.row_stride},
                 {"the row stride of c", p->c.row_stride}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].value > INT32_MAX)
            return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                            "a matrix product by OpenBLAS: %s is %lld, above its limit, %d; with the name "
                            "\"clxent\" in clxent_ctx_options.gemm there is no such limit",
                            sizes[i].name, (long long)sizes[i].value, INT32_MAX);
    return CLXENT_OK;
}

static native_product native_of(const openblas *o, const clxent_product *p) {
    return (native_product){
        .sgemm = o->sgemm,
        .offset = {p->a.buffer.offset, p->b.buffer.offset, p->c.buffer.offset, p->row_count.offset},
        .m = (int)p->m,
        .n = (int)p->n,
        .k = (int)p->k,
        .lda = (int)p->a.row_stride,
        .ldb = (int)p->b.row_stride,
        .ldc = (int)p->c.row_stride,
        .trans_a = p->a.transposed ? TRANS : NO_TRANS,
        .trans_b = p->b.transposed ? TRANS : NO_TRANS,
        .beta = p->beta,
        .counted = p->counted,
        .first_row = p->first_row,
    };
}

static clxent_status new_addresses(clxent_ctx *ctx, cl_mem *out) {
    cl_int code = CL_SUCCESS;
    const size_t bytes = ADDRESSES * sizeof(uint64_t);
    *out = ctx->cl.CreateBuffer(ctx->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (code == CL_SUCCESS) return CLXENT_OK;
    *out = NULL;
    return clx_fail_cl(&ctx->error, code, "clCreateBuffer(%zu bytes for a matrix product)", bytes);
}

/* Enqueues store_addresses. *event is set where the native kernel must wait for it. */
static clxent_status enqueue_addresses(const openblas *o, cl_command_queue queue,
                                       const clxent_product *product, const cl_mem *addresses, cl_uint n_wait,
                                       const cl_event *wait, cl_event *event) {
    clxent_ctx *ctx = o->ctx;
    const clx_cl *cl = &ctx->cl;
    const cl_mem *const arguments[] = {&product->a.buffer.mem, &product->b.buffer.mem, &product->c.buffer.mem,
                                       &product->row_count.mem, addresses};
    const size_t one = 1;
    cl_int code = CL_SUCCESS;
    for (cl_uint i = 0; i <= ADDRESSES && code == CL_SUCCESS; i++)
        code = cl->SetKernelArg(o->store_addresses->kernel, i, sizeof(cl_mem), arguments[i]);
    if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clSetKernelArg(store_addresses)");
    code = cl->EnqueueNDRangeKernel(queue, o->store_addresses->kernel, 1, NULL, &one, &one, n_wait,
                                    n_wait ? wait : NULL,
                                    ctx->out_of_order || ctx->facts.loses_events ? event : NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(&ctx->error, code, "clEnqueueNDRangeKernel(store_addresses)");
    return ctx->facts.loses_events ? clx_hold(&ctx->held, *event, cl, &ctx->error) : CLXENT_OK;
}

static clxent_status enqueue(void *user, cl_command_queue queue, const clxent_product *product,
                             cl_uint n_wait, const cl_event *wait, cl_event *event) {
    const openblas *o = user;
    clxent_ctx *ctx = o->ctx;
    const clx_cl *cl = &ctx->cl;
    cl_mem addresses = o->addresses;
    cl_event stored = NULL;
    clxent_status status = check_sizes(product, &ctx->error);
    /* A launch holds the events of its steps, and has made room for them; here is one more. */
    if (status == CLXENT_OK && ctx->facts.loses_events)
        status = clx_held_reserve(&ctx->held, CLX_MAX_STEPS + 1, cl, &ctx->error);
    if (status == CLXENT_OK && addresses == NULL) status = new_addresses(ctx, &addresses);
    if (status != CLXENT_OK) return status;

    status = enqueue_addresses(o, queue, product, &addresses, n_wait, wait, &stored);
    if (status == CLXENT_OK) {
        native_product native = native_of(o, product);
        const void *place = &native.addresses;
        const cl_int code = cl->EnqueueNativeKernel(queue, multiply, &native, sizeof native, 1, &addresses,
                                                    &place, stored ? 1 : 0, stored ? &stored : NULL, event);
        if (code != CL_SUCCESS) status = clx_fail_cl(&ctx->error, code, "clEnqueueNativeKernel(cblas_sgemm)");
    }
    if (stored) cl->ReleaseEvent(stored);
    if (addresses != o->addresses) cl->ReleaseMemObject(addresses); /* the commands retain it */
    return status;
}

/* ---------------------------------------------------------------- the provider ------------------------ */

static bool runs_native_kernels(const clxent_ctx *ctx) {
    cl_device_exec_capabilities has = 0;
    const cl_int code =
        ctx->cl.GetDeviceInfo(ctx->device, CL_DEVICE_EXECUTION_CAPABILITIES, sizeof has, &has, NULL);
    return code == CL_SUCCESS && (has & CL_EXEC_NATIVE_KERNEL) && ctx->info.type == CLXENT_DEVICE_CPU;
}

static void close_openblas(clxent_ctx *ctx, void *user) {
    openblas *o = user;
    if (o->addresses && clx_can_release()) ctx->cl.ReleaseMemObject(o->addresses);
    free(o);
}

clxent_status clx_gemm_open_openblas(clxent_ctx *ctx, clx_gemm *out) {
    if (!runs_native_kernels(ctx))
        return clx_gemm_lacks(out, "\"%s\" is no CPU that runs native kernels (CL_EXEC_NATIVE_KERNEL)",
                              ctx->info.name);
    blas functions;
    clx_kernel *kernels = NULL;
    clxent_status status = load_and_set(ctx, &functions, out);
    if (status == CLXENT_OK) status = clx_product_kernels(ctx, &kernels);
    if (status != CLXENT_OK) return status;
    openblas *o = malloc(sizeof *o);
    if (o == NULL) return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for a matrix product");
    *o = (openblas){ctx, functions.sgemm, &kernels[CLX_STORE_ADDRESSES], NULL};
    if (!ctx->out_of_order) status = new_addresses(ctx, &o->addresses);
    if (status != CLXENT_OK) {
        free(o);
        return status;
    }
    out->gemm.enqueue = enqueue;
    out->gemm.user = o;
    out->gemm.heeds_row_count = 1;
    out->close = close_openblas;
    return CLXENT_OK;
}
