/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals that end the tool (INT, TERM, HUP, QUIT) while a file that is not finished has a name: the file is
 * removed, and then the signal ends the process as it would have. A driver's threads are in the process too,
 * and any of them may be the one that a signal interrupts.
 */
#ifndef CLXENT_CLI_INTERRUPT_H
#define CLXENT_CLI_INTERRUPT_H

/* From here on those signals are looked after, but for those that whoever started the tool has ignored
 * (nohup). To write beyond the user's limit on file sizes is an error of write() from here on, no signal. */
void interrupt_watch(void);

/* Between the two a signal waits: a name is made, or taken away. */
void interrupt_hold(void);

/* From here on a signal removes the file `name` of `folder` (as in openat(); NULL: there is none) and ends
 * the process. One that has waited does so now. `name` is to stay as it is until the next interrupt_hold().
 */
void interrupt_release(int folder, const char *name);

#endif
