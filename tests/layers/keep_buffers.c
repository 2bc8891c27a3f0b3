/* SPDX-License-Identifier: Apache-2.0
 *
 * Never lets a buffer go, for Oclgrind 21.10: that gives a new buffer the address of a released one but keeps
 * the old one's record of what was written, with the old size, and then calls the new one's contents
 * uninitialized. With every buffer kept, its reports can be believed. */
#include "layer.h"

static cl_int CL_API_CALL keep(cl_mem buffer) {
    (void)buffer;
    return CL_SUCCESS;
}

void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next) {
    (void)next;
    dispatch->clReleaseMemObject = keep;
}
