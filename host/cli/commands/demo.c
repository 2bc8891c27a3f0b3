/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `demo`: four facts about the language-model loss. The device computes each figure, and the
 * command prints it beside the expected one. demo_data.c has the data.
 */
#include "demo.h"
#include "commands.h"
#include "files/dtype_values.h"
#include "session/session.h"
#include "shell/options.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The error bound of an f32 result, relative to max(1, |result|). The tests prove it. */
#define TOLERANCE 1e-6

typedef struct demo {
    session session;
    int figures, wrong;
    clxent_status status; /* the first failure of a run; the facts after it are not shown */
} demo;

static double bound(double expected) {
    return TOLERANCE * fmax(1, fabs(expected));
}

/* Prints a line: the name, the device's figure, the expected figure, and whether they agree. */
static void figure(demo *d, const char *what, double got, double expected) {
    const int right = fabs(got - expected) <= bound(expected); /* false for NaN */
    d->figures++;
    d->wrong += !right;
    const int digits = expected == floor(expected) ? 0 : 4; /* none for a count, 4 for a loss */
    printf("   %-38s %8.*f  expected %8.*f  %s\n", what, digits, value_shown(got), digits, expected,
           right ? "ok" : "DIFFERS");
}

static void heading(int number, const char *fact) {
    printf("\n%d. %s\n\n", number, fact);
}

static void run(demo *d, const clxent_desc *desc, const clxent_arrays *arrays) {
    if (d->status == CLXENT_OK)
        d->status = session_run(&d->session, desc, CLXENT_SCHEDULE_AUTO, arrays, NULL);
}

static clxent_desc describe(clxent_op op) {
    clxent_desc desc = CLXENT_DESC_INIT;
    desc.op = op;
    desc.rows = DEMO_ROWS;
    desc.classes = DEMO_CLASSES;
    return desc;
}

/* Computes softmax or log-softmax; `out` has DEMO_ROWS * DEMO_CLASSES elements. */
static void transform(demo *d, clxent_op op, const float *logits, float *out) {
    const clxent_desc desc = describe(op);
    const size_t bytes = sizeof(float) * DEMO_ROWS * DEMO_CLASSES;
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(logits, bytes);
    *(op == CLXENT_SOFTMAX ? &a.probs : &a.log_probs) = CLXENT_ARRAY(out, bytes);
    run(d, &desc, &a);
}

/* Returns the mean loss of nll or cross entropy. */
static float mean_loss(demo *d, clxent_op op, const float *input, const int64_t *targets) {
    const clxent_desc desc = describe(op);
    float loss = NAN;
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    *(op == CLXENT_NLL ? &a.log_probs : &a.logits) =
        CLXENT_ARRAY(input, sizeof(float) * DEMO_ROWS * DEMO_CLASSES);
    a.targets = CLXENT_ARRAY(targets, sizeof *targets * DEMO_ROWS);
    a.loss = CLXENT_ARRAY(&loss, sizeof loss);
    run(d, &desc, &a);
    return loss;
}

static void next_word(demo *d) {
    enum { VOCABULARY = 10 };
    static const float logits[DEMO_ROWS * VOCABULARY]; /* a model that knows nothing: all 0 */
    float loss = NAN;
    int64_t counts[4] = {0, 0, 0, 0};
    clxent_desc desc = describe(CLXENT_CROSS_ENTROPY);
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    desc.classes = VOCABULARY;
    desc.targets = CLXENT_TARGETS_NEXT_TOKEN;
    desc.sequence_length = DEMO_CONTEXT;
    desc.tokens_per_sequence = DEMO_TOKENS;
    a.logits = CLXENT_ARRAY(logits, sizeof logits);
    a.targets = CLXENT_ARRAY(demo_tokens, sizeof demo_tokens);
    a.loss = CLXENT_ARRAY(&loss, sizeof loss);
    a.counts = CLXENT_ARRAY(counts, sizeof counts);
    run(d, &desc, &a);
    if (d->status != CLXENT_OK) return;

    heading(1, "Next-word prediction makes context_size * batch_size examples of a batch");
    printf("   sequence  context           target\n");
    for (int s = 0; s < DEMO_SEQUENCES; s++)
        for (int t = 0; t < DEMO_CONTEXT; t++) {
            char context[64] = "";
            for (int i = 0; i <= t; i++) {
                const size_t used = strlen(context);
                snprintf(context + used, sizeof context - used, "%s%" PRId64, i ? " " : "",
                         demo_tokens[s * DEMO_TOKENS + i]);
            }
            printf("   %8d  %-16s  %6" PRId64 "\n", s, context, demo_tokens[s * DEMO_TOKENS + t + 1]);
        }
    putchar('\n');
    figure(d, "examples scored, 4 * 3", (double)counts[0], DEMO_CONTEXT * DEMO_SEQUENCES);
    figure(d, "loss of a guess among 10 words, ln 10", loss, log(VOCABULARY));
}

static void print_row(const char *what, const float *values, int of_log) {
    printf("   %-17s", what);
    for (int c = 0; c < DEMO_CLASSES; c++)
        printf(" %8.4f", value_shown(of_log ? log(values[c]) : (double)values[c]));
    putchar('\n');
}

static void log_of_softmax(demo *d) {
    float probs[DEMO_ROWS * DEMO_CLASSES], log_probs[DEMO_ROWS * DEMO_CLASSES];
    transform(d, CLXENT_SOFTMAX, demo_nll_logits, probs);
    transform(d, CLXENT_LOG_SOFTMAX, demo_nll_logits, log_probs);
    if (d->status != CLXENT_OK) return;

    heading(2, "log(softmax(x)) equals log_softmax(x)");
    print_row("x", demo_nll_logits, 0);
    print_row("softmax(x)", probs, 0);
    print_row("log(softmax(x))", probs, 1);
    print_row("log_softmax(x)", log_probs, 0);
    printf("   (the first of %d rows)\n\n", DEMO_ROWS);
    int equal = 0, right = 0;
    for (int i = 0; i < DEMO_ROWS * DEMO_CLASSES; i++) {
        equal += fabs(log(probs[i]) - log_probs[i]) <= 2 * bound(log_probs[i]); /* both have an error */
        right += fabs(log_probs[i] - demo_nll_log_probs[i]) <= bound(demo_nll_log_probs[i]);
    }
    figure(d, "values where the two are equal", equal, DEMO_ROWS * DEMO_CLASSES);
    figure(d, "values of log_softmax that are right", right, DEMO_ROWS * DEMO_CLASSES);
}

static void negative_log_likelihood(demo *d) {
    float log_probs[DEMO_ROWS * DEMO_CLASSES];
    transform(d, CLXENT_LOG_SOFTMAX, demo_nll_logits, log_probs);
    const float loss = mean_loss(d, CLXENT_NLL, log_probs, demo_nll_targets);
    if (d->status != CLXENT_OK) return;

    heading(3, "NLL is minus the log-probability of the right class, the mean over the examples");
    printf("   example  target  -log_probs[target]\n");
    double sum = 0;
    for (int row = 0; row < DEMO_ROWS; row++) {
        const double term = -log_probs[row * DEMO_CLASSES + demo_nll_targets[row]];
        printf("   %7d  %6" PRId64 "  %18.4f\n", row, demo_nll_targets[row], value_shown(term));
        sum += term;
    }
    putchar('\n');
    figure(d, "by the kernel", loss, demo_nll_loss);
    figure(d, "by the written-out loop, sum / 12", sum / DEMO_ROWS, demo_nll_loss);
}

static void cross_entropy(demo *d) {
    float log_probs[DEMO_ROWS * DEMO_CLASSES];
    const float loss = mean_loss(d, CLXENT_CROSS_ENTROPY, demo_logits, demo_targets);
    transform(d, CLXENT_LOG_SOFTMAX, demo_logits, log_probs);
    const float two_steps = mean_loss(d, CLXENT_NLL, log_probs, demo_targets);
    if (d->status != CLXENT_OK) return;

    heading(4, "Cross entropy is the two together: log_softmax, then NLL");
    figure(d, "by the cross-entropy kernel", loss, demo_loss);
    figure(d, "by log_softmax, then NLL", two_steps, demo_loss);
}

int demo_run(const tool_command *command, const tool_options *options) {
    demo d = {.status = CLXENT_OK};
    int code = session_open(&d.session, command, options);
    if (code == EXIT_GOOD) {
        printf("clxent %s: the loss of a language model in four facts\n", clxent_version());
        printf("computed on %s (%s)\n", d.session.device.name, d.session.device.platform);
        next_word(&d);
        log_of_softmax(&d);
        negative_log_likelihood(&d);
        cross_entropy(&d);
        if (d.status != CLXENT_OK) {
            code = session_failed(&d.session, d.status);
        } else if (d.wrong) {
            printf("\n%d of %d figures DIFFER from what was expected.\n", d.wrong, d.figures);
            code = EXIT_DIFFERS;
        } else {
            printf("\nAll %d figures are as expected.\n", d.figures);
        }
    }
    session_close(&d.session);
    return code;
}
