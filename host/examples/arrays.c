/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest program: plain arrays in, the loss and its gradient out. bigram.c shows device buffers. */
#include <clxent/clxent.h>
#include <stdio.h>

int main(void) {
    /* Two positions over a vocabulary of four tokens, and the token that came next at each. */
    float logits[2][4] = {{2.0f, 1.0f, 0.5f, -1.0f}, {0.0f, 3.0f, 0.0f, 1.0f}};
    int64_t targets[2] = {0, 3};
    float loss, grad[2][4];

    clxent_error err;
    clxent_ctx *ctx; /* a device: the one that CLXENT_DEVICE names, else the best one */
    if (clxent_ctx_create(&ctx, NULL, &err)) return fprintf(stderr, "%s\n", err.message), 1;

    clxent_desc desc = CLXENT_DESC_INIT; /* cross entropy, mean over the rows, f32 logits, i64 targets */
    desc.rows = 2;
    desc.classes = 4;

    clxent_arrays arrays = CLXENT_ARRAYS_INIT; /* an output that is not named is not computed */
    arrays.logits = CLXENT_ARRAY(logits, sizeof logits);
    arrays.targets = CLXENT_ARRAY(targets, sizeof targets);
    arrays.loss = CLXENT_ARRAY(&loss, sizeof loss);
    arrays.grad = CLXENT_ARRAY(grad, sizeof grad);

    clxent_plan *plan; /* checked and compiled once, run as often as you like */
    clxent_status status = clxent_plan_create(&plan, ctx, &desc);
    if (!status) status = clxent_run(plan, &arrays);
    if (status) fprintf(stderr, "%s\n", clxent_ctx_last_error(ctx));

    if (!status) printf("loss %.6f\n", loss);
    for (int row = 0; row < 2 && !status; row++)
        printf("grad %9.6f %9.6f %9.6f %9.6f\n", grad[row][0], grad[row][1], grad[row][2], grad[row][3]);

    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    return status ? 1 : 0;
}
