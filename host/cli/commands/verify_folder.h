/* SPDX-License-Identifier: Apache-2.0
 *
 * `clxent verify FOLDER`: runs the cases of linear cross entropy in a folder, and compares the results with
 * the files beside them.
 *
 * A case is a folder with a file case.txt of lines "key value". `op` names the operation; cases of other
 * operations are left out. `inputs` and `outputs` name the files, without .npy. `z_error` is how far each
 * logit may be off. `note` says something to readers. Every other key is an option of `clxent loss`, with _
 * for -.
 */
#ifndef CLXENT_CLI_VERIFY_FOLDER_H
#define CLXENT_CLI_VERIFY_FOLDER_H

#include "session/session.h"
#include "shell/options.h"

/* Runs FOLDER itself, if it is a case, else the cases below it. Returns the exit code. */
int verify_folder(const session *s, const tool_command *command, const tool_options *options);

#endif
