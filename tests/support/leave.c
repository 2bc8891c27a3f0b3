/* SPDX-License-Identifier: Apache-2.0 */
#include "leave.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int leave(int failed) {
    if (getenv("RUSTICL_ENABLE") == NULL) return failed;
    fflush(NULL);
    _exit(failed != 0);
}
