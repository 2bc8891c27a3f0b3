/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands `loss` and `nll`.
 */
#include "commands.h"
#include "files/dtype_values.h"
#include "loss_report.h"
#include "outputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* From this size of logits on, or from so many multiplications of a product on, the command tells a user at a
 * terminal that it is working. */
#define LONG_WORK_BYTES           ((size_t)256 << 20)
#define LONG_WORK_MULTIPLICATIONS 1e10

typedef struct job {
    const tool_command *command;
    const tool_options *options;
    inputs in;
    outputs out;
    session session;
    loss_report report;
    /* for the score, whether they are written to files or not; NULL without class targets */
    const void *log_prob;
    const int64_t *argmax;
} job;

static int has_classes(const job *j) {
    return j->in.desc.targets != CLXENT_TARGETS_PROBABILITY;
}

/* Results have these shapes. */
typedef enum extent { SCALAR, PER_ROW, LIKE_SOURCE, LIKE_CLASSIFIER, PER_CLASS } extent;

/* Adds an output for the library to compute, and its bit to desc.outputs. */
static int add(job *j, clxent_array *array, uint32_t bit, const char *path, clxent_dtype dtype, extent over) {
    const inputs *in = &j->in;
    const tensor *source = &in->source->tensor, *classifier = &in->classifier.tensor;
    const struct {
        int ndim;
        const int64_t *shape;
    } of[] = {[SCALAR] = {0, NULL},
              [PER_ROW] = {in->rows_ndim, in->rows_shape},
              [LIKE_SOURCE] = {source->ndim, source->shape},
              [LIKE_CLASSIFIER] = {classifier->ndim, classifier->shape},
              [PER_CLASS] = {1, &in->desc.classes}};
    j->in.desc.outputs |= bit;
    return outputs_add(&j->out, array, path, dtype, of[over].ndim, of[over].shape, j->command) ? EXIT_GOOD
                                                                                               : EXIT_DEVICE;
}

/* Adds the loss and the counts always. With class targets it adds log_prob and argmax for the score. It adds
 * the others if an option asks for them. A run of its own computes the argmax of NLL: score_argmax(). */
static int add_outputs(job *j) {
    const tool_options *o = j->options;
    clxent_arrays *a = &j->in.arrays;
    const clxent_desc *d = &j->in.desc;
    const clxent_dtype real = j->in.real;
    const int is_nll = d->op == CLXENT_NLL;
    const struct {
        int wanted;
        clxent_array *array;
        uint32_t bit;
        const char *path;
        clxent_dtype dtype;
        extent over;
    } rows[] = {
        {1, &a->loss, CLXENT_OUT_LOSS, o->loss, real, d->reduction == CLXENT_NONE ? PER_ROW : SCALAR},
        {o->per_row != NULL, &a->row_loss, CLXENT_OUT_ROW_LOSS, o->per_row, real, PER_ROW},
        {has_classes(j), &a->log_prob, CLXENT_OUT_LOG_PROB, o->log_prob, real, PER_ROW},
        {o->lse != NULL, &a->lse, CLXENT_OUT_LSE, o->lse, real, PER_ROW},
        {!is_nll && (o->argmax || has_classes(j)), &a->argmax, CLXENT_OUT_ARGMAX, o->argmax, CLXENT_I64,
         PER_ROW},
        {o->rank != NULL, &a->rank, CLXENT_OUT_RANK, o->rank, CLXENT_I64, PER_ROW},
        {o->entropy != NULL, &a->entropy, CLXENT_OUT_ENTROPY, o->entropy, real, PER_ROW},
        {o->log_probs != NULL, &a->log_probs, CLXENT_OUT_LOG_PROBS, o->log_probs, real, LIKE_SOURCE},
        {o->grad != NULL, &a->grad, CLXENT_OUT_GRAD, o->grad, d->grad_dtype, LIKE_SOURCE},
        {o->grad_hidden != NULL, &a->grad_hidden, CLXENT_OUT_GRAD_HIDDEN, o->grad_hidden,
         d->grad_hidden_dtype, LIKE_SOURCE},
        {o->grad_classifier != NULL, &a->grad_classifier, CLXENT_OUT_GRAD_CLASSIFIER, o->grad_classifier,
         d->grad_classifier_dtype, LIKE_CLASSIFIER},
        {o->grad_classifier_bias != NULL, &a->grad_classifier_bias, CLXENT_OUT_GRAD_CLASSIFIER_BIAS,
         o->grad_classifier_bias, d->grad_classifier_bias_dtype, PER_CLASS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].wanted &&
            add(j, rows[i].array, rows[i].bit, rows[i].path, rows[i].dtype, rows[i].over) != EXIT_GOOD)
            return EXIT_DEVICE;
    j->in.desc.outputs |= CLXENT_OUT_COUNTS;
    a->counts = CLXENT_ARRAY(j->report.counts, sizeof j->report.counts);
    j->report.loss = a->loss.data;
    j->log_prob = a->log_prob.data;
    j->argmax = a->argmax.data;
    return EXIT_GOOD;
}

/* Computes the most likely classes of NLL's log-probabilities. Their softmax has the same ones. */
static int score_argmax(job *j) {
    clxent_desc desc = CLXENT_DESC_INIT;
    clxent_arrays arrays = CLXENT_ARRAYS_INIT, *a = &j->in.arrays;
    clxent_array argmax;
    if (add(j, &argmax, 0, j->options->argmax, CLXENT_I64, PER_ROW) != EXIT_GOOD) return EXIT_DEVICE;
    desc.op = CLXENT_SOFTMAX;
    desc.rows = j->in.desc.rows;
    desc.classes = j->in.desc.classes;
    desc.inner = j->in.desc.inner;
    desc.logits_dtype = j->in.desc.logits_dtype;
    desc.outputs = CLXENT_OUT_ARGMAX;
    arrays.logits = a->log_probs;
    arrays.argmax = argmax;
    j->argmax = argmax.data;
    const clxent_status status =
        session_run(&j->session, &desc, (clxent_schedule)j->options->schedule, &arrays, NULL);
    return status == CLXENT_OK ? EXIT_GOOD : session_failed(&j->session, status);
}

static score score_rows(const job *j) {
    score s = {NAN, NAN, NAN};
    double sum = 0;
    int64_t counted = 0, right = 0, target = 0;
    if (!has_classes(j)) return s;
    for (int64_t row = 0; row < j->in.desc.rows; row++) {
        if (!inputs_target(&j->in, row, &target)) continue;
        sum -= value_at(j->in.real, j->log_prob, row);
        right += j->argmax[row] == target;
        counted++;
    }
    if (counted > 0) {
        s.perplexity = exp(sum / (double)counted);
        s.bits_per_token = sum / (double)counted / log(2);
        s.accuracy = (double)right / (double)counted;
    }
    return s;
}

static int is_long(const inputs *in) {
    const clxent_desc *d = &in->desc;
    if (d->op != CLXENT_LINEAR_CROSS_ENTROPY) return in->logits.tensor.bytes >= LONG_WORK_BYTES;
    return (double)d->rows * (double)d->classes * (double)d->features >= LONG_WORK_MULTIPLICATIONS;
}

static int compute_and_report(job *j) {
    int failed = session_open(&j->session, j->command, j->options);
    if (!failed) failed = inputs_fit_device(&j->in, &j->session);
    if (!failed) failed = add_outputs(j);
    if (failed) return failed;

    if (is_long(&j->in) && isatty(STDERR_FILENO))
        fprintf(stderr, "clxent %s: %" PRId64 " rows of %" PRId64 " classes on %s ...\n", j->command->name,
                j->in.desc.rows, j->in.desc.classes, j->session.device.name);
    const clxent_status status = session_run(&j->session, &j->in.desc, (clxent_schedule)j->options->schedule,
                                             &j->in.arrays, &j->report.seconds);
    if (status != CLXENT_OK && status != CLXENT_ERR_TARGET) return session_failed(&j->session, status);
    /* A bad target stops nothing: the rest is computed, written and printed. */
    if (status == CLXENT_ERR_TARGET) failed = inputs_bad_target(&j->in, j->report.counts, j->command);
    inputs_warn(&j->in, &j->in.arrays.loss, j->command);

    if (j->in.desc.op == CLXENT_NLL) {
        const int argmax_failed = score_argmax(j);
        if (argmax_failed) return argmax_failed;
    }
    j->report.score = score_rows(j);
    if (j->options->json)
        loss_report_json(&j->report);
    else
        loss_report_table(&j->report);
    const int unwritten = outputs_write(&j->out, j->command, !j->options->json);
    return failed ? failed : unwritten;
}

int loss_run(const tool_command *command, const tool_options *options) {
    job j = {.command = command, .options = options};
    const clxent_op op = command->bit == COMMAND_NLL ? CLXENT_NLL
                         : options->hidden           ? CLXENT_LINEAR_CROSS_ENTROPY
                                                     : CLXENT_CROSS_ENTROPY;
    int code = inputs_open(&j.in, op, command, options);
    j.report.desc = &j.in.desc;
    j.report.real = j.in.real;
    j.report.session = &j.session;
    if (code == EXIT_GOOD) code = compute_and_report(&j);
    session_close(&j.session);
    outputs_free(&j.out);
    inputs_close(&j.in);
    return code;
}
