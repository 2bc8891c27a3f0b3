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
    "Outputs are .npy. Only those that you name are computed, and none replaces an input.\n"

static const tool_command commands[] = {
    {"devices", COMMAND_DEVICES, "the OpenCL devices, and which one is used",
     "Lists the OpenCL devices, what each supports, which one is used and why. If there is none, it says\n"
     "why, and what to do.\n",
     devices_run, NULL},
    {"demo", COMMAND_DEMO, "the loss of a language model in four steps, computed on the device",
     "Shows on a small example how the loss is computed. The device computes every figure, and the demo\n"
     "prints it beside the expected one. The exit status is 1 if one differs.\n",
     demo_run, NULL},
    {"loss", COMMAND_LOSS, "cross entropy of logits and targets: loss, perplexity, gradient, ...",
     "The cross-entropy loss of the rows of logits.\n" FILES "\n"
     "With --hidden and --classifier in place of --logits, the logits are those of an output layer. The\n"
     "command computes them block by block and never stores them all, nor their gradient.\n\n"
     "--json prints loss (a number; for reduction none an array, a row each), reduction, rows, counted,\n"
     "ignored, bad_targets, perplexity, bits_per_token, accuracy, device, platform, seconds. JSON has no "
     "NaN\n"
     "and no infinity: null stands for both, and for undefined values (probability targets have no\n"
     "perplexity and no accuracy). Perplexity is exp of the mean of -log p(target), without weights.\n"
     "If a target is no class, the exit status is 3, and everything else is computed and written.\n",
     loss_run, NULL},
    {"softmax", COMMAND_SOFTMAX, "probabilities of logits",
     "exp(logit) / sum of exp(logits), over one axis.\n" FILES, softmax_run, NULL},
    {"log-softmax", COMMAND_LOG_SOFTMAX, "log-probabilities of logits",
     "logit - log sum of exp(logits), over one axis.\n" FILES, softmax_run, NULL},
    {"nll", COMMAND_NLL, "negative log-likelihood of log-probabilities and targets",
     "Minus the log-probability of each row's target.\n" FILES
     "\n--json prints what `clxent loss --json` does.\n",
     loss_run, NULL},
    {"verify", COMMAND_VERIFY, "checks the device against a double-precision reference",
     "Runs shapes, types, options and schedules on the device and compares every output with a reference\n"
     "in double precision, within proven error bounds. The exit status is 1 if a value is outside.\n\n"
     "With FOLDER it runs the cases of linear cross entropy there instead: folders with a file case.txt,\n"
     "as in tests/cases/linear. It compares every output with the file beside case.txt.\n",
     verify_run, "FOLDER"},
    {"bench", COMMAND_BENCH, "speed, compared with the limit of the device's memory",
     "Times operations on random logits, from the enqueueing call until the device is done. It times them\n"
     "in turn with the best read, update or copy kernel on the same buffers (the limit), and prints the\n"
     "ratio: the bytes that the operation must move / its time / the limit. It checks the results before it\n"
     "times them (exit status 1 if one is wrong), and the limit kernels too (exit status 4). With options of "
     "the\n"
     "loss, it also times the same operation without them. It skips a case that does not fit the device,\n"
     "and says so.\n\n"
     "--json prints device, platform, driver, date, pairs, context_seconds, results and skipped. A result,\n"
     "like a line of --csv, has op, rows, classes, dtype, seconds, gb_per_s, limit_gb_per_s, ratio, device,\n"
     "and more.\n",
     bench_run, NULL},
    {"tune", COMMAND_TUNE, "searches for the fastest sizes, widths and thresholds on this device",
     "Searches for the tuning that is fastest on this device. It times each value in turn with the best so\n"
     "far, on the loss and on the loss with its gradient, with the same buffers. It takes a value that is\n"
     "faster twice, by more than the noise, and whose results are within the bounds of a double-precision\n"
     "reference. Progress goes to standard error. It takes minutes, and works best on an idle machine.\n\n"
     "Prints the tuning, and a line for the library's table (host/src/tuning_table.h). --out writes it for\n"
     "--tuning and CLXENT_TUNING, --json prints the same: clxent, device, platform, driver, tuning,\n"
     "measured. A measurement has field, value, instead_of, ratio (of times, below 1 is faster), taken,\n"
     "why.\n",
     tune_run, NULL},
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
