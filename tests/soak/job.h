/* SPDX-License-Identifier: Apache-2.0
 *
 * The problems of the soak: mixed shapes, types, schedules and options, three sets of outputs each, and what
 * each must give to the bit. The results of a call are one image: every output at its place, a filler where
 * nothing is to be written.
 */
#ifndef CLXENT_TESTS_JOB_H
#define CLXENT_TESTS_JOB_H

#include "support/device_call.h"

/* Everything; the loss and a gradient over the logits; the loss alone. */
typedef enum job_outputs { JOB_ALL, JOB_IN_PLACE, JOB_LOSS, JOB_OUTPUTS } job_outputs;

enum { JOB_FILLER = 0x7B };

typedef struct job {
    clxent_desc desc;
    clxent_schedule schedule;
    size_t logits_bytes, image_bytes;
    size_t at_grad; /* where in the image */
    void *logits;
    int64_t *targets;
    cl_mem logits_mem, targets_mem;
    unsigned char *expected[JOB_OUTPUTS];
    clxent_plan *plan;
} job;

/* How many there are. */
extern const int job_count;

/* Makes inputs and plan; runs the job once for each set of outputs, from host arrays, and holds the results
 * to the double-precision reference: they are `expected`. False where the device has no such type or
 * schedule. */
bool job_open(job *j, int which, const owner *o);
void job_close(job *j);

void job_plan(job *j, const owner *o);

/* One call whose results go to `image`, image_bytes of it, fillers before. For JOB_IN_PLACE logits have to
 * stand where the gradient will: job_run() copies them, job_enqueue() enqueues the copy. */
void job_run(const job *j, const owner *o, job_outputs outputs, unsigned char *image);
cl_event job_enqueue(const job *j, const owner *o, job_outputs outputs, cl_mem image);

#endif
