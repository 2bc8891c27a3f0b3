/* SPDX-License-Identifier: Apache-2.0
 *
 * See cases.h.
 */
#include "cases.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ------------------------------------------------------------------------------ finding ---------- */

/* The group whose cases have the op linear-cross-entropy. */
static const char LINEAR[] = "linear";

static int not_hidden(const struct dirent *entry) {
    return entry->d_name[0] != '.' && !strstr(entry->d_name, ".md");
}

static int list_folder(const char *path, struct dirent ***entries) {
    const int count = scandir(path, entries, not_hidden, alphasort);
    if (count < 0) fail_msg("%s: %s", path, strerror(errno));
    return count;
}

/* Lists the cases of the group LINEAR, or of all the others. */
static int list_cases(char names[CASES_MOST][CASE_NAME], int linear, int least) {
    struct dirent **groups, **cases;
    int count = 0;
    const int group_count = list_folder(CLXENT_TEST_CASES, &groups);
    for (int i = 0; i < group_count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", CLXENT_TEST_CASES, groups[i]->d_name);
        const int listed = (strcmp(groups[i]->d_name, LINEAR) == 0) == linear;
        const int case_count = listed ? list_folder(path, &cases) : 0;
        for (int j = 0; j < case_count; j++) {
            if (count == CASES_MOST) fail_msg("more than %d cases in %s", CASES_MOST, CLXENT_TEST_CASES);
            const int length =
                snprintf(names[count++], CASE_NAME, "%s/%s", groups[i]->d_name, cases[j]->d_name);
            if (length >= CASE_NAME) fail_msg("%s: a name of over %d bytes", cases[j]->d_name, CASE_NAME - 1);
            free(cases[j]);
        }
        if (listed) free(cases);
        free(groups[i]);
    }
    free(groups);
    if (count < least) fail_msg("%d cases in %s, of at least %d", count, CLXENT_TEST_CASES, least);
    return count;
}

int cases_list(char names[CASES_MOST][CASE_NAME]) {
    return list_cases(names, 0, CASES_LEAST);
}

int cases_list_linear(char names[CASES_MOST][CASE_NAME]) {
    return list_cases(names, 1, CASES_LEAST_LINEAR);
}

/* ------------------------------------------------------------------------------ reading ---------- */

static void open_file(const test_case *c, const char *role, tensor *t) {
    char path[4096], err[1024];
    snprintf(path, sizeof path, "%s/%s/%s.npy", CLXENT_TEST_CASES, c->name, role);
    if (tensor_open(t, path, err, sizeof err) != 0) fail_msg("%s", err);
}

static int is_nll(const test_case *c) {
    return c->problem.op == REFERENCE_NLL;
}

/* The inputs whose roles do not depend on the op. */
static const struct {
    const char *role;
    size_t at; /* of its tensor in test_case */
} inputs[] = {
    {"targets", offsetof(test_case, targets)},
    {"weight", offsetof(test_case, weight)},
    {"row_weight", offsetof(test_case, row_weight)},
    {"grad_output", offsetof(test_case, grad_output)},
    {"tokens", offsetof(test_case, tokens)},
    {"hidden", offsetof(test_case, hidden)},
    {"classifier", offsetof(test_case, classifier)},
    {"classifier_bias", offsetof(test_case, classifier_bias)},
};
enum { INPUTS = sizeof inputs / sizeof inputs[0] };

static tensor *input_of(test_case *c, int i) {
    return (tensor *)((char *)c + inputs[i].at);
}

/* Opens the .npy files that `roles` names, such as "logits targets weight". */
static void open_inputs(test_case *c, char *roles) {
    char *rest;
    for (char *role = strtok_r(roles, " ", &rest); role; role = strtok_r(NULL, " ", &rest)) {
        const char *logits_role = is_nll(c) ? "log_probs" : "logits";
        tensor *file = strcmp(role, logits_role) == 0 ? &c->logits : NULL;
        for (int i = 0; i < INPUTS && !file; i++)
            if (strcmp(role, inputs[i].role) == 0) file = input_of(c, i);
        if (file) {
            open_file(c, role, file);
        } else if (!is_nll(c) || strcmp(role, "logits") != 0) { /* NLL also lists its logits */
            fail_msg("%s: input %s is not known", c->name, role);
        }
    }
}

static void open_outputs(test_case *c, char *roles) {
    char *rest;
    for (char *role = strtok_r(roles, " ", &rest); role; role = strtok_r(NULL, " ", &rest)) {
        if (c->output_count == CASE_OUTPUTS) fail_msg("%s: more than %d outputs", c->name, CASE_OUTPUTS);
        test_case_output *output = &c->outputs[c->output_count++];
        snprintf(output->role, sizeof output->role, "%s", role);
        open_file(c, role, &output->data);
    }
}

static double number(const test_case *c, const char *key, const char *value) {
    char *end;
    const double number = strtod(value, &end);
    if (end == value || *end) fail_msg("%s: %s %s is not a number", c->name, key, value);
    return number;
}

static void set_op(test_case *c, const char *value) {
    if (strcmp(value, "cross-entropy") == 0)
        c->problem.op = REFERENCE_CROSS_ENTROPY;
    else if (strcmp(value, "nll") == 0)
        c->problem.op = REFERENCE_NLL;
    else if (strcmp(value, "softmax") == 0)
        c->problem.op = REFERENCE_SOFTMAX;
    else if (strcmp(value, "log-softmax") == 0)
        c->problem.op = REFERENCE_LOG_SOFTMAX;
    else if (strcmp(value, "next-token") == 0)
        c->next_token = 1;
    else if (strcmp(value, "linear-cross-entropy") == 0)
        c->is_linear = 1;
    else
        fail_msg("%s: op %s is not known", c->name, value);
}

static void set_reduction(test_case *c, const char *value) {
    if (strcmp(value, "mean") == 0)
        c->problem.reduction = REFERENCE_MEAN;
    else if (strcmp(value, "sum") == 0)
        c->problem.reduction = REFERENCE_SUM;
    else if (strcmp(value, "none") == 0)
        c->problem.reduction = REFERENCE_NONE;
    else
        fail_msg("%s: reduction %s is not known", c->name, value);
}

/* Reads one line of case.txt. `op` is the first line. */
static void set_option(test_case *c, const char *key, char *value, int *class_axis) {
    reference_problem *p = &c->problem;
    if (strcmp(key, "op") == 0) {
        set_op(c, value);
    } else if (strcmp(key, "reduction") == 0) {
        set_reduction(c, value);
    } else if (strcmp(key, "class_axis") == 0) {
        *class_axis = (int)number(c, key, value);
    } else if (strcmp(key, "ignore_index") == 0) {
        p->use_ignore_index = 1;
        p->ignore_index = (int64_t)number(c, key, value);
    } else if (strcmp(key, "label_smoothing") == 0) {
        p->label_smoothing = number(c, key, value);
    } else if (strcmp(key, "z_loss") == 0) {
        p->z_loss = number(c, key, value);
    } else if (strcmp(key, "softcap") == 0) {
        p->softcap = number(c, key, value);
    } else if (strcmp(key, "logit_scale") == 0) {
        p->logit_scale = number(c, key, value);
    } else if (strcmp(key, "z_error") == 0) {
        c->linear.logit_error = number(c, key, value);
    } else if (strcmp(key, "inputs") == 0) {
        open_inputs(c, value);
    } else if (strcmp(key, "outputs") == 0) {
        open_outputs(c, value);
    } else if (strcmp(key, "note") != 0) {
        fail_msg("%s: key %s is not known", c->name, key);
    }
}

static void set_shape(test_case *c, int class_axis) {
    const tensor *x = &c->logits;
    if (class_axis < 0) class_axis += x->ndim;
    if (class_axis < 0 || class_axis >= x->ndim)
        fail_msg("%s: class_axis %d of %d axes", c->name, class_axis, x->ndim);
    c->problem.classes = x->shape[class_axis];
    for (int i = class_axis + 1; i < x->ndim; i++) c->problem.inner *= x->shape[i];
    c->problem.rows = x->count / c->problem.classes;
}

static double *doubles(const tensor *t) {
    if (!t->data) return NULL;
    double *values = malloc((size_t)t->count * sizeof *values);
    if (!values) fail_msg("no memory for %lld doubles", (long long)t->count);
    for (int64_t i = 0; i < t->count; i++) values[i] = element(t->dtype, t->data, i);
    return values;
}

static void set_linear(test_case *c) {
    const tensor *x = &c->hidden, *w = &c->classifier;
    if (x->ndim != 2 || w->ndim != 2 || x->shape[1] != w->shape[1])
        fail_msg("%s: hidden and classifier are not (N,H) and (C,H)", c->name);
    c->problem.rows = x->shape[0];
    c->problem.classes = w->shape[0];
    c->linear.features = x->shape[1];
    c->linear.hidden = doubles(x);
    c->linear.classifier = doubles(w);
    c->linear.bias = doubles(&c->classifier_bias);
}

static void set_arrays(test_case *c) {
    reference_problem *p = &c->problem;
    p->logits = doubles(&c->logits);
    p->class_weight = doubles(&c->weight);
    p->row_weight = doubles(&c->row_weight);
    p->grad_output = doubles(&c->grad_output);
    if (!c->targets.data) return;
    if (c->targets.dtype == CLXENT_I64) {
        p->targets = c->targets.data;
        if (c->targets.count != p->rows)
            fail_msg("%s: %lld targets of %lld rows", c->name, (long long)c->targets.count,
                     (long long)p->rows);
    } else {
        p->targets_kind = REFERENCE_TARGETS_PROBABILITY;
        p->target_probs = doubles(&c->targets);
    }
}

void case_open(test_case *c, const char *name) {
    *c = (test_case){.problem = REFERENCE_PROBLEM_INIT};
    snprintf(c->name, sizeof c->name, "%s", name);
    expect_about("case %s", name);
    char path[4096], line[512];
    snprintf(path, sizeof path, "%s/%s/case.txt", CLXENT_TEST_CASES, name);
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s: %s", path, strerror(errno));
    int class_axis = -1;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *value = strchr(line, ' ');
        if (!value) fail_msg("%s: the line \"%s\" is not \"key value\"", path, line);
        *value++ = 0;
        set_option(c, line, value, &class_axis);
    }
    fclose(file);
    if (c->output_count == 0) fail_msg("%s: no outputs", path);
    if (c->next_token) return;
    if (!c->is_linear && !c->logits.data) fail_msg("%s: no logits", path);
    if (c->is_linear)
        set_linear(c);
    else
        set_shape(c, class_axis);
    set_arrays(c);
    if (c->is_linear) c->linear.loss = c->problem;
}

void case_close(test_case *c) {
    const void *const owned[] = {c->problem.logits,      c->problem.class_weight, c->problem.row_weight,
                                 c->problem.grad_output, c->problem.target_probs, c->linear.hidden,
                                 c->linear.classifier,   c->linear.bias};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) free((void *)owned[i]);
    tensor_close(&c->logits);
    for (int i = 0; i < INPUTS; i++) tensor_close(input_of(c, i));
    for (int i = 0; i < c->output_count; i++) tensor_close(&c->outputs[i].data);
}

const tensor *case_output(const test_case *c, const char *role) {
    for (int i = 0; i < c->output_count; i++)
        if (strcmp(c->outputs[i].role, role) == 0) return &c->outputs[i].data;
    return NULL;
}

double case_lost(const double *bound, int64_t count) {
    double largest = 0.0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, bound[i]);
    return 1e-7 * largest;
}
