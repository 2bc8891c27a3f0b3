/* SPDX-License-Identifier: Apache-2.0
 *
 * See inputs_linear.h. The operation has no f64. The files stay mapped: the library reads them as they are,
 * block by block.
 */
#include "inputs_linear.h"
#include "files/dtype_values.h"

#include <inttypes.h>
#include <stdio.h>

/* Opens a file of floating numbers, and sets *dtype to the type that the library gets. */
static int open_floating(operand *o, const char *option, const char *path, clxent_dtype *dtype,
                         const tool_options *options, const tool_command *command) {
    const int failed = operand_open(o, path, command);
    if (failed) return failed;
    if (!dtype_is_floating(o->tensor.dtype)) return operand_not_floating(o, "", command);
    *dtype = options->dtype ? (clxent_dtype)options->dtype : o->tensor.dtype;
    if (*dtype == CLXENT_F64 && options->dtype)
        return tool_error(command, EXIT_USAGE, "--dtype f64: with --hidden it must be f32, f16 or bf16");
    if (*dtype == CLXENT_F64)
        return tool_error(command, EXIT_DATA,
                          "%s: type f64: %s takes f32, f16 and bf16; --dtype f32 converts it", path, option);
    return EXIT_GOOD;
}

static int open_hidden(inputs *in, const tool_options *options, const tool_command *command) {
    operand *hidden = &in->hidden;
    const tensor *t = &hidden->tensor;
    clxent_desc *d = &in->desc;
    char text[TENSOR_SHAPE_TEXT];
    const int failed = open_floating(hidden, "--hidden", options->hidden, &d->hidden_dtype, options, command);
    if (failed) return failed;
    if (t->ndim == 0)
        return tool_error(command, EXIT_DATA,
                          "%s: a scalar has no features; expected (H), (N,H), (B,T,H), ...", hidden->path);
    in->rows_ndim = t->ndim - 1;
    d->rows = 1;
    d->features = t->shape[in->rows_ndim];
    if (d->features == 0)
        return tool_error(command, EXIT_DATA, "%s: shape %s has 0 features; at least 1 is needed",
                          hidden->path, tensor_shape_text(text, t->ndim, t->shape));
    for (int axis = 0; axis < in->rows_ndim; axis++) {
        in->rows_shape[axis] = t->shape[axis];
        d->rows *= t->shape[axis]; /* no overflow: tensor_measure() checked the product */
    }
    d->grad_hidden_dtype = npy_dtype(d->hidden_dtype);
    return operand_hand_over(&in->arrays.hidden, hidden, d->hidden_dtype, command);
}

/* "w.npy: shape (50257, 1024) has 1024 features, h.npy of shape (2048, 768) has 768" */
static int other_features(const inputs *in, const tool_command *command) {
    const tensor *t = &in->classifier.tensor, *hidden = &in->hidden.tensor;
    char has[TENSOR_SHAPE_TEXT], other[TENSOR_SHAPE_TEXT], cure[64] = "";
    if (t->shape[0] == in->desc.features)
        snprintf(cure, sizeof cure, "; is it transposed? It must be (classes, %" PRId64 ")",
                 in->desc.features);
    return tool_error(
        command, EXIT_DATA, "%s: shape %s has %" PRId64 " features, %s of shape %s has %" PRId64 "%s",
        in->classifier.path, tensor_shape_text(has, t->ndim, t->shape), t->shape[1], in->hidden.path,
        tensor_shape_text(other, hidden->ndim, hidden->shape), in->desc.features, cure);
}

static int open_classifier(inputs *in, const tool_options *options, const tool_command *command) {
    operand *classifier = &in->classifier;
    const tensor *t = &classifier->tensor;
    clxent_desc *d = &in->desc;
    char text[TENSOR_SHAPE_TEXT];
    const int failed = open_floating(classifier, "--classifier", options->classifier, &d->classifier_dtype,
                                     options, command);
    if (failed) return failed;
    if (t->ndim != 2)
        return tool_error(command, EXIT_DATA, "%s: shape %s is not (C,H), a row of features for each class",
                          classifier->path, tensor_shape_text(text, t->ndim, t->shape));
    if (t->shape[1] != d->features) return other_features(in, command);
    d->classes = t->shape[0];
    if (d->classes == 0)
        return tool_error(command, EXIT_DATA, "%s: shape %s has 0 classes; at least 1 is needed",
                          classifier->path, tensor_shape_text(text, t->ndim, t->shape));
    d->classifier_bias_dtype = d->classifier_dtype;
    d->grad_classifier_dtype = d->grad_classifier_bias_dtype = npy_dtype(d->classifier_dtype);
    return operand_hand_over(&in->arrays.classifier, classifier, d->classifier_dtype, command);
}

static int open_bias(inputs *in, const tool_options *options, const tool_command *command) {
    operand *bias = &in->classifier_bias;
    const tensor *t = &bias->tensor, *classifier = &in->classifier.tensor;
    clxent_desc *d = &in->desc;
    char has[TENSOR_SHAPE_TEXT], other[TENSOR_SHAPE_TEXT];
    const int failed = open_floating(bias, "--classifier-bias", options->classifier_bias,
                                     &d->classifier_bias_dtype, options, command);
    if (failed) return failed;
    if (t->ndim != 1 || t->shape[0] != d->classes)
        return tool_error(command, EXIT_DATA,
                          "%s: shape %s does not fit %s of shape %s, classes first: expected (%" PRId64 ",)",
                          bias->path, tensor_shape_text(has, t->ndim, t->shape), in->classifier.path,
                          tensor_shape_text(other, classifier->ndim, classifier->shape), d->classes);
    d->grad_classifier_bias_dtype = npy_dtype(d->classifier_bias_dtype);
    return operand_hand_over(&in->arrays.classifier_bias, bias, d->classifier_bias_dtype, command);
}

int inputs_open_linear(inputs *in, const tool_options *options, const tool_command *command) {
    in->source = &in->hidden;
    in->real = CLXENT_F32;
    in->desc.workspace_bytes = options->workspace;
    int failed = open_hidden(in, options, command);
    if (!failed) failed = open_classifier(in, options, command);
    if (!failed && options->classifier_bias) failed = open_bias(in, options, command);
    return failed;
}
