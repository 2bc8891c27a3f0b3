/* SPDX-License-Identifier: Apache-2.0
 *
 * How a device test ends. */
#ifndef CLXENT_TEST_LEAVE_H
#define CLXENT_TEST_LEAVE_H

/* Returns what main() must return. On rusticl it ends the process itself, without exit handlers: while these
 * run, the driver's own thread may still release kernels, and then the process crashes (Mesa 22.3, in 3 of 60
 * runs of the enqueue test on a busy machine, after all their tests had passed). Elsewhere, leak checkers
 * need the handlers. */
int leave(int failed);

#endif
