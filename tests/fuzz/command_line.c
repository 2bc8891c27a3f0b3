/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile command line: the input's lines are the arguments. The result must be a usage error, help, or a
 * command with options that are within their limits. The target also reads the lists that bench and tune read
 * later. replay.c and libFuzzer's -close_fd_mask=3 can silence its output.
 */
#include "command_line.h"

#include "bench/bench_list.h"
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ARGUMENTS = 64 };

/* Copies an argument into memory of exactly its size, so that a memory checker sees a read beyond it. */
static char *argument(const uint8_t *from, size_t length) {
    char *text = malloc(length + 1);
    FUZZ_CHECK(text != NULL);
    memcpy(text, from, length);
    text[length] = '\0';
    return text;
}

static void check_options(const tool_command *command, const tool_options *o) {
    FUZZ_CHECK(isfinite(o->logit_scale) && o->logit_scale > 0);
    FUZZ_CHECK(o->label_smoothing >= 0 && o->label_smoothing <= 1);
    FUZZ_CHECK(isfinite(o->z_loss) && o->z_loss >= 0 && isfinite(o->softcap) && o->softcap >= 0);
    FUZZ_CHECK(o->reduction == CLXENT_NONE || o->reduction == CLXENT_MEAN || o->reduction == CLXENT_SUM);
    FUZZ_CHECK(!(command->bit & COMMAND_LOSS) || (!o->logits != !o->hidden && o->targets));
    FUZZ_CHECK(!o->hidden == !o->classifier && (o->hidden || (!o->classifier_bias && !o->gemm)));
    FUZZ_CHECK(!o->hidden || (!o->grad && !o->log_probs));
    FUZZ_CHECK(!(command->bit & COMMAND_NLL) || (o->log_probs_in && o->targets));
    FUZZ_CHECK(!o->logits || o->logits[0] != '\0');
    if (!(command->bit & (COMMAND_BENCH | COMMAND_TUNE))) return;
    bench_list list;
    if (bench_list_make(&list, command, o) == EXIT_GOOD)
        for (size_t i = 0; i < list.count; i++) {
            FUZZ_CHECK(list.cases[i].rows >= 1 && list.cases[i].classes >= 1);
            FUZZ_CHECK(list.cases[i].rows <= (INT64_C(1) << 60) / list.cases[i].classes);
        }
    bench_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *argv[MOST_ARGUMENTS + 2] = {(char[]){"clxent"}};
    int argc = 1;
    const tool_command *command = NULL;
    tool_options options;
    if (size > 0 && memchr(data, '\0', size)) return 0; /* an argument has no NUL byte */
    fuzz_limit_allocations(size, 1);
    for (size_t at = 0; at < size && argc <= MOST_ARGUMENTS;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - data) - at : size - at;
        argv[argc++] = argument(data + at, length);
        at += length + 1;
    }
    char *given[MOST_ARGUMENTS + 2]; /* getopt permutes argv */
    memcpy(given, argv, sizeof given);
    const int code = command_line_parse(argc, argv, &command, &options);
    FUZZ_CHECK(code == EXIT_GOOD || (code == EXIT_USAGE && !command));
    if (command) check_options(command, &options);
    for (int i = 1; i < argc; i++) free(given[i]);
    return 0;
}
