/* SPDX-License-Identifier: Apache-2.0
 *
 * The option table, and the parser and the help text that work from it.
 */
#include "options.h"

#include <clxent/clxent_experimental.h>

#include "files/file_write.h"
#include "files/nearest.h"
#include "output_name.h"

#include <errno.h>
#include <float.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct choice {
    const char *name;
    int value;
} choice;

/* The choices of an option, from a list of clxent.h. */
#define ENTRY(value, name, text)                    {text, CLXENT_##name},
#define DTYPE_ENTRY(value, name, text, bytes, kind) ENTRY(value, name, text)
#define CHOICES(MAP, entry) \
    (const choice[]) {      \
        MAP(entry) {        \
            NULL, 0         \
        }                   \
    }

typedef enum option_kind { INPUT, OUTPUT, TEXT, FLAG, NUMBER, INTEGER, BYTES, CHOICE, NAME } option_kind;

typedef struct option_row {
    const char *name, *argument;
    option_kind kind;
    size_t at; /* in tool_options */
    unsigned commands, required;
    const char *help;
    const choice *choices; /* a CHOICE stores the value, a NAME the name */
    double least, most;    /* limits of a NUMBER, or of the values of a CHOICE or a NAME */
    size_t given_at;       /* INTEGER: place of a flag, set if it is given; 0: no flag (`logits` is at 0) */
    const char *format;    /* OUTPUT: ending of the format; NULL: .npy */
    const char *with;      /* an option that this one needs beside it */
    const char *without, *why; /* an option that this one cannot stand beside, and why; if this one is
                                * required, the other may stand in its place */
} option_row;

enum {
    LOSS = COMMAND_LOSS,
    NLL = COMMAND_NLL,
    BOTH = COMMAND_LOSS | COMMAND_NLL,
    BENCH = COMMAND_BENCH,
    TUNE = COMMAND_TUNE,
    TIMED = BENCH | TUNE,
    SOFTMAX = COMMAND_SOFTMAX | COMMAND_LOG_SOFTMAX,
    ALL_DATA = BOTH | SOFTMAX,
    REPORTS = ALL_DATA | COMMAND_DEVICES | COMMAND_VERIFY | TIMED
};

#define AT(member) offsetof(tool_options, member)

/* Who computes matrix products. */
static const choice gemms[] = {{"auto", 0}, {"clblast", 1}, {"openblas", 2},
                               {"dnnl", 3}, {"clxent", 4},  {NULL, 0}};

static const option_row table[] = {
    {"op", "LIST", TEXT, AT(bench_ops), BENCH, 0,
     .help = "some of forward,grad,grad-apart,grad-from-lse,log-softmax, or all (default): the loss; the\n"
             "loss and its gradient, over the logits or to another buffer; the gradient alone from the\n"
             "saved log-sum-exp, over the logits; the log-probabilities. Or linear: linear cross entropy,\n"
             "the loss, and the loss with all gradients, against bare matrix products (with --features)"},
    {"features", "H", INTEGER, AT(bench_features), BENCH, 0,
     .help = "--op linear: the length of a hidden state", .given_at = AT(bench_has_features)},
    {"shape", "LIST", TEXT, AT(bench_shapes), TIMED, 0,
     .help = "ROWSxCLASSES,... (default: a list, of language models and others)"},
    {"rows", "N", INTEGER, AT(bench_rows), TIMED, 0, .help = "with --classes: one shape",
     .given_at = AT(bench_has_rows)},
    {"classes", "C", INTEGER, AT(bench_classes), TIMED, 0, .help = "see --rows",
     .given_at = AT(bench_has_classes)},
    {"growth", NULL, FLAG, AT(bench_growth), BENCH, 0,
     .help = "shapes of 1e5 to 5e8 logits, 32000 classes each (default --op: grad)"},
    {"dtype", "LIST", TEXT, AT(bench_dtypes), TIMED, 0,
     .help = "f32,f16,bf16: some of these, or all; default f32"},
    {"pairs", "N", INTEGER, AT(bench_pairs), TIMED, 0,
     .help = "how many pairs are timed in turn; medians count (default 11; fewer than 9 prove little)",
     .given_at = AT(bench_has_pairs)},
    {"rotate", "BYTES", BYTES, AT(bench_rotate), TIMED, 0,
     .help = "smaller logits rotate among buffers, BYTES in all, so that they miss the caches\n"
             "(default: four times the device's cache, 256M at least)"},
    {"ignore", "FRACTION", NUMBER, AT(bench_ignore), BENCH, 0,
     .help = "the part of the rows that is not scored, in [0, 0.99]", .least = 0, .most = 0.99},
    {"class-weight", NULL, FLAG, AT(bench_class_weight), BENCH, 0, .help = "a weight for each class"},
    {"atomic", NULL, FLAG, AT(bench_atomic), BENCH, 0,
     .help = "rows add to the loss by atomic additions; default: in a fixed order"},
    {"logits", "F", INPUT, AT(logits), LOSS | SOFTMAX, LOSS | SOFTMAX,
     .help = "(C), (N,C), (B,T,V) ...; f32 f16 bf16 f64", .without = "hidden",
     .why = "--hidden and --classifier make the logits"},
    {"hidden", "F", INPUT, AT(hidden), LOSS, 0,
     .help = "in place of --logits: hidden states, (H), (N,H), (B,T,H) ...; f32 f16 bf16",
     .with = "classifier"},
    {"classifier", "F", INPUT, AT(classifier), LOSS, 0,
     .help = "the weights of the output layer, (C,H): logits = hidden classifier^T + classifier-bias",
     .with = "hidden"},
    {"classifier-bias", "F", INPUT, AT(classifier_bias), LOSS, 0, .help = "its bias, (C); -inf masks a class",
     .with = "hidden"},
    {"log-probs", "F", INPUT, AT(log_probs_in), NLL, NLL,
     .help = "log-probabilities, (C), (N,C), (B,T,V) ..."},
    {"targets", "F", INPUT, AT(targets), BOTH, BOTH,
     .help = "class numbers (i64 i32 u16 u8), of the logits' shape without the class axis;\n"
             "loss also: probabilities, of a floating type and the logits' shape"},
    {"weight", "F", INPUT, AT(weight), BOTH, 0, .help = "a weight for each class, (C)"},
    {"row-weight", "F", INPUT, AT(row_weight), LOSS, 0, .help = "a weight for each row"},
    {"next-token", NULL, FLAG, AT(next_token), LOSS, 0,
     .help = "targets are tokens, (B,T) or (B,T+1): row (b,t) is scored against token (b,t+1)"},
    {"segment", "F", INPUT, AT(segment), LOSS, 0,
     .help = "of the tokens' shape: a row whose next token has another segment is not scored",
     .with = "next-token"},
    {"grad-output", "F", INPUT, AT(grad_output), BOTH, 0,
     .help = "multiplies the gradients: one number, or one a row (reduction none)"},
    {"reduction", "R", CHOICE, AT(reduction), BOTH, 0, .help = "mean (default), sum or none",
     .choices = CHOICES(CLXENT_REDUCTION_MAP, ENTRY), .least = CLXENT_MEAN, .most = CLXENT_NONE},
    {"ignore-index", "I", INTEGER, AT(ignore_index), BOTH, 0,
     .help = "targets of this value are not scored (default: off)", .given_at = AT(use_ignore_index)},
    {"empty-mean", "E", CHOICE, AT(empty_mean), BOTH, 0,
     .help = "the mean when no row is scored: nan (default) or zero",
     .choices = CHOICES(CLXENT_EMPTY_MEAN_MAP, ENTRY), .least = CLXENT_EMPTY_MEAN_NAN,
     .most = CLXENT_EMPTY_MEAN_ZERO},
    {"label-smoothing", "E", NUMBER, AT(label_smoothing), LOSS | BENCH, 0, .help = "in [0, 1]", .least = 0,
     .most = 1},
    {"z-loss", "S", NUMBER, AT(z_loss), LOSS | BENCH, 0, .help = "adds S * lse^2 to each row", .least = 0,
     .most = HUGE_VAL},
    {"softcap", "C", NUMBER, AT(softcap), LOSS | SOFTMAX | BENCH, 0,
     .help = "logits become C tanh(logit / C); 0: off", .least = 0, .most = HUGE_VAL},
    {"logit-scale", "S", NUMBER, AT(logit_scale), LOSS | SOFTMAX, 0,
     .help = "multiplies the logits first (1/temperature)", .least = -1, .most = HUGE_VAL},
    {"class-axis", "A", INTEGER, AT(class_axis), ALL_DATA, 0,
     .help = "the axis of the classes (default: -1, the last)", .without = "hidden",
     .why = "the classes are the rows of --classifier"},
    {"loss", "F", OUTPUT, AT(loss), BOTH, 0, .help = "the loss: a scalar, or one a row (reduction none)"},
    {"per-row", "F", OUTPUT, AT(per_row), BOTH, 0, .help = "each row's loss, weighted, not divided"},
    {"log-prob", "F", OUTPUT, AT(log_prob), BOTH, 0, .help = "each target's log-probability"},
    {"lse", "F", OUTPUT, AT(lse), LOSS, 0, .help = "each row's log-sum-exp"},
    {"argmax", "F", OUTPUT, AT(argmax), BOTH, 0, .help = "each row's most likely class, i64"},
    {"rank", "F", OUTPUT, AT(rank), LOSS, 0, .help = "how many classes stand before the target, i64"},
    {"entropy", "F", OUTPUT, AT(entropy), LOSS, 0, .help = "each row's entropy, in nats"},
    {"log-probs", "F", OUTPUT, AT(log_probs), LOSS, 0, .help = "all log-probabilities, of the logits' shape",
     .without = "hidden",
     .why = "they are as large as the logits, which are never stored; --log-prob has those of the targets"},
    {"grad", "F", OUTPUT, AT(grad), BOTH, 0,
     .help = "the loss's gradient by the input, of its shape and type (bf16: f32)", .without = "hidden",
     .why = "it is as large as the logits, which are never stored; the gradients by the inputs are "
            "--grad-hidden, --grad-classifier and --grad-classifier-bias"},
    {"grad-hidden", "F", OUTPUT, AT(grad_hidden), LOSS, 0,
     .help = "the loss's gradient by --hidden, of its shape and type (bf16: f32)", .with = "hidden"},
    {"grad-classifier", "F", OUTPUT, AT(grad_classifier), LOSS, 0, .help = "by --classifier, likewise",
     .with = "hidden"},
    {"grad-classifier-bias", "F", OUTPUT, AT(grad_classifier_bias), LOSS, 0,
     .help = "by the bias, (C); without --classifier-bias of the classifier's type", .with = "hidden"},
    {"out", "F", OUTPUT, AT(out), SOFTMAX, SOFTMAX,
     .help = "the result, of the logits' shape; f32, for f64 logits f64"},
    {"dtype", "T", CHOICE, AT(dtype), ALL_DATA, 0,
     .help = "f32 f16 bf16 f64: the type given to the device (default: the file's)",
     .choices = CHOICES(CLXENT_DTYPE_MAP, DTYPE_ENTRY), .least = CLXENT_F32, .most = CLXENT_F64},
    {"device", "SPEC", TEXT, AT(device), ALL_DATA | COMMAND_DEMO | COMMAND_VERIFY | TIMED, 0,
     .help = "gpu, cpu, accelerator, a number of `clxent devices`, or part of a name there"},
    {"tuning", "F", INPUT, AT(tuning), ALL_DATA | COMMAND_DEMO | COMMAND_VERIFY | TIMED, 0,
     .help = "a file that `clxent tune` wrote for this device (default: $CLXENT_TUNING); a bad file gives\n"
             "a warning, and the built-in tuning is used"},
    {"memory", "BYTES", BYTES, AT(memory), ALL_DATA, 0,
     .help = "device memory to use at most, K M G allowed; 0: all there is"},
    {"workspace", "BYTES", BYTES, AT(workspace), LOSS | COMMAND_VERIFY | BENCH, 0,
     .help = "device memory for blocks of logits at most, K M G allowed (default: 64M)", .with = "hidden"},
    {"gemm", "G", NAME, AT(gemm), LOSS | COMMAND_VERIFY | BENCH, 0,
     .help = "clblast, openblas, dnnl or clxent: who computes the matrix products; auto (default) takes\n"
             "the fastest that is there",
     .choices = gemms, .least = 0, .most = 4, .with = "hidden"},
    {"schedule", "S", CHOICE, AT(schedule), ALL_DATA, 0,
     .help = "lane, group, wide or split; auto (default) takes the best for device and shape; for tests",
     .choices = CHOICES(CLXENT_SCHEDULE_MAP, ENTRY), .least = CLXENT_SCHEDULE_AUTO,
     .most = CLXENT_SCHEDULE_SPLIT},
    {"out", "F", OUTPUT, AT(tune_out), TUNE, 0, .help = "write the tuning to F (JSON), for --tuning",
     .format = ".json"},
    {"csv", NULL, FLAG, AT(bench_csv), BENCH, 0, .help = "print a line a result, values between commas"},
    {"plot", "F", OUTPUT, AT(bench_plot), BENCH, 0, .help = "write the ratios to F as a picture (SVG)",
     .format = ".svg"},
    {"json", NULL, FLAG, AT(json), REPORTS, 0, .help = "print one JSON object"},
};
enum { ROWS = sizeof table / sizeof *table };

/* Writes the option with its argument, "--logits F", and returns text. */
#define LEFT_TEXT 40
static const char *left_text(char text[LEFT_TEXT], const option_row *row) {
    snprintf(text, LEFT_TEXT, "--%s%s%s", row->name, row->argument ? " " : "",
             row->argument ? row->argument : "");
    return text;
}

static void print_help(const tool_command *command) {
    char left[LEFT_TEXT];
    int width = 20;
    printf("usage: clxent %s", command->name);
    for (int i = 0; i < ROWS; i++) {
        if (table[i].required & command->bit) printf(" %s", left_text(left, &table[i]));
        const int length = (int)strlen(left_text(left, &table[i]));
        if (table[i].commands & command->bit && length > width) width = length;
    }
    printf("%s%s%s [options]\n\n%s\n", command->folder ? " [" : "", command->folder ? command->folder : "",
           command->folder ? "]" : "", command->about);
    for (int i = 0; i < ROWS; i++) {
        if (!(table[i].commands & command->bit)) continue;
        left_text(left, &table[i]);
        for (const char *line = table[i].help; line; left[0] = '\0') {
            const char *end = strchr(line, '\n');
            printf("  %-*s  %.*s\n", width, left, end ? (int)(end - line) : (int)strlen(line), line);
            line = end ? end + 1 : NULL;
        }
    }
    printf("  %-*s  this text\n", width, "--help");
}

static int parse_number(double *out, const tool_command *command, const option_row *row, const char *text) {
    char *end;
    errno = 0;
    const double value = strtod(text, &end);
    if (end == text || *end) return tool_error(command, EXIT_USAGE, "--%s %s: not a number", row->name, text);
    if (errno == ERANGE && value == 0)
        return tool_error(command, EXIT_USAGE, "--%s %s: too small for a number; give %g or more%s",
                          row->name, text, DBL_MIN, row->least < 0 ? "" : ", or 0");
    if (row->least < 0) { /* the open interval: logit_scale */
        if (!(value > 0 && isfinite(value)))
            return tool_error(command, EXIT_USAGE, "--%s %s: must be finite and more than 0", row->name,
                              text);
    } else if (isinf(row->most)) {
        if (!(value >= row->least && isfinite(value)))
            return tool_error(command, EXIT_USAGE, "--%s %s: must be finite and %g or more", row->name, text,
                              row->least);
    } else if (!(value >= row->least && value <= row->most)) {
        return tool_error(command, EXIT_USAGE, "--%s %s: must be in [%g, %g]", row->name, text, row->least,
                          row->most);
    }
    *out = value;
    return EXIT_GOOD;
}

static int parse_integer(int64_t *out, const tool_command *command, const option_row *row, const char *text) {
    char *end;
    errno = 0;
    const intmax_t value = strtoimax(text, &end, 10);
    if (end == text || *end)
        return tool_error(command, EXIT_USAGE, "--%s %s: not an integer", row->name, text);
    if (errno == ERANGE || value < INT64_MIN || value > INT64_MAX)
        return tool_error(command, EXIT_USAGE, "--%s %s: must be in [-2^63, 2^63 - 1]", row->name, text);
    *out = value;
    return EXIT_GOOD;
}

static int parse_bytes(uint64_t *out, const tool_command *command, const option_row *row, const char *text) {
    static const char units[] = "KMG";
    char *end;
    errno = 0;
    const uintmax_t value = strtoumax(text, &end, 10);
    if (*text < '0' || *text > '9')
        return tool_error(command, EXIT_USAGE, "--%s %s: not a number of bytes, such as 512M", row->name,
                          text);
    int shift = 0;
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (unit) {
        shift = 10 * (int)(unit - units + 1);
        end++;
    }
    if (*end)
        return tool_error(command, EXIT_USAGE, "--%s %s: not a number of bytes, such as 512M", row->name,
                          text);
    if (errno == ERANGE || value > UINT64_MAX >> shift)
        return tool_error(command, EXIT_USAGE, "--%s %s: must be less than 2^64 bytes", row->name, text);
    *out = (uint64_t)value << shift;
    return EXIT_GOOD;
}

/* Sets *out to the choice with the name. */
static int parse_choice(const choice **out, const tool_command *command, const option_row *row,
                        const char *text) {
    char names[64] = "", meant[NEAREST_TEXT];
    nearest near = nearest_to(text, strlen(text));
    for (const choice *c = row->choices; c->name; c++) {
        if (c->value < row->least || c->value > row->most) continue;
        if (strcmp(c->name, text) == 0) {
            *out = c;
            return EXIT_GOOD;
        }
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", c->name);
        nearest_offer(&near, c->name);
    }
    return tool_error(command, EXIT_USAGE, "--%s %s: must be one of %s%s", row->name, text, names,
                      nearest_text(&near, "", meant));
}

static int parse_value(tool_options *out, const tool_command *command, const option_row *row,
                       const char *text) {
    void *at = (char *)out + row->at;
    const choice *chosen = NULL;
    int failed;
    switch (row->kind) {
    case FLAG:
        *(int *)at = 1;
        return EXIT_GOOD;
    case NUMBER:
        return parse_number(at, command, row, text);
    case BYTES:
        return parse_bytes(at, command, row, text);
    case CHOICE:
        failed = parse_choice(&chosen, command, row, text);
        if (!failed) *(int *)at = chosen->value;
        return failed;
    case NAME:
        failed = parse_choice(&chosen, command, row, text);
        if (!failed) *(const char **)at = chosen->name;
        return failed;
    case INTEGER:
        if (row->given_at) *(int *)((char *)out + row->given_at) = 1;
        return parse_integer(at, command, row, text);
    case INPUT:
    case OUTPUT:
        if (!*text) return tool_error(command, EXIT_USAGE, "--%s: the file name is empty", row->name);
        *(const char **)at = text;
        return EXIT_GOOD;
    case TEXT:
        *(const char **)at = text;
        return EXIT_GOOD;
    }
    return EXIT_USAGE;
}

/* Returns "; did you mean --targets?" with the nearest option of the command; "" if none is near. */
static const char *nearest_option(char meant[NEAREST_TEXT], const tool_command *command, const char *name,
                                  size_t length) {
    nearest near = nearest_to(name, length);
    for (int i = 0; i < ROWS; i++)
        if (table[i].commands & command->bit) nearest_offer(&near, table[i].name);
    nearest_offer(&near, "help");
    return nearest_text(&near, "--", meant);
}

/* Writes the names of the commands with these bits: "bench, tune". */
static void command_names(char *text, size_t size, const tool_command *all, unsigned bits) {
    size_t used = 0;
    *text = '\0';
    for (; all->name; all++)
        if (all->bit & bits && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", all->name);
}

/* Reports an option "--name" that getopt does not know. It is short for several options, or an option of
 * another command, or of no command. */
static int unknown_option(const tool_command *all, const tool_command *command, const char *text) {
    const char *name = text + 2;
    const size_t length = strcspn(name, "=");
    unsigned of = 0; /* commands */
    char others[200], several[200] = "", meant[NEAREST_TEXT];
    for (int i = 0; i < ROWS; i++) {
        const int begins = length > 0 && strncmp(table[i].name, name, length) == 0;
        const size_t used = strlen(several);
        if (begins && table[i].commands & command->bit)
            snprintf(several + used, sizeof several - used, "%s--%s", used ? ", " : "", table[i].name);
        else if (begins && table[i].name[length] == '\0')
            of |= table[i].commands; /* the table has some names twice */
    }
    if (*several)
        return tool_error(command, EXIT_USAGE, "%.*s is short for more than one option: %s", (int)length + 2,
                          text, several);
    command_names(others, sizeof others, all, of);
    if (of)
        return tool_error(command, EXIT_USAGE, "%.*s is an option of %s, not of %s", (int)length + 2, text,
                          others, command->name);
    return tool_error(command, EXIT_USAGE, "unknown option %.*s%s", (int)length + 2, text,
                      nearest_option(meant, command, name, length));
}

/* Reports a letter that getopt does not know: that of "-x", or of "-logits" for "--logits". getopt does not
 * tell its argument exactly: it is argv[optind] while letters of it are left, else the one before. */
static int unknown_letter(const tool_command *command, char **argv) {
    char meant[NEAREST_TEXT] = "";
    for (int i = optind; i >= optind - 1 && i > 0 && !*meant; i--)
        if (argv[i] && argv[i][0] == '-' && argv[i][1] != '-')
            nearest_option(meant, command, argv[i] + 1, strcspn(argv[i] + 1, "="));
    return tool_error(command, EXIT_USAGE,
                      optopt > ' ' && optopt < 0x7f ? "unknown option -%c%s" : "unknown option -\\x%02x%s",
                      (unsigned char)optopt, meant);
}

/* Returns the file that was given for the option. NULL: none was given, or the option is of another kind or
 * command. */
static const char *file_of(const tool_options *o, const tool_command *command, int row, option_kind kind) {
    if (!(table[row].commands & command->bit) || table[row].kind != kind) return NULL;
    return *(const char *const *)((const char *)o + table[row].at);
}

/* Checks that the output has a file of its own, which no other output and no input has. */
static int check_output(const tool_options *o, const tool_command *command, int row, const char *file) {
    const char *name = table[row].name, *format = table[row].format ? table[row].format : ".npy";
    const int failed = output_name_check(file, format, name, command);
    if (failed) return failed;
    for (int i = 0; i < ROWS; i++) {
        const char *output = i < row ? file_of(o, command, i, OUTPUT) : NULL;
        const char *input = file_of(o, command, i, INPUT);
        if (output && file_is_same(output, file))
            return tool_error(command, EXIT_USAGE, "--%s and --%s would both be written to %s", table[i].name,
                              name, file);
        if (input && output_is_input(file, input))
            return tool_error(command, EXIT_USAGE,
                              "--%s %s: this is the file of --%s, which it would replace; name another", name,
                              file, table[i].name);
    }
    return EXIT_GOOD;
}

/* Returns the row of an option of the command; -1: the command has no such option. */
static int find_option(const tool_command *command, const char *name) {
    for (int i = 0; i < ROWS; i++)
        if (table[i].commands & command->bit && strcmp(table[i].name, name) == 0) return i;
    return -1;
}

/* Checks an option that was given against the others, and one that was not given but is needed. */
static int check_company(const int *given, const tool_command *command, int i) {
    const option_row *row = &table[i];
    const int other = row->without ? find_option(command, row->without) : -1;
    const int displaced = other >= 0 && given[other];
    if (!given[i] && row->required & command->bit && !displaced)
        return tool_error(command, EXIT_USAGE, "--%s %s is needed%s%s%s", row->name, row->argument,
                          other >= 0 ? ", or --" : "", other >= 0 ? row->without : "",
                          other >= 0 ? " in its place" : "");
    if (given[i] && displaced)
        return tool_error(command, EXIT_USAGE, "--%s does not go with --%s: %s", row->name, row->without,
                          row->why);
    const int partner = row->with ? find_option(command, row->with) : -1;
    if (given[i] && partner >= 0 && !given[partner])
        return tool_error(command, EXIT_USAGE, "--%s is of use with --%s only", row->name, row->with);
    return EXIT_GOOD;
}

/* Checks that need the whole command line: options that are missing or do not go together, and two options
 * with one file. */
static int check(const tool_options *o, const int *given, const tool_command *command) {
    int failed = EXIT_GOOD;
    for (int i = 0; i < ROWS && !failed; i++) {
        const char *output = file_of(o, command, i, OUTPUT);
        if (table[i].commands & command->bit) failed = check_company(given, command, i);
        if (!failed && output) failed = check_output(o, command, i, output);
    }
    return failed;
}

int options_parse(tool_options *out, const tool_command *all, const tool_command *command, int argc,
                  char **argv) {
    struct option long_options[ROWS + 2];
    int given[ROWS] = {0}, n = 0, c;
    *out = (tool_options){.reduction = CLXENT_MEAN, .class_axis = -1, .logit_scale = 1};
    for (int i = 0; i < ROWS; i++)
        if (table[i].commands & command->bit)
            long_options[n++] = (struct option){
                table[i].name, table[i].argument ? required_argument : no_argument, NULL, 256 + i};
    long_options[n++] = (struct option){"help", no_argument, NULL, 'h'};
    long_options[n] = (struct option){NULL, 0, NULL, 0};

    opterr = 0;
    optind = 0; /* with 1, getopt would go on inside the last argument of an earlier call */
    while ((c = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (c == 'h') {
            print_help(command);
            return -1;
        }
        if (c == ':') return tool_error(command, EXIT_USAGE, "%s needs a value", argv[optind - 1]);
        if (c == '?' && optopt > 256)
            return tool_error(command, EXIT_USAGE, "%s takes no value", argv[optind - 1]);
        if (c == '?' && optopt) return unknown_letter(command, argv);
        if (c == '?') return unknown_option(all, command, argv[optind - 1]);
        const int i = c - 256;
        if (given[i]++) return tool_error(command, EXIT_USAGE, "--%s is given twice", table[i].name);
        const int failed = parse_value(out, command, &table[i], optarg);
        if (failed) return failed;
    }
    if (command->folder && optind < argc) out->folder = argv[optind++];
    if (out->folder && !*out->folder)
        return tool_error(command, EXIT_USAGE, "%s: the name is empty", command->folder);
    if (optind < argc)
        return tool_error(command, EXIT_USAGE,
                          "unexpected argument %s: files and values follow the option that they are for",
                          argv[optind]);
    return check(out, given, command);
}

int options_check_outputs(const tool_options *options, const tool_command *command) {
    int failed = EXIT_GOOD;
    for (int i = 0; i < ROWS; i++) {
        const char *file = file_of(options, command, i, OUTPUT);
        if (file && output_place_check(file, command) != EXIT_GOOD) failed = EXIT_DATA;
    }
    return failed;
}
