/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "kernel_sources.h"
#include "program_cache.h"
#include "program_dump.h"

static const clx_kernel_source *find_source(const char *name) {
    const clx_kernel_source *source = clx_kernel_sources;
    while (source->name && strcmp(source->name, name) != 0) source++;
    return source;
}

static void keep_build_log(clxent_ctx *ctx, cl_program program) {
    size_t size = 0;
    free(ctx->build_log);
    ctx->build_log = NULL;
    if (ctx->cl.GetProgramBuildInfo(program, ctx->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS)
        return;
    ctx->build_log = calloc(1, size + 1);
    if (ctx->build_log) /* on failure the log stays empty; the build's own error is reported either way */
        ctx->cl.GetProgramBuildInfo(program, ctx->device, CL_PROGRAM_BUILD_LOG, size, ctx->build_log, NULL);
}

/* Releases the driver's objects. */
static void unbuild(const clxent_ctx *ctx, clx_program *p) {
    const bool release = clx_can_release();
    for (int i = 0; i < CLX_MAX_KERNELS; i++)
        if (p->kernels[i].kernel && release) ctx->cl.ReleaseKernel(p->kernels[i].kernel);
    memset(p->kernels, 0, sizeof p->kernels);
    if (p->program && release) ctx->cl.ReleaseProgram(p->program);
    p->program = NULL;
}

static void release_program(const clxent_ctx *ctx, clx_program *p) {
    unbuild(ctx, p);
    free(p->key);
    free(p);
}

void clx_programs_release(clxent_ctx *ctx) {
    while (ctx->programs) {
        clx_program *p = ctx->programs;
        ctx->programs = p->next;
        release_program(ctx, p);
    }
}

static clxent_status create_kernel(const clxent_ctx *ctx, cl_program program, const char *name,
                                   clx_kernel *out, clxent_error *err) {
    cl_int code = CL_SUCCESS;
    out->name = name;
    out->kernel = ctx->cl.CreateKernel(program, name, &code);
    if (code != CL_SUCCESS) {
        out->kernel = NULL;
        return clx_fail_cl(err, code, "clCreateKernel(%s)", name);
    }
    size_t limit = 0;
    code = ctx->cl.GetKernelWorkGroupInfo(out->kernel, ctx->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit,
                                          &limit, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetKernelWorkGroupInfo(%s)", name);
    out->work_group_limit = 1;
    while (out->work_group_limit * 2 <= limit) out->work_group_limit *= 2;
    return CLXENT_OK;
}

static clxent_status create_kernels(const clxent_ctx *ctx, clx_program *p, const char *const *names,
                                    clxent_error *err) {
    clxent_status status = CLXENT_OK;
    for (int i = 0; names[i] && status == CLXENT_OK; i++)
        status = create_kernel(ctx, p->program, names[i], &p->kernels[i], err);
    return status;
}

/* Builds p from its imported binary. False: there is no such binary, or the driver refuses it. The caller
 * then compiles the source, and reports nothing. */
static bool load(const clxent_ctx *ctx, clx_program *p, const char *options,
                 const char *const *kernel_names) {
    clx_blob_entry entry;
    cl_int code = CL_SUCCESS, binary_code = CL_SUCCESS;
    if (!clx_imported_program(ctx, p->key, &entry)) return false;
    p->program = ctx->cl.CreateProgramWithBinary(ctx->context, 1, &ctx->device, &entry.binary_bytes,
                                                 &entry.binary, &binary_code, &code);
    if (code != CL_SUCCESS) p->program = NULL;
    if (code == CL_SUCCESS && binary_code == CL_SUCCESS &&
        ctx->cl.BuildProgram(p->program, 1, &ctx->device, options, NULL, NULL) == CL_SUCCESS &&
        create_kernels(ctx, p, kernel_names, NULL) == CLXENT_OK)
        return true;
    unbuild(ctx, p);
    return false;
}

static clxent_status compile(clxent_ctx *ctx, clx_program *p, const clx_kernel_source *source,
                             const char *options, const char *const *kernel_names) {
    const clxent_status dumped = clx_dump_program(&ctx->error, source, options);
    if (dumped != CLXENT_OK) return dumped;
    cl_int code = CL_SUCCESS;
    p->program = ctx->cl.CreateProgramWithSource(ctx->context, 1, (const char *[]){source->text},
                                                 &source->length, &code);
    if (code != CL_SUCCESS) {
        p->program = NULL;
        return clx_fail_cl(&ctx->error, code, "clCreateProgramWithSource(%s.cl)", source->name);
    }
    code = ctx->cl.BuildProgram(p->program, 1, &ctx->device, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        keep_build_log(ctx, p->program);
        clx_fail_cl(&ctx->error, code,
                    "kernels/%s.cl did not compile with \"%s\" (the build log says why), "
                    "clBuildProgram",
                    source->name, options);
        if (ctx->error.status == CLXENT_ERR_OPENCL) ctx->error.status = CLXENT_ERR_BUILD;
        return ctx->error.status;
    }
    p->compiled = true;
    ctx->programs_compiled++;
    return create_kernels(ctx, p, kernel_names, &ctx->error);
}

/* The program of kernels/NAME.cl with these options and kernels (NULL at the end). It comes from the
 * context's list, else from an imported binary, else from the compiler. */
static clxent_status get_program(clxent_ctx *ctx, const char *source_name, const char *options,
                                 const char *const *kernel_names, clx_program **out) {
    char key[512];
    snprintf(key, sizeof key, "%s %s", source_name, options);
    for (clx_program *p = ctx->programs; p; p = p->next)
        if (strcmp(p->key, key) == 0) {
            *out = p;
            return CLXENT_OK;
        }

    clx_program *p = calloc(1, sizeof *p);
    if (p == NULL || (p->key = malloc(strlen(key) + 1)) == NULL) {
        free(p);
        return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for a program");
    }
    strcpy(p->key, key);
    if (!load(ctx, p, options, kernel_names)) {
        const clxent_status status = compile(ctx, p, find_source(source_name), options, kernel_names);
        if (status != CLXENT_OK) {
            release_program(ctx, p);
            return status;
        }
    }
    p->next = ctx->programs;
    ctx->programs = p;
    *out = p;
    return CLXENT_OK;
}

/* On a CPU without AVX-512 PoCL's clang warns of the ABI of vectors that the kernels pass to their own
 * functions, and writes the number of warnings to standard error. */
#define QUIET "-w "

/* The kernels are written in OpenCL C 1.2. Sub-groups need OpenCL C 2.0 or 3.0. */
static const char *language_option(const clxent_ctx *ctx, bool subgroups) {
    if (ctx->facts.language) return ctx->facts.language;
    if (!subgroups) return "-cl-std=CL1.2 ";
    return strncmp(ctx->info.opencl_c_version, "OpenCL C 2", 10) == 0 ? "-cl-std=CL2.0 -DSUBGROUPS=1 "
                                                                      : "-cl-std=CL3.0 -DSUBGROUPS=1 ";
}

/* For a device that runs rows in vectors. Where a row itself has no vectors, the kernel takes several rows at
 * once. */
static const char *vector_option(const clx_facts *facts, clxent_schedule schedule) {
    if (!facts->runs_rows_in_vectors) return "";
    return schedule == CLXENT_SCHEDULE_LANE ? " -DROWS=16" : clx_is_wide(facts, schedule) ? " -DCPU=1" : "";
}

clxent_status clx_row_kernels(clxent_ctx *ctx, clxent_schedule schedule, const clx_build *build,
                              clx_kernel **out) {
    static const char *const sources[] = {NULL, "lane", "group", "wide", "split"};
    static const char *const kernels[][CLX_MAX_KERNELS + 1] = {
        {NULL},
        {"lane_rows"},
        {"group_rows"},
        {"wide_rows"},
        {"split_scan", "split_rows", "split_state", "merge_states"}};
#define OP_NAME(value, name, text) [value] = #name,
    static const char *const ops[] = {CLXENT_OP_MAP(OP_NAME)};
#undef OP_NAME
#define U_NAME(name) #name,
    static const char *const us[] = {CLX_U_MAP(U_NAME)};
#undef U_NAME
    char options[384], cut[32] = "";
    const bool has_teams = schedule != CLXENT_SCHEDULE_LANE && !clx_is_wide(&ctx->facts, schedule);
    if (build->width) snprintf(cut, sizeof cut, " -DWIDTH=%d -DTILE=%d", build->width, build->tile);
    snprintf(
        options, sizeof options,
        QUIET
        "%s%s-DOP=OP_%s -DLOGITS=%s -DGRAD=%s -DPROBS=%s -DREAL_F64=%d -DSOFTCAP=%d -DSCALED=%d -DSTATS=%d "
        "-DSTRIDED=%d -DFROM_LSE=%d -DFROM_STATE=%d -DU=U_%s%s%s",
        language_option(ctx, ctx->info.subgroups && has_teams), ctx->facts.options, ops[build->op],
        clxent_dtype_name(build->logits), clxent_dtype_name(build->grad),
        clxent_dtype_name(build->probabilities), build->logits == CLXENT_F64, build->softcap, build->scaled,
        build->stats, build->strided, build->from_lse, build->from_state, us[build->u],
        vector_option(&ctx->facts, schedule), cut);
    clx_program *program = NULL;
    const clxent_status status = get_program(ctx, sources[schedule], options, kernels[schedule], &program);
    if (status == CLXENT_OK) *out = &program->kernels[0];
    return status;
}

clxent_status clx_product_kernels(clxent_ctx *ctx, clx_kernel **out) {
    static const char *const kernels[] = {"product", "store_addresses", NULL};
    char options[128];
    snprintf(options, sizeof options, QUIET "%s%s%s", language_option(ctx, false), ctx->facts.options,
             ctx->facts.runs_rows_in_vectors ? "-DCPU=1" : "");
    clx_program *program = NULL;
    const clxent_status status = get_program(ctx, "product", options, kernels, &program);
    if (status == CLXENT_OK) *out = program->kernels;
    return status;
}

clxent_status clx_reduce_kernels(clxent_ctx *ctx, bool f64, clx_kernel **out) {
    static const char *const kernels[] = {"count_rows", "finish_count", "sum_losses", "finish_loss", NULL};
    char options[128];
    snprintf(options, sizeof options, QUIET "%s%s-DREAL_F64=%d%s", language_option(ctx, false),
             ctx->facts.options, f64, ctx->facts.runs_rows_in_vectors ? " -DROWS=16" : "");
    clx_program *program = NULL;
    const clxent_status status = get_program(ctx, "reduce", options, kernels, &program);
    if (status == CLXENT_OK) *out = program->kernels;
    return status;
}
