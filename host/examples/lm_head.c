/* SPDX-License-Identifier: Apache-2.0
 *
 * Trains the output layer of a small language model of bytes, and never stores its logits.
 *
 *     hidden  = the embeddings of the last CONTEXT bytes, side by side          on the host
 *     logits  = hidden classifier^T + bias                                      clxent, block by block
 *     loss, and the gradients by hidden, classifier and bias                    clxent, in the same call
 *     the gradient by hidden goes to the embeddings; Adam updates everything    on the host
 *
 * A model that sees one byte alone cannot get below the text's entropy H(next | previous). This one sees
 * more, so it can. The program trains until it does.
 *
 *     lm_head [FILE]     default: the text that LM_HEAD_TEXT names
 */
#include <clxent/clxent.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { CLASSES = 256, CONTEXT = 3, WIDTH = 32, FEATURES = CONTEXT * WIDTH, BATCH = 512, MOST_EPOCHS = 30 };
static const float rate = 0.02f;
static const size_t workspace = (size_t)1 << 20; /* bytes for a block of logits and what belongs to it */

/* A parameter, its gradient, and Adam's mean and variance of the gradient. */
typedef struct parameter {
    float *value, *grad, *mean, *variance;
    size_t count;
} parameter;

typedef struct model {
    const unsigned char *text;
    size_t positions;            /* bytes that have a next byte */
    parameter embedding;         /* (CLASSES, WIDTH) */
    parameter classifier, bias;  /* (CLASSES, FEATURES), (CLASSES) */
    float *hidden, *grad_hidden; /* (positions, FEATURES), (BATCH, FEATURES) */
    int step;
    clxent_ctx *ctx;
    clxent_plan *plan;
} model;

static bool make_parameter(parameter *p, size_t count, float most, unsigned *seed) {
    float *memory = calloc(4 * count, sizeof *memory);
    if (!memory) return fprintf(stderr, "no memory for %zu parameters\n", count), false;
    *p = (parameter){memory, memory + count, memory + 2 * count, memory + 3 * count, count};
    for (size_t i = 0; i < count; i++) {
        *seed = *seed * 1664525u + 1013904223u; /* uniform in [-most, most] */
        p->value[i] = most * ((float)(*seed >> 8) / 8388608.0f - 1);
    }
    return true;
}

static bool make_model(model *m) {
    unsigned seed = 1;
    m->hidden = malloc(m->positions * FEATURES * sizeof *m->hidden);
    m->grad_hidden = malloc(BATCH * FEATURES * sizeof *m->grad_hidden);
    if (!m->hidden || !m->grad_hidden)
        return fprintf(stderr, "no memory for %zu positions\n", m->positions), false;
    return make_parameter(&m->embedding, CLASSES * WIDTH, 1, &seed) &&
           make_parameter(&m->classifier, CLASSES * FEATURES, 0.05f, &seed) &&
           make_parameter(&m->bias, CLASSES, 0, &seed);
}

static bool failed(const model *m) {
    return fprintf(stderr, "%s\n", clxent_ctx_last_error(m->ctx)), false;
}

static bool make_plan(model *m) {
    clxent_error err;
    if (clxent_ctx_create(&m->ctx, NULL, &err)) return fprintf(stderr, "%s\n", err.message), false;
    clxent_device_info device = CLXENT_DEVICE_INFO_INIT;
    if (clxent_ctx_device(m->ctx, &device)) return failed(m);
    printf("device   %s\n", device.name);

    clxent_desc desc = CLXENT_DESC_INIT; /* f32, the mean over the rows */
    desc.op = CLXENT_LINEAR_CROSS_ENTROPY;
    desc.rows = (int64_t)m->positions; /* of the largest call; a batch has fewer */
    desc.classes = CLASSES;
    desc.features = FEATURES;
    desc.targets_dtype = CLXENT_U8; /* the text itself */
    desc.workspace_bytes = workspace;
    return !clxent_plan_create(&m->plan, m->ctx, &desc) || failed(m);
}

/* The byte `back` places before position p; 0 before the text's beginning. */
static int byte_before(const model *m, size_t p, size_t back) {
    return back <= p ? m->text[p - back] : 0;
}

/* The arrays of a call for `rows` positions from `first` on, with their hidden states. */
static clxent_arrays arrays_of(const model *m, size_t first, size_t rows, float *loss) {
    for (size_t row = 0; row < rows; row++)
        for (size_t back = 0; back < CONTEXT; back++)
            memcpy(m->hidden + row * FEATURES + back * WIDTH,
                   m->embedding.value + byte_before(m, first + row, back) * WIDTH, WIDTH * sizeof(float));
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.rows = (int64_t)rows;
    a.hidden = CLXENT_ARRAY(m->hidden, rows * FEATURES * sizeof(float));
    a.classifier = CLXENT_ARRAY(m->classifier.value, m->classifier.count * sizeof(float));
    a.classifier_bias = CLXENT_ARRAY(m->bias.value, m->bias.count * sizeof(float));
    a.targets = CLXENT_ARRAY(m->text + first + 1, rows); /* the next bytes */
    a.loss = CLXENT_ARRAY(loss, sizeof *loss);
    return a;
}

static void adam(parameter *p, int step) {
    const double corrected = rate * sqrt(1 - pow(0.999, step)) / (1 - pow(0.9, step));
    for (size_t i = 0; i < p->count; i++) {
        p->mean[i] += 0.1f * (p->grad[i] - p->mean[i]);
        p->variance[i] += 0.001f * (p->grad[i] * p->grad[i] - p->variance[i]);
        p->value[i] -= (float)corrected * p->mean[i] / (sqrtf(p->variance[i]) + 1e-8f);
    }
}

/* One step on `rows` positions. */
static bool train(model *m, size_t first, size_t rows) {
    float loss;
    clxent_arrays a = arrays_of(m, first, rows, &loss);
    a.grad_hidden = CLXENT_ARRAY(m->grad_hidden, rows * FEATURES * sizeof(float));
    a.grad_classifier = CLXENT_ARRAY(m->classifier.grad, m->classifier.count * sizeof(float));
    a.grad_classifier_bias = CLXENT_ARRAY(m->bias.grad, m->bias.count * sizeof(float));
    if (clxent_run(m->plan, &a)) return failed(m);

    memset(m->embedding.grad, 0, m->embedding.count * sizeof(float));
    for (size_t row = 0; row < rows; row++)
        for (size_t back = 0; back < CONTEXT; back++)
            for (size_t i = 0; i < WIDTH; i++)
                m->embedding.grad[(size_t)byte_before(m, first + row, back) * WIDTH + i] +=
                    m->grad_hidden[row * FEATURES + back * WIDTH + i];
    m->step++;
    adam(&m->embedding, m->step);
    adam(&m->classifier, m->step);
    adam(&m->bias, m->step);
    return true;
}

/* Trains until the loss of the whole text is below `entropy`. Sets *loss to the last one. */
static bool train_below(model *m, double entropy, double *loss) {
    float mean = 0;
    for (int epoch = 1; epoch <= MOST_EPOCHS; epoch++) {
        for (size_t first = 0; first < m->positions; first += BATCH)
            if (!train(m, first, m->positions - first < BATCH ? m->positions - first : BATCH)) return false;
        const clxent_arrays a = arrays_of(m, 0, m->positions, &mean);
        if (clxent_run(m->plan, &a)) return failed(m);
        printf("epoch %2d  loss %.4f\n", epoch, (double)mean);
        if ((double)mean < entropy) break;
    }
    *loss = (double)mean;
    return true;
}

static void release(model *m) {
    clxent_plan_destroy(m->plan);
    clxent_ctx_destroy(m->ctx);
    free(m->embedding.value);
    free(m->classifier.value);
    free(m->bias.value);
    free(m->hidden);
    free(m->grad_hidden);
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : LM_HEAD_TEXT;
    size_t size;
    unsigned char *text = text_read(path, &size);
    if (!text) return 1;
    if (size < 2) {
        fprintf(stderr, "%s: %zu bytes; a next byte needs at least 2\n", path, size);
        free(text);
        return 1;
    }
    printf("text     %s, %zu bytes\n", path, size);

    model m = {.text = text, .positions = size - 1};
    const double entropy = text_bigram_entropy(text, m.positions);
    double loss = INFINITY;
    const bool trained = make_model(&m) && make_plan(&m) && train_below(&m, entropy, &loss);
    const double stored = 2.0 * (double)m.positions * CLASSES * sizeof(float);
    release(&m);
    free(text);
    if (!trained) return 1;

    printf("loss     %.4f nats a byte, from the last %d bytes\n", loss, CONTEXT);
    printf("entropy  %.4f nats a byte, H(next | previous) of the text\n", entropy);
    printf("memory   %.1f MiB for blocks of logits; all logits and their gradient would take %.1f MiB\n",
           (double)workspace / (1 << 20), stored / (1 << 20));
    printf("%s\n", loss < entropy ? "better than any bigram model" : "NOT better than a bigram model");
    return loss < entropy ? 0 : 1;
}
