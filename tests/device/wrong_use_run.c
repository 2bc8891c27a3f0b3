/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls that clxent_run() refuses: arrays that are missing, a byte too short, misplaced or overlapping, and
 * outputs and options that the plan does not have. A refused call writes no output, and its message names the
 * array. A good call after it works. */
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N = 4, C = 10, UNTOUCHED = 0x5C };

/* Room for every array of a call. */
static struct memory {
    float logits[N * C + 16], class_weight[C], row_weight[N];
    int64_t targets[N];
    float grad_output[N * C];
    struct outputs {
        float loss[N], row_loss[N], log_prob[N], lse[N], lse_residual[N], entropy[N];
        int64_t argmax[N], rank[N], counts[4];
        float log_probs[N * C], probs[N * C], grad[N * C];
    } out;
} m;

#define EXACTLY(array, count) CLXENT_ARRAY(m.array, (count) * sizeof *m.array)
#define OUT(array, count)     CLXENT_ARRAY(m.out.array, (count) * sizeof *m.out.array)

/* Makes a good desc and a good call. Each case below changes one of them. */
static void good(clxent_desc *d, clxent_arrays *a) {
    clxent_desc_init(d);
    d->rows = N;
    d->classes = C;
    clxent_arrays_init(a);
    a->logits = EXACTLY(logits, N * C);
    a->targets = EXACTLY(targets, N);
    a->class_weight = EXACTLY(class_weight, C);
    a->row_weight = EXACTLY(row_weight, N);
    a->loss = OUT(loss, 1);
    a->row_loss = OUT(row_loss, N);
    a->log_prob = OUT(log_prob, N);
    a->lse = OUT(lse, N);
    a->lse_residual = OUT(lse_residual, N);
    a->argmax = OUT(argmax, N);
    a->rank = OUT(rank, N);
    a->entropy = OUT(entropy, N);
    a->log_probs = OUT(log_probs, N * C);
    a->grad = OUT(grad, N * C);
    a->counts = OUT(counts, 4);
}

static void nothing_but(clxent_arrays *a, clxent_array grad) {
    const clxent_array logits = a->logits, targets = a->targets;
    clxent_arrays_init(a);
    a->logits = logits;
    a->targets = targets;
    a->grad = grad;
}

static void nll(clxent_desc *d, clxent_arrays *a) {
    d->op = CLXENT_NLL;
    nothing_but(a, OUT(grad, N * C));
    a->log_probs = a->logits;
    a->logits = CLXENT_ARRAY(NULL, 0);
}

static void softmax(clxent_desc *d, clxent_arrays *a) {
    d->op = CLXENT_SOFTMAX;
    nothing_but(a, OUT(grad, N * C));
    a->targets = CLXENT_ARRAY(NULL, 0);
    a->grad_output = EXACTLY(grad_output, N * C);
}

static void from_lse(clxent_desc *d, clxent_arrays *a) {
    d->flags = CLXENT_GRAD_FROM_LSE;
    nothing_but(a, OUT(grad, N * C));
    a->lse = EXACTLY(grad_output, N);
}

static clxent_scalars scalars;
static void use_scalars(clxent_arrays *a, size_t struct_size, double softcap, double label_smoothing) {
    clxent_scalars_init(&scalars);
    scalars.struct_size = struct_size;
    scalars.softcap = softcap;
    scalars.label_smoothing = label_smoothing;
    a->scalars = &scalars;
}

static clxent_array shifted(clxent_array a, ptrdiff_t bytes) {
    return CLXENT_ARRAY((char *)a.data + bytes, a.bytes);
}

#define ABSENT CLXENT_ARRAY(NULL, 0)

/* The name, the status, the parts of the message, and the change to a good d and a. */
#define WRONG_CALLS(X)                                                                                       \
    X(size_zero, ARGUMENT, "struct_size|0", a->struct_size = 0)                                              \
    X(size_small, ARGUMENT, "struct_size|24", a->struct_size = 24)                                           \
    X(size_of_none, ARGUMENT, "struct_size", a->struct_size = 99999)                                         \
    X(rows_negative, SHAPE, "rows|-2|[0, 4]", a->rows = -2)                                                  \
    X(rows_beyond_plan, SHAPE, "rows|5|[0, 4]", a->rows = N + 1)                                             \
    X(rows_of_inner, SHAPE, "rows|3|inner|2", (d->inner = 2, a->rows = 3))                                   \
    X(no_logits, BUFFER, "logits|NULL", a->logits = ABSENT)                                                  \
    X(no_targets, BUFFER, "targets|NULL", a->targets = ABSENT)                                               \
    X(logits_short, BUFFER, "logits|159|160", a->logits.bytes--)                                             \
    X(targets_short, BUFFER, "targets|31|32", a->targets.bytes--)                                            \
    X(class_weight_short, BUFFER, "class_weight|39|40", a->class_weight.bytes--)                             \
    X(row_weight_short, BUFFER, "row_weight|15|16", a->row_weight.bytes--)                                   \
    X(grad_output_short, BUFFER, "grad_output|3|4", a->grad_output = CLXENT_ARRAY(m.grad_output, 3))         \
    X(grad_output_none_short, BUFFER, "grad_output|15|16",                                                   \
      (d->reduction = CLXENT_NONE, a->loss = OUT(loss, N),                                                   \
       a->grad_output = CLXENT_ARRAY(m.grad_output, 15)))                                                    \
    X(loss_short, BUFFER, "loss|3|4", a->loss.bytes--)                                                       \
    X(loss_none_short, BUFFER, "loss|15|16",                                                                 \
      (d->reduction = CLXENT_NONE, a->loss = CLXENT_ARRAY(m.out.loss, 15)))                                  \
    X(row_loss_short, BUFFER, "row_loss|15|16", a->row_loss.bytes--)                                         \
    X(log_prob_short, BUFFER, "log_prob|15|16", a->log_prob.bytes--)                                         \
    X(lse_short, BUFFER, "lse|15|16", a->lse.bytes--)                                                        \
    X(lse_residual_short, BUFFER, "lse_residual|15|16", a->lse_residual.bytes--)                             \
    X(argmax_short, BUFFER, "argmax has 31 bytes at address 0x|32 are needed for 4 rows|4 elements of i64",  \
      a->argmax.bytes--)                                                                                     \
    X(rank_short, BUFFER, "rank|31|32", a->rank.bytes--)                                                     \
    X(entropy_short, BUFFER, "entropy|15|16", a->entropy.bytes--)                                            \
    X(log_probs_short, BUFFER, "log_probs|159|160", a->log_probs.bytes--)                                    \
    X(grad_short, BUFFER, "grad|159|160", a->grad.bytes--)                                                   \
    X(counts_short, BUFFER, "counts|31|32", a->counts.bytes--)                                               \
    X(logits_strided_short, BUFFER,                                                                          \
      "logits has 160 bytes at address 0x|208 are needed for 4 rows of 10 classes: 52 elements of f32 at a " \
      "stride of 14",                                                                                        \
      d->row_stride = 14)                                                                                    \
    X(grad_padded_short, BUFFER, "grad|160", (d->classes_padded = 11, a->logits.bytes += 64))                \
    X(empty_array, BUFFER, "loss|0|4", a->loss.bytes = 0)                                                    \
    X(grad_shifted_over_logits, BUFFER,                                                                      \
      "grad (f32, row stride 10, 160 bytes at address 0x|logits (f32, row stride 10, 160 bytes at address "  \
      "0x|same start",                                                                                       \
      a->grad = shifted(a->logits, 4))                                                                       \
    X(grad_of_other_type_in_place, BUFFER, "grad (f16|logits (f32",                                          \
      (d->grad_dtype = CLXENT_F16, a->grad = a->logits))                                                     \
    X(grad_of_other_stride_in_place, BUFFER, "grad|11|logits|10",                                            \
      (d->grad_row_stride = 11, a->logits.bytes += 16, a->grad = a->logits))                                 \
    X(output_over_output, BUFFER, "row_loss (16 bytes at address 0x|overlaps loss (4 bytes at address 0x",   \
      a->row_loss.data = m.out.loss)                                                                         \
    X(outputs_partly_over, BUFFER, "rank|argmax", a->rank = shifted(a->argmax, 24))                          \
    X(output_over_logits, BUFFER, "lse|logits", a->lse.data = m.logits + 30)                                 \
    X(output_over_targets, BUFFER, "counts|targets", a->counts.data = m.targets)                             \
    X(output_over_weight, BUFFER, "loss|class_weight", a->loss.data = m.class_weight + 9)                    \
    X(log_probs_over_logits, BUFFER, "log_probs|logits", a->log_probs.data = m.logits)                       \
    X(misplaced_targets, BUFFER, "targets starts at address 0x|8, the size of i64",                          \
      a->targets = shifted(a->targets, -4))                                                                  \
    X(misplaced_logits, BUFFER, "logits|4", a->logits = shifted(a->logits, 2))                               \
    X(probs_of_cross_entropy, ARGUMENT, "probs|cross-entropy has no such output",                            \
      a->probs = OUT(probs, N * C))                                                                          \
    X(segment_without_tokens, ARGUMENT, "segment|next-token targets, this plan's are class",                 \
      a->segment = EXACTLY(targets, N))                                                                      \
    X(output_not_named, ARGUMENT, "argmax|outputs",                                                          \
      d->outputs = 0x3FFC0 & ~(CLXENT_OUT_ARGMAX | CLXENT_OUT_PROBS))                                        \
    X(scalars_size, ARGUMENT, "struct_size|0", use_scalars(a, 0, 0, 0))                                      \
    X(scalars_smoothing, ARGUMENT, "label_smoothing|2|[0, 1]", use_scalars(a, sizeof scalars, 0, 2))         \
    X(scalars_nan, ARGUMENT, "softcap|nan", use_scalars(a, sizeof scalars, (double)NAN, 0))                  \
    X(softcap_from_zero, ARGUMENT, "softcap 5|softcap 0|another plan", use_scalars(a, sizeof scalars, 5, 0)) \
    X(softcap_to_zero, ARGUMENT, "softcap|0|5", (d->softcap = 5, use_scalars(a, sizeof scalars, 0, 0)))      \
    X(from_lse_without_lse, BUFFER, "lse|NULL", (from_lse(d, a), a->lse = ABSENT))                           \
    X(from_lse_short, BUFFER, "lse|15|16", (from_lse(d, a), a->lse.bytes--))                                 \
    X(from_lse_loss, ARGUMENT, "loss", (from_lse(d, a), a->loss = OUT(loss, 1)))                             \
    X(from_lse_over_grad, BUFFER, "grad|lse", (from_lse(d, a), a->lse.data = m.out.grad + 8))                \
    X(nll_row_weight, ARGUMENT, "row_weight|nll does not take it",                                           \
      (nll(d, a), a->row_weight = EXACTLY(row_weight, N)))                                                   \
    X(nll_logits, ARGUMENT, "logits", (nll(d, a), a->logits = EXACTLY(logits, N * C)))                       \
    X(nll_no_log_probs, BUFFER, "log_probs|NULL", (nll(d, a), a->log_probs = ABSENT))                        \
    X(nll_short, BUFFER, "log_probs|159|160", (nll(d, a), a->log_probs.bytes--))                             \
    X(nll_lse, ARGUMENT, "lse", (nll(d, a), a->lse = OUT(lse, N)))                                           \
    X(nll_scale, UNSUPPORTED, "label_smoothing|0.5", (nll(d, a), use_scalars(a, sizeof scalars, 0, 0.5)))    \
    X(softmax_targets, ARGUMENT, "targets|softmax does not take it",                                         \
      (softmax(d, a), a->targets = EXACTLY(targets, N)))                                                     \
    X(softmax_no_grad_output, BUFFER, "grad_output|NULL", (softmax(d, a), a->grad_output = ABSENT))          \
    X(softmax_grad_output_short, BUFFER, "grad_output|159|160", (softmax(d, a), a->grad_output.bytes--))     \
    X(softmax_counts, ARGUMENT, "counts", (softmax(d, a), a->counts = OUT(counts, 4)))

#define CHANGE(name, status, says, change)                        \
    static void change_##name(clxent_desc *d, clxent_arrays *a) { \
        (void)d;                                                  \
        (void)a;                                                  \
        (void)(change);                                           \
    }
WRONG_CALLS(CHANGE)
#undef CHANGE

static const struct {
    const char *name;
    clxent_status status;
    const char *says;
    void (*change)(clxent_desc *, clxent_arrays *);
} wrong_calls[] = {
#define ROW(name, status, says, change) {#name, CLXENT_ERR_##status, says, change_##name},
    WRONG_CALLS(ROW)
#undef ROW
};

static void fill(void) {
    memset(&m.out, UNTOUCHED, sizeof m.out);
    for (int k = 0; k < N * C; k++) m.logits[k] = 0.5F * (float)(k % 7);
    for (int c = 0; c < C; c++) m.class_weight[c] = 1;
    for (int r = 0; r < N; r++) m.row_weight[r] = 1;
    for (int r = 0; r < N; r++) m.targets[r] = r;
}

static void wrong_calls_are_refused(void) {
    for (size_t i = 0; i < sizeof wrong_calls / sizeof *wrong_calls; i++) {
        clxent_desc d;
        clxent_arrays a;
        clxent_plan *plan = NULL;
        static struct memory before;
        expect_about("%s", wrong_calls[i].name);
        good(&d, &a);
        wrong_calls[i].change(&d, &a);
        fill();
        before = m;
        expect_status("plan", test_ctx(), clxent_plan_create(&plan, test_ctx(), &d), CLXENT_OK);
        const clxent_status got = clxent_run(plan, &a);
        expect_status("run", test_ctx(), got, wrong_calls[i].status);
        assert_says(clxent_ctx_last_error(test_ctx()), wrong_calls[i].says);
        assert_memory_equal(&m, &before, sizeof m);
        clxent_plan_destroy(plan);
    }
}

/* The good call without a change works, also after the same plan has refused a call. */
static void good_call_goes_on(void) {
    clxent_desc d;
    clxent_arrays a;
    clxent_plan *plan = NULL;
    good(&d, &a);
    fill();
    expect_about("a good call");
    expect_status("plan", test_ctx(), clxent_plan_create(&plan, test_ctx(), &d), CLXENT_OK);
    a.loss.bytes = 1;
    expect_status("refused", test_ctx(), clxent_run(plan, &a), CLXENT_ERR_BUFFER);
    a.loss.bytes = sizeof(float);
    expect_status("run", test_ctx(), clxent_run(plan, &a), CLXENT_OK);
    double mean = 0;
    for (int r = 0; r < N; r++) mean += (lse_of(m.logits + r * C, C) - (double)m.logits[r * C + r]) / N;
    assert_near(m.out.loss[0], mean, loss_bound(6));
    assert_near(m.out.row_loss[0], lse_of(m.logits, C), loss_bound(6));
    clxent_plan_destroy(plan);
}

/* Arrays may be larger than necessary. The call does not write behind the part that it needs. */
static void larger_arrays(void) {
    clxent_desc d;
    clxent_arrays a;
    clxent_plan *plan = NULL;
    good(&d, &a);
    fill();
    a.loss = OUT(loss, N);
    a.rows = 2;
    expect_about("larger arrays");
    expect_status("plan", test_ctx(), clxent_plan_create(&plan, test_ctx(), &d), CLXENT_OK);
    expect_status("run", test_ctx(), clxent_run(plan, &a), CLXENT_OK);
    clxent_plan_destroy(plan);
    unsigned char untouched[2 * C * sizeof(float)];
    memset(untouched, UNTOUCHED, sizeof untouched);
    assert_memory_equal(m.out.loss + 1, untouched, 3 * sizeof(float));
    assert_memory_equal(m.out.lse + 2, untouched, 2 * sizeof(float));
    assert_memory_equal(m.out.argmax + 2, untouched, 2 * sizeof(int64_t));
    assert_memory_equal(m.out.log_probs + 2 * C, untouched, 2 * C * sizeof(float));
    assert_memory_equal(m.out.grad + 2 * C, untouched, 2 * C * sizeof(float));
}

int main(void) {
    static const rule rules[] = {
        RULE(wrong_calls_are_refused),
        RULE(good_call_goes_on),
        RULE(larger_arrays),
    };
    return check_rules_once("wrong calls", rules, sizeof rules / sizeof *rules);
}
