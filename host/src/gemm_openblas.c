/* SPDX-License-Identifier: Apache-2.0
 * Matrix products by OpenBLAS, on a CPU device that runs native kernels: functions of the host, in the order
 * of the queue. The library loads OpenBLAS at run time and never closes it, since OpenBLAS has threads. */
#include "gemm_native.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"

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

/* Loads the library with CORE_VARIABLE set to `core`; *loaded NULL: see dlerror(). Other threads may read the
 * environment meanwhile, and setenv() may move it under their hands. So they see either of two lists that
 * both stay as they are: the old one, and a copy with one variable more. The copy is never freed. */
static clxent_status load_with_core(const char *name, const char *core, void **loaded, clxent_error *err) {
    static char **copy, variable[64];
#ifdef __linux__
    extern char **environ;
    char **const before = environ;
    size_t count = 0;
    while (before && before[count]) count++;
    if (copy == NULL) { /* once in a process */
        copy = malloc((count + 2) * sizeof *copy);
        if (copy == NULL)
            return clx_fail(err, CLXENT_ERR_MEMORY, "no host memory for a copy of the environment");
        snprintf(variable, sizeof variable, CORE_VARIABLE "=%s", core);
        if (count > 0) memcpy(copy, before, count * sizeof *copy);
        copy[count] = variable;
        copy[count + 1] = NULL;
        environ = copy;
        *loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (environ == copy) environ = before; /* else another thread has made a list of its own from it */
        return CLXENT_OK;
    }
#else
    (void)copy, (void)variable, (void)core, (void)err;
#endif
    *loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    return CLXENT_OK;
}

static bool find_entries(void *loaded, blas *out) {
    enum { ENTRIES = sizeof entry_names / sizeof *entry_names };
    _Static_assert(sizeof(blas) == sizeof entry_names, "the struct is an array of pointers");
    return clx_native_find(loaded, entry_names, ENTRIES, out);
}

/* Loads the library. `own` is false if the process had it before: then its settings are the program's. The
 * caller holds the lock, so a library that was just loaded for its kernels' name can be closed again. */
static clxent_status load(blas *out, bool *own, clx_gemm *gemm, clxent_error *err) {
    const char *name = clx_gemm_library_name(&library);
    *own = !clx_native_is_loaded(name);
    void *loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (loaded == NULL) return clx_gemm_not_loaded(&library, gemm);
    if (!find_entries(loaded, out)) {
        dlclose(loaded);
        return clx_gemm_lacks(gemm, "%s lacks %s or another function of OpenBLAS", name, entry_names[0]);
    }
    const char *better =
        *own && !clx_native_has_value(CORE_VARIABLE) ? better_core_than(out->get_corename()) : NULL;
    if (better == NULL) return CLXENT_OK;
    dlclose(loaded);
    /* If the library stays loaded, it stays with its kernels, and this only opens it again. */
    const clxent_status status = load_with_core(name, better, &loaded, err);
    if (status != CLXENT_OK) return status;
    if (loaded == NULL) return clx_gemm_not_loaded(&library, gemm);
    return find_entries(loaded, out) ? CLXENT_OK : clx_gemm_lacks(gemm, "%s has changed", name);
}

/* "OpenBLAS 0.3.21 ..." becomes "OpenBLAS 0.3.21". */
static int version_length(const char *config) {
    const char *space = strchr(config, ' ');
    return (int)(space ? (size_t)(space - config) + 1 + strcspn(space + 1, " ") : strlen(config));
}

static clxent_status load_and_set(clxent_ctx *ctx, blas *out, clx_gemm *gemm) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    bool own = false;
    pthread_mutex_lock(&lock);
    const clxent_status status = load(out, &own, gemm, &ctx->error);
    if (status == CLXENT_OK && own && !clx_native_has_value("OPENBLAS_NUM_THREADS") &&
        !clx_native_has_value("OMP_NUM_THREADS"))
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

static void multiply(clx_native_entry *entry, const clxent_product *p, const clx_native_factors *f) {
    sgemm_function *sgemm = (sgemm_function *)entry;
    sgemm(ROW_MAJOR, p->a.transposed ? TRANS : NO_TRANS, p->b.transposed ? TRANS : NO_TRANS, (int)f->m,
          (int)f->n, (int)f->k, 1, f->a, (int)p->a.row_stride, f->b, (int)p->b.row_stride, p->beta, f->c,
          (int)p->c.row_stride);
}

/* OpenBLAS counts with ints. */
static clxent_status check_sizes(clxent_ctx *ctx, const clxent_product *p) {
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
            return clx_fail(&ctx->error, CLXENT_ERR_UNSUPPORTED,
                            "a matrix product by OpenBLAS: %s is %lld, above its limit, %d; with the name "
                            "\"clxent\" in clxent_ctx_options.gemm there is no such limit",
                            sizes[i].name, (long long)sizes[i].value, INT32_MAX);
    return CLXENT_OK;
}

/* ---------------------------------------------------------------- the provider ------------------------ */

clxent_status clx_gemm_open_openblas(clxent_ctx *ctx, clx_gemm *out) {
    blas functions;
    clxent_status status = clx_native_check(ctx, out);
    if (status == CLXENT_OK) status = load_and_set(ctx, &functions, out);
    if (status != CLXENT_OK) return status;
    return clx_native_open(ctx, multiply, (clx_native_entry *)functions.sgemm, check_sizes, out);
}
