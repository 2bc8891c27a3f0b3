/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_list.h.
 */
#include "bench_list.h"
#include "files/dtype_values.h"
#include "files/nearest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows and vocabularies of language models, classes of images, ten digits, and two shapes with few rows. */
typedef struct shape {
    int64_t rows, classes;
} shape;

static const shape standard[] = {{4096, 32000}, {2048, 50257}, {1024, 128256}, {512, 262144},
                                 {65536, 1000}, {1048576, 10}, {8, 50257},     {1, 262144}};
/* The shapes of --op linear: rows of a batch, and vocabularies. */
static const shape linear[] = {{4096, 32000}, {2048, 50257}, {1024, 128256}};
/* The shapes of --growth: N*C from 1e5 to 5e8. */
static const shape growth[] = {{4, 32000},    {16, 32000},   {64, 32000},   {256, 32000},
                               {1024, 32000}, {4096, 32000}, {15625, 32000}};
/* The shapes of `tune`. The thresholds are powers of two, and there are numbers of classes on both sides of
 * them. These numbers are no multiples of large powers of two, with which rows would compete for the same
 * lines of a cache. The list has shapes for both sizes of work-groups, vocabularies, and shapes with few
 * rows. All but the last three have 2^23 to 2^24 logits. */
static const shape tuned[] = {{1 << 20, 12},  {1 << 19, 25}, {1 << 18, 50}, {1 << 17, 100},
                              {1 << 16, 200}, {40000, 400},  {20000, 800},  {512, 32000},
                              {128, 128256},  {2, 65536},    {1, 262144},   {8, 50257}};
static const clxent_dtype dtypes[] = {CLXENT_F32, CLXENT_F16, CLXENT_BF16};

enum {
    MOST_SHAPES = 32,
    STANDARD = sizeof standard / sizeof *standard,
    LINEAR_SHAPES = sizeof linear / sizeof *linear,
    GROWTH = sizeof growth / sizeof *growth,
    TUNED = sizeof tuned / sizeof *tuned,
    DTYPES = sizeof dtypes / sizeof *dtypes
};

/* --op linear stands behind the ops that have logits. */
enum { LINEAR = BENCH_OPS, OP_NAMES };
static const char *name_of_op(int i) {
    return i == LINEAR ? "linear" : bench_op_name((bench_op)i);
}

static const char *name_of_dtype(int i) {
    return clxent_dtype_name(dtypes[i]);
}

/* Marks the names of the list "a,b" in `chosen`. NULL and "all" mark all names. */
static int parse_names(unsigned char *chosen, const tool_command *command, const char *option,
                       const char *text, int known, const char *(*name)(int)) {
    memset(chosen, !text || strcmp(text, "all") == 0, (size_t)known);
    while (text && strcmp(text, "all") != 0) {
        const int length = (int)strcspn(text, ",");
        int i = 0;
        while (i < known &&
               (strlen(name(i)) != (size_t)length || strncmp(name(i), text, (size_t)length) != 0))
            i++;
        if (i == known) {
            char names[160] = "", meant[NEAREST_TEXT];
            nearest near = nearest_to(text, (size_t)length);
            for (int k = 0; k < known; k++) {
                const size_t used = strlen(names);
                snprintf(names + used, sizeof names - used, "%s, ", name(k));
                nearest_offer(&near, name(k));
            }
            return tool_error(command, EXIT_USAGE, "--%s %.*s: must be some of %sor all%s", option, length,
                              text, names, nearest_text(&near, "", meant));
        }
        chosen[i] = 1;
        text = text[length] ? text + length + 1 : NULL;
    }
    return EXIT_GOOD;
}

static int check_shape(const tool_command *command, int64_t rows, int64_t classes) {
    if (rows < 1) return tool_error(command, EXIT_USAGE, "rows %" PRId64 ": must be 1 or more", rows);
    if (classes < 1 || classes > INT32_MAX)
        return tool_error(command, EXIT_USAGE, "classes %" PRId64 ": must be in [1, 2147483647]", classes);
    if (rows > (INT64_C(1) << 60) / classes)
        return tool_error(command, EXIT_USAGE,
                          "%" PRId64 " rows of %" PRId64 " classes: must be at most 2^60 logits", rows,
                          classes);
    return EXIT_GOOD;
}

static int parse_shapes(shape *out, int *n, const tool_command *command, const char *text) {
    *n = 0;
    for (const char *at = text; at;) {
        const int length = (int)strcspn(at, ",");
        char *end;
        errno = 0;
        const intmax_t rows = strtoimax(at, &end, 10);
        const int times = *at >= '0' && *at <= '9' && *end == 'x' && end[1] >= '0' && end[1] <= '9';
        const intmax_t classes = times ? strtoimax(end + 1, &end, 10) : 0;
        if (!times || end != at + length || errno == ERANGE) {
            char known[200] = "";
            for (int i = 0; i < STANDARD; i++) {
                const size_t used = strlen(known);
                snprintf(known + used, sizeof known - used, "%s%" PRId64 "x%" PRId64, i ? ", " : "",
                         standard[i].rows, standard[i].classes);
            }
            return tool_error(command, EXIT_USAGE, "--shape %.*s: must be ROWSxCLASSES, such as %s", length,
                              at, known);
        }
        const int failed = check_shape(command, rows, classes);
        if (failed) return failed;
        if (*n == MOST_SHAPES)
            return tool_error(command, EXIT_USAGE, "--shape: at most %d shapes", MOST_SHAPES);
        out[(*n)++] = (shape){rows, classes};
        at = at[length] ? at + length + 1 : NULL;
    }
    return EXIT_GOOD;
}

/* Takes the shapes from the one option that names them, or else the standard shapes. */
static int choose_shapes(shape *out, int *n, const tool_command *command, const tool_options *o,
                         int is_linear) {
    const int named = o->bench_has_rows || o->bench_has_classes;
    if ((o->bench_shapes != NULL) + named + o->bench_growth > 1)
        return tool_error(command, EXIT_USAGE,
                          "shapes are asked for in one way: --shape, or --rows and --classes, or --growth");
    if (o->bench_shapes) return parse_shapes(out, n, command, o->bench_shapes);
    if (named) {
        if (!o->bench_has_rows || !o->bench_has_classes)
            return tool_error(command, EXIT_USAGE, "--%s needs --%s beside it",
                              o->bench_has_rows ? "rows" : "classes", o->bench_has_rows ? "classes" : "rows");
        *n = 1;
        out[0] = (shape){o->bench_rows, o->bench_classes};
        return check_shape(command, o->bench_rows, o->bench_classes);
    }
    const int for_tune = command->bit == COMMAND_TUNE;
    const shape *chosen = for_tune ? tuned : is_linear ? linear : o->bench_growth ? growth : standard;
    *n = for_tune ? TUNED : is_linear ? LINEAR_SHAPES : o->bench_growth ? GROWTH : STANDARD;
    memcpy(out, chosen, (size_t)*n * sizeof *out);
    return EXIT_GOOD;
}

static int make_settings(bench_settings *s, const tool_command *command, const tool_options *o) {
    *s = (bench_settings){.pairs = o->bench_has_pairs ? 0 : 11,
                          .rotate = o->bench_rotate,
                          .named_shape = o->bench_has_rows,
                          .label_smoothing = o->label_smoothing,
                          .z_loss = o->z_loss,
                          .softcap = o->softcap,
                          .ignored = o->bench_ignore,
                          .class_weight = o->bench_class_weight,
                          .atomic = o->bench_atomic};
    if (o->bench_has_pairs) {
        if (o->bench_pairs < 1 || o->bench_pairs > 10000)
            return tool_error(command, EXIT_USAGE, "--pairs %" PRId64 ": must be in [1, 10000]",
                              o->bench_pairs);
        s->pairs = (int)o->bench_pairs;
    }
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"label_smoothing", s->label_smoothing},
                   {"z_loss", s->z_loss},
                   {"softcap", s->softcap},
                   {"ignored", s->ignored}};
    int used = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].value > 0)
            used += snprintf(s->options + used, sizeof s->options - (size_t)used, "%s%s=%g", used ? " " : "",
                             numbers[i].name, numbers[i].value);
    const struct {
        const char *name;
        int on;
    } flags[] = {{"class_weight", s->class_weight}, {"atomic", s->atomic}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].on)
            used += snprintf(s->options + used, sizeof s->options - (size_t)used, "%s%s", used ? " " : "",
                             flags[i].name);
    return EXIT_GOOD;
}

/* --op linear is measured alone, against matrix products. It becomes a case of the loss and one of the loss
 * with its gradients. */
static int choose_linear(bench_list *list, unsigned char has_op[OP_NAMES], const tool_command *command,
                         const tool_options *o) {
    list->is_linear = o->bench_ops && strcmp(o->bench_ops, "linear") == 0;
    list->features = o->bench_features;
    list->workspace = o->workspace;
    if (!list->is_linear) {
        if (has_op[LINEAR] && o->bench_ops && strcmp(o->bench_ops, "all") != 0)
            return tool_error(command, EXIT_USAGE, "--op %s: linear stands alone", o->bench_ops);
        const char *lone = o->bench_has_features ? "features"
                           : o->gemm             ? "gemm"
                           : o->workspace        ? "workspace"
                                                 : NULL;
        if (lone) return tool_error(command, EXIT_USAGE, "--%s is of use with --op linear only", lone);
        return EXIT_GOOD;
    }
    const char *other = o->bench_growth   ? "growth"
                        : o->bench_rotate ? "rotate"
                        : o->bench_plot   ? "plot"
                                          : NULL;
    if (other) return tool_error(command, EXIT_USAGE, "--%s does not go with --op linear", other);
    if (!o->bench_has_features)
        return tool_error(command, EXIT_USAGE, "--op linear needs --features H, such as --features 768");
    if (o->bench_features < 1 || o->bench_features > INT32_MAX)
        return tool_error(command, EXIT_USAGE, "--features %" PRId64 ": must be in [1, 2147483647]",
                          o->bench_features);
    has_op[BENCH_FORWARD] = has_op[BENCH_GRAD] = 1;
    return EXIT_GOOD;
}

int bench_list_make(bench_list *list, const tool_command *command, const tool_options *o) {
    unsigned char has_op[OP_NAMES], has_dtype[DTYPES];
    shape shapes[MOST_SHAPES];
    int n = 0;
    *list = (bench_list){0};
    const char *op_names = o->bench_ops                   ? o->bench_ops
                           : command->bit == COMMAND_TUNE ? "forward,grad"
                           : o->bench_growth              ? "grad"
                                                          : NULL;
    int failed = parse_names(has_op, command, "op", op_names, OP_NAMES, name_of_op);
    if (!failed) failed = choose_linear(list, has_op, command, o);
    if (!failed) failed = choose_shapes(shapes, &n, command, o, list->is_linear);
    if (!failed) failed = make_settings(&list->settings, command, o);
    if (!failed)
        failed = parse_names(has_dtype, command, "dtype", o->bench_dtypes ? o->bench_dtypes : "f32", DTYPES,
                             name_of_dtype);
    if (failed) return failed;
    if (list->settings.options[0]) {
        if (o->bench_ops && strcmp(o->bench_ops, "all") != 0 && has_op[BENCH_LOG_SOFTMAX])
            return tool_error(command, EXIT_USAGE, "--op log-softmax has none of the loss's options (%s)",
                              list->settings.options);
        has_op[BENCH_LOG_SOFTMAX] = 0;
    }
    list->cases = calloc((size_t)n * DTYPES * BENCH_OPS, sizeof *list->cases);
    if (!list->cases) return tool_error(command, EXIT_DEVICE, "no host memory for the list of cases");
    for (int i = 0; i < n; i++)
        for (int t = 0; t < DTYPES; t++)
            for (int op = 0; op < BENCH_OPS; op++)
                if (has_dtype[t] && has_op[op])
                    list->cases[list->count++] =
                        (bench_case){(bench_op)op, shapes[i].rows, shapes[i].classes, dtypes[t]};
    return EXIT_GOOD;
}

int bench_list_fits(const bench_list *list, const bench_device *device) {
    for (size_t i = 0; i < list->count && list->settings.named_shape; i++) {
        const bench_case *what = &list->cases[i];
        char why[sizeof((bench_result *)0)->skipped];
        bench_problem problem;
        bench_problem_plan(&problem, device, &list->settings, what, why, sizeof why);
        if (why[0])
            return tool_error(device->session->command, EXIT_USAGE,
                              "--rows %" PRId64 " --classes %" PRId64 ": %s %s %s", what->rows, what->classes,
                              bench_op_name(what->op), clxent_dtype_name(what->dtype), why);
    }
    return EXIT_GOOD;
}

void bench_list_free(bench_list *list) {
    free(list->cases);
    *list = (bench_list){0};
}
