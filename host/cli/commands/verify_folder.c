/* SPDX-License-Identifier: Apache-2.0
 *
 * See verify_folder.h. verify_linear.c runs and compares a case.
 */
#include "verify_folder.h"
#include "case_file.h"
#include "inputs.h"
#include "verify_report.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders in folders: deeper ones are not searched, so that a circle of links ends. */
enum { DEEPEST = 8 };

typedef struct search {
    const session *session;
    const tool_command *command;
    const tool_options *options;
    verify_report report;
    int left_out; /* cases of other operations */
} search;

static int run_case(search *f, case_file *c, const tool_options *options, const char *name) {
    inputs in;
    verify_line line = {.what = name, .cases = 1};
    int failed = inputs_open(&in, CLXENT_LINEAR_CROSS_ENTROPY, &case_command, options);
    if (failed) failed = tool_error(f->command, EXIT_DATA, "%s: its inputs do not fit", c->folder);
    if (!failed) failed = case_file_outputs(c, &in.desc, f->command);
    if (!failed && !f->report.session) /* the first case */
        verify_report_start(&f->report, f->session, f->options->json, f->options->folder);
    if (!failed) {
        const clxent_status status = verify_linear_run(f->session, &in.desc, &in.arrays, c->z_error,
                                                       c->outputs, c->n_outputs, &line.result);
        if (status != CLXENT_OK) {
            fprintf(stderr, "%s:\n", c->folder);
            failed = session_failed(f->session, status);
        }
    }
    if (!failed) verify_report_line(&f->report, &line);
    inputs_close(&in);
    return failed;
}

static int open_case(search *f, const char *folder) {
    static const char op[] = "linear-cross-entropy";
    const char *name = strrchr(folder, '/');
    case_file c = {.folder = folder};
    tool_options options;
    int failed = case_file_open(&c, folder, f->command);
    if (!failed && strcmp(c.op, op) != 0) {
        f->left_out++;
    } else if (!failed) {
        failed = case_file_options(&c, &options, f->command);
        if (!failed && !options.hidden)
            failed =
                tool_error(f->command, EXIT_DATA, "%s/case.txt: op %s needs the input hidden", folder, op);
        if (!failed) {
            options.workspace = f->options->workspace;
            failed = run_case(f, &c, &options, name && name[1] ? name + 1 : folder);
        }
    }
    case_file_close(&c);
    return failed;
}

static int is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Runs the case in the folder, or those in its folders, by their names. It calls itself, DEEPEST calls deep
 * at most. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static int search_folder(search *f, const char *folder, int depth) {
    char path[PATH_MAX];
    struct dirent **entries = NULL;
    snprintf(path, sizeof path, "%s/case.txt", folder);
    if (access(path, F_OK) == 0) return open_case(f, folder);
    if (depth == DEEPEST) return EXIT_GOOD;
    const int count = scandir(folder, &entries, visible, alphasort);
    if (count < 0)
        return tool_error(f->command, EXIT_DATA, "%s: cannot list it: %s", folder, strerror(errno));
    int failed = EXIT_GOOD;
    for (int i = 0; i < count; i++) {
        const int length = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (!failed && length < (int)sizeof path && is_folder(path))
            failed = search_folder(f, path, depth + 1);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int verify_folder(const session *s, const tool_command *command, const tool_options *options) {
    search f = {.session = s, .command = command, .options = options};
    int failed = search_folder(&f, options->folder, 0);
    if (!failed && f.report.cases == 0)
        failed = tool_error(command, EXIT_DATA,
                            "%s: no case.txt of op linear-cross-entropy in it; %d of other operations",
                            options->folder, f.left_out);
    if (failed) {
        verify_report_drop(&f.report);
        return failed;
    }
    return verify_report_end(&f.report);
}
