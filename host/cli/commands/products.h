/* SPDX-License-Identifier: Apache-2.0
 *
 * Who would compute the matrix products of linear cross entropy on a device, and why.
 */
#ifndef CLXENT_CLI_PRODUCTS_H
#define CLXENT_CLI_PRODUCTS_H

#include <clxent/clxent.h>

typedef struct products {
    char name[64]; /* "": nobody can; `why` says what failed */
    char why[sizeof((clxent_error *)0)->message];
} products;

/* Opens the device with that number in the list of devices, and asks. Returns the failure: `out` has its
 * message too. A device that lacks something is no failure. */
clxent_status products_of_device(products *out, size_t number);

#endif
