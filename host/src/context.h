/* SPDX-License-Identifier: Apache-2.0
 * A device, its queue and its compiled programs. */
#ifndef CLX_CONTEXT_H
#define CLX_CONTEXT_H

#include <clxent/clxent_opencl.h>
#include <stdbool.h>

#include "facts.h"
#include "held.h"
#include "opencl_api.h"
#include "program_blob.h"

struct clx_program;
struct clx_gemm;

struct clxent_ctx {
    clx_cl cl;
    unsigned references; /* one of the caller, and one of each plan */
    cl_context context;
    cl_device_id device;
    cl_command_queue queue;
    bool out_of_order;                   /* of `queue`: events chain the kernels */
    clx_held held;                       /* used where the driver loses events */
    cl_command_queue uploads, downloads; /* in-order queues for clxent_run's copies; NULL before the first */
    uint64_t memory_bytes;
    clxent_device_info info;
    clx_facts facts;
    clxent_tuning tuning;          /* for the plans to come; no field is 0 */
    struct clx_program *programs;  /* every program built so far */
    size_t programs_compiled;      /* how many of them from source */
    clx_blob imported;             /* programs that need no compiler; no entries: no import */
    unsigned char *imported_bytes; /* the bytes of `imported` */
    clxent_gemm given_gemm;        /* who computes products for the plans to come; name NULL: see gemm */
    int gemm_wanted;               /* the provider that the options name, by its number in gemm.c */
    struct clx_gemm *gemm;         /* the provider in use; NULL before the first need */
    struct clx_gemm *gemm_of_bf16; /* another one for factors in bf16; NULL: there is none */
    bool gemm_of_bf16_is_known;    /* whether it was looked for */
    char *build_log;               /* NULL: none */
    clxent_error error;            /* the last failure */
};

void clx_ctx_release(clxent_ctx *ctx);

/* The most bytes of device buffers that one clxent_run() may hold at a time. */
static inline uint64_t clx_memory_budget(const clxent_ctx *ctx) {
    return ctx->memory_bytes ? ctx->memory_bytes : ctx->info.global_memory_bytes;
}

/* The place for the message of a function that changes nothing else of the context. */
static inline clxent_error *clx_error_of(const clxent_ctx *ctx) {
    return &((clxent_ctx *)ctx)->error;
}

#endif
