/* SPDX-License-Identifier: Apache-2.0
 *
 * The sweep: rows of a shape, type and magnitude, their exact results and the bounds on their errors.
 */
#ifndef CLXENT_TESTS_SWEEP_H
#define CLXENT_TESTS_SWEEP_H

#include "exact.h"
#include "expect.h"

/* How the logits of a row lie. */
typedef struct sweep_spread {
    const char *name;
    double magnitude; /* normal: the deviation; else the largest logit */
    int ulp_apart; /* a quarter of the classes is at most three units in the last place below the largest */
} sweep_spread;

extern const sweep_spread sweep_spreads[];
extern const int sweep_spread_count;

/* Whether the type holds such logits. */
int sweep_has(clxent_dtype dtype, const sweep_spread *spread);

/* The outputs that are checked. The last two come from a call of their own: it has no other outputs, and
 * writes its gradient over the logits. */
typedef enum sweep_output {
    SWEEP_LOSS, /* the mean */
    SWEEP_ROW_LOSS,
    SWEEP_LOG_PROB,
    SWEEP_LSE,
    SWEEP_ENTROPY,
    SWEEP_GRAD,
    SWEEP_LOSS_IN_PLACE,
    SWEEP_GRAD_IN_PLACE,
    SWEEP_OUTPUTS
} sweep_output;

extern const char *const sweep_output_names[SWEEP_OUTPUTS];

/* Errors in units of the bound. */
typedef struct sweep_error {
    int64_t values, outside;
    double largest, sum;
} sweep_error;

typedef struct sweep_case {
    clxent_dtype dtype;
    const sweep_spread *spread;
    int64_t rows, classes;
    void *logits;     /* in dtype */
    int64_t *targets; /* every second row has its largest class as target */
    /* The exact results, and the bounds on their errors. grad is the gradient of the mean; it has one bound a
     * row. */
    double loss, loss_bound, *log_prob, *log_prob_bound, *lse, *lse_bound, *entropy, *entropy_bound;
    double *row_loss_bound, *grad, *grad_bound;
    sweep_error reference; /* the error of host/reference, over all its values */
} sweep_case;

/* Fails the test when an allocation fails. */
void sweep_case_open(sweep_case *c, clxent_dtype dtype, const sweep_spread *spread, int64_t rows,
                     int64_t classes);
void sweep_case_close(sweep_case *c);

/* Notes the error of one value that is stored in `dtype`. For a 16-bit type, half a unit in the last place is
 * added to the bound. */
void sweep_note(sweep_error *e, clxent_dtype dtype, double got, double exact, double bound);
void sweep_merge(sweep_error *all, const sweep_error *some);

#endif
