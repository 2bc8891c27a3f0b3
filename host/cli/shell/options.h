/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line as a struct: what each command was asked. Which option belongs to which command, its
 * limits and its help stand in one table in options.c. What files hold is inputs.h's to check.
 */
#ifndef CLXENT_CLI_OPTIONS_H
#define CLXENT_CLI_OPTIONS_H

#include "tool.h"

/* A file option that was not given is NULL. */
typedef struct tool_options {
    /* inputs */
    const char *logits, *log_probs_in, *targets, *weight, *row_weight, *segment, *grad_output;
    /* outputs */
    const char *loss, *per_row, *log_prob, *lse, *argmax, *rank, *entropy, *log_probs, *grad, *out;
    /* the loss */
    int reduction; /* clxent_reduction */
    int empty_mean;
    int next_token, use_ignore_index;
    int64_t ignore_index, class_axis;
    double label_smoothing, z_loss, softcap, logit_scale;
    /* the device */
    int dtype;    /* clxent_dtype; DEFAULT: the file's */
    int schedule; /* clxent_schedule */
    uint64_t memory;
    const char *device, *tuning;
    int json;
    /* bench; lists are as they were written */
    const char *bench_ops, *bench_shapes, *bench_dtypes, *bench_plot;
    int bench_growth, bench_csv, bench_class_weight;
    int bench_has_rows, bench_has_classes, bench_has_pairs;
    int64_t bench_rows, bench_classes, bench_pairs;
    uint64_t bench_rotate;
    double bench_ignore;
    const char *tune_out; /* tune has bench's shapes, types, pairs, rotate */
} tool_options;

/* argv[0] is the command's name. `all` has every command, and a NULL name at its end: a message says whose
 * option it is. EXIT_GOOD; EXIT_USAGE with a message printed; -1 when --help was asked for and printed. */
int options_parse(tool_options *out, const tool_command *all, const tool_command *command, int argc,
                  char **argv);

/* Whether all outputs can be written, as far as is known before anything is computed: EXIT_GOOD, or EXIT_DATA
 * with a message for each that cannot. */
int options_check_outputs(const tool_options *options, const tool_command *command);

#endif
