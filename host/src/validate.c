/* SPDX-License-Identifier: Apache-2.0
 * Checks a desc. Everything that can be refused is refused here, before anything is compiled. */
#include "validate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "arrays.h"
#include "error.h"
#include "structs.h"

#define MAX_CLASSES INT32_MAX
/* A row has less than 8 KiB of scratch (clx_workspace_of()); it has most with 64 parts. So the scratch of
 * this many rows fits 64 bits. */
#define MAX_ROWS (INT64_MAX / 8192)

typedef enum dtype_kind { NO_KIND, FLOATING, INTEGER } dtype_kind;

static dtype_kind kind_of(clxent_dtype dtype) {
    static const dtype_kind kinds[] = {
#define KIND(value, name, text, bytes, kind) [value] = kind,
        CLXENT_DTYPE_MAP(KIND)
#undef KIND
    };
    return kinds[dtype];
}

static bool is_float(clxent_dtype t) {
    return kind_of(t) == FLOATING;
}

static bool is_integer(clxent_dtype t) {
    return kind_of(t) == INTEGER;
}

/* " 0 (mean), 1 (sum), 2 (none)," */
#define LISTED(value, name, text)                    " " #value " (" text "),"
#define LISTED_DTYPE(value, name, text, bytes, kind) LISTED(value, name, text)

static clxent_status check_enums(clxent_error *err, const clxent_desc *d, clxent_schedule schedule) {
    static const char dtypes[] = CLXENT_DTYPE_MAP(LISTED_DTYPE);
    const struct {
        const char *name;
        unsigned value, last;
        const char *known;
    } enums[] = {
        {"op", d->op, CLXENT_LINEAR_CROSS_ENTROPY, CLXENT_OP_MAP(LISTED)},
        {"reduction", d->reduction, CLXENT_NONE, CLXENT_REDUCTION_MAP(LISTED)},
        {"targets", d->targets, CLXENT_TARGETS_NEXT_TOKEN, CLXENT_TARGETS_MAP(LISTED)},
        {"empty_mean", d->empty_mean, CLXENT_EMPTY_MEAN_ZERO, CLXENT_EMPTY_MEAN_MAP(LISTED)},
        {"schedule", schedule, CLXENT_SCHEDULE_SPLIT, CLXENT_SCHEDULE_MAP(LISTED)},
        {"logits_dtype", d->logits_dtype, CLXENT_U8, dtypes},
        {"grad_dtype", d->grad_dtype, CLXENT_U8, dtypes},
        {"targets_dtype", d->targets_dtype, CLXENT_U8, dtypes},
        {"segment_dtype", d->segment_dtype, CLXENT_U8, dtypes},
        {"hidden_dtype", d->hidden_dtype, CLXENT_U8, dtypes},
        {"classifier_dtype", d->classifier_dtype, CLXENT_U8, dtypes},
        {"classifier_bias_dtype", d->classifier_bias_dtype, CLXENT_U8, dtypes},
        {"grad_hidden_dtype", d->grad_hidden_dtype, CLXENT_U8, dtypes},
        {"grad_classifier_dtype", d->grad_classifier_dtype, CLXENT_U8, dtypes},
        {"grad_classifier_bias_dtype", d->grad_classifier_bias_dtype, CLXENT_U8, dtypes},
    };
    for (size_t i = 0; i < sizeof enums / sizeof enums[0]; i++)
        if (enums[i].value > enums[i].last)
            return clx_fail(err, CLXENT_ERR_ARGUMENT, "%s %u is none of%.*s", enums[i].name, enums[i].value,
                            (int)strlen(enums[i].known) - 1, enums[i].known);
    const uint32_t flags =
        CLXENT_ATOMIC | CLXENT_GRAD_FROM_LSE | CLXENT_FROM_STATE | CLXENT_ADD_GRAD_CLASSIFIER;
    if (d->flags & ~flags)
        return clx_fail(
            err, CLXENT_ERR_ARGUMENT,
            "flags 0x%x has unknown bits; known are CLXENT_ATOMIC 0x%x, CLXENT_GRAD_FROM_LSE 0x%x, "
            "CLXENT_FROM_STATE 0x%x and CLXENT_ADD_GRAD_CLASSIFIER 0x%x",
            d->flags, (unsigned)CLXENT_ATOMIC, (unsigned)CLXENT_GRAD_FROM_LSE, (unsigned)CLXENT_FROM_STATE,
            (unsigned)CLXENT_ADD_GRAD_CLASSIFIER);
    if (d->reserved_ != 0)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "reserved_ is %d, must be 0", d->reserved_);
    if (d->use_ignore_index != 0 && d->use_ignore_index != 1)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "use_ignore_index %d is not 0 or 1", d->use_ignore_index);
    return CLXENT_OK;
}

static clxent_status check_dtypes(clxent_error *err, const clxent_device_info *device, const clxent_desc *d) {
    if (!is_float(d->logits_dtype))
        return clx_fail(err, CLXENT_ERR_DTYPE, "logits_dtype %s is not a floating type (f32, f16, bf16, f64)",
                        clxent_dtype_name(d->logits_dtype));
    if (!is_float(d->grad_dtype))
        return clx_fail(err, CLXENT_ERR_DTYPE, "grad_dtype %s is not a floating type (f32, f16, bf16, f64)",
                        clxent_dtype_name(d->grad_dtype));
    if ((d->logits_dtype == CLXENT_F64) != (d->grad_dtype == CLXENT_F64))
        return clx_fail(err, CLXENT_ERR_DTYPE, "grad_dtype %s with logits_dtype %s: f64 goes with f64 only",
                        clxent_dtype_name(d->grad_dtype), clxent_dtype_name(d->logits_dtype));
    if (d->targets == CLXENT_TARGETS_PROBABILITY) {
        if (!is_float(d->targets_dtype))
            return clx_fail(
                err, CLXENT_ERR_DTYPE,
                "targets_dtype %s of probability targets is not a floating type (f32, f16, bf16, f64); "
                "class numbers are CLXENT_TARGETS_CLASS",
                clxent_dtype_name(d->targets_dtype));
        if (d->targets_dtype == CLXENT_F64 && d->logits_dtype != CLXENT_F64)
            return clx_fail(err, CLXENT_ERR_DTYPE,
                            "targets_dtype %s with logits_dtype %s: f64 goes with f64 only",
                            clxent_dtype_name(d->targets_dtype), clxent_dtype_name(d->logits_dtype));
    } else if (!is_integer(d->targets_dtype)) {
        return clx_fail(err, CLXENT_ERR_DTYPE,
                        "targets_dtype %s is not an integer type (i64, i32, u16, u8), which %s numbers have; "
                        "probabilities, (N,C), are CLXENT_TARGETS_PROBABILITY",
                        clxent_dtype_name(d->targets_dtype),
                        d->targets == CLXENT_TARGETS_CLASS ? "class" : "token");
    }
    if (!is_integer(d->segment_dtype))
        return clx_fail(err, CLXENT_ERR_DTYPE, "segment_dtype %s is not an integer type (i64, i32, u16, u8)",
                        clxent_dtype_name(d->segment_dtype));
    if (d->logits_dtype == CLXENT_F64 && !device->fp64)
        return clx_fail(
            err, CLXENT_ERR_UNSUPPORTED,
            "logits_dtype f64: the device \"%s\" has no cl_khr_fp64; f32 is the widest type there",
            device->name);
    return CLXENT_OK;
}

/* The most elements that an (N,C) array may span, so that its bytes fit an int64. */
#define MOST_ELEMENTS (INT64_MAX / 16)

/* Whether an (N,C) array of this stride spans no more. */
static bool span_fits(const clxent_desc *d, int64_t stride, int64_t classes) {
    int64_t end = 0, last = 0;
    const int64_t outer = d->rows / d->inner;
    return !(__builtin_mul_overflow(classes, d->inner, &last) ||
             __builtin_mul_overflow(outer > 0 ? outer : 1, stride > last ? stride : last, &end) ||
             end > MOST_ELEMENTS);
}

static clxent_status check_shape(clxent_error *err, clxent_desc *d) {
    if (d->rows < 0) return clx_fail(err, CLXENT_ERR_SHAPE, "rows %" PRId64 " is less than 0", d->rows);
    if (d->classes < 1 || d->classes > MAX_CLASSES)
        return clx_fail(err, CLXENT_ERR_SHAPE, "classes %" PRId64 " is not in [1, %d]", d->classes,
                        MAX_CLASSES);
    if (d->classes_total == 0 && d->class_begin != 0)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "class_begin %" PRId64 " with classes_total 0: a slice of the classes needs "
                        "classes_total, the number of all classes",
                        d->class_begin);
    if (d->classes_total == 0) d->classes_total = d->classes;
    if (d->classes_total < d->classes || d->classes_total > MAX_CLASSES)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "classes_total %" PRId64 " is not 0 or in [classes %" PRId64 ", %d]",
                        d->classes_total, d->classes, MAX_CLASSES);
    if (d->class_begin < 0 || d->class_begin > d->classes_total - d->classes)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "class_begin %" PRId64 " is not in [0, %" PRId64 "]: the slice has %" PRId64
                        " classes of classes_total %" PRId64,
                        d->class_begin, d->classes_total - d->classes, d->classes, d->classes_total);
    if (d->inner < 1) return clx_fail(err, CLXENT_ERR_SHAPE, "inner %" PRId64 " is less than 1", d->inner);
    if (d->rows % d->inner != 0)
        return clx_fail(err, CLXENT_ERR_SHAPE, "rows %" PRId64 " is not a multiple of inner %" PRId64,
                        d->rows, d->inner);
    if (d->classes_padded == 0) d->classes_padded = d->classes;
    if (d->classes_padded < d->classes || d->classes_padded > MAX_CLASSES)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "classes_padded %" PRId64 " is not 0 or in [classes %" PRId64 ", %d]",
                        d->classes_padded, d->classes, MAX_CLASSES);
    struct {
        const char *name;
        int64_t *stride, classes;
    } strides[] = {
        {"row_stride", &d->row_stride, d->classes_padded},
        {"grad_row_stride", &d->grad_row_stride, d->classes_padded},
        {"targets_row_stride", &d->targets_row_stride, d->classes},
        {"log_probs_row_stride", &d->log_probs_row_stride, d->classes},
        {"grad_output_row_stride", &d->grad_output_row_stride, d->classes},
    };
    for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++) {
        int64_t *stride = strides[i].stride;
        const char *what = strides[i].classes == d->classes_padded && d->classes_padded > d->classes
                               ? "classes_padded"
                               : "classes";
        int64_t dense = 0;
        if (*stride < 0)
            return clx_fail(err, CLXENT_ERR_SHAPE, "%s %" PRId64 " is less than 0", strides[i].name, *stride);
        if (__builtin_mul_overflow(strides[i].classes, d->inner, &dense))
            return clx_fail(err, CLXENT_ERR_SHAPE,
                            "%s %" PRId64 " times inner %" PRId64 " does not fit 64 bits", what,
                            strides[i].classes, d->inner);
        if (*stride == 0) *stride = dense;
        if (*stride < dense && d->inner == 1)
            return clx_fail(err, CLXENT_ERR_SHAPE, "%s %" PRId64 " is less than %s %" PRId64, strides[i].name,
                            *stride, what, strides[i].classes);
        if (*stride < dense)
            return clx_fail(err, CLXENT_ERR_SHAPE,
                            "%s %" PRId64 " is less than %s %" PRId64 " times inner %" PRId64,
                            strides[i].name, *stride, what, strides[i].classes, d->inner);
        if (!span_fits(d, *stride, strides[i].classes))
            return clx_fail(err, CLXENT_ERR_SHAPE,
                            "rows %" PRId64 " with %s %" PRId64 " overflow: more than %" PRId64 " elements",
                            d->rows, strides[i].name, *stride, MOST_ELEMENTS);
    }
    if (d->rows > MAX_ROWS)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "rows %" PRId64 " are more than %" PRId64 ", whose scratch would overflow", d->rows,
                        MAX_ROWS);
    return CLXENT_OK;
}

static clxent_status check_tokens(clxent_error *err, const clxent_desc *d) {
    if (d->targets != CLXENT_TARGETS_NEXT_TOKEN) {
        if (d->sequence_length != 0 || d->tokens_per_sequence != 0)
            return clx_fail(err, CLXENT_ERR_ARGUMENT,
                            "sequence_length %" PRId64 " and tokens_per_sequence %" PRId64
                            " must be 0 unless targets is CLXENT_TARGETS_NEXT_TOKEN",
                            d->sequence_length, d->tokens_per_sequence);
        return CLXENT_OK;
    }
    if (d->inner != 1)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                        "targets next-token with inner %" PRId64 ": the classes must be the "
                        "last axis (inner 1)",
                        d->inner);
    if (d->sequence_length < 1)
        return clx_fail(err, CLXENT_ERR_SHAPE, "sequence_length %" PRId64 " is less than 1",
                        d->sequence_length);
    if (d->rows % d->sequence_length != 0)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "rows %" PRId64 " is not a multiple of sequence_length %" PRId64, d->rows,
                        d->sequence_length);
    if (d->tokens_per_sequence < d->sequence_length || d->tokens_per_sequence - d->sequence_length > 1)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "tokens_per_sequence %" PRId64 " is neither sequence_length %" PRId64 " nor one more",
                        d->tokens_per_sequence, d->sequence_length);
    return CLXENT_OK;
}

/* "loss, grad, counts" */
static const char *output_names(char *text, size_t size, uint32_t outputs) {
    size_t used = 0;
    for (int array = 0; array < CLXENT_A_COUNT; array++)
        if (outputs & (1u << array))
            used +=
                (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", clx_array_name(array));
    return text;
}

static clxent_status check_outputs(clxent_error *err, const clxent_desc *d) {
    char asked[192], had[192];
    const uint32_t possible = clx_possible_outputs(d);
    uint32_t known = 0;
    for (int array = 0; array < CLXENT_A_COUNT; array++)
        if (clx_is_output(array)) known |= 1u << array;
    if (d->outputs & ~known)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "outputs 0x%x has unknown bits; known are 0x%x", d->outputs,
                        known);
    if (d->outputs & ~possible)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "outputs names %s: %s has %s only",
                        output_names(asked, sizeof asked, d->outputs & ~possible), clx_op_text(d),
                        output_names(had, sizeof had, possible));
    return CLXENT_OK;
}

/* Refuses what only linear cross entropy has, or what it does not have, and resolves its defaults. */
static clxent_status check_linear(clxent_error *err, clxent_desc *d) {
    const bool linear = d->op == CLXENT_LINEAR_CROSS_ENTROPY;
    const char *op = clxent_op_name(d->op);
    struct {
        const char *name;
        clxent_dtype *dtype;
        const clxent_dtype *as; /* its default */
    } dtypes[] = {
        {"hidden_dtype", &d->hidden_dtype, NULL},
        {"classifier_dtype", &d->classifier_dtype, &d->hidden_dtype},
        {"classifier_bias_dtype", &d->classifier_bias_dtype, &d->classifier_dtype},
        {"grad_hidden_dtype", &d->grad_hidden_dtype, &d->hidden_dtype},
        {"grad_classifier_dtype", &d->grad_classifier_dtype, &d->classifier_dtype},
        {"grad_classifier_bias_dtype", &d->grad_classifier_bias_dtype, &d->classifier_bias_dtype},
    };
    struct {
        const char *name;
        int64_t *stride, rows;
    } strides[] = {
        {"hidden_row_stride", &d->hidden_row_stride, d->rows},
        {"classifier_row_stride", &d->classifier_row_stride, d->classes},
        {"grad_hidden_row_stride", &d->grad_hidden_row_stride, d->rows},
        {"grad_classifier_row_stride", &d->grad_classifier_row_stride, d->classes},
    };
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        clxent_dtype *dtype = dtypes[i].dtype;
        if (!linear && *dtype != CLXENT_DTYPE_DEFAULT)
            return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "%s %s: %s does not take it, must be default",
                            dtypes[i].name, clxent_dtype_name(*dtype), op);
        if (!linear) continue;
        if (*dtype == CLXENT_DTYPE_DEFAULT) *dtype = dtypes[i].as ? *dtypes[i].as : CLXENT_F32;
        if (!is_float(*dtype) || *dtype == CLXENT_F64)
            return clx_fail(err, CLXENT_ERR_DTYPE, "%s %s: %s takes f32, f16 and bf16", dtypes[i].name,
                            clxent_dtype_name(*dtype), op);
    }
    if (!linear && d->features != 0)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "features %" PRId64 ": %s does not take it, must be 0",
                        d->features, op);
    if (linear && (d->features < 1 || d->features > INT32_MAX))
        return clx_fail(err, CLXENT_ERR_SHAPE, "features %" PRId64 " is not in [1, %d]", d->features,
                        INT32_MAX);
    for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++) {
        int64_t *stride = strides[i].stride, end = 0;
        if (!linear && *stride != 0)
            return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "%s %" PRId64 ": %s does not take it, must be 0",
                            strides[i].name, *stride, op);
        if (*stride == 0) *stride = d->features;
        if (*stride < d->features || *stride > INT32_MAX)
            return clx_fail(err, CLXENT_ERR_SHAPE, "%s %" PRId64 " is not 0 or in [features %" PRId64 ", %d]",
                            strides[i].name, *stride, d->features, INT32_MAX);
        if (__builtin_mul_overflow(strides[i].rows, *stride, &end) || end > MOST_ELEMENTS)
            return clx_fail(err, CLXENT_ERR_SHAPE,
                            "%s %" PRId64 " times %" PRId64 " rows overflows: more than %" PRId64 " elements",
                            strides[i].name, *stride, strides[i].rows, MOST_ELEMENTS);
    }
    if (!linear && d->workspace_bytes != 0)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                        "workspace_bytes %" PRIu64 ": %s does not take it, must be 0", d->workspace_bytes,
                        op);
    if (!linear) return CLXENT_OK;
    const struct {
        const char *name;
        int64_t value, wanted;
    } fields[] = {
        {"inner", d->inner, 1},
        {"classes_padded", d->classes_padded, d->classes},
        {"row_stride", d->row_stride, d->classes},
        {"grad_row_stride", d->grad_row_stride, d->classes},
        {"targets_row_stride", d->targets_row_stride, d->classes},
        {"log_probs_row_stride", d->log_probs_row_stride, d->classes},
        {"grad_output_row_stride", d->grad_output_row_stride, d->classes},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].value != fields[i].wanted)
            return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                            "%s %" PRId64 ": %s stores no logits and does not take it, must be %d",
                            fields[i].name, fields[i].value, op, i == 0);
    if (d->logits_dtype != CLXENT_F32 || d->grad_dtype != CLXENT_F32)
        return clx_fail(
            err, CLXENT_ERR_UNSUPPORTED,
            "logits_dtype %s, grad_dtype %s: %s stores no logits and does not take them, must be default",
            clxent_dtype_name(d->logits_dtype), clxent_dtype_name(d->grad_dtype), op);
    if (d->rows > INT32_MAX)
        return clx_fail(err, CLXENT_ERR_SHAPE, "rows %" PRId64 " of %s is more than %d", d->rows, op,
                        INT32_MAX);
    return CLXENT_OK;
}

/* Refuses options that an operation does not have. */
static clxent_status check_combination(clxent_error *err, const clxent_device_info *device,
                                       const clxent_desc *d) {
    const char *op = clxent_op_name(d->op);
    const bool softmax = clx_is_softmax(d);
    const bool linear = d->op == CLXENT_LINEAR_CROSS_ENTROPY;
    const bool plain = d->op != CLXENT_CROSS_ENTROPY && !linear;
    if (plain && d->targets != CLXENT_TARGETS_CLASS)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "targets %s: %s takes class only",
                        clxent_targets_name(d->targets), op);
    if (plain && d->label_smoothing != 0)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "label_smoothing %g: %s does not take it, must be 0",
                        d->label_smoothing, op);
    if (plain && d->z_loss != 0)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "z_loss %g: %s does not take it, must be 0", d->z_loss,
                        op);
    if (d->op == CLXENT_NLL && d->softcap != 0)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "softcap %g: nll does not take it, must be 0",
                        d->softcap);
    if (d->op == CLXENT_NLL && d->logit_scale != 1)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "logit_scale %g: nll does not take it, must be 1",
                        d->logit_scale);
    if (linear && d->targets == CLXENT_TARGETS_PROBABILITY)
        return clx_fail(
            err, CLXENT_ERR_UNSUPPORTED,
            "targets probability: %s takes class numbers; an (N,C) array of probabilities would be as "
            "large as the logits that it does not store",
            op);
    if ((plain || linear) && (d->flags & CLXENT_GRAD_FROM_LSE))
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                        "flags 0x%x has CLXENT_GRAD_FROM_LSE: it is for cross-entropy, not %s", d->flags, op);
    if ((plain || linear) && (d->flags & CLXENT_FROM_STATE))
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                        "flags 0x%x has CLXENT_FROM_STATE: it is for cross-entropy, not %s", d->flags, op);
    if ((d->flags & CLXENT_FROM_STATE) && (d->flags & CLXENT_GRAD_FROM_LSE))
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                        "flags 0x%x has CLXENT_FROM_STATE and CLXENT_GRAD_FROM_LSE: a state has the lse",
                        d->flags);
    if (!linear && (d->flags & CLXENT_ADD_GRAD_CLASSIFIER))
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                        "flags 0x%x has CLXENT_ADD_GRAD_CLASSIFIER: it is for linear-cross-entropy, not %s",
                        d->flags, op);
    if ((plain || linear || (d->flags & CLXENT_GRAD_FROM_LSE)) && d->classes < d->classes_total)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                        "classes %" PRId64 " of classes_total %" PRId64 ": %s takes no slice", d->classes,
                        d->classes_total, clx_op_text(d));
    if (softmax && d->use_ignore_index)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "use_ignore_index 1: %s has no targets, must be 0", op);
    if (softmax && (d->flags & CLXENT_ATOMIC))
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "flags 0x%x has CLXENT_ATOMIC: it is for a loss, not %s",
                        d->flags, op);
    if (d->targets == CLXENT_TARGETS_PROBABILITY && d->use_ignore_index)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                        "use_ignore_index 1: probability targets have no class to ignore "
                        "(ignore_index %" PRId64 "), must be 0",
                        d->ignore_index);
    if ((d->flags & CLXENT_ATOMIC) && d->logits_dtype == CLXENT_F64 && !device->atomics_64)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                        "flags 0x%x has CLXENT_ATOMIC: with f64 logits it needs "
                        "cl_khr_int64_base_atomics, which \"%s\" lacks",
                        d->flags, device->name);
    return check_outputs(err, d);
}

clxent_scalars clx_desc_scalars(const clxent_desc *desc) {
    clxent_scalars s = CLXENT_SCALARS_INIT;
    s.label_smoothing = desc->label_smoothing;
    s.z_loss = desc->z_loss;
    s.softcap = desc->softcap;
    s.logit_scale = desc->logit_scale;
    s.grad_output = desc->grad_output;
    return s;
}

/* The scalar as the kernels hold it: in f32 a large double is infinite. */
static double as_real(const clxent_desc *d, double x) {
    return clx_real(d) == CLXENT_F64 ? x : (double)(float)x;
}

clxent_status clx_check_scalars(clxent_error *err, const clxent_desc *d, const clxent_scalars *s) {
    if (!(s->label_smoothing >= 0 && s->label_smoothing <= 1))
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "label_smoothing %g is not in [0, 1]",
                        clx_shown(s->label_smoothing));
    const struct {
        const char *name;
        double value;
    } finite[] = {{"z_loss", s->z_loss},
                  {"softcap", s->softcap},
                  {"logit_scale", s->logit_scale},
                  {"grad_output", s->grad_output}};
    for (size_t i = 0; i < sizeof finite / sizeof finite[0]; i++)
        if (!isfinite(as_real(d, finite[i].value)))
            return clx_fail(err, CLXENT_ERR_ARGUMENT, "%s %g is not finite%s", finite[i].name,
                            clx_shown(finite[i].value),
                            isfinite(finite[i].value) ? " in f32; the largest is 3.4e+38" : "");
    if (s->z_loss < 0) return clx_fail(err, CLXENT_ERR_ARGUMENT, "z_loss %g is less than 0", s->z_loss);
    if (s->softcap < 0)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "softcap %g is less than 0 (0 is off)", s->softcap);
    /* A device may flush a subnormal f32 to 0, and a subnormal has fewer digits, so these numbers must be
     * normal. The kernels hold the softcap, the scale, their quotient, and the inverse of the softcap. */
    const double smallest = clx_real(d) == CLXENT_F64 ? 2.3e-308 : 1.2e-38, largest = 1 / smallest;
    if (s->softcap != 0 && s->softcap < smallest)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "softcap %g is less than %g, the smallest (0 is off)",
                        s->softcap, smallest);
    if (s->softcap > largest)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "softcap %g is more than %g, the largest", s->softcap,
                        largest);
    if (!(s->logit_scale > 0))
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "logit_scale %g is not greater than 0", s->logit_scale);
    if (s->logit_scale < smallest)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "logit_scale %g is less than %g, the smallest",
                        s->logit_scale, smallest);
    if (s->softcap != 0 &&
        !(s->logit_scale / s->softcap >= smallest && s->logit_scale / s->softcap <= largest))
        return clx_fail(err, CLXENT_ERR_ARGUMENT,
                        "logit_scale %g divided by softcap %g is %g, not in [%g, %g]", s->logit_scale,
                        s->softcap, s->logit_scale / s->softcap, smallest, largest);
    return CLXENT_OK;
}

clxent_status clx_resolve_desc(clxent_ctx *ctx, const clxent_desc *in, clxent_schedule asked,
                               clxent_desc *out) {
    clxent_error *err = &ctx->error;
    clxent_desc d;
    clxent_status status = clx_read_struct(err, &clx_desc_struct, in, &d);
    if (status != CLXENT_OK) return status;
    status = check_enums(err, &d, asked);
    if (status != CLXENT_OK) return status;
    if (d.logits_dtype == CLXENT_DTYPE_DEFAULT) d.logits_dtype = CLXENT_F32;
    if (d.grad_dtype == CLXENT_DTYPE_DEFAULT) d.grad_dtype = d.logits_dtype;
    if (d.targets_dtype == CLXENT_DTYPE_DEFAULT)
        d.targets_dtype = d.targets == CLXENT_TARGETS_PROBABILITY ? d.logits_dtype : CLXENT_I64;
    if (d.segment_dtype == CLXENT_DTYPE_DEFAULT) d.segment_dtype = CLXENT_I64;
    const clxent_scalars scalars = clx_desc_scalars(&d);

    if ((status = check_dtypes(err, &ctx->info, &d)) != CLXENT_OK) return status;
    if ((status = check_shape(err, &d)) != CLXENT_OK) return status;
    if ((status = check_linear(err, &d)) != CLXENT_OK) return status;
    if ((status = check_tokens(err, &d)) != CLXENT_OK) return status;
    if ((status = clx_check_scalars(err, &d, &scalars)) != CLXENT_OK) return status;
    if ((status = check_combination(err, &ctx->info, &d)) != CLXENT_OK) return status;
    *out = d;
    return CLXENT_OK;
}
