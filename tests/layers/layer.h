/* SPDX-License-Identifier: Apache-2.0
 *
 * A layer between the OpenCL loader and the driver (OPENCL_LAYERS=file.so). layer.c has the entry points that
 * every layer needs. Each layer defines this one function. */
#ifndef CLXENT_TESTS_LAYER_H
#define CLXENT_TESTS_LAYER_H

#include <CL/cl_layer.h>

/* Puts the layer's own functions into `dispatch`, which holds the functions of `next`. */
void layer_change(struct _cl_icd_dispatch *dispatch, const struct _cl_icd_dispatch *next);

#endif
