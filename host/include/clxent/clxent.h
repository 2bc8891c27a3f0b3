/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent: the language-model cross-entropy loss and its gradient on any OpenCL device.
 *
 * This header is the manual. It has three parts:
 *   1. the simple way: a context, a plan, clxent_run() on plain arrays;
 *   2. the options: clxent_desc, clxent_arrays, field by field;
 *   3. devices and details.
 * Programs that own an OpenCL queue and cl_mem buffers also read clxent_opencl.h. clxent_experimental.h has
 * the functions for tests and tuning; it may change in any version.
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
 * Errors: every function that can fail returns a clxent_status. clxent_ctx_last_error() gives the message,
 * which names the field, its value and the limit; where no context exists yet, the clxent_error argument has
 * it. The library never prints and never exits. Its only global state is a lock around the search for
 * devices, and the number of the process that opened OpenCL.
 *
 * Threads: a clxent_ctx, its plans and its messages belong to one thread at a time. Different
 * contexts may be opened and used from different threads at once.
 *
 * fork(): call fork() first, then open contexts and list devices. A driver starts threads, and a child
 * process does not get them: a call of the driver in the child would wait for them for ever. So in a child of
 * a process that has opened OpenCL through this library, every function that would call the driver returns
 * ERR_FORK, and the destroy functions free only the child's memory. The parent goes on as before. A child
 * that calls exec may use the library. */
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

/* The name and the text of a status: "CLXENT_ERR_TARGET" and "a target is not a class"; for a value that is
 * not in the list "CLXENT_UNKNOWN" and "unknown status". The strings are static. Any thread may call. */
CLXENT_API const char *clxent_status_name(clxent_status status);
CLXENT_API const char *clxent_status_text(clxent_status status);

/* The version of the library that is linked, "0.1.0". The macros are the version of the headers that the
 * program was compiled with. */
CLXENT_API const char *clxent_version(void);

/* A struct that begins with struct_size gets new fields at its end in later versions. Set it with its
 * CLXENT_..._INIT macro or its clxent_..._init() function: both store the size that this program knows. The
 * library reads the fields within that size, and takes the defaults for the fields behind it. So a program
 * runs with a library of any later version. It also runs with an earlier library as long as it sets no field
 * that this library lacks (ERR_ARGUMENT). A size of more than 4096 bytes above the library's own is a mistake
 * (ERR_ARGUMENT): no version grows a struct that far. Other languages call clxent_..._init_sized() with the
 * size of the struct as they know it. All these functions accept NULL. */
#define CLXENT_INLINE_INIT_(type)                                 \
    static inline void clxent_##type##_init(clxent_##type *out) { \
        clxent_##type##_init_sized(out, sizeof *out);             \
    }

/* A failure. This struct never grows. The message is always NUL-terminated. */
typedef struct clxent_error {
    clxent_status status;
    int32_t opencl_code; /* the OpenCL error code; 0: the error is not OpenCL's */
    char message[2040];
} clxent_error;

typedef struct clxent_ctx clxent_ctx;   /* a device, its queue, its compiled programs */
typedef struct clxent_plan clxent_plan; /* one validated, compiled loss; belongs to its context */

typedef struct clxent_ctx_options {
    size_t struct_size;
    /* The device to open. NULL or "": the one that the environment variable CLXENT_DEVICE names, else the
     * best one. Otherwise "gpu", "cpu", "accelerator", a number in the list of clxent_list_devices() ("0"),
     * or any part of "platform / device" in that list ("pocl", "H200"), in upper or lower case. */
    const char *device;
    /* The most bytes of device buffers that one clxent_run() may hold at a time; 0: all memory of the device.
     * The library streams each array that has elements for each row through the device, in blocks that fit.
     * Results have the same bits as without blocks. A block is some whole outer indices (clxent_desc: Shape).
     * Where one outer index does not fit, a block is some of its `inner` rows, down to one; the library
     * copies such blocks on every device. For the whole call the device holds class_weight, single numbers
     * and scratch. Scratch has 96 bytes for every 1024 rows of the call, and 8 (f64: 16) for each row of a
     * block, but for 1024 rows at least; where the library splits rows, it also has the parts of rows. Arrays
     * count even where the device uses them in place. The workspace that a plan keeps for clxent_enqueue()
     * does not count. When no row fits beside all this, the call returns ERR_MEMORY, and the message says how
     * many bytes are enough. */
    uint64_t memory_bytes;
    /* Who computes the matrix products of CLXENT_LINEAR_CROSS_ENTROPY. NULL or "": the one that the
     * environment variable CLXENT_GEMM names, else "auto". "auto": the best one that is there for the device.
     * "clblast": CLBlast, on any device. "openblas": OpenBLAS, on CPU devices that run native kernels.
     * "dnnl": oneDNN, on the same; "auto" takes it where hidden and classifier are both bf16 and the CPU has
     * AMX. "clxent": the library's own kernels, on any device. The string need only live until the context is
     * created. A plan that needs products makes the library load the provider's library; a named one that is
     * not there is an error of that plan (ERR_UNSUPPORTED). clxent_ctx_gemm() of clxent_opencl.h says what
     * the context takes, and clxent_ctx_set_gemm() sets one of the program's own. */
    const char *gemm;
} clxent_ctx_options;

#define CLXENT_CTX_OPTIONS_INIT \
    { sizeof(clxent_ctx_options), NULL, 0, NULL }
CLXENT_API void clxent_ctx_options_init_sized(clxent_ctx_options *out, size_t struct_size);
CLXENT_INLINE_INIT_(ctx_options)

/* Opens a device. options may be NULL. On failure *out is NULL and err (which may be NULL) says why:
 * ERR_NO_DEVICE (no loader, driver, device, or device that matches; the message says what to do),
 * ERR_ARGUMENT, ERR_OPENCL, ERR_MEMORY, ERR_FORK. */
CLXENT_API clxent_status clxent_ctx_create(clxent_ctx **out, const clxent_ctx_options *options,
                                           clxent_error *err);

/* Closes a context. NULL is fine. Plans that still exist keep the device open until they are destroyed. */
CLXENT_API void clxent_ctx_destroy(clxent_ctx *ctx);

/* The message of the last failure on this context or one of its plans; "" when there was none.
 * Valid until the next call on the context. */
CLXENT_API const char *clxent_ctx_last_error(const clxent_ctx *ctx);

/* The last failure: its status, OpenCL's code and the message. The status is CLXENT_OK when there was no
 * failure; a call that succeeds does not change it. Valid until the next call on the context. NULL for
 * NULL. */
CLXENT_API const clxent_error *clxent_ctx_error(const clxent_ctx *ctx);

/* The compiler's log of the last ERR_BUILD on this context; "" when there was none. Valid until the next call
 * on the context. */
CLXENT_API const char *clxent_ctx_build_log(const clxent_ctx *ctx);

/* Validates desc against this device, copies it, and compiles the kernels for desc->outputs (see there). On
 * failure *out is NULL. The library chooses by device and shape how to spread rows over the device;
 * clxent_experimental.h has a function that forces the choice.
 * ERR_ARGUMENT, ERR_SHAPE, ERR_DTYPE, ERR_UNSUPPORTED, ERR_BUILD, ERR_OPENCL, ERR_MEMORY, ERR_FORK. */
typedef struct clxent_desc clxent_desc;
CLXENT_API clxent_status clxent_plan_create(clxent_plan **out, clxent_ctx *ctx, const clxent_desc *desc);
CLXENT_API void clxent_plan_destroy(clxent_plan *plan); /* NULL is fine */

/* Computes every output that is not NULL from host arrays, and waits until it is written. The arrays stay the
 * caller's. Returns ERR_TARGET when a target is neither a class nor ignored, with the message "row 17: target
 * 50257 is not in [0, 50257)" (for next-token targets "row 17 (sequence 2, token 2): ..."). It writes all
 * outputs even then, and does not count the rows with such a target.
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
    X(3, LOG_SOFTMAX, "log-softmax")     /* log_probs = z - lse; grad = g_c - p_c sum_k g_k */      \
    X(4, LINEAR_CROSS_ENTROPY,                                                                      \
      "linear-cross-entropy") /* cross entropy of an output layer's logits x = hidden               \
                               * classifier^T + classifier_bias, never stored */
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

#define CLXENT_REDUCTION_MAP(X)                                                                           \
    X(0, MEAN, "mean") /* the sum over rows, divided by the sum of w_y over the counted rows, as in       \
                        * PyTorch's cross_entropy. Probability targets are divided by N, z-loss by the    \
                        * number of counted rows. row_weight multiplies each row's share of a divisor. */ \
    X(1, SUM, "sum")                                                                                      \
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

/* The names of these values in messages: "cross-entropy", "f32", "mean". "unknown" for a value that is not in
 * the list. The strings are static. Any thread may call. */
CLXENT_API const char *clxent_op_name(clxent_op op);
CLXENT_API const char *clxent_dtype_name(clxent_dtype dtype);
CLXENT_API const char *clxent_reduction_name(clxent_reduction reduction);
CLXENT_API const char *clxent_targets_name(clxent_targets targets);
CLXENT_API const char *clxent_empty_mean_name(clxent_empty_mean empty_mean);

/* Bits of clxent_desc.flags. */
enum {
    /* Each row adds to the loss (mean, sum) by one atomic addition. That saves a pass. The order of the
     * additions, and so the last bits of the loss, may change from run to run. Without this flag the same
     * input gives the same bits on the same device in every run. */
    CLXENT_ATOMIC = 1u << 0,
    /* A cross-entropy plan that takes `lse` as an input and writes grad without reading the logits twice.
     * `lse_residual`, when also given, keeps the gradient as accurate as in the forward pass; without it a
     * probability's relative error grows by 6e-8 * |lse|. Such a plan gives grad and counts only. */
    CLXENT_GRAD_FROM_LSE = 1u << 1,
    /* A cross-entropy plan that takes `state` as an input: the sums of each row over all classes. See
     * clxent_merge_states(). */
    CLXENT_FROM_STATE = 1u << 2,
    /* A linear cross-entropy plan that adds grad_classifier and grad_classifier_bias to what these arrays
     * hold (gradient accumulation, tied embeddings), instead of overwriting them. */
    CLXENT_ADD_GRAD_CLASSIFIER = 1u << 3
};

/* Bits of clxent_desc.outputs: CLXENT_OUT_LOSS for the member `loss` of clxent_arrays, CLXENT_OUT_ROW_LOSS
 * for row_loss, and so on for each output there. */
#define CLXENT_INPUT_BIT_(number, NAME)
#define CLXENT_OUTPUT_BIT_(number, NAME) CLXENT_OUT_##NAME = 1u << (number),
#define CLXENT_OUT_BIT_(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin) \
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
    /* The outputs that calls will ask for. 0: any but `state`; the first call that asks for a new combination
     * compiles kernels for it. Not 0: clxent_plan_create() compiles all kernels, and a call that asks for
     * another output is refused. */
    uint32_t outputs;

    clxent_dtype logits_dtype;  /* of logits, and of NLL's log_probs; arithmetic is in f32, f64 for f64 */
    clxent_dtype grad_dtype;    /* of grad; f64 with f64 logits, and only then */
    clxent_dtype targets_dtype; /* i64, i32, u16, u8; for probabilities a floating type
                                 * (default: the logits' type), f64 only with f64 logits */
    clxent_dtype segment_dtype; /* i64, i32, u16, u8 */

    /* Shape. N = rows = outer * inner; element (o, c, i) of an (N,C) array stands at
     * o * stride + c * inner + i, and is class c of row o * inner + i.
     * (N,C), (B,T,V): inner = 1. (N,C,d1,d2): rows = N*d1*d2, inner = d1*d2. (C): rows = 1. */
    int64_t rows;           /* the most that a call may have; 0 is legal */
    int64_t classes;        /* 1 to 2^31 - 1 */
    int64_t inner;          /* 1 or more */
    int64_t classes_padded; /* classes with padding behind, of logits and grad; 0: none. The contents of the
                             * logits' padding do not matter. The library writes 0 to grad's. */
    /* Elements from one outer index to the next (inner = 1: from row to row). 0: dense. */
    int64_t row_stride;             /* of logits (NLL: of log_probs); dense: classes_padded * inner */
    int64_t grad_row_stride;        /* of grad; dense: classes_padded * inner */
    int64_t targets_row_stride;     /* of probability targets; dense: classes * inner */
    int64_t log_probs_row_stride;   /* of the output log_probs or probs; dense: classes * inner */
    int64_t grad_output_row_stride; /* of an (N,C) grad_output; dense: classes * inner */

    /* Next-token targets. sequence_length is T, the number of positions in a sequence of logits; rows is a
     * multiple of it. tokens_per_sequence is the number of tokens stored for a sequence, T + 1 or T. */
    int64_t sequence_length;
    int64_t tokens_per_sequence;

    /* A slice of a larger vocabulary that is split over devices or machines: the logits are those of the
     * classes class_begin, ..., class_begin + classes - 1 of classes_total. 0 and 0: the logits are those of
     * all classes. A plan with a slice gives only `state` and counts; with CLXENT_FROM_STATE it gives every
     * output. See clxent_merge_states(). A row whose target is in another slice counts like any other row.
     * class_weight has the weights of all classes_total classes. */
    int64_t class_begin;
    int64_t classes_total;

    /* An ignored row adds nothing to the loss and has gradient 0, even where its logits have a NaN. */
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

    /* Linear cross entropy: hidden (N,H), classifier (C,H), classifier_bias (C). These types are f32, f16 or
     * bf16, in any mix. Sums are in f32, and each gradient is rounded to its type once, at its end. */
    int64_t features;                   /* H, 1 to 2^31 - 1 */
    clxent_dtype hidden_dtype;          /* default: f32 */
    clxent_dtype classifier_dtype;      /* default: the type of hidden */
    clxent_dtype classifier_bias_dtype; /* default: the type of classifier */
    clxent_dtype grad_hidden_dtype;     /* default of the three: the type of what it is the gradient of */
    clxent_dtype grad_classifier_dtype;
    clxent_dtype grad_classifier_bias_dtype;
    int64_t hidden_row_stride; /* elements from a row to the next; 0: dense, H */
    int64_t classifier_row_stride;
    int64_t grad_hidden_row_stride;
    int64_t grad_classifier_row_stride;
    /* The most bytes of device memory for a call's blocks of logits, of hidden states and of the classifier;
     * 0: 64 MiB. A call needs 8 to 12 bytes a row more, for the order of the rows and their losses
     * (clxent_workspace_bytes() has the sum). More memory means fewer and larger products. It changes the
     * last bits of results, never their bounds. A plan whose workspace is too small is refused, with the
     * least number of bytes that is enough. */
    uint64_t workspace_bytes;
};

/* The macro and the function set the same values: struct_size, inner = 1, logit_scale = 1, grad_output = 1,
 * and 0 for all other fields. */
#define CLXENT_DESC_INIT                                                                                     \
    {                                                                                                        \
        sizeof(clxent_desc), CLXENT_CROSS_ENTROPY, CLXENT_MEAN, CLXENT_TARGETS_CLASS, CLXENT_EMPTY_MEAN_NAN, \
            0, 0, CLXENT_DTYPE_DEFAULT, CLXENT_DTYPE_DEFAULT, CLXENT_DTYPE_DEFAULT, CLXENT_DTYPE_DEFAULT, 0, \
            0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 1.0, 1.0, 0, CLXENT_DTYPE_DEFAULT,   \
            CLXENT_DTYPE_DEFAULT, CLXENT_DTYPE_DEFAULT, CLXENT_DTYPE_DEFAULT, CLXENT_DTYPE_DEFAULT,          \
            CLXENT_DTYPE_DEFAULT, 0, 0, 0, 0, 0                                                              \
    }
CLXENT_API void clxent_desc_init_sized(clxent_desc *out, size_t struct_size);
CLXENT_INLINE_INIT_(desc)

/* The scalars of one call. They replace the plan's, which clxent_plan_scalars() gives. A call may change
 * softcap, but not from or to 0. The first call with label smoothing compiles a kernel if the plan has none.
 * Without softcap, the first call with a logit_scale other than 1 also compiles one if the plan has 1. */
typedef struct clxent_scalars {
    size_t struct_size;
    double label_smoothing, z_loss, softcap, logit_scale, grad_output;
} clxent_scalars;
#define CLXENT_SCALARS_INIT \
    { sizeof(clxent_scalars), 0.0, 0.0, 0.0, 1.0, 1.0 }
CLXENT_API void clxent_scalars_init_sized(clxent_scalars *out, size_t struct_size);
CLXENT_INLINE_INIT_(scalars)
/* Gives the plan's own scalars. The caller sets out->struct_size. ERR_ARGUMENT. */
CLXENT_API clxent_status clxent_plan_scalars(const clxent_plan *plan, clxent_scalars *out);

/* A host array and its size in bytes; data NULL: absent. */
typedef struct clxent_array {
    void *data;
    size_t bytes;
} clxent_array;

#ifdef __cplusplus
} /* the helper has the linkage of C++ */
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

/* The arrays of one call. The library computes the outputs that are not NULL. It checks sizes; an array may
 * be larger than needed. It never writes an input, except logits whose memory is also grad's.
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
    clxent_array segment;      /* the tokens' shape, segment_dtype, optional, next-token only: a row is
                                * ignored if its next token is of another segment */
    clxent_array grad_output;  /* real, optional: 1 element for mean and sum, (N) for none, (N,C) for
                                * SOFTMAX and LOG_SOFTMAX, which need it for grad. Multiplied by the
                                * scalar grad_output. */

    /* outputs. row_loss, log_prob and rank are 0 where a row is not counted; lse, lse_residual,
     * argmax, entropy, log_probs and probs describe the logits and are given for every row. */
    clxent_array loss;         /* real: 1 element, (N) for none */
    clxent_array row_loss;     /* (N) real: weighted, with its z-loss, not divided */
    clxent_array log_prob;     /* (N) real: z_y - lse, of the target; class targets only */
    clxent_array lse;          /* (N) real, in nats; an input with CLXENT_GRAD_FROM_LSE */
    clxent_array lse_residual; /* (N) real: what lse lost by rounding; an input likewise */
    clxent_array argmax;       /* (N) i64: the first maximum; a NaN wins */
    clxent_array rank;         /* (N) i64: the number of classes before the target, in descending order of
                                * logits. A NaN comes before every number; of equal logits the smaller class
                                * comes first. 0 if and only if argmax is the target. */
    clxent_array entropy;      /* (N) real: of the softmax, in nats */
    clxent_array log_probs;    /* (N,C) real; NLL's input, there of logits_dtype */
    clxent_array probs;        /* (N,C) real; SOFTMAX only */
    clxent_array grad;         /* (N,C) grad_dtype. May be the logits' own memory when type and stride
                                * are the same; any other overlap is refused. */
    clxent_array counts;       /* 4 i64: counted, ignored, bad rows; first bad row or -1 */
    clxent_array state;        /* (N, CLXENT_STATE_COLUMNS) real: a summary of each row over these classes;
                                * clxent_arrays.h has the columns. Cross entropy only.
                                * clxent_desc.outputs must name it. An input with CLXENT_FROM_STATE. */

    /* linear cross entropy only */
    clxent_array hidden;               /* (N,H) hidden_dtype, an input */
    clxent_array classifier;           /* (C,H) classifier_dtype, an input: the output layer's weights */
    clxent_array classifier_bias;      /* (C) classifier_bias_dtype, an optional input; -inf masks a class */
    clxent_array grad_hidden;          /* (N,H): the gradient by hidden; 0 for a row that is not counted */
    clxent_array grad_classifier;      /* (C,H): the gradient by classifier */
    clxent_array grad_classifier_bias; /* (C): the gradient by classifier_bias */
};
#define CLXENT_ABSENT_(number, name, NAME, side, shape, type, ce, soft, saved, nll, sm, lsm, lin) {NULL, 0},
#define CLXENT_ARRAYS_INIT \
    { sizeof(clxent_arrays), CLXENT_ALL_ROWS, NULL, CLXENT_ARRAY_MAP(CLXENT_ABSENT_) }
CLXENT_API void clxent_arrays_init_sized(clxent_arrays *out, size_t struct_size);
CLXENT_INLINE_INIT_(arrays)

/* A vocabulary in slices, each on its own device or machine:
 *
 * First, each slice computes the state of its rows, (N, CLXENT_STATE_COLUMNS). Its plan has class_begin,
 * classes_total and outputs CLXENT_OUT_STATE.
 *
 * Second, the caller brings the states of all slices to each slice (an all-gather), and clxent_merge_states()
 * merges them into one array of states.
 *
 * Third, each slice takes the merged states: a plan with CLXENT_FROM_STATE gives the loss, the outputs of
 * rows, and the slice's classes of log_probs and of the gradient, by the softmax over all classes.
 *
 * The outputs of rows are those of all classes, and argmax counts from the first class of all. Only `rank`
 * counts the classes of the slice alone: add it up over the slices. Label smoothing is over classes_total.
 * All slices must have the same targets, weights and scalars. Results keep to the error bounds of one call.
 * The same states in the same order give the same bits.
 *
 * clxent_state_columns(): the number of columns in the states of such a plan; 0 where desc is NULL or its
 * operation has no states.
 *
 * clxent_merge_states(): merges states on the host, without the device. `states` has `count` arrays of
 * states, (N, columns) each, one behind the other. Their slices may stand in any order; they must not overlap
 * or leave a gap. The result covers all their classes, and may be merged again. `out` may be the first array
 * of `states`. `plan` is the plan of any slice; scalars NULL: the plan's. A refused call writes nothing.
 * ERR_ARGUMENT: count is 0 or above 4096, a state's KIND is not the plan's (clxent_arrays.h), or slices
 * overlap or leave a gap. ERR_UNSUPPORTED: the plan has no states. ERR_BUFFER: an array is too short or
 * misaligned, or `out` overlaps `states` otherwise. ERR_SHAPE (rows). */
CLXENT_API int64_t clxent_state_columns(const clxent_desc *desc);
CLXENT_API clxent_status clxent_merge_states(const clxent_plan *plan, const clxent_scalars *scalars,
                                             int64_t rows, size_t count, clxent_array states,
                                             clxent_array out);

/* Where options meet:
 * - A logit of -inf masks its class: probability 0, gradient 0, also under softcap. If the target is masked,
 *   the loss is +inf and the other gradients are p_c. If label smoothing covers a masked class of a weight
 *   other than 0, the loss is +inf.
 * - A counted row with a NaN, with a +inf (without softcap), or with nothing but -inf has NaN as loss and
 *   gradient.
 * - Weights, probability targets and grad_output must be finite. The library does not check them: a result
 *   that depends on a value that is not finite is NaN or infinite.
 * - These may exceed the type's largest number: the sum of the rows' losses or weights under a mean, the
 *   distance of two logits under label smoothing or probability targets, 2 s lse of z-loss. A result that
 *   fits the type is still a number. These must be within the type's normal numbers, or 0: a row's weighted
 *   loss, grad_output times weights times logit_scale, the sum of a row's probabilities or of its
 *   grad_output.
 * - A weight of 0 times inf is 0. If the divisor is 0 although rows were counted, loss and gradient are NaN.
 * - If no row is counted, a mean is as empty_mean says, a sum is 0, and the gradient is 0.
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
    int32_t subgroups;      /* work-groups add up within sub-groups; 0: through local memory alone */
    int32_t unified_memory; /* the device uses host arrays in place */
    int32_t compiler;       /* 0: the device cannot be used */
    int32_t is_default;     /* the one clxent_ctx_create() opens when none is named */
    char why[128];          /* why it is the default, or is not */
} clxent_device_info;
#define CLXENT_DEVICE_INFO_INIT                                                                             \
    {                                                                                                       \
        sizeof(clxent_device_info), CLXENT_DEVICE_OTHER, "", "", "", "", "", "", 0, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0, 0, ""                                                                                     \
    }
CLXENT_API void clxent_device_info_init_sized(clxent_device_info *out, size_t struct_size);
CLXENT_INLINE_INIT_(device_info)

/* Writes the first `capacity` devices to `out`, an array of structs of struct_size bytes (sizeof *out), and
 * the number of all devices to *count. out may be NULL when capacity is 0. The list leaves out a device that
 * fails to describe itself. When that leaves no device, the call returns the first such failure (ERR_OPENCL,
 * ERR_MEMORY). When there is no device at all, it returns ERR_NO_DEVICE, and err (which may be NULL) says
 * what is missing and what to do.
 * ERR_ARGUMENT, ERR_FORK. Any thread may call. */
CLXENT_API clxent_status clxent_list_devices(clxent_device_info *out, size_t struct_size, size_t capacity,
                                             size_t *count, clxent_error *err);

/* Compiled programs, which the caller keeps for the next start: compiling takes longer than most losses. The
 * caller decides where to keep them; `clxent` (the tool) keeps them in a file in the user's cache folder.
 *
 * Export: call it after everything wanted has run once. Writes the programs of this context, including the
 * imported ones, as one blob, and sets *bytes to its size. With data NULL and capacity 0 it only sets *bytes.
 * When capacity is too small, it sets *bytes and returns ERR_BUFFER. With some drivers (PoCL) the first
 * export of a program compiles it once more and takes as long.
 * ERR_ARGUMENT, ERR_BUFFER, ERR_OPENCL, ERR_MEMORY, ERR_FORK.
 *
 * Import: call it before plans are created. Plans of this context then take their programs from the blob, and
 * compile those that it lacks. The library ignores a blob that is damaged, or of another device, driver or
 * version of clxent; it also compiles a program that the driver refuses. The library copies the bytes. It
 * forgets an earlier import, except the programs that plans have taken from it. A checksum finds damage, not
 * malice: a program is code, so import only what nobody else could have written.
 * ERR_ARGUMENT, ERR_OPENCL, ERR_MEMORY, ERR_FORK. */
CLXENT_API clxent_status clxent_ctx_export_programs(clxent_ctx *ctx, void *data, size_t capacity,
                                                    size_t *bytes);
CLXENT_API clxent_status clxent_ctx_import_programs(clxent_ctx *ctx, const void *data, size_t bytes);

/* How many programs this context has compiled from source. 0 when all came from an import: a new export has
 * nothing new then. 0 for NULL. */
CLXENT_API size_t clxent_ctx_programs_compiled(const clxent_ctx *ctx);

/* Describes the context's device. The caller sets out->struct_size. */
CLXENT_API clxent_status clxent_ctx_device(const clxent_ctx *ctx, clxent_device_info *out);

#ifdef __cplusplus
}
#endif
#endif
