/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the bigram model that are not the loss: a table of logits, a row for each previous byte.
 * Launch: every kernel takes one work-item an element, the class in dimension 0. Work-items share nothing,
 * so there is nothing to race for and every run gives the same bits. */

#define CLASSES 256

/* Dimension 1: the position. Its logits are the table's row of the byte that stands there. */
__kernel void gather(__global const float *table, __global const uchar *text, ulong first,
                     __global float *logits) {
    const size_t class = get_global_id(0), position = get_global_id(1);
    logits[position * CLASSES + class] = table[text[first + position] * CLASSES + class];
}

/* Dimension 1: the previous byte. Adds to its row of table_grad the gradients of all positions that used
 * it: order[starts[byte]] to order[starts[byte + 1]], excluded. Turning the scatter round like this is
 * what makes it race-free. */
__kernel void add_rows(__global const float *logits_grad, __global const uint *order, ulong first,
                       __global const uint *starts, ulong starts_at, __global float *table_grad) {
    const size_t class = get_global_id(0), byte = get_global_id(1);
    const uint end = starts[starts_at + byte + 1];
    float sum = 0.0f;
    for (uint k = starts[starts_at + byte]; k < end; k++)
        sum += logits_grad[(size_t)order[first + k] * CLASSES + class];
    table_grad[byte * CLASSES + class] += sum;
}

/* Adam (Kingma and Ba 2015) without weight decay; `rate` has its two bias corrections already. Leaves the
 * gradient 0 for the next step. */
__kernel void adam(__global float *table, __global float *table_grad, __global float *mean,
                   __global float *variance, float rate) {
    const size_t i = get_global_id(1) * CLASSES + get_global_id(0);
    const float g = table_grad[i];
    mean[i] += 0.1f * (g - mean[i]);
    variance[i] += 0.001f * (g * g - variance[i]);
    table[i] -= rate * mean[i] / (sqrt(variance[i]) + 1e-10f);
    table_grad[i] = 0.0f;
}
