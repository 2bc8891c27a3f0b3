/* SPDX-License-Identifier: Apache-2.0
 *
 * The demo's data: its inputs and the expected figures.
 */
#ifndef CLXENT_CLI_DEMO_H
#define CLXENT_CLI_DEMO_H

#include <stdint.h>

/* Each sequence has DEMO_TOKENS - 1 contexts, which are its prefixes. A batch has DEMO_ROWS examples. */
enum { DEMO_SEQUENCES = 3, DEMO_TOKENS = 5, DEMO_CONTEXT = DEMO_TOKENS - 1 };
enum { DEMO_ROWS = DEMO_SEQUENCES * DEMO_CONTEXT, DEMO_CLASSES = 8 };

extern const int64_t demo_tokens[DEMO_SEQUENCES * DEMO_TOKENS];
extern const float demo_nll_logits[DEMO_ROWS * DEMO_CLASSES];
extern const double demo_nll_log_probs[DEMO_ROWS * DEMO_CLASSES];
extern const int64_t demo_nll_targets[DEMO_ROWS];
extern const double demo_nll_loss;
extern const float demo_logits[DEMO_ROWS * DEMO_CLASSES];
extern const int64_t demo_targets[DEMO_ROWS];
extern const double demo_loss;

#endif
