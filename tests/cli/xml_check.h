/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks that a text is well-formed XML of the kind that the tool writes: no DTD, no CDATA, and no processing
 * instruction except the declaration. It does not check the meaning of elements.
 */
#ifndef CLXENT_TESTS_XML_CHECK_H
#define CLXENT_TESTS_XML_CHECK_H

/* Returns NULL, or a text that names the fault. *elements is the number of elements. */
const char *xml_check(const char *text, int *elements);

#endif
