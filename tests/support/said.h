/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that a test has provoked, kept for tests/messages, which looks for those that no test provokes.
 */
#ifndef CLXENT_TESTS_SAID_H
#define CLXENT_TESTS_SAID_H

/* Adds the message to the file that CLXENT_TEST_MESSAGES names, which this process's first message begins
 * anew. Without that variable, nothing. */
void said(const char *message);

#endif
