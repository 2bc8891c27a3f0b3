/* SPDX-License-Identifier: Apache-2.0
 *
 * See command_line.h.
 */
#include "command_line.h"
#include "bench/bench.h"
#include "commands/commands.h"
#include "files/nearest.h"
#include "tune/tune.h"

#include <stdio.h>
#include <string.h>

#define FILES                                                                                 \
    "F is x.npy (versions 1 to 3, C order) or x.safetensors:TENSOR, where it has one tensor " \
    "x.safetensors.\n"                                                                        \
    "Outputs are .npy; none is computed that is not asked for, and none takes an input's place.\n"

static const tool_command commands[] = {
    {"devices", COMMAND_DEVICES, "what there is to compute on, and which is used",
     "Lists the OpenCL devices, what each supports, which one is used and why; where there is none, why,\n"
     "and what to do.\n",
     devices_run},
    {"demo", COMMAND_DEMO, "the loss of a language model in four steps, computed on the device",
     "Shows on a small example what the loss is made of. Every figure comes from the device and stands\n"
     "beside the one expected; exit status 1 when one differs.\n",
     demo_run},
    {"loss", COMMAND_LOSS, "cross entropy of logits and targets: loss, perplexity, gradient, ...",
     "The cross-entropy loss of the rows of logits.\n" FILES "\n"
     "--json prints loss (a number; for reduction none an array, a row each), reduction, rows, counted,\n"
     "ignored, bad_targets, perplexity, bits_per_token, accuracy, device, platform, seconds. JSON has no "
     "NaN\n"
     "and no infinity: null stands for both, and for what is not defined (probability targets have no\n"
     "perplexity and no accuracy). Perplexity is exp of the mean of -log p(target), without weights.\n"
     "A target that is no class: exit status 3, with everything else computed and written.\n",
     loss_run},
    {"softmax", COMMAND_SOFTMAX, "probabilities of logits",
     "exp(logit) / sum of exp(logits), over one axis.\n" FILES, softmax_run},
    {"log-softmax", COMMAND_LOG_SOFTMAX, "log-probabilities of logits",
     "logit - log sum of exp(logits), over one axis.\n" FILES, softmax_run},
    {"nll", COMMAND_NLL, "negative log-likelihood of log-probabilities and targets",
     "Minus the log-probability of each row's target.\n" FILES
     "\n--json prints what `clxent loss --json` does.\n",
     loss_run},
    {"verify", COMMAND_VERIFY, "can the device be trusted? against a double-precision reference",
     "Runs shapes, types, options and schedules on the device and compares every output with a reference\n"
     "in double precision, within proven error bounds. Exit status 1 when one is outside.\n",
     verify_run},
    {"bench", COMMAND_BENCH, "speed, against what the device's memory allows",
     "Times operations on random logits, from enqueueing until the device is done, in turn with the best "
     "read,\n"
     "update or copy kernel that was found for the same buffers, and prints the ratio: the bytes that the "
     "operation\n"
     "cannot but move / its time / that limit. Results are checked before they are timed (exit status 1 "
     "when\n"
     "one is wrong), and so is what a limit kernel does (exit status 4). The loss's options are timed "
     "beside\n"
     "the same operation without them. What does not fit the device is skipped, and said.\n\n"
     "--json prints device, platform, driver, date, pairs, context_seconds, results and skipped; a result, "
     "as\n"
     "a line of --csv, has op, rows, classes, dtype, seconds, gb_per_s, limit_gb_per_s, ratio, device, and "
     "more.\n",
     bench_run},
    {"tune", COMMAND_TUNE, "how rows are best cut for this device: sizes, widths, thresholds",
     "Searches for the tuning that is fastest here: each value is timed in turn with the best so far, the "
     "loss\n"
     "and the loss with its gradient, on the same buffers. It is taken when it is faster by more than the "
     "noise,\n"
     "twice, and its results are within the bounds of a double-precision reference. Progress goes to "
     "standard\n"
     "error. Best on a machine that does nothing else; minutes.\n\n"
     "Prints what was found, and a line for the library's table (host/src/tuning_table.h). --out writes it "
     "for\n"
     "--tuning and CLXENT_TUNING, --json prints the same: clxent, device, platform, driver, tuning, "
     "measured; a\n"
     "measurement has field, value, instead_of, ratio (of times, below 1 is faster), taken, why.\n",
     tune_run},
    {.name = NULL},
};
enum { COMMANDS = sizeof commands / sizeof *commands - 1 };

static void print_usage(FILE *to) {
    fprintf(to,
            "clxent %s: the language-model cross-entropy loss on any OpenCL device\n\n"
            "usage: clxent COMMAND [options]\n\n",
            clxent_version());
    for (int i = 0; i < COMMANDS; i++) fprintf(to, "  %-12s  %s\n", commands[i].name, commands[i].summary);
    fprintf(
        to,
        "\n  clxent COMMAND --help   its options\n"
        "  clxent --version        the version\n\n"
        "exit status: 0 good, 1 a figure differs (demo, verify, bench, tune), 2 usage, 3 bad data (file,\n"
        "shape, target), 4 no usable device or an OpenCL failure\n"
        "environment: CLXENT_DEVICE chooses the device; CLXENT_TUNING is a file of `clxent tune`;\n"
        "CLXENT_CACHE=off keeps no compiled programs in the user's cache folder\n");
}

static const tool_command *find(const char *name) {
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

int command_line_parse(int argc, char **argv, const tool_command **command, tool_options *options) {
    *command = NULL;
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    const int help = strcmp(argv[1], "help") == 0;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (help && argc == 2)) {
        print_usage(stdout);
        return EXIT_GOOD;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("clxent %s\n", clxent_version());
        return EXIT_GOOD;
    }
    const char *name = argv[help ? 2 : 1];
    const tool_command *found = find(name);
    if (!found) {
        char meant[NEAREST_TEXT];
        nearest near = nearest_to(name, strlen(name));
        for (int i = 0; i < COMMANDS; i++) nearest_offer(&near, commands[i].name);
        nearest_offer(&near, "--version");
        nearest_offer(&near, "--help");
        fprintf(stderr, "clxent: unknown %s %s%s\nsee clxent --help\n", *name == '-' ? "option" : "command",
                name, nearest_text(&near, "", meant));
        return EXIT_USAGE;
    }
    char *only_help[] = {argv[0], (char[]){"--help"}, NULL};
    const int failed = help ? options_parse(options, commands, found, 2, only_help)
                            : options_parse(options, commands, found, argc - 1, argv + 1);
    if (failed) return failed < 0 ? EXIT_GOOD : failed;
    *command = found;
    return EXIT_GOOD;
}
