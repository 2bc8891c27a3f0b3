/* SPDX-License-Identifier: Apache-2.0
 * Built kernels. A context loads or compiles a program once for each set of build options, and finds it again
 * by these options. */
#ifndef CLX_PROGRAM_H
#define CLX_PROGRAM_H

#include "context.h"

enum { CLX_MAX_KERNELS = 4 };

/* The value that each class has beside its logit: option U of row.cl. */
#define CLX_U_MAP(X) X(NONE) X(WEIGHT) X(PROBABILITY) X(GRAD_OUTPUT)
#define CLX_U_(name) CLX_U_##name,
typedef enum clx_u { CLX_U_MAP(CLX_U_) } clx_u;

/* The build options of a kernel. */
typedef struct clx_build {
    clxent_op op;
    clxent_dtype logits, grad, probabilities; /* not DEFAULT */
    int softcap, scaled, stats, strided, from_lse, from_state;
    clx_u u;
    int width, tile; /* 0: the kernel's own */
} clx_build;

typedef struct clx_kernel {
    cl_kernel kernel;
    const char *name;
    size_t work_group_limit; /* a power of two */
    /* The arguments that launch.c has set. */
    bool is_set;
    int32_t present; /* bit i: array i is not NULL */
    size_t scratch_bytes;
} clx_kernel;

typedef struct clx_program {
    struct clx_program *next;
    char *key;     /* the source's name and the options */
    bool compiled; /* compiled from source; else imported */
    cl_program program;
    clx_kernel kernels[CLX_MAX_KERNELS];
} clx_program;

/* The row kernel of a schedule; split: those of split.cl, in this order. */
enum { CLX_SPLIT_SCAN, CLX_SPLIT_ROWS, CLX_SPLIT_STATE, CLX_MERGE_STATES };
clxent_status clx_row_kernels(clxent_ctx *ctx, clxent_schedule schedule, const clx_build *build,
                              clx_kernel **out);

/* The kernels of product.cl, in this order. */
enum { CLX_PRODUCT, CLX_STORE_ADDRESSES };
clxent_status clx_product_kernels(clxent_ctx *ctx, clx_kernel **out);

/* The kernels of reduce.cl, in this order. */
enum { CLX_COUNT_ROWS, CLX_FINISH_COUNT, CLX_SUM_LOSSES, CLX_FINISH_LOSS };
clxent_status clx_reduce_kernels(clxent_ctx *ctx, bool f64, clx_kernel **out);

void clx_programs_release(clxent_ctx *ctx);

#endif
