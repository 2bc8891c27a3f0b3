/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps the messages that a test provokes for tests/messages, which looks for messages that no test provokes.
 */
#ifndef CLXENT_TESTS_SAID_H
#define CLXENT_TESTS_SAID_H

/* Adds the message to the file that CLXENT_TEST_MESSAGES names. The first message of a process empties the
 * file before. Without that variable, the function does nothing. */
void said(const char *message);

#endif
