/* SPDX-License-Identifier: Apache-2.0
 *
 * The problems of the soak test: mixed shapes, types, schedules and options, each with three sets of outputs
 * and with the bits that each set must have. The results of a call are one image: it has every output at its
 * place, and a filler where the call must not write.
 */
#ifndef CLXENT_TESTS_JOB_H
#define CLXENT_TESTS_JOB_H

#include "support/device_call.h"

/* All outputs; the loss and a gradient over the logits; the loss alone. */
typedef enum job_outputs { JOB_ALL, JOB_IN_PLACE, JOB_LOSS, JOB_OUTPUTS } job_outputs;

enum { JOB_FILLER = 0x7B };

typedef struct job {
    clxent_desc desc;
    clxent_schedule schedule;
    size_t logits_bytes, image_bytes;
    size_t at_grad; /* the gradient's offset in the image */
    void *logits;
    int64_t *targets;
    cl_mem logits_mem, targets_mem;
    unsigned char *expected[JOB_OUTPUTS];
    clxent_plan *plan;
} job;

/* How many jobs there are. */
extern const int job_count;

/* Makes inputs and plan. Runs the job once for each set of outputs, from host arrays, compares the results
 * with the double-precision reference, and keeps them as `expected`. Returns false if the device lacks the
 * type. */
bool job_open(job *j, int which, const owner *o);
void job_close(job *j);

void job_plan(job *j, const owner *o);

/* Makes one call. Its results go to `image`, which has image_bytes bytes; before the call they are fillers.
 * For JOB_IN_PLACE the logits must stand at the gradient's place: job_run() copies them there, job_enqueue()
 * enqueues the copy. */
void job_run(const job *j, const owner *o, job_outputs outputs, unsigned char *image);
cl_event job_enqueue(const job *j, const owner *o, job_outputs outputs, cl_mem image);

#endif
