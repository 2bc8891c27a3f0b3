/* SPDX-License-Identifier: Apache-2.0
 *
 * A vocabulary in two slices, here both on one device. With more devices each has one of the slices, and the
 * program brings the states from device to device. */
#include <clxent/clxent.h>
#include <stdio.h>

enum { ROWS = 2, SLICES = 2, CLASSES = 3 }; /* CLASSES: of one slice */

int main(void) {
    /* Two positions over six tokens. A slice has the logits of its tokens. Each slice has all targets. */
    float logits[SLICES][ROWS][CLASSES] = {{{2, 1, 0.5f}, {0, 3, 0}}, {{-1, 0, 1}, {2.5f, 0, 2}}};
    int64_t targets[ROWS] = {0, 5}, rank[SLICES][ROWS];
    float states[SLICES][ROWS][CLXENT_STATE_COLUMNS], whole[ROWS][CLXENT_STATE_COLUMNS];
    float loss, grad[SLICES][ROWS][CLASSES];

    clxent_error err;
    clxent_ctx *ctx;
    if (clxent_ctx_create(&ctx, NULL, &err)) return fprintf(stderr, "%s\n", err.message), 1;

    clxent_status status = CLXENT_OK;
    for (int call = 0; call < 2 * SLICES && !status; call++) {
        const int slice = call % SLICES, first = call < SLICES; /* first: the slice's state, then the rest */
        clxent_desc desc = CLXENT_DESC_INIT;
        desc.rows = ROWS;
        desc.classes = CLASSES;
        desc.class_begin = slice * CLASSES;
        desc.classes_total = SLICES * CLASSES;
        clxent_arrays arrays = CLXENT_ARRAYS_INIT;
        arrays.logits = CLXENT_ARRAY(logits[slice], sizeof logits[slice]);
        arrays.targets = CLXENT_ARRAY(targets, sizeof targets);
        if (first) {
            desc.outputs = CLXENT_OUT_STATE;
            arrays.state = CLXENT_ARRAY(states[slice], sizeof states[slice]);
        } else {
            desc.flags = CLXENT_FROM_STATE;
            arrays.state = CLXENT_ARRAY(whole, sizeof whole);
            arrays.loss = CLXENT_ARRAY(&loss, sizeof loss); /* of all classes: each slice gives the same */
            arrays.rank = CLXENT_ARRAY(rank[slice], sizeof rank[slice]);
            arrays.grad = CLXENT_ARRAY(grad[slice], sizeof grad[slice]);
        }
        clxent_plan *plan;
        status = clxent_plan_create(&plan, ctx, &desc);
        if (!status && !first)
            status = clxent_merge_states(plan, NULL, ROWS, SLICES, CLXENT_ARRAY(states, sizeof states),
                                         arrays.state);
        if (!status) status = clxent_run(plan, &arrays);
        clxent_plan_destroy(plan);
    }
    if (status) fprintf(stderr, "%s\n", clxent_ctx_last_error(ctx));

    if (!status) printf("loss %.6f\n", loss);
    for (int row = 0; row < ROWS && !status; row++) {
        printf("rank %d\ngrad", (int)(rank[0][row] + rank[1][row])); /* a slice counts its own classes */
        for (int c = 0; c < SLICES * CLASSES; c++) printf(" %9.6f", grad[c / CLASSES][row][c % CLASSES]);
        printf("\n");
    }
    clxent_ctx_destroy(ctx);
    return status ? 1 : 0;
}
