/* SPDX-License-Identifier: Apache-2.0
 *
 * See session.h.
 */
#include "session.h"

#include "cache.h"
#include "shell/options.h"
#include "tuning_file.h"
#include "wording.h"

#include <stdio.h>
#include <time.h>

/* The commands whose programs are kept: users run them again and again on their files. `verify` is not among
 * them, because it must test the programs that the device compiles from the sources. */
enum { CACHED_COMMANDS = COMMAND_LOSS | COMMAND_NLL | COMMAND_SOFTMAX | COMMAND_LOG_SOFTMAX };

int session_exit_code(clxent_status status) {
    switch (status) {
    case CLXENT_OK:
        return EXIT_GOOD;
    case CLXENT_ERR_ARGUMENT:
        return EXIT_USAGE;
    case CLXENT_ERR_SHAPE:
    case CLXENT_ERR_DTYPE:
    case CLXENT_ERR_TARGET:
    case CLXENT_ERR_BUFFER:
        return EXIT_DATA;
    case CLXENT_ERR_UNSUPPORTED:
    case CLXENT_ERR_NO_DEVICE:
    case CLXENT_ERR_OPENCL:
    case CLXENT_ERR_BUILD:
    case CLXENT_ERR_MEMORY:
    case CLXENT_ERR_FORK:
        break;
    }
    return EXIT_DEVICE;
}

int session_open(session *s, const tool_command *command, const tool_options *options) {
    clxent_error error;
    clxent_ctx_options ctx_options = CLXENT_CTX_OPTIONS_INIT;
    ctx_options.device = options->device;
    ctx_options.memory_bytes = options->memory;
    ctx_options.gemm = options->gemm;
    *s = (session){.command = command, .options = options, .device = CLXENT_DEVICE_INFO_INIT};
    clxent_status status = clxent_ctx_create(&s->ctx, &ctx_options, &error);
    if (status != CLXENT_OK) {
        char message[sizeof error.message];
        wording_of_options(message, sizeof message, error.message);
        tool_error(command, session_exit_code(status), "%s", message);
        if (status == CLXENT_ERR_NO_DEVICE) fprintf(stderr, "see clxent devices\n");
        return session_exit_code(status);
    }
    status = clxent_ctx_device(s->ctx, &s->device);
    if (status != CLXENT_OK) return session_failed(s, status);
    tuning_apply(s, options->tuning);
    if (command->bit & CACHED_COMMANDS) cache_load(command, s->ctx, &s->device);
    return EXIT_GOOD;
}

void session_close(session *s) {
    if (s->ctx && s->command->bit & CACHED_COMMANDS) {
        fflush(
            stdout); /* answer first: some drivers compile again for the cache. main() checks for failures */
        cache_store(s->ctx, &s->device);
    }
    clxent_ctx_destroy(s->ctx);
    s->ctx = NULL;
}

void session_advise(const session *s, clxent_status status) {
    if (status == CLXENT_ERR_UNSUPPORTED && s->options->schedule != CLXENT_SCHEDULE_AUTO)
        return; /* the message names the cure, and `devices` does not help with it */
    if (status == CLXENT_ERR_UNSUPPORTED)
        fprintf(stderr, "see clxent devices for what each device has (--device SPEC)\n");
    else if (status == CLXENT_ERR_OPENCL || status == CLXENT_ERR_BUILD)
        fprintf(stderr, "see clxent devices for other devices (--device SPEC)\n");
    else if (status == CLXENT_ERR_MEMORY)
        fprintf(stderr, "see clxent devices for the memory of each device (--device SPEC)%s\n",
                s->command->bit & CACHED_COMMANDS ? "; --memory BYTES limits what is used" : "");
}

int session_failed(const session *s, clxent_status status) {
    char message[sizeof((clxent_error *)0)->message];
    wording_of_options(message, sizeof message, clxent_ctx_last_error(s->ctx));
    tool_error(s->command, session_exit_code(status), "%s", *message ? message : clxent_status_text(status));
    if (status == CLXENT_ERR_BUILD) fprintf(stderr, "%s\n", clxent_ctx_build_log(s->ctx));
    session_advise(s, status);
    return session_exit_code(status);
}

double session_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

clxent_status session_run(const session *s, const clxent_desc *desc, clxent_schedule schedule,
                          const clxent_arrays *arrays, double *seconds) {
    clxent_plan *plan = NULL;
    clxent_status status = clxent_plan_create_scheduled(&plan, s->ctx, desc, schedule);
    if (status == CLXENT_OK) {
        const double start = session_clock();
        status = clxent_run(plan, arrays);
        if (seconds) *seconds = session_clock() - start;
    }
    clxent_plan_destroy(plan);
    return status;
}
