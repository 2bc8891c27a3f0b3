/* SPDX-License-Identifier: Apache-2.0
 *
 * See inputs.h. This file checks shapes and types. The library checks the values of targets.
 */
#include "inputs.h"
#include "files/dtype_values.h"
#include "inputs_linear.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Writes where the classes, or the features, of the source stand: "classes on axis 2". */
#define PLACE_TEXT 48
static const char *place_text(char text[PLACE_TEXT], const inputs *in, const tool_options *options) {
    if (in->source == &in->hidden)
        snprintf(text, PLACE_TEXT, "features last");
    else
        snprintf(text, PLACE_TEXT, "classes on axis %" PRId64, options->class_axis);
    return text;
}

/* "b.npy: shape (3, 5) does not fit a.npy of shape (3, 4, 8), classes on axis 2: expected (3, 4)" */
static int wrong_shape(const inputs *in, const operand *o, const char *wanted, const tool_options *options,
                       const tool_command *command) {
    char has[TENSOR_SHAPE_TEXT], source[TENSOR_SHAPE_TEXT], place[PLACE_TEXT];
    return tool_error(command, EXIT_DATA, "%s: shape %s does not fit %s of shape %s, %s: expected %s",
                      o->path, tensor_shape_text(has, o->tensor.ndim, o->tensor.shape), in->source->path,
                      tensor_shape_text(source, in->source->tensor.ndim, in->source->tensor.shape),
                      place_text(place, in, options), wanted);
}

static int same_shape(const tensor *t, int ndim, const int64_t *shape) {
    return t->ndim == ndim && memcmp(t->shape, shape, (size_t)ndim * sizeof *shape) == 0;
}

/* The tensor has the shape of the rows. If the source has no axis of rows, any shape of one element is
 * right. */
static int has_rows_shape(const inputs *in, const tensor *t) {
    return same_shape(t, in->rows_ndim, in->rows_shape) || (in->rows_ndim == 0 && t->count == 1);
}

/* The hint for logits of an integer type. It opens the targets, because that has not happened yet. If they
 * are floating, the two files are probably swapped. */
static const char *swap_hint(const tool_options *options) {
    char message[1400];
    tensor t;
    if (!options->targets || tensor_open(&t, options->targets, message, sizeof message) != 0) return "";
    const int floating = dtype_is_floating(t.dtype);
    tensor_close(&t);
    return floating ? "; --targets is of one: are the two files swapped?" : "";
}

static int open_logits(inputs *in, const tool_options *options, const tool_command *command) {
    operand *logits = &in->logits;
    const tensor *t = &logits->tensor;
    char text[TENSOR_SHAPE_TEXT];
    in->source = logits;
    const int failed =
        operand_open(logits, options->logits ? options->logits : options->log_probs_in, command);
    if (failed) return failed;
    if (!dtype_is_floating(t->dtype)) return operand_not_floating(logits, swap_hint(options), command);
    if (t->ndim == 0)
        return tool_error(command, EXIT_DATA, "%s: a scalar has no class axis; expected (C), (N,C), ...",
                          logits->path);
    if (options->class_axis < -t->ndim || options->class_axis >= t->ndim)
        return tool_error(command, EXIT_USAGE,
                          "--class-axis %" PRId64 ": %s has shape %s, so it must be in [%d, %d]",
                          options->class_axis, logits->path, tensor_shape_text(text, t->ndim, t->shape),
                          -t->ndim, t->ndim - 1);

    const int axis = (int)(options->class_axis < 0 ? options->class_axis + t->ndim : options->class_axis);
    in->desc.classes = t->shape[axis];
    in->desc.rows = in->desc.inner = 1;
    for (int d = 0; d < t->ndim; d++) {
        if (d == axis) continue;
        in->rows_shape[in->rows_ndim++] = t->shape[d];
        in->desc.rows *= t->shape[d]; /* no overflow: tensor_measure() checked the product */
        if (d > axis) in->desc.inner *= t->shape[d];
    }
    if (in->desc.inner == 0) in->desc.inner = 1; /* a dimension is 0: there are no rows */
    if (in->desc.classes == 0)
        return tool_error(command, EXIT_DATA, "%s: shape %s has 0 classes on axis %d; at least 1 is needed",
                          logits->path, tensor_shape_text(text, t->ndim, t->shape), axis);

    in->desc.logits_dtype = options->dtype ? (clxent_dtype)options->dtype : t->dtype;
    in->real = in->desc.logits_dtype == CLXENT_F64 ? CLXENT_F64 : CLXENT_F32;
    in->desc.grad_dtype = npy_dtype(in->desc.logits_dtype);
    clxent_array *array = in->desc.op == CLXENT_NLL ? &in->arrays.log_probs : &in->arrays.logits;
    return operand_hand_over(array, logits, in->desc.logits_dtype, command);
}

/* Checks that the tokens have the shape (..., T) or (..., T+1), for logits (..., T, V) or hidden states
 * (..., T, H). */
static int fit_tokens(inputs *in, const tool_options *options, const tool_command *command) {
    const tensor *source = &in->source->tensor, *tokens = &in->targets.tensor;
    char text[TENSOR_SHAPE_TEXT], place[PLACE_TEXT];
    if (in->rows_ndim == 0 || options->class_axis != (options->class_axis < 0 ? -1 : source->ndim - 1))
        return tool_error(command, EXIT_USAGE, "--next-token needs %s: %s has shape %s, %s",
                          in->source == &in->hidden ? "hidden states (B,T,H) or (T,H)"
                                                    : "logits (B,T,V) or (T,V), classes last",
                          in->source->path, tensor_shape_text(text, source->ndim, source->shape),
                          place_text(place, in, options));
    const int last = in->rows_ndim - 1;
    const int64_t length = in->rows_shape[last];
    int64_t longer[TENSOR_MAX_DIMS];
    memcpy(longer, in->rows_shape, sizeof longer);
    longer[last]++;
    if (!same_shape(tokens, in->rows_ndim, in->rows_shape) && !same_shape(tokens, in->rows_ndim, longer)) {
        char a[TENSOR_SHAPE_TEXT], b[TENSOR_SHAPE_TEXT], wanted[2 * TENSOR_SHAPE_TEXT + 8];
        snprintf(wanted, sizeof wanted, "%s or %s", tensor_shape_text(a, in->rows_ndim, in->rows_shape),
                 tensor_shape_text(b, in->rows_ndim, longer));
        return wrong_shape(in, &in->targets, wanted, options, command);
    }
    in->desc.sequence_length = length;
    in->desc.tokens_per_sequence = tokens->shape[last];
    return EXIT_GOOD;
}

/* Reports floating targets that do not have the logits' shape. Most likely they are class numbers in a
 * floating type. If the targets have the logits' shape and one more dimension, the two files are probably
 * swapped. */
static int not_probabilities(const inputs *in, const tool_command *command) {
    char has[TENSOR_SHAPE_TEXT], logits[TENSOR_SHAPE_TEXT], rows[TENSOR_SHAPE_TEXT];
    const tensor *t = &in->targets.tensor, *l = &in->logits.tensor;
    const int swapped = t->ndim == l->ndim + 1 && same_shape(l, t->ndim - 1, t->shape);
    return tool_error(
        command, EXIT_DATA,
        "%s: type %s and shape %s: floating targets are probabilities, of the logits' shape %s; "
        "class numbers are of type i64, i32, u16 or u8, and shape %s%s",
        in->targets.path, clxent_dtype_name(t->dtype), tensor_shape_text(has, t->ndim, t->shape),
        tensor_shape_text(logits, l->ndim, l->shape), tensor_shape_text(rows, in->rows_ndim, in->rows_shape),
        swapped ? "; are --logits and --targets swapped?" : "");
}

static int open_targets(inputs *in, const tool_options *options, const tool_command *command) {
    operand *targets = &in->targets;
    const tensor *t = &targets->tensor, *logits = &in->logits.tensor;
    char text[TENSOR_SHAPE_TEXT], wanted[TENSOR_SHAPE_TEXT + 80];
    int failed = operand_open(targets, options->targets, command);
    if (failed) return failed;

    if (dtype_is_floating(t->dtype)) {
        if (in->desc.op == CLXENT_NLL)
            return operand_not_integer(targets, "; nll takes class numbers, clxent loss also probabilities",
                                       command);
        if (in->desc.op == CLXENT_LINEAR_CROSS_ENTROPY)
            return operand_not_integer(targets, "; --hidden takes class numbers, --logits also probabilities",
                                       command);
        if (options->next_token) return operand_not_integer(targets, "; --next-token takes tokens", command);
        if (!same_shape(t, logits->ndim, logits->shape)) return not_probabilities(in, command);
        if (options->rank || options->log_prob || options->use_ignore_index)
            return tool_error(command, EXIT_USAGE,
                              "%s: not defined for probability targets (%s is %s, of the logits' shape)",
                              options->rank       ? "--rank"
                              : options->log_prob ? "--log-prob"
                                                  : "--ignore-index",
                              targets->path, clxent_dtype_name(t->dtype));
        in->desc.targets = CLXENT_TARGETS_PROBABILITY;
        in->desc.targets_dtype = t->dtype == CLXENT_F64 ? in->real : t->dtype; /* f64 only with f64 logits */
        return operand_hand_over(&in->arrays.targets, targets, in->desc.targets_dtype, command);
    }

    in->desc.targets = options->next_token ? CLXENT_TARGETS_NEXT_TOKEN : CLXENT_TARGETS_CLASS;
    if (options->next_token)
        failed = fit_tokens(in, options, command);
    else if (!has_rows_shape(in, t)) {
        snprintf(wanted, sizeof wanted, "%s%s", tensor_shape_text(text, in->rows_ndim, in->rows_shape),
                 in->source == &in->logits && same_shape(t, logits->ndim, logits->shape)
                     ? "; probabilities, which have the logits' shape, are of a floating type"
                     : "");
        failed = wrong_shape(in, targets, wanted, options, command);
    }
    in->desc.targets_dtype = t->dtype;
    return failed ? failed : operand_hand_over(&in->arrays.targets, targets, t->dtype, command);
}

static int open_segment(inputs *in, const tool_options *options, const tool_command *command) {
    char text[TENSOR_SHAPE_TEXT];
    const tensor *tokens = &in->targets.tensor, *t = &in->segment.tensor;
    const int failed = operand_open(&in->segment, options->segment, command);
    if (failed) return failed;
    if (dtype_is_floating(t->dtype)) return operand_not_integer(&in->segment, "", command);
    if (!same_shape(t, tokens->ndim, tokens->shape))
        return wrong_shape(in, &in->segment, tensor_shape_text(text, tokens->ndim, tokens->shape), options,
                           command);
    in->desc.segment_dtype = t->dtype;
    return operand_hand_over(&in->arrays.segment, &in->segment, t->dtype, command);
}

/* Opens a floating file of the given shape and hands it over as `real`. */
static int open_real(inputs *in, operand *o, clxent_array *array, const char *path, int ndim,
                     const int64_t *shape, const tool_options *options, const tool_command *command) {
    char text[TENSOR_SHAPE_TEXT];
    const int failed = operand_open(o, path, command);
    if (failed) return failed;
    if (!dtype_is_floating(o->tensor.dtype)) return operand_not_floating(o, "", command);
    if (!same_shape(&o->tensor, ndim, shape) && !(ndim == 0 && o->tensor.count == 1))
        return wrong_shape(in, o, tensor_shape_text(text, ndim, shape), options, command);
    return operand_hand_over(array, o, in->real, command);
}

/* For mean and sum the file has one number. For none it has one number a row, or one number for all rows. */
static int open_grad_output(inputs *in, const tool_options *options, const tool_command *command) {
    operand *o = &in->grad_output;
    int failed = operand_open(o, options->grad_output, command);
    if (failed) return failed;
    if (!dtype_is_floating(o->tensor.dtype)) return operand_not_floating(o, "", command);
    if (in->desc.reduction == CLXENT_NONE && o->tensor.count == 1 && in->desc.rows != 1)
        return operand_hand_over_repeated(&in->arrays.grad_output, o, in->real, in->desc.rows, command);
    if (in->desc.reduction != CLXENT_NONE ? o->tensor.count != 1 : !has_rows_shape(in, &o->tensor)) {
        char text[TENSOR_SHAPE_TEXT], wanted[TENSOR_SHAPE_TEXT + 32] = "one number";
        if (in->desc.reduction == CLXENT_NONE)
            snprintf(wanted, sizeof wanted, "%s or one number",
                     tensor_shape_text(text, in->rows_ndim, in->rows_shape));
        return wrong_shape(in, o, wanted, options, command);
    }
    return operand_hand_over(&in->arrays.grad_output, o, in->real, command);
}

static void describe_options(clxent_desc *desc, const tool_options *options) {
    desc->reduction = (clxent_reduction)options->reduction;
    desc->empty_mean = (clxent_empty_mean)options->empty_mean;
    desc->use_ignore_index = options->use_ignore_index;
    desc->ignore_index = options->ignore_index;
    desc->label_smoothing = options->label_smoothing;
    desc->z_loss = options->z_loss;
    desc->softcap = options->softcap;
    desc->logit_scale = options->logit_scale;
}

int inputs_open(inputs *in, clxent_op op, const tool_command *command, const tool_options *options) {
    *in = (inputs){.desc = CLXENT_DESC_INIT, .arrays = CLXENT_ARRAYS_INIT};
    describe_options(&in->desc, options);
    in->desc.op = op;
    int failed = op == CLXENT_LINEAR_CROSS_ENTROPY ? inputs_open_linear(in, options, command)
                                                   : open_logits(in, options, command);
    if (!failed && options->targets) failed = open_targets(in, options, command);
    if (!failed && options->segment) failed = open_segment(in, options, command);
    if (!failed && options->weight)
        failed = open_real(in, &in->weight, &in->arrays.class_weight, options->weight, 1, &in->desc.classes,
                           options, command);
    if (!failed && options->row_weight)
        failed = open_real(in, &in->row_weight, &in->arrays.row_weight, options->row_weight, in->rows_ndim,
                           in->rows_shape, options, command);
    if (!failed && options->grad_output) failed = open_grad_output(in, options, command);
    return failed;
}

void inputs_close(inputs *in) {
    operand *const all[] = {&in->logits, &in->hidden,     &in->classifier, &in->classifier_bias, &in->targets,
                            &in->weight, &in->row_weight, &in->segment,    &in->grad_output};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) operand_close(all[i]);
}

int inputs_fit_device(const inputs *in, const session *s) {
    if (in->desc.logits_dtype != CLXENT_F64 || s->options->dtype || s->device.fp64) return EXIT_GOOD;
    tool_error(s->command, EXIT_DEVICE,
               "%s is f64, and the device \"%s\" has no f64 (cl_khr_fp64); --dtype f32 converts it",
               in->logits.path, s->device.name);
    session_advise(s, CLXENT_ERR_UNSUPPORTED);
    return EXIT_DEVICE;
}

/* Returns the index of the row's target; -1: the row has none. */
static int64_t target_place(const inputs *in, int64_t row) {
    const clxent_desc *d = &in->desc;
    if (d->targets != CLXENT_TARGETS_NEXT_TOKEN) return row;
    const int64_t sequence = row / d->sequence_length, next = row % d->sequence_length + 1;
    return next < d->tokens_per_sequence ? sequence * d->tokens_per_sequence + next : -1;
}

int inputs_target(const inputs *in, int64_t row, int64_t *target) {
    const clxent_desc *d = &in->desc;
    const tensor *segment = &in->segment.tensor;
    const int64_t at = target_place(in, row);
    if (at < 0) return 0;
    if (segment->data &&
        integer_at(segment->dtype, segment->data, at) != integer_at(segment->dtype, segment->data, at - 1))
        return 0;
    *target = integer_at(in->targets.tensor.dtype, in->targets.tensor.data, at);
    if (d->use_ignore_index && *target == d->ignore_index) return 0;
    return *target >= 0 && *target < d->classes;
}

int inputs_bad_target(const inputs *in, const int64_t counts[4], const tool_command *command) {
    const tensor *t = &in->targets.tensor;
    const int64_t at = target_place(in, counts[3]), others = counts[2] - 1;
    const int64_t target = integer_at(t->dtype, t->data, at);
    char index[TENSOR_SHAPE_TEXT], more[64] = "", cure[64] = "";
    if (others > 0)
        snprintf(more, sizeof more, "; %" PRId64 " more row%s such a target", others,
                 others > 1 ? "s have" : " has");
    if (target < 0 && !in->desc.use_ignore_index) /* it probably marks padding */
        snprintf(cure, sizeof cure, "; --ignore-index %" PRId64 " leaves such rows out", target);
    return tool_error(command, EXIT_DATA, "%s%s is %" PRId64 ", not in [0, %" PRId64 ")%s%s",
                      in->targets.path, tensor_index_text(index, t->ndim, t->shape, at), target,
                      in->desc.classes, more, cure);
}

/* Warns if elements of an operand are not finite in the type that the device got. The warning names the first
 * one and says how many more there are. */
static void warn_of(const operand *o, const clxent_array *given, clxent_dtype type, const char *rule,
                    const char *consequence, const tool_command *command) {
    const tensor *t = &o->tensor;
    int64_t first = 0;
    const int64_t found = given->data ? values_not_finite(type, given->data, t->count, &first) : 0;
    if (!found) return;
    const double value = value_at(t->dtype, t->data, first);
    char index[TENSOR_SHAPE_TEXT], as[32] = "", more[48] = "";
    if (isfinite(value)) snprintf(as, sizeof as, ", infinite as %s", clxent_dtype_name(type));
    if (found > 1) snprintf(more, sizeof more, ", and %" PRId64 " more", found - 1);
    tool_error(command, EXIT_GOOD, "warning: %s%s is %g%s%s: %s must be finite%s", o->path,
               tensor_index_text(index, t->ndim, t->shape, first), value_shown(value), as, more, rule,
               consequence);
}

void inputs_warn(const inputs *in, const clxent_array *loss, const tool_command *command) {
    const int64_t count = in->desc.reduction == CLXENT_NONE ? in->desc.rows : 1;
    int64_t first;
    const int64_t lost = values_not_finite(in->real, loss->data, count, &first);
    char consequence[64] = "";
    if (lost && in->desc.reduction == CLXENT_NONE)
        snprintf(consequence, sizeof consequence, "; %" PRId64 " of the rows' losses are not", lost);
    else if (lost)
        snprintf(consequence, sizeof consequence, "; the loss is %g",
                 value_shown(value_at(in->real, loss->data, 0)));
    const clxent_arrays *a = &in->arrays;
    /* There are as many probabilities as logits, so they are read again only if the loss is not finite. */
    if (in->desc.targets == CLXENT_TARGETS_PROBABILITY && lost)
        warn_of(&in->targets, &a->targets, in->desc.targets_dtype, "probabilities", consequence, command);
    warn_of(&in->weight, &a->class_weight, in->real, "class weights", consequence, command);
    warn_of(&in->row_weight, &a->row_weight, in->real, "row weights", consequence, command);
    warn_of(&in->grad_output, &a->grad_output, in->real, "grad_output",
            "; a gradient that it multiplies is not", command);
}
