/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules for logits that are not plain numbers: masked classes (-inf), NaN, +inf, softcap over them, and
 * padding. Each expected value is a closed form. */
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A block of masked classes stands at the front, in the middle or at the end. Its lengths are around every
 * width of vectors and work-groups. The other classes are uniform. */
static void masked_block(void) {
    enum { C = 1000 };
    static const int64_t lengths[] = {1, 15, 16, 17, 63, 64, 65, 128, 256, 257, 512, 998};
    enum { N = sizeof lengths / sizeof *lengths };
    static const struct {
        int64_t shift_numerator, y; /* the block starts at (C - 1 - length) * numerator / 2 */
    } places[] = {{0, C - 1}, {1, C - 1}, {2, 0}};
    static float logits[4 * C];
    for (size_t place = 0; place < 3; place++) {
        for (size_t first = 0; first < N; first += 4) {
            int64_t targets[4];
            memset(logits, 0, sizeof logits);
            for (size_t r = 0; r < 4; r++) {
                const int64_t length = lengths[first + r];
                const int64_t start =
                    place == 2 ? C - length : (C - 1 - length) * places[place].shift_numerator / 2;
                for (int64_t c = start; c < start + length; c++) logits[(int64_t)r * C + c] = -INFINITY;
                targets[r] = places[place].y;
            }
            problem p;
            begin(&p, 4, C, logits, targets);
            p.desc.reduction = CLXENT_NONE;
            solve(&p);
            for (size_t r = 0; r < 4; r++) {
                const double left = (double)(C - lengths[first + r]), uniform = log(left);
                assert_near(p.loss[r], uniform, loss_bound(uniform));
                assert_near(p.lse[r], uniform, loss_bound(uniform));
                assert_near(p.log_prob[r], -uniform, loss_bound(uniform));
                assert_near(p.entropy[r], uniform, 2 * loss_bound(uniform));
                const int64_t before = targets[r] == 0 ? 0 : C - 1 - lengths[first + r];
                assert_int_equal(p.rank[r], before); /* the equal classes before the target */
                assert_int_equal(p.argmax[r], isinf(logits[r * C]) ? lengths[first + r] : 0);
                for (int64_t c = 0; c < C; c++) {
                    const int64_t at = (int64_t)r * C + c;
                    const bool masked = isinf(logits[at]);
                    const double share = masked ? 0 : 1 / left;
                    assert_near(p.grad[at], share - (c == targets[r]), masked ? 0 : grad_bound(2));
                    assert_near(p.log_probs[at], masked ? -INFINITY : -uniform, loss_bound(uniform));
                }
            }
        }
    }
}

/* One class of a short row is masked, at every place. */
static void masked_anywhere(void) {
    enum { C = 37 };
    float logits[C * C] = {0};
    int64_t targets[C];
    for (int r = 0; r < C; r++) {
        logits[r * C + r] = -INFINITY;
        targets[r] = (r + 1) % C;
    }
    problem p;
    begin(&p, C, C, logits, targets);
    solve(&p);
    const double uniform = log(C - 1);
    assert_near(p.loss[0], uniform, loss_bound(uniform));
    assert_each(p.row_loss, C, uniform, loss_bound(uniform));
    for (int r = 0; r < C; r++) {
        assert_same(p.grad[r * C + r], 0);
        assert_int_equal(p.argmax[r], r == 0 ? 1 : 0);
    }
}

static void masked_target(void) {
    const float logits[] = {0, -INFINITY, 1.5F};
    problem p;
    begin(&p, 1, 3, logits, (const int64_t[]){1});
    solve(&p);
    const double lse = lse_of(logits, 3);
    assert_same(p.loss[0], INFINITY);
    assert_same(p.row_loss[0], INFINITY);
    assert_same(p.log_prob[0], -INFINITY);
    assert_near(p.lse[0], lse, loss_bound(lse));
    assert_int_equal(p.rank[0], 2);
    assert_near(p.grad[0], exp(0 - lse), grad_bound(2));
    assert_same(p.grad[1], 0);
    assert_near(p.grad[2], exp(1.5 - lse), grad_bound(2));
    assert_counts(&p, 1, 0, 0, -1);
}

static void smoothing_over_masked_class(void) {
    problem p;
    begin(&p, 1, 3, (const float[]){0, 0, -INFINITY}, (const int64_t[]){0});
    p.desc.label_smoothing = 0.3; /* q = .8 .1 .1 */
    solve(&p);
    assert_same(p.loss[0], INFINITY);
    assert_near(p.grad[0], 0.5 - 0.8, grad_bound(2));
    assert_near(p.grad[1], 0.5 - 0.1, grad_bound(2));
    assert_same(p.grad[2], 0);
}

static void smoothing_over_masked_class_of_weight_zero(void) {
    problem p;
    begin(&p, 1, 3, (const float[]){0, 0, -INFINITY}, (const int64_t[]){0});
    p.desc.label_smoothing = 0.3; /* q = .8 .1 0 */
    set_class_weight(&p, (const float[]){1, 1, 0});
    solve(&p);
    assert_near(p.loss[0], 0.9 * log(2), loss_bound(1));
    assert_near(p.grad[0], 0.9 * 0.5 - 0.8, grad_bound(2));
    assert_near(p.grad[1], 0.9 * 0.5 - 0.1, grad_bound(2));
    assert_same(p.grad[2], 0);
}

/* w_y (lse - z_y) = 0 * inf must be 0. The mean's divisor is then 0. */
static void masked_target_of_weight_zero(void) {
    problem p;
    begin(&p, 1, 3, (const float[]){0, 0, -INFINITY}, (const int64_t[]){2});
    set_class_weight(&p, (const float[]){1, 1, 0});
    p.desc.reduction = CLXENT_SUM;
    solve(&p);
    assert_same(p.loss[0], 0);
    assert_same(p.row_loss[0], 0);
    assert_each(p.grad, 3, 0, 0);
    p.desc.reduction = CLXENT_MEAN;
    solve(&p);
    assert_same(p.loss[0], NAN);
    assert_same(p.row_loss[0], 0);
    assert_each(p.grad, 3, NAN, 0);
}

/* The rows: one with NaN; one with +inf; one with -inf alone; a good one. */
static const float odd_rows[4 * 3] = {0, NAN, 1, 0, INFINITY, 1, -INFINITY, -INFINITY, -INFINITY, 0, 0, 0};

static void rows_without_an_answer(void) {
    problem p;
    begin(&p, 4, 3, odd_rows, (const int64_t[]){0, 2, 1, 1});
    p.desc.reduction = CLXENT_NONE;
    solve(&p);
    assert_each(p.loss, 3, NAN, 0);
    assert_each(p.row_loss, 3, NAN, 0);
    assert_each(p.grad, 9, NAN, 0);
    assert_each(p.entropy, 3, NAN, 0);
    assert_each(p.log_probs, 9, NAN, 0);
    assert_same(p.lse[0], NAN);
    assert_same(p.lse[1], INFINITY);
    assert_same(p.lse[2], -INFINITY);
    assert_int_equal(p.argmax[0], 1);
    assert_int_equal(p.argmax[1], 1);
    assert_int_equal(p.argmax[2], 0);
    assert_near(p.loss[3], log(3), loss_bound(log(3)));
    assert_near(p.grad[10], 1.0 / 3 - 1, grad_bound(2));
    assert_counts(&p, 4, 0, 0, -1);
    p.desc.reduction = CLXENT_MEAN;
    solve(&p);
    assert_same(p.loss[0], NAN);
    assert_near(p.grad[10], (1.0 / 3 - 1) / 4, grad_bound(0.5));
}

/* The same rows, ignored. They do not change the loss, the gradient or the counts of other rows. The outputs
 * that describe logits are still written. */
static void ignored_rows_do_not_leak(void) {
    const uint32_t wants[] = {WANT_ALL, WANT_LEAN};
    const clxent_reduction reductions[] = {CLXENT_MEAN, CLXENT_SUM, CLXENT_NONE};
    for (size_t i = 0; i < 6; i++) {
        problem p;
        begin(&p, 4, 3, odd_rows, (const int64_t[]){-100, -100, -100, 1});
        set_ignore_index(&p, -100);
        p.desc.z_loss = 0.5;
        p.desc.label_smoothing = 0.1;
        p.desc.reduction = reductions[i / 2];
        p.want = wants[i % 2];
        solve(&p);
        const double row = log(3) + 0.5 * log(3) * log(3);
        if (p.desc.reduction == CLXENT_NONE) assert_each(p.loss, 3, 0, 0);
        assert_near(p.loss[p.desc.reduction == CLXENT_NONE ? 3 : 0], row, loss_bound(row));
        assert_each(p.grad, 9, 0, 0);
        assert_near(p.grad[9], (1 + log(3)) / 3 - 0.1 / 3, grad_bound(2 + log(3)));
        assert_counts(&p, 1, 3, 0, -1);
        if (p.want != WANT_ALL) continue;
        assert_each(p.row_loss, 3, 0, 0);
        assert_each(p.log_prob, 3, 0, 0);
        for (int r = 0; r < 3; r++) assert_int_equal(p.rank[r], 0);
        assert_same(p.lse[0], NAN);
        assert_int_equal(p.argmax[0], 1);
    }
}

/* The softcap c turns +inf into c with slope 0. -inf stays masked. */
static void softcap_of_infinities(void) {
    const float z[] = {5, 0};
    problem p;
    begin(&p, 1, 3, (const float[]){INFINITY, 0, -INFINITY}, (const int64_t[]){1});
    p.desc.softcap = 5;
    solve(&p);
    const double lse = lse_of(z, 2);
    assert_near(p.lse[0], lse, loss_bound(lse) + 1e-5);
    assert_near(p.loss[0], lse, loss_bound(lse) + 1e-5);
    assert_same(p.grad[0], 0);
    assert_near(p.grad[1], exp(-lse) - 1, grad_bound(2) + 1e-7 * 5 * 2);
    assert_same(p.grad[2], 0);
    assert_same(p.log_probs[2], -INFINITY);
    assert_int_equal(p.argmax[0], 0);
    assert_int_equal(p.rank[0], 1);
}

static void softcap_of_rows_without_an_answer(void) {
    problem p;
    begin(&p, 2, 3, (const float[]){0, NAN, 0, -INFINITY, -INFINITY, -INFINITY}, (const int64_t[]){0, 0});
    p.desc.softcap = 5;
    p.desc.reduction = CLXENT_NONE;
    solve(&p);
    assert_each(p.loss, 2, NAN, 0);
    assert_each(p.grad, 6, NAN, 0);
}

/* A masked class must not be capped: it would add exp(-c). WANT_LEAN has no output that describes the logits,
 * so the first pass may leave exponentials for the gradient. */
static void softcap_with_masked_classes_and_scale(void) {
    enum { C = 300 };
    static const uint32_t wants[] = {WANT_ALL, WANT_LEAN};
    const double t0 = tanh(0.75), t1 = tanh(-2.25), lse = t0 + log1p(exp(t1 - t0));
    float logits[C];
    for (int c = 0; c < C; c++) logits[c] = -INFINITY;
    logits[7] = 1;
    logits[290] = -3;
    for (int i = 0; i < 2; i++) {
        problem p;
        begin(&p, 1, C, logits, (const int64_t[]){290});
        p.desc.softcap = 1;
        p.desc.logit_scale = 0.75;
        p.want = wants[i];
        solve(&p);
        if (p.want == WANT_ALL) assert_near(p.lse[0], lse, loss_bound(2) + 2e-6);
        assert_near(p.loss[0], lse - t1, loss_bound(3) + 2e-6);
        assert_near(p.grad[7], exp(t0 - lse) * (1 - t0 * t0) * 0.75, grad_bound(1.5) + 1e-7 * 1.5);
        assert_near(p.grad[290], (exp(t1 - lse) - 1) * (1 - t1 * t1) * 0.75, grad_bound(1.5) + 1e-7 * 1.5);
        p.grad[7] = p.grad[290] = 0;
        assert_each(p.grad, C, 0, 0);
    }
}

/* The padding holds NaN. The kernels must not read it, and must write its gradient as 0. */
static void padding_is_not_read(void) {
    enum { C = 50, PADDED = 67, N = 3 };
    float logits[N * PADDED];
    for (int i = 0; i < N * PADDED; i++) logits[i] = i % PADDED < C ? 0 : NAN;
    const double caps[] = {0, 1};
    for (int i = 0; i < 2; i++) {
        problem p;
        begin(&p, N, PADDED, logits, (const int64_t[]){0, 49, 7});
        p.desc.classes = C;
        p.desc.classes_padded = PADDED;
        p.desc.softcap = caps[i];
        solve(&p);
        assert_near(p.loss[0], log(C), loss_bound(log(C)) + 2e-6 * caps[i]);
        assert_each(p.log_probs, N * C, -log(C), loss_bound(log(C)) + 2e-6 * caps[i]);
        for (int r = 0; r < N; r++) assert_int_equal(p.argmax[r], 0);
        for (int k = 0; k < N * PADDED; k++) {
            const bool target = k == 0 || k == PADDED + 49 || k == 2 * PADDED + 7;
            const double expected = k % PADDED < C ? (1.0 / C - target) / N : 0;
            assert_near(p.grad[k], expected, expected == 0 ? 0 : grad_bound(0.7) + 1e-7 * caps[i]);
        }
    }
}

int main(void) {
    static const rule rules[] = {
        RULE(masked_block),
        RULE(masked_anywhere),
        RULE(masked_target),
        RULE(smoothing_over_masked_class),
        RULE(smoothing_over_masked_class_of_weight_zero),
        RULE(masked_target_of_weight_zero),
        RULE(rows_without_an_answer),
        RULE(ignored_rows_do_not_leak),
        RULE(softcap_of_infinities),
        RULE(softcap_of_rows_without_an_answer),
        RULE(softcap_with_masked_classes_and_scale),
        RULE(padding_is_not_read),
    };
    return check_rules("masks", rules, sizeof rules / sizeof *rules);
}
