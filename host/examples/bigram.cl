/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernels of the bigram model beside the loss. The model is a table of logits, with a row for each
 * previous byte. Launch: one work-item for each element; dimension 0 is the class. Each element has one
 * work-item that writes it, so nothing races and every run gives the same bits. */

#define CLASSES 256

/* Dimension 1 is the position. The byte at the position chooses a row of the table; this row becomes the
 * position's logits. */
__kernel void gather(__global const float *table, __global const uchar *text, ulong first,
                     __global float *logits) {
    const size_t class = get_global_id(0), position = get_global_id(1);
    logits[position * CLASSES + class] = table[text[first + position] * CLASSES + class];
}

/* Dimension 1 is the previous byte. Adds the gradients of all positions that used this byte to its row of
 * table_grad. These positions are order[starts[byte]] up to order[starts[byte + 1]], excluded. A work-item
 * gathers the gradients for its own element instead of scattering them, so no two work-items race. */
__kernel void add_rows(__global const float *logits_grad, __global const uint *order, ulong first,
                       __global const uint *starts, ulong starts_at, __global float *table_grad) {
    const size_t class = get_global_id(0), byte = get_global_id(1);
    const uint end = starts[starts_at + byte + 1];
    float sum = 0.0f;
    for (uint k = starts[starts_at + byte]; k < end; k++)
        sum += logits_grad[(size_t)order[first + k] * CLASSES + class];
    table_grad[byte * CLASSES + class] += sum;
}

/* Adam (Kingma and Ba 2015) without weight decay. `rate` already contains Adam's two bias corrections. Sets
 * the gradient to 0 for the next step. */
__kernel void adam(__global float *table, __global float *table_grad, __global float *mean,
                   __global float *variance, float rate) {
    const size_t i = get_global_id(1) * CLASSES + get_global_id(0);
    const float g = table_grad[i];
    mean[i] += 0.1f * (g - mean[i]);
    variance[i] += 0.001f * (g * g - variance[i]);
    table[i] -= rate * mean[i] / (sqrt(variance[i]) + 1e-10f);
    table_grad[i] = 0.0f;
}
