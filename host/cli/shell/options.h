/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line as a struct. One table in options.c has the commands, the limits and the help text of each
 * option. inputs.h checks the contents of files.
 */
#ifndef CLXENT_CLI_OPTIONS_H
#define CLXENT_CLI_OPTIONS_H

#include "tool.h"

/* A file option that was not given is NULL. */
typedef struct tool_options {
    /* inputs */
    const char *logits, *log_probs_in, *hidden, *classifier, *classifier_bias;
    const char *targets, *weight, *row_weight, *segment, *grad_output;
    /* outputs */
    const char *loss, *per_row, *log_prob, *lse, *argmax, *rank, *entropy, *log_probs, *grad, *out;
    const char *grad_hidden, *grad_classifier, *grad_classifier_bias;
    /* the loss */
    int reduction; /* clxent_reduction */
    int empty_mean;
    int next_token, use_ignore_index;
    int64_t ignore_index, class_axis;
    double label_smoothing, z_loss, softcap, logit_scale;
    /* the device */
    int dtype;    /* clxent_dtype; DEFAULT: the file's */
    int schedule; /* clxent_schedule */
    uint64_t memory, workspace;
    const char *device, *tuning, *gemm;
    int json;
    const char *folder; /* of verify's cases; NULL: none was given */
    /* bench; lists are text, as given on the command line */
    const char *bench_ops, *bench_shapes, *bench_dtypes, *bench_plot;
    int bench_growth, bench_csv, bench_class_weight, bench_atomic;
    int bench_has_rows, bench_has_classes, bench_has_pairs, bench_has_features;
    int64_t bench_rows, bench_classes, bench_pairs, bench_features;
    uint64_t bench_rotate;
    double bench_ignore;
    const char *tune_out; /* tune also uses shapes, types, pairs and rotate of bench */
} tool_options;

/* argv[0] is the command's name. `all` lists every command, with a NULL name at its end: a message names the
 * commands that have an option. Returns EXIT_GOOD, or EXIT_USAGE after a message, or -1 after the text of
 * --help. */
int options_parse(tool_options *out, const tool_command *all, const tool_command *command, int argc,
                  char **argv);

/* Checks, before the command computes anything, that all outputs can be written. Returns EXIT_GOOD, or
 * EXIT_DATA after a message for each output that cannot. */
int options_check_outputs(const tool_options *options, const tool_command *command);

#endif
