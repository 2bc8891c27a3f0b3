/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a text is well-formed XML, as far as the tool writes it: no DTD, no CDATA, no processing
 * instruction but the declaration. What the elements mean is not looked at.
 */
#ifndef CLXENT_TESTS_XML_CHECK_H
#define CLXENT_TESTS_XML_CHECK_H

/* NULL when it is, else what is wrong. *elements: how many there are. */
const char *xml_check(const char *text, int *elements);

#endif
