/* SPDX-License-Identifier: Apache-2.0
 *
 * Who would compute the matrix products of linear cross entropy on a device, and why.
 */
#ifndef CLXENT_CLI_PRODUCTS_H
#define CLXENT_CLI_PRODUCTS_H

#include <stddef.h>

typedef struct products {
    char name[64]; /* "": nobody can; `why` says what failed */
    char why[1200];
} products;

/* Opens the device with that number in the list of devices, and asks. */
void products_of_device(products *out, size_t number);

#endif
