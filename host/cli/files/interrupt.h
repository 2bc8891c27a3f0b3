/* SPDX-License-Identifier: Apache-2.0
 *
 * Handles signals that end the tool (INT, TERM, HUP, QUIT) while an unfinished file has a name. The handler
 * removes the file, and then the signal ends the process as usual. The process has threads of a driver too,
 * and a signal may interrupt any of them.
 */
#ifndef CLXENT_CLI_INTERRUPT_H
#define CLXENT_CLI_INTERRUPT_H

/* Installs the handler for those signals, except for signals that the parent process ignores (nohup). It also
 * ignores SIGXFSZ: write() then fails beyond the user's limit on file sizes, and no signal comes. */
void interrupt_watch(void);

/* Between interrupt_hold() and interrupt_release() a signal waits. The caller makes or removes a name. */
void interrupt_hold(void);

/* From this call on, a signal removes the file `name` of `folder` (as in openat(); NULL: no file) and ends
 * the process. A signal that waited does this now. `name` must not change until the next interrupt_hold(). */
void interrupt_release(int folder, const char *name);

#endif
