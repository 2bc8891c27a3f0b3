/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent: the language-model cross-entropy loss and its gradient on any OpenCL device.
 *
 * This header is the manual. It has three parts:
 *   1. the simple way: a context, a plan, clxent_run() on plain arrays;
 *   2. the options: clxent_desc, clxent_arrays, field by field;
 *   3. devices and details.
 * Programs that own an OpenCL queue and cl_mem buffers also read clxent_opencl.h. What is for tests and
 * tuning is in clxent_experimental.h, which may change in any version.
 *
 *     clxent_ctx *ctx;  clxent_plan *plan;  clxent_error err;
 *     clxent_ctx_create(&ctx, NULL, &err);
 *     clxent_desc desc = CLXENT_DESC_INIT;
 *     desc.rows = n;  desc.classes = v;  desc.reduction = CLXENT_MEAN;
 *     clxent_plan_create(&plan, ctx, &desc);
 *     clxent_arrays a = CLXENT_ARRAYS_INIT;
 *     a.logits  = CLXENT_ARRAY(logits, n * v * sizeof(float));
 *     a.targets = CLXENT_ARRAY(targets, n * sizeof(int64_t));
 *     a.loss    = CLXENT_ARRAY(&loss, sizeof loss);
 *     clxent_run(plan, &a);
 *
 * Errors: every function that can fail returns a clxent_status. The message, which names the field,
 * its value and the limit, is in clxent_ctx_last_error() (or in the clxent_error argument where no
 * context exists yet). The library never prints, never exits, and has no global state but one lock,
 * around looking for devices, and the number of the process that opened OpenCL.
 *
 * Threads: a clxent_ctx, its plans and its messages belong to one thread at a time. Different
 * contexts may be opened and used from different threads at once.
 *
 * fork(): open contexts, and list devices, after it. A driver has threads, which a child process does not
 * get; what the parent opened would wait for them for ever. So in a child of a process that has opened OpenCL
 * (by this library) every function that would call the driver returns ERR_FORK, and the destroy functions
 * free the child's memory alone. The parent is not concerned. A child that calls exec may use the library.
 */
#ifndef CLXENT_CLXENT_H
#define CLXENT_CLXENT_H

#include <clxent/clxent_arrays.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version; the build reads it from here. */
#define CLXENT_VERSION_MAJOR 0
#define CLXENT_VERSION_MINOR 1
#define CLXENT_VERSION_PATCH 0

#if defined(_WIN32)
#define CLXENT_API
#else
#define CLXENT_API __attribute__((visibility("default")))
#endif

/* ================================================================== 1. the simple way ========== */

/* The enums below are lists of X(value, name, text); a constant is the name with CLXENT_ before it. */
#define CLXENT_ENUM_(value, name, text) CLXENT_##name = value,

/* Status values, pinned: code, name, text. */
#define CLXENT_STATUS_MAP(X)                                                         \
    X(0, OK, "success")                                                              \
    X(1, ERR_ARGUMENT, "an argument or option is out of range")                      \
    X(2, ERR_SHAPE, "a shape, stride or size does not fit")                          \
    X(3, ERR_DTYPE, "a data type cannot be used there")                              \
    X(4, ERR_TARGET, "a target is not a class")                                      \
    X(5, ERR_BUFFER, "an array or buffer is missing, too small or overlaps another") \
    X(6, ERR_UNSUPPORTED, "the device or this operation does not have it")           \
    X(7, ERR_NO_DEVICE, "no usable OpenCL device")                                   \
    X(8, ERR_OPENCL, "an OpenCL call failed")                                        \
    X(9, ERR_BUILD, "a kernel did not compile")                                      \
    X(10, ERR_MEMORY, "out of memory, on the host or on the device")                 \
    X(11, ERR_FORK, "the process was forked after OpenCL was opened")

typedef enum clxent_status { CLXENT_STATUS_MAP(CLXENT_ENUM_) } clxent_status;

/* "CLXENT_ERR_TARGET" and "a target is not a class"; for a value not in the list, "CLXENT_UNKNOWN"
 * and "unknown status". Static strings. Any thread. */
CLXENT_API const char *clxent_status_name(clxent_status status);
CLXENT_API const char *clxent_status_text(clxent_status status);

/* "0.1.0", of the library that is linked (the macros are those it was compiled with). */
CLXENT_API const char *clxent_version(void);

/* A struct that begins with struct_size grows in later versions, at its end. Set it by its CLXENT_..._INIT
 * macro or by its clxent_..._init() function, which says how large it is to this program; the library then
 * takes what this program knows of, and the defaults of what it does not. So a program runs with libraries of
 * any later version, and of an earlier one as long as it sets nothing that that one lacks (ERR_ARGUMENT).
 * Other languages call clxent_..._init_sized(), with the size of the struct as they know it. NULL is fine. */
#define CLXENT_INLINE_INIT_(type)                                 \
    static inline void clxent_##type##_init(clxent_##type *out) { \
        clxent_##type##_init_sized(out, sizeof *out);             \
    }

/* What went wrong. It never grows. The message is always NUL-terminated. */
typedef struct clxent_error {
    clxent_status status;
    int32_t opencl_code; /* the OpenCL error, 0 when it was not OpenCL's */
    char message[2040];
} clxent_error;

typedef struct clxent_ctx clxent_ctx;   /* a device, its queue, its compiled programs */
typedef struct clxent_plan clxent_plan; /* one validated, compiled loss; belongs to its context */

typedef struct clxent_ctx_options {
    size_t struct_size;
    /* Which device: NULL or "" (the environment variable CLXENT_DEVICE, else the best one there),
     * "gpu", "cpu", "accelerator", a number of clxent_list_devices() ("0"), or any part of
     * "platform / device" as that lists it ("pocl", "H200"), case not minded. */
    const char *device;
    /* Bytes of device buffers that one clxent_run() may hold at a time; 0: what the device has. Every
     * array that has something for each row is streamed in blocks that fit, with the bits of all at once: of
     * whole outer indices (clxent_desc: Shape), and where one does not fit, of some of its `inner` rows, down
     * to one; such blocks are copied, on every device. There for the whole call are class_weight, single
     * numbers, and scratch: 96 bytes for every 1024 rows of the call, 8 (f64: 16) for each row of a block,
     * but of 1024 rows at least, and where the library splits rows what their parts need. Arrays
     * count also where the device uses them where they stand; the workspace that a plan keeps for
     * clxent_enqueue() does not. When no row fits beside that: ERR_MEMORY, and the message says how many
     * bytes would do. */
    uint64_t memory_bytes;
} clxent_ctx_options;

#define CLXENT_CTX_OPTIONS_INIT \
    { sizeof(clxent_ctx_options), NULL, 0 }
CLXENT_API void clxent_ctx_options_init_sized(clxent_ctx_options *out, size_t struct_size);
CLXENT_INLINE_INIT_(ctx_options)

/* Opens a device. options may be NULL. On failure *out is NULL and err (which may be NULL) says why:
 * ERR_NO_DEVICE (no loader, no driver, no device, none that matches; the message says what to do),
 * ERR_ARGUMENT, ERR_OPENCL, ERR_MEMORY, ERR_FORK. */
CLXENT_API clxent_status clxent_ctx_create(clxent_ctx **out, const clxent_ctx_options *options,
                                           clxent_error *err);

/* Closes it. NULL is fine. Plans that still exist keep the device open until they are destroyed. */
CLXENT_API void clxent_ctx_destroy(clxent_ctx *ctx);

/* The message of the last failure on this context or one of its plans; "" when there was none.
 * Valid until the next call on the context. */
CLXENT_API const char *clxent_ctx_last_error(const clxent_ctx *ctx);

/* All of the last failure: status, OpenCL's code, message. status is CLXENT_OK when there was none; a call
 * that succeeds does not change it. NULL for NULL. Same lifetime. */
CLXENT_API const clxent_error *clxent_ctx_error(const clxent_ctx *ctx);

/* The compiler's log of the last ERR_BUILD on this context; "" when there was none. Same lifetime. */
CLXENT_API const char *clxent_ctx_build_log(const clxent_ctx *ctx);

/* Validates desc against this device. The plan copies desc. On failure *out is NULL. The kernels for
 * desc->outputs are compiled here; see there. How rows are spread over the device is the library's choice, by
 * device and shape; clxent_experimental.h can force it.
 * ERR_ARGUMENT, ERR_SHAPE, ERR_DTYPE, ERR_UNSUPPORTED, ERR_BUILD, ERR_OPENCL, ERR_MEMORY, ERR_FORK. */
typedef struct clxent_desc clxent_desc;
CLXENT_API clxent_status clxent_plan_create(clxent_plan **out, clxent_ctx *ctx, const clxent_desc *desc);
CLXENT_API void clxent_plan_destroy(clxent_plan *plan); /* NULL is fine */

/* Computes every output that is not NULL from host arrays, and waits for it. The arrays stay the
 * caller's. Returns ERR_TARGET, with "row 17: target 50257 is not in [0, 50257)" (of next-token targets
 * "row 17 (sequence 2, token 2): ..."), when a target is neither a class nor ignored; all outputs are
 * written then, those rows counting nothing.
 * ERR_BUFFER, ERR_ARGUMENT, ERR_SHAPE (rows), ERR_UNSUPPORTED (scalars), ERR_TARGET, ERR_OPENCL, ERR_BUILD,
 * ERR_MEMORY, ERR_FORK. */
typedef struct clxent_arrays clxent_arrays;
CLXENT_API clxent_status clxent_run(clxent_plan *plan, const clxent_arrays *arrays);

/* ======================================================================= 2. the options ======== */

/* Rows N, classes C, logits x, z = x scaled and capped, target y, class weight w (1 if absent),
 * lse(z) = log sum_c exp(z_c), p_c = exp(z_c - lse). */
#define CLXENT_OP_MAP(X)                                                                            \
    X(0, CROSS_ENTROPY, "cross-entropy") /* lse(z) - z_y, its gradient by the logits */             \
    X(1, NLL, "nll")                     /* -log_probs[y], its gradient by the log-probabilities */ \
    X(2, SOFTMAX, "softmax")             /* probs = p; grad = p_c (g_c - sum_k g_k p_k), g an (N,C) \
                                          * grad_output */                                          \
    X(3, LOG_SOFTMAX, "log-softmax")     /* log_probs = z - lse; grad = g_c - p_c sum_k g_k */
typedef enum clxent_op { CLXENT_OP_MAP(CLXENT_ENUM_) } clxent_op;

/* X(value, name, text, bytes, kind) */
#define CLXENT_DTYPE_MAP(X)                                                      \
    X(0, DTYPE_DEFAULT, "default", 0,                                            \
      NO_KIND) /* f32 for logits, the logits' type for grad, i64 for integers */ \
    X(1, F32, "f32", 4, FLOATING)                                                \
    X(2, F16, "f16", 2, FLOATING)   /* IEEE binary16 */                          \
    X(3, BF16, "bf16", 2, FLOATING) /* the upper half of a binary32 */           \
    X(4, F64, "f64", 8, FLOATING)   /* where the device has it */                \
    X(5, I64, "i64", 8, INTEGER)                                                 \
    X(6, I32, "i32", 4, INTEGER)                                                 \
    X(7, U16, "u16", 2, INTEGER)                                                 \
    X(8, U8, "u8", 1, INTEGER)
#define CLXENT_DTYPE_ENUM_(value, name, text, bytes, kind) CLXENT_##name = value,
typedef enum clxent_dtype { CLXENT_DTYPE_MAP(CLXENT_DTYPE_ENUM_) } clxent_dtype;

/* Bytes of one element; 0 for CLXENT_DTYPE_DEFAULT and for a value not in the list. */
CLXENT_API size_t clxent_dtype_size(clxent_dtype dtype);

#define CLXENT_REDUCTION_MAP(X)                                                                 \
    X(0, MEAN, "mean") /* sum over rows, divided by the sum of w_y over the counted rows (for   \
                        * probability targets by N; z-loss by the number of counted rows; each  \
                        * row's share times its row_weight), as PyTorch's cross_entropy does */ \
    X(1, SUM, "sum")                                                                            \
    X(2, NONE, "none") /* loss is (N) */
typedef enum clxent_reduction { CLXENT_REDUCTION_MAP(CLXENT_ENUM_) } clxent_reduction;

#define CLXENT_TARGETS_MAP(X)                                                                        \
    X(0, TARGETS_CLASS, "class")             /* (N) class numbers */                                 \
    X(1, TARGETS_PROBABILITY, "probability") /* (N,C) of a floating type; need not sum to 1 */       \
    X(2, TARGETS_NEXT_TOKEN, "next-token")   /* tokens (B,T+1) or (B,T): row (b,t) is scored against \
                                              * token (b,t+1). With (B,T) the last row of a sequence \
                                              * has no target and is counted as ignored. */
typedef enum clxent_targets { CLXENT_TARGETS_MAP(CLXENT_ENUM_) } clxent_targets;

#define CLXENT_EMPTY_MEAN_MAP(X)                                                           \
    X(0, EMPTY_MEAN_NAN, "nan")   /* the mean over no counted row is NaN, as in PyTorch */ \
    X(1, EMPTY_MEAN_ZERO, "zero") /* ... is 0 */
typedef enum clxent_empty_mean { CLXENT_EMPTY_MEAN_MAP(CLXENT_ENUM_) } clxent_empty_mean;

/* The names of these values, as messages have them: "cross-entropy", "f32", "mean". "unknown" for a value
 * not in the list. Static strings. Any thread. */
CLXENT_API const char *clxent_op_name(clxent_op op);
CLXENT_API const char *clxent_dtype_name(clxent_dtype dtype);
CLXENT_API const char *clxent_reduction_name(clxent_reduction reduction);
CLXENT_API const char *clxent_targets_name(clxent_targets targets);
CLXENT_API const char *clxent_empty_mean_name(clxent_empty_mean empty_mean);

/* Bits of clxent_desc.flags. */
enum {
    /* loss (mean, sum) by one atomic addition a row: one pass less, order and so last bits not
     * fixed. Default: the same input gives the same bits on the same device, every run. */
    CLXENT_ATOMIC = 1u << 0,
    /* A cross-entropy plan whose `lse` is an input: writes grad without reading the logits twice.
     * `lse_residual`, when also given, keeps the gradient as accurate as in the forward pass;
     * without it a probability's relative error grows by 6e-8 * |lse|. Only grad and counts can be
     * asked for. */
    CLXENT_GRAD_FROM_LSE = 1u << 1,
    /* A cross-entropy plan whose `state` is an input: the sums of each row, of all classes. See
     * clxent_merge_states(). */
    CLXENT_FROM_STATE = 1u << 2
};

/* Bits of clxent_desc.outputs: CLXENT_OUT_LOSS for the member `loss` of clxent_arrays, CLXENT_OUT_ROW_LOSS
 * for row_loss, and so on for each output there. */
#define CLXENT_INPUT_BIT_(number, NAME)
#define CLXENT_OUTPUT_BIT_(number, NAME) CLXENT_OUT_##NAME = 1u << (number),
#define CLXENT_OUT_BIT_(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm) \
    CLXENT_##side##_BIT_(number, NAME)
enum { CLXENT_ARRAY_MAP(CLXENT_OUT_BIT_) };

/* What to compute. Start from CLXENT_DESC_INIT or clxent_desc_init(). */
struct clxent_desc {
    size_t struct_size;

    clxent_op op;
    clxent_reduction reduction;
    clxent_targets targets;
    clxent_empty_mean empty_mean;
    uint32_t flags;
    /* The outputs that calls will ask for. 0: any; kernels for a combination not met before are
     * compiled by the first call that asks for it. Not 0: all are compiled by clxent_plan_create(),
     * and a call that asks for another output is refused. */
    uint32_t outputs;

    clxent_dtype logits_dtype;  /* of logits, and of NLL's log_probs; arithmetic is in f32, f64 for f64 */
    clxent_dtype grad_dtype;    /* of grad; f64 only with f64 logits, and then only f64 */
    clxent_dtype targets_dtype; /* i64, i32, u16, u8; for probabilities a floating type
                                 * (default: the logits' type), f64 only with f64 logits */
    clxent_dtype segment_dtype; /* i64, i32, u16, u8 */

    /* Shape. N = rows = outer * inner; element (o, c, i) of an (N,C) array stands at
     * o * stride + c * inner + i, and is class c of row o * inner + i.
     * (N,C), (B,T,V): inner = 1. (N,C,d1,d2): rows = N*d1*d2, inner = d1*d2. (C): rows = 1. */
    int64_t rows;           /* the most that a call may have; 0 is legal */
    int64_t classes;        /* 1 to 2^31 - 1 */
    int64_t inner;          /* 1 or more */
    int64_t classes_padded; /* classes with padding behind, of logits and grad; 0: none. What the padding
                             * holds does not matter; grad's is written 0. */
    /* Elements from one outer index to the next (inner = 1: from row to row). 0: dense. */
    int64_t row_stride;             /* of logits (NLL: of log_probs); dense: classes_padded * inner */
    int64_t grad_row_stride;        /* of grad; dense: classes_padded * inner */
    int64_t targets_row_stride;     /* of probability targets; dense: classes * inner */
    int64_t log_probs_row_stride;   /* of the output log_probs or probs; dense: classes * inner */
    int64_t grad_output_row_stride; /* of an (N,C) grad_output; dense: classes * inner */

    /* Next token: T, the logits' positions in a sequence (rows is a multiple of it), and the tokens
     * stored for a sequence: T + 1 or T. */
    int64_t sequence_length;
    int64_t tokens_per_sequence;

    /* A slice of a larger vocabulary, which is split over devices or machines: the logits are the classes
     * class_begin, ..., class_begin + classes - 1 of classes_total. 0 and 0: they are all classes. Such a
     * plan gives `state` alone (and counts), or, with CLXENT_FROM_STATE, everything; see
     * clxent_merge_states(). A target of another slice counts like any other. class_weight has the weights of
     * all classes_total. */
    int64_t class_begin;
    int64_t classes_total;

    /* An ignored row adds nothing, has gradient 0, and never leaks a NaN that stands in it. */
    int32_t use_ignore_index; /* 0: off */
    int32_t reserved_;        /* 0 */
    int64_t ignore_index;     /* any value; one that no target can hold matches nothing */

    /* Scalars; a call may replace them (clxent_scalars). */
    double label_smoothing; /* e in [0, 1]: (1-e) w_y (lse - z_y) + (e/C) sum_c w_c (lse - z_c);
                             * probability targets t become t(1-e) + e/C. Szegedy et al. 2016. */
    double z_loss;          /* s >= 0: adds s * lse^2 to a row. PaLM, Chowdhery et al. 2022. */
    double softcap;         /* c > 0: z = c tanh(scale * x / c); 0: off. Gemma 2, 2024. c and scale / c are
                             * in [1.2e-38, 8.3e37], for f64 in [2.3e-308, 4.3e307]. */
    double logit_scale;     /* > 0: multiplies x first (1/temperature) */
    double grad_output;     /* multiplies the gradient */
};

/* Macro and function set the same: zero but for struct_size, inner = 1, logit_scale = 1,
 * grad_output = 1. */
#define CLXENT_DESC_INIT                                                                                     \
    {                                                                                                        \
        sizeof(clxent_desc), CLXENT_CROSS_ENTROPY, CLXENT_MEAN, CLXENT_TARGETS_CLASS, CLXENT_EMPTY_MEAN_NAN, \
            0, 0, CLXENT_DTYPE_DEFAULT, CLXENT_DTYPE_DEFAULT, CLXENT_DTYPE_DEFAULT, CLXENT_DTYPE_DEFAULT, 0, \
            0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 1.0, 1.0                             \
    }
CLXENT_API void clxent_desc_init_sized(clxent_desc *out, size_t struct_size);
CLXENT_INLINE_INIT_(desc)

/* The scalars of one call, in place of the plan's, which clxent_plan_scalars() gives. softcap can change, but
 * not from or to 0. The first call with label smoothing, or a logit_scale other than 1, of a plan without it
 * compiles a kernel. */
typedef struct clxent_scalars {
    size_t struct_size;
    double label_smoothing, z_loss, softcap, logit_scale, grad_output;
} clxent_scalars;
#define CLXENT_SCALARS_INIT \
    { sizeof(clxent_scalars), 0.0, 0.0, 0.0, 1.0, 1.0 }
CLXENT_API void clxent_scalars_init_sized(clxent_scalars *out, size_t struct_size);
CLXENT_INLINE_INIT_(scalars)
/* The plan's own. out->struct_size must be set. ERR_ARGUMENT. */
CLXENT_API clxent_status clxent_plan_scalars(const clxent_plan *plan, clxent_scalars *out);

/* A host array and its size in bytes; data NULL: absent. */
typedef struct clxent_array {
    void *data;
    size_t bytes;
} clxent_array;

#ifdef __cplusplus
} /* a template helper cannot stand in extern "C" */
inline clxent_array clxent_array_of(const void *data, size_t bytes) {
    clxent_array a = {const_cast<void *>(data), bytes};
    return a;
}
#define CLXENT_ARRAY(data, bytes) clxent_array_of((data), (bytes))
extern "C" {
#else
#define CLXENT_ARRAY(data, bytes) ((clxent_array){(void *)(data), (bytes)})
#endif

#define CLXENT_ALL_ROWS ((int64_t)-1)

/* The arrays of one call. An output that is NULL is not computed. Sizes are checked; an array may be
 * larger than needed. Inputs are never written, but for a grad that is the logits.
 * Type "real": f32, or f64 when the logits are f64. */
struct clxent_arrays {
    size_t struct_size;
    int64_t rows;                  /* of this call, at most the plan's; CLXENT_ALL_ROWS: the plan's */
    const clxent_scalars *scalars; /* NULL: the plan's */

    /* inputs */
    clxent_array logits;       /* (N,C) logits_dtype; absent for NLL */
    clxent_array targets;      /* see clxent_targets; absent for SOFTMAX and LOG_SOFTMAX */
    clxent_array class_weight; /* (C) real, optional; any finite number */
    clxent_array row_weight;   /* (N) real, optional; any finite number: multiplies the row's loss and its
                                * share of the mean's divisor. Cross entropy only. */
    clxent_array segment;      /* the tokens' shape, segment_dtype, optional, next-token only: a row
                                * whose next token is of another segment is not scored (ignored) */
    clxent_array grad_output;  /* real, optional: 1 element for mean and sum, (N) for none, (N,C) for
                                * SOFTMAX and LOG_SOFTMAX, which need it for grad. Multiplied by the
                                * scalar grad_output. */

    /* outputs. row_loss, log_prob and rank are 0 where a row is not counted; lse, lse_residual,
     * argmax, entropy, log_probs and probs describe the logits and are given for every row. */
    clxent_array loss;         /* real: 1 element, (N) for none */
    clxent_array row_loss;     /* (N) real: weighted, with its z-loss, not divided */
    clxent_array log_prob;     /* (N) real: z_y - lse, of the target; class targets only */
    clxent_array lse;          /* (N) real, in nats; an input with CLXENT_GRAD_FROM_LSE */
    clxent_array lse_residual; /* (N) real: what rounding took off lse; likewise */
    clxent_array argmax;       /* (N) i64: the first maximum; a NaN wins */
    clxent_array rank;         /* (N) i64: how many classes stand before the target when sorted: a NaN
                                * before every number, of equals the smaller class first. 0 exactly where
                                * argmax is the target. */
    clxent_array entropy;      /* (N) real: of the softmax, in nats */
    clxent_array log_probs;    /* (N,C) real; NLL's input, there of logits_dtype */
    clxent_array probs;        /* (N,C) real; SOFTMAX only */
    clxent_array grad;         /* (N,C) grad_dtype. May be the logits' own memory when type and stride
                                * are the same; any other overlap is refused. */
    clxent_array counts;       /* 4 i64: counted, ignored, bad rows; first bad row or -1 */
    clxent_array state; /* (N, CLXENT_STATE_COLUMNS) real: what is known of each row from these classes;
                         * clxent_arrays.h has the columns. Cross entropy only. clxent_desc.outputs must
                         * name it. An input with CLXENT_FROM_STATE. */
};
#define CLXENT_ABSENT_(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm) {NULL, 0},
#define CLXENT_ARRAYS_INIT \
    { sizeof(clxent_arrays), CLXENT_ALL_ROWS, NULL, CLXENT_ARRAY_MAP(CLXENT_ABSENT_) }
CLXENT_API void clxent_arrays_init_sized(clxent_arrays *out, size_t struct_size);
CLXENT_INLINE_INIT_(arrays)

/* A vocabulary in slices, each on its own device or machine:
 *
 * First each slice gives the state of its rows, (N, CLXENT_STATE_COLUMNS): its plan has class_begin,
 * classes_total and outputs CLXENT_OUT_STATE. Then the states of all slices come to each (an all-gather), and
 * clxent_merge_states() makes one of them. Then each slice takes that: a plan with CLXENT_FROM_STATE gives
 * the loss, the outputs of rows, and the slice's classes of log_probs and of the gradient, of the softmax
 * over all.
 *
 * The outputs of rows are those of all classes, argmax counts from class 0 of all; `rank` counts the classes
 * of the slice alone: add it up over the slices. label_smoothing is over classes_total. All slices have the
 * same targets, weights and scalars. Results keep to the bounds of one call; the same states in the same
 * order give the same bits.
 *
 * clxent_state_columns(): the columns of the states of such a plan; 0 where desc is NULL or its operation has
 * none.
 *
 * clxent_merge_states(): `states` has `count` arrays of states, (N, columns) each, one behind the other, of
 * slices in any order that leave no gap and do not overlap; the result is of all of their classes, and may be
 * merged again. out may be the first of them. No device works. The plan is that of any slice; scalars NULL:
 * the plan's. ERR_ARGUMENT: count is 0, or a state is of another kind (version; no label smoothing, weights
 * or probabilities), or slices overlap or leave a gap. ERR_BUFFER, ERR_SHAPE (rows). */
CLXENT_API int64_t clxent_state_columns(const clxent_desc *desc);
CLXENT_API clxent_status clxent_merge_states(const clxent_plan *plan, const clxent_scalars *scalars,
                                             int64_t rows, size_t count, clxent_array states,
                                             clxent_array out);

/* Where options meet:
 * - A logit of -inf is a masked class: probability 0, gradient 0, also under softcap. A masked target:
 *   loss +inf, the other gradients p_c. Label smoothing over a masked class of weight not 0: loss +inf.
 * - A counted row that has a NaN, a +inf (without softcap), or nothing but -inf: NaN loss, NaN gradient.
 * - Weights, probability targets and grad_output are to be finite. They are not looked at: what one that is
 *   not enters is NaN or infinite.
 * - Beyond the type's largest number may be: the sum of the rows' losses or weights under a mean, the
 * distance of two logits under label smoothing or probability targets, 2 s lse of z-loss. A result that fits
 * is a number all the same. Within the type's normal numbers, or 0, must be: a row's weighted loss,
 * grad_output times weights times logit_scale, the sum of a row's probabilities or of its grad_output.
 * - A weight of 0 times inf is 0. A divisor that is 0 while rows were counted: NaN loss and gradient.
 * - No row counted: loss by empty_mean for a mean, 0 for a sum; gradient 0.
 * - Probability targets refuse ignore_index, log_prob and rank; NLL refuses every option but
 *   class_weight, ignore_index, reduction, grad_output; next-token refuses inner > 1.
 * - 16-bit outputs are rounded to nearest even and overflow to inf. */

/* =========================================================== 3. devices and details ============ */

typedef enum clxent_device_type {
    CLXENT_DEVICE_OTHER = 0,
    CLXENT_DEVICE_CPU = 1,
    CLXENT_DEVICE_GPU = 2,
    CLXENT_DEVICE_ACCELERATOR = 3
} clxent_device_type;

/* One device as it describes itself. */
typedef struct clxent_device_info {
    size_t struct_size;
    clxent_device_type type;
    char platform[128];
    char name[128];
    char vendor[128];
    char driver[64];
    char opencl_version[64];   /* "OpenCL 3.0 ..." */
    char opencl_c_version[64]; /* "OpenCL C 1.2 ..." */
    uint64_t global_memory_bytes;
    uint64_t largest_buffer_bytes;
    uint64_t local_memory_bytes;
    uint64_t work_group_limit;
    uint32_t compute_units;
    int32_t fp64;           /* f64 logits */
    int32_t fp16;           /* half arithmetic; f16 logits work without it */
    int32_t atomics_64;     /* CLXENT_ATOMIC with f64 logits */
    int32_t subgroups;      /* work-groups add up within sub-groups, else through local memory alone */
    int32_t unified_memory; /* host arrays are used where they stand */
    int32_t compiler;       /* 0: the device cannot be used */
    int32_t is_default;     /* the one clxent_ctx_create() opens when none is named */
    char why[128];          /* why it is, or is not */
} clxent_device_info;
#define CLXENT_DEVICE_INFO_INIT                                                                             \
    {                                                                                                       \
        sizeof(clxent_device_info), CLXENT_DEVICE_OTHER, "", "", "", "", "", "", 0, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0, 0, ""                                                                                     \
    }
CLXENT_API void clxent_device_info_init_sized(clxent_device_info *out, size_t struct_size);
CLXENT_INLINE_INIT_(device_info)

/* Writes the first `capacity` devices to `out`, an array of structs of struct_size bytes (sizeof *out), and
 * the number of all to *count. out may be NULL when capacity is 0. A device that fails to describe itself is
 * left out; when that leaves none, its failure is returned (ERR_OPENCL, ERR_MEMORY). When there is none:
 * ERR_NO_DEVICE, and err (which may be NULL) says what is missing and what to do. ERR_ARGUMENT, ERR_FORK. Any
 * thread. */
CLXENT_API clxent_status clxent_list_devices(clxent_device_info *out, size_t struct_size, size_t capacity,
                                             size_t *count, clxent_error *err);

/* Compiled programs, to be kept by the caller for the next start: compiling takes longer than most losses.
 * Where they are kept is the caller's business; `clxent` (the tool) has a file in the user's cache folder.
 *
 * Export, when all that is wanted has been run once: the programs of this context, those imported before
 * included, as one blob. *bytes is its size; data NULL and capacity 0 only ask for that. capacity too small:
 * ERR_BUFFER, *bytes set. With some drivers (PoCL) the first export of a program compiles it once more and
 * takes as long. ERR_ARGUMENT, ERR_BUFFER, ERR_OPENCL, ERR_MEMORY, ERR_FORK.
 *
 * Import, before plans are created: plans of this context take their programs from the blob where it has
 * them. A blob that is damaged, or of another device, driver or version of clxent, changes nothing: what is
 * missing is compiled. So does a program in it that the driver refuses. The bytes are copied. An earlier
 * import is forgotten, but for the programs that plans have taken from it. A checksum finds damage, not
 * malice: a program is code, import only what nobody else could have written. ERR_ARGUMENT, ERR_OPENCL,
 * ERR_MEMORY, ERR_FORK. */
CLXENT_API clxent_status clxent_ctx_export_programs(clxent_ctx *ctx, void *data, size_t capacity,
                                                    size_t *bytes);
CLXENT_API clxent_status clxent_ctx_import_programs(clxent_ctx *ctx, const void *data, size_t bytes);

/* How many programs this context has compiled from source: 0 when all came from an import, and then an export
 * says nothing new. 0 for NULL. */
CLXENT_API size_t clxent_ctx_programs_compiled(const clxent_ctx *ctx);

/* The context's device. out->struct_size must be set. */
CLXENT_API clxent_status clxent_ctx_device(const clxent_ctx *ctx, clxent_device_info *out);

#ifdef __cplusplus
}
#endif
#endif
