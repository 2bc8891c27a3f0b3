/* SPDX-License-Identifier: Apache-2.0
 *
 * Next-token targets: token (b,t+1) is the target of row (b,t), without a shifted copy. The tokens are
 * (B,T+1) or (B,T). Segment numbers keep packed documents apart. */
#include "said.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { B = 3, T = 4, C = 9, STORED = B * (T + 1) };

static const clxent_dtype integer_types[] = {CLXENT_I64, CLXENT_I32, CLXENT_U16, CLXENT_U8};

/* Class c has the logit c / 4 in every row, so that a row's loss shows its target. */
static float logits[B * T * C];

static void begin_tokens(problem *p, packed *store, clxent_dtype dtype, int per_sequence,
                         const int64_t *tokens) {
    for (int k = 0; k < B * T * C; k++) logits[k] = 0.25F * (float)(k % C);
    begin(p, B * T, C, logits, NULL);
    p->desc.targets = CLXENT_TARGETS_NEXT_TOKEN;
    p->desc.targets_dtype = dtype;
    p->desc.sequence_length = T;
    p->desc.tokens_per_sequence = per_sequence;
    p->desc.reduction = CLXENT_NONE;
    p->arrays.targets = pack(store, dtype, tokens, (size_t)(B * per_sequence));
}

enum { UNSCORED = -1 };

static void assert_scored(const problem *p, int rows, const int64_t *targets) {
    const double lse = lse_of(logits, C);
    for (int r = 0; r < rows; r++) {
        const bool scored = targets[r] != UNSCORED;
        const double loss = scored ? lse - 0.25 * (double)targets[r] : 0;
        assert_near(p->loss[r], loss, scored ? loss_bound(lse + loss) : 0);
        assert_near(p->log_prob[r], -loss, scored ? loss_bound(lse + loss) : 0);
        assert_int_equal(p->rank[r], scored ? C - 1 - targets[r] : 0);
        for (int c = 0; c < C; c++) {
            const double grad = scored ? exp(0.25 * c - lse) - (c == targets[r]) : 0;
            assert_near(p->grad[r * C + c], grad, scored ? grad_bound(2) : 0);
        }
    }
}

static void one_more_token_than_positions(void) {
    static const int64_t tokens[] = {8, 0, 1, 2, 3, 7, 4, 5, 6, 7, 6, 8, 7, 0, 2};
    static const int64_t targets[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 7, 0, 2};
    for (int t = 0; t < 4; t++) {
        packed store;
        problem p;
        begin_tokens(&p, &store, integer_types[t], T + 1, tokens);
        solve(&p);
        assert_scored(&p, B * T, targets);
        assert_counts(&p, B * T, 0, 0, -1);
    }
}

/* The last position of a sequence has no target. The next sequence's first token is not its target. */
static void as_many_tokens_as_positions(void) {
    static const int64_t tokens[] = {8, 0, 1, 2, 7, 4, 5, 6, 6, 8, 7, 0};
    static const int64_t targets[] = {0, 1, 2, UNSCORED, 4, 5, 6, UNSCORED, 8, 7, 0, UNSCORED};
    for (int t = 0; t < 4; t++) {
        packed store;
        problem p;
        begin_tokens(&p, &store, integer_types[t], T, tokens);
        for (int c = 0; c < C; c++) logits[3 * C + c] = NAN; /* the loss must not read this row */
        solve(&p);
        assert_scored(&p, B * T, targets);
        assert_counts(&p, 9, 3, 0, -1);
        p.desc.reduction = CLXENT_MEAN;
        solve(&p);
        const double lse = lse_of(logits, C), mean = lse - 0.25 * (0 + 1 + 2 + 4 + 5 + 6 + 8 + 7 + 0) / 9;
        assert_near(p.loss[0], mean, loss_bound(2 * lse));
    }
}

/* A row is not scored when its next token is in another segment. Only neighbours are compared. */
static void packed_documents(void) {
    static const int64_t tokens[] = {8, 0, 1, 2, 3, 7, 4, 5, 6, 7, 6, 8, 7, 0, 2};
    static const int64_t segments[] = {0, 0, 1, 1, 0, 5, 5, 5, 5, 5, 200, 201, 200, 200, 200};
    static const int64_t targets[] = {0, UNSCORED, 2, UNSCORED, 4, 5, 6, 7, UNSCORED, UNSCORED, 0, 2};
    for (int t = 0; t < 4; t++) {
        packed store, segment_store;
        problem p;
        begin_tokens(&p, &store, CLXENT_I32, T + 1, tokens);
        p.desc.segment_dtype = integer_types[t];
        p.arrays.segment = pack(&segment_store, integer_types[t], segments, STORED);
        solve(&p);
        assert_scored(&p, B * T, targets);
        assert_counts(&p, 8, 4, 0, -1);
    }
}

static void packed_documents_without_a_last_token(void) {
    static const int64_t tokens[] = {8, 0, 1, 2, 7, 4, 5, 6, 6, 8, 7, 0};
    static const int64_t segments[] = {-1, -1, -1, 7, 7, 7, 7, 7, (INT64_C(1) << 32) + 1, 1, 1, 1};
    static const int64_t targets[] = {0, 1, UNSCORED, UNSCORED, 4, 5, 6, UNSCORED, UNSCORED, 7, 0, UNSCORED};
    packed store, segment_store;
    problem p;
    begin_tokens(&p, &store, CLXENT_U8, T, tokens);
    p.arrays.segment = pack(&segment_store, CLXENT_I64, segments, B * T);
    solve(&p);
    assert_scored(&p, B * T, targets);
    assert_counts(&p, 7, 5, 0, -1);
}

static void ignored_and_bad_tokens(void) {
    /* The first 99 is no row's target. The others are the targets of rows 6 and 8. */
    static const int64_t tokens[] = {99, 0, 1, 2, 3, 7, 4, 5, 99, 7, 6, 99, 7, 3, 2};
    static const int64_t targets[] = {0, 1, 2, UNSCORED, 4, 5, UNSCORED, 7, UNSCORED, 7, UNSCORED, 2};
    packed store;
    problem p;
    begin_tokens(&p, &store, CLXENT_I64, T + 1, tokens);
    set_ignore_index(&p, 3);
    p.expect = CLXENT_ERR_TARGET;
    solve(&p);
    said(clxent_ctx_last_error(test_ctx()));
    assert_string_equal(clxent_ctx_last_error(test_ctx()),
                        "row 6 (sequence 1, token 3): target 99 is not in [0, 9), and 1 more such row");
    assert_scored(&p, B * T, targets);
    assert_counts(&p, 8, 2, 2, 6);
}

/* A call with fewer sequences than the plan. */
static void fewer_sequences(void) {
    static const int64_t tokens[] = {8, 0, 1, 2, 3, 7, 4, 5, 6, 7, 6, 8, 7, 0, 2};
    static const int64_t targets[] = {0, 1, 2, 3, 4, 5, 6, 7};
    packed store;
    problem p;
    begin_tokens(&p, &store, CLXENT_U16, T + 1, tokens);
    p.arrays.rows = 2 * T;
    solve(&p);
    assert_scored(&p, 2 * T, targets);
    assert_counts(&p, 2 * T, 0, 0, -1);
}

int main(void) {
    static const rule rules[] = {
        RULE(one_more_token_than_positions),
        RULE(as_many_tokens_as_positions),
        RULE(packed_documents),
        RULE(packed_documents_without_a_last_token),
        RULE(ignored_and_bad_tokens),
        RULE(fewer_sequences),
    };
    return check_rules("next token", rules, sizeof rules / sizeof *rules);
}
