/* SPDX-License-Identifier: Apache-2.0 */
#include "gemm.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "gemm_provider.h"
#include "structs.h"

enum { AUTO, CLBLAST, OPENBLAS, DNNL, OWN };

static const struct provider {
    const char *name;
    clxent_status (*open)(clxent_ctx *ctx, clx_gemm *out);
} providers[] = {
    [AUTO] = {"auto", NULL},
    [CLBLAST] = {"clblast", clx_gemm_open_clblast},
    [OPENBLAS] = {"openblas", clx_gemm_open_openblas},
    [DNNL] = {"dnnl", clx_gemm_open_dnnl},
    [OWN] = {"clxent", clx_gemm_open_clxent},
};
enum { PROVIDERS = sizeof providers / sizeof *providers };
#define NAMES "\"auto\", \"clblast\", \"openblas\", \"dnnl\" or \"clxent\""

/* The library that computes products best on the device; OWN: there is none. */
static int best_for(const clxent_ctx *ctx) {
    if (ctx->info.type == CLXENT_DEVICE_CPU) return OPENBLAS;
    return ctx->info.type == CLXENT_DEVICE_GPU && !ctx->facts.loses_events ? CLBLAST : OWN;
}

/* ---------------------------------------------------------------- for the providers ------------------- */

clxent_status clx_gemm_lacks(clx_gemm *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(out->why, sizeof out->why, format, args);
    va_end(args);
    return CLXENT_ERR_UNSUPPORTED;
}

static bool is_named_by_user(const clx_gemm_library *library) {
    const char *name = getenv(library->variable);
    return name != NULL && *name != '\0';
}

const char *clx_gemm_library_name(const clx_gemm_library *library) {
    return is_named_by_user(library) ? getenv(library->variable) : library->usual;
}

clxent_status clx_gemm_not_loaded(const clx_gemm_library *library, clx_gemm *out) {
    const char *name = clx_gemm_library_name(library), *message = dlerror();
    if (message == NULL) message = "no reason given";
    if (clx_load_failure_of(name, message) != CLX_LIBRARY_MISSING)
        return clx_gemm_lacks(out, "%s is there but does not load: %s", name, message);
    if (is_named_by_user(library))
        return clx_gemm_lacks(out, "%s names %s, which is not there", library->variable, name);
    return clx_gemm_lacks(out, "%s is not installed (Debian and Ubuntu: %s)", name, library->package);
}

/* ---------------------------------------------------------------- the choice -------------------------- */

clxent_status clx_gemm_number_of(const char *named, int *number, clxent_error *err) {
    const char *by = "clxent_ctx_options.gemm";
    if (named == NULL || *named == '\0') {
        by = "CLXENT_GEMM";
        named = getenv(by);
    }
    *number = AUTO;
    if (named == NULL || *named == '\0') return CLXENT_OK;
    for (int i = 0; i < PROVIDERS; i++)
        if (strcmp(named, providers[i].name) == 0) {
            *number = i;
            return CLXENT_OK;
        }
    return clx_fail(err, CLXENT_ERR_ARGUMENT, "%s is \"%s\", must be " NAMES, by, named);
}

static clxent_status open_provider(clxent_ctx *ctx, int number, clx_gemm *out) {
    out->gemm = (clxent_gemm){.struct_size = sizeof out->gemm, .name = providers[number].name};
    out->close = NULL;
    out->fast_dtypes = 0;
    return providers[number].open(ctx, out);
}

/* Opens the best provider. If that is not there, `why` of the library's own one tells the reason. */
static clxent_status open_best(clxent_ctx *ctx, clx_gemm *out) {
    char reason[CLX_GEMM_WHY_BYTES];
    const int best = best_for(ctx);
    clxent_status status = open_provider(ctx, best, out);
    if (status != CLXENT_ERR_UNSUPPORTED || best == OWN) return status;
    strcpy(reason, out->why);
    status = open_provider(ctx, OWN, out);
    if (status == CLXENT_OK) strcpy(out->why, reason);
    return status;
}

static clxent_status open_wanted(clxent_ctx *ctx, clx_gemm *out) {
    if (ctx->gemm_wanted == AUTO) return open_best(ctx, out);
    const clxent_status status = open_provider(ctx, ctx->gemm_wanted, out);
    if (status != CLXENT_ERR_UNSUPPORTED) return status;
    return clx_fail(&ctx->error, status,
                    "\"%s\" cannot compute matrix products on \"%s\": %s. With the name \"auto\" in "
                    "clxent_ctx_options.gemm or CLXENT_GEMM the library takes what is there",
                    out->gemm.name, ctx->info.name, out->why);
}

/* Opens the library's own choice, unless it is open already. */
static clxent_status open_once(clxent_ctx *ctx) {
    if (ctx->gemm) return CLXENT_OK;
    clxent_status status = clx_check_process(&ctx->error);
    if (status != CLXENT_OK) return status;
    clx_gemm *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for a provider of matrix products");
    status = open_wanted(ctx, opened);
    if (status == CLXENT_OK)
        ctx->gemm = opened;
    else
        free(opened);
    return status;
}

static void close_provider(clxent_ctx *ctx, clx_gemm *opened) {
    if (opened && opened->close) opened->close(ctx, opened->gemm.user);
    free(opened);
}

/* Looks once whether the library may choose, and oneDNN computes products in bf16 faster than the library's
 * choice does those in f32. */
static clxent_status open_for_bf16(clxent_ctx *ctx) {
    if (ctx->gemm_of_bf16_is_known) return CLXENT_OK;
    clxent_status status = CLXENT_ERR_UNSUPPORTED;
    clx_gemm *opened = NULL;
    if (ctx->gemm_wanted == AUTO && ctx->info.type == CLXENT_DEVICE_CPU) {
        opened = calloc(1, sizeof *opened);
        if (opened == NULL)
            return clx_fail(&ctx->error, CLXENT_ERR_MEMORY,
                            "no host memory for a provider of matrix products");
        status = open_provider(ctx, DNNL, opened);
    }
    if (status == CLXENT_OK && (opened->fast_dtypes >> CLXENT_BF16 & 1)) {
        ctx->gemm_of_bf16 = opened;
    } else {
        if (status == CLXENT_OK)
            close_provider(ctx, opened);
        else
            free(opened);
        if (status != CLXENT_OK && status != CLXENT_ERR_UNSUPPORTED) return status;
    }
    ctx->gemm_of_bf16_is_known = true;
    return CLXENT_OK;
}

static const clx_gemm *opened_for(const clxent_ctx *ctx, clxent_dtype dtype) {
    return dtype == CLXENT_BF16 && ctx->gemm_of_bf16 ? ctx->gemm_of_bf16 : ctx->gemm;
}

clxent_status clx_gemm_of(clxent_ctx *ctx, clxent_dtype dtype, clxent_gemm *out) {
    if (ctx->given_gemm.name) {
        *out = ctx->given_gemm;
        return CLXENT_OK;
    }
    clxent_status status = open_once(ctx);
    if (status == CLXENT_OK && dtype == CLXENT_BF16) status = open_for_bf16(ctx);
    if (status != CLXENT_OK) return status;
    *out = opened_for(ctx, dtype)->gemm;
    return CLXENT_OK;
}

/* Whether the provider is one of the library, which says in the context's error why it fails. */
static bool is_own(const clxent_ctx *ctx, const clxent_gemm *gemm) {
    const clx_gemm *opened[] = {ctx->gemm, ctx->gemm_of_bf16};
    for (size_t i = 0; i < sizeof opened / sizeof *opened; i++)
        if (opened[i] && gemm->enqueue == opened[i]->gemm.enqueue && gemm->user == opened[i]->gemm.user)
            return true;
    return false;
}

clxent_status clx_gemm_enqueue(clxent_ctx *ctx, const clxent_gemm *gemm, const clxent_product *p,
                               cl_uint n_wait, const cl_event *wait, cl_event *event) {
    const clxent_status status =
        gemm->enqueue(gemm->user, ctx->queue, p, n_wait, n_wait ? wait : NULL, event);
    if (status != CLXENT_OK && event && !is_own(ctx, gemm)) *event = NULL;
    const char *failure = status == CLXENT_OK ? "no event" : clxent_status_name(status);
    if (status == CLXENT_OK ? event == NULL || *event != NULL : is_own(ctx, gemm)) return status;
    return clx_fail(&ctx->error, status == CLXENT_OK ? CLXENT_ERR_ARGUMENT : status,
                    "gemm %s returned %s for a product of m %" PRId64 ", n %" PRId64 ", k %" PRId64,
                    gemm->name, failure, p->m, p->n, p->k);
}

void clx_gemm_release(clxent_ctx *ctx) {
    close_provider(ctx, ctx->gemm);
    close_provider(ctx, ctx->gemm_of_bf16);
    ctx->gemm = ctx->gemm_of_bf16 = NULL;
}

/* ---------------------------------------------------------------- the caller's view ------------------- */

clxent_status clxent_ctx_set_gemm(clxent_ctx *ctx, const clxent_gemm *gemm) {
    if (ctx == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_gemm given = CLXENT_GEMM_INIT;
    if (gemm != NULL) {
        const clxent_status status = clx_read_struct(&ctx->error, &clx_gemm_struct, gemm, &given);
        if (status != CLXENT_OK) return status;
        if (given.name == NULL || given.enqueue == NULL)
            return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT, "gemm.%s is NULL",
                            given.name ? "enqueue" : "name");
        if (given.heeds_row_count != 0 && given.heeds_row_count != 1)
            return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT, "gemm.heeds_row_count is %d, must be 0 or 1",
                            given.heeds_row_count);
        if (given.dtypes & ~(UINT32_C(1) << CLXENT_BF16 | UINT32_C(1) << CLXENT_F16))
            return clx_fail(&ctx->error, CLXENT_ERR_ARGUMENT,
                            "gemm.dtypes is %#x, must have no other bits than those of CLXENT_BF16 and "
                            "CLXENT_F16",
                            (unsigned)given.dtypes);
    }
    ctx->given_gemm = given;
    return CLXENT_OK;
}

clxent_status clxent_ctx_gemm(clxent_ctx *ctx, clxent_dtype dtype, const char **name, const char **why) {
    if (name) *name = NULL;
    if (why) *why = NULL;
    if (ctx == NULL) return CLXENT_ERR_ARGUMENT;
    clxent_gemm gemm;
    const clxent_status status = clx_gemm_of(ctx, dtype, &gemm);
    if (status != CLXENT_OK) return status;
    if (name) *name = gemm.name;
    if (why) *why = ctx->given_gemm.name ? "clxent_ctx_set_gemm() has set it" : opened_for(ctx, dtype)->why;
    return CLXENT_OK;
}
