/* SPDX-License-Identifier: Apache-2.0
 *
 * Cross entropy of an output layer, in plain double precision: logits = hidden classifier^T + bias, the loss
 * of reference.h on these logits, and the gradients by the three inputs.
 *
 *     x_nc             = sum_h hidden_nh classifier_ch + bias_c
 *     grad_hidden_nh   = sum_c dx_nc classifier_ch, 0 where row n does not count
 *     grad_classifier  = sum of dx_nc hidden_nh over the rows that count
 *     grad_bias_c      = sum of dx_nc over the rows that count
 *
 * dx is the gradient by the logits. Logits that are off make every result be off (logit_errors.c). On top of
 * that come the errors of reference.h, and those of the sums (linear.c). */
#ifndef CLXENT_REFERENCE_LINEAR_H
#define CLXENT_REFERENCE_LINEAR_H

#include "reference.h"

/* The pointers stay the caller's. All arrays are dense. */
typedef struct reference_linear {
    reference_problem loss;   /* without logits; class or next-token targets */
    int64_t features;         /* H */
    const double *hidden;     /* (N,H) */
    const double *classifier; /* (C,H) */
    const double *bias;       /* (C), or NULL; -inf masks a class */
    double logit_error;       /* how far every logit may be off; 0: by reference_sum_unit() */
    double grad_rounding;     /* how far dx may be rounded before it is summed up, of itself; 0: it is f32 */
    /* What the device adds the gradients to: (C,H) and (C); NULL: 0. */
    const double *grad_classifier_before, *grad_bias_before;
} reference_linear;

/* Start from zeros. A result is computed only if its pointer is not NULL. */
typedef struct reference_linear_result {
    reference_result rows;                           /* without its (N,C) members */
    double *logits, *logit_error;                    /* (N,C) */
    double *grad_hidden, *grad_hidden_bound;         /* (N,H) */
    double *grad_classifier, *grad_classifier_bound; /* (C,H) */
    double *grad_bias, *grad_bias_bound;             /* (C) */
} reference_linear_result;

/* grad_rounding where hidden and classifier are both bf16: half a unit of bf16, of itself. */
#define REFERENCE_ROUNDING_BF16 0x1p-8

/* Returns 0, or -1 if there is no memory for some rows of C and of C times H numbers. */
int reference_linear_run(const reference_linear *problem, reference_linear_result *result);

/* How far an f32 sum of `terms` products may be off, for a sum of 1 of the magnitudes of its products. */
double reference_sum_unit(int64_t terms);

/* Widens the bounds of a row, for logits x that are off by up to error[c] (logit_errors.c). The row comes
 * from reference_row_compute(), with class targets, and has log_probs; its grad and grad_share_bound are both
 * there or both NULL. */
void reference_row_widen(const reference_problem *problem, const reference_counts *counts, int64_t number,
                         const double *x, const double *error, reference_row *row);

/* Widens the bounds of a row's gradient, which is there, for a gradient that is rounded once more. */
void reference_row_round(double rounding, int64_t classes, reference_row *row);

#endif
