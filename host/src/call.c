/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "structs.h"
#include "validate.h"
#include "workspace.h"

/* "160 bytes at address 0x7ffc2c00", "160 bytes at offset 64 of a buffer of 4096". */
enum { SLOT_TEXT = 112 };
static const char *slot_text(char text[SLOT_TEXT], const clx_slot *slot, size_t bytes) {
    if (slot->host)
        snprintf(text, SLOT_TEXT, "%zu bytes at address 0x%" PRIxPTR, bytes, (uintptr_t)slot->host);
    else
        snprintf(text, SLOT_TEXT, "%zu bytes at offset %zu of a buffer of %zu", bytes, slot->offset,
                 slot->offset + slot->available);
    return text;
}

/* ---------------------------------------------------------------- checks ------------------------------ */

/* Refuses a given array that cannot be part of a call of this plan. */
static clxent_status check_taken(clxent_error *err, const clxent_desc *d, int array) {
    const char *name = clx_array_name(array);
    const clx_use use = clx_use_of(d, array);
    if (use == CLX_NO && d->op == CLXENT_NLL && array == CLXENT_A_logits)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "logits is given, must be NULL: nll's input is log_probs");
    if (use == CLX_NO)
        return clx_is_output(array)
                   ? clx_fail(err, CLXENT_ERR_ARGUMENT, "%s is given, must be NULL: %s has no such output",
                              name, clx_op_text(d))
                   : clx_fail(err, CLXENT_ERR_ARGUMENT, "%s is given, must be NULL: %s does not take it",
                              name, clxent_op_name(d->op));
    if (use == CLX_GIVE && array == CLXENT_A_state && d->outputs == 0)
        return clx_fail(
            err, CLXENT_ERR_ARGUMENT,
            "state is given, must be NULL: the outputs of the plan's desc are 0; they must name state");
    if (use == CLX_GIVE && d->outputs && !(d->outputs & (1u << array)))
        return clx_fail(err, CLXENT_ERR_ARGUMENT,
                        "%s is given, must be NULL: the outputs of the plan's desc do not name it", name);
    if (array == CLXENT_A_segment && d->targets != CLXENT_TARGETS_NEXT_TOKEN)
        return clx_fail(err, CLXENT_ERR_ARGUMENT,
                        "%s is given, must be NULL: it is for next-token targets, this plan's are %s", name,
                        clxent_targets_name(d->targets));
    return CLXENT_OK;
}

static bool is_required(const clxent_desc *d, const clx_call *call, int array) {
    const clx_use use = clx_use_of(d, array);
    if (call->phase == CLX_END || (call->phase == CLX_BEGIN && array != CLXENT_A_targets)) return false;
    return call->rows > 0 && (use == CLX_TAKE || (use == CLX_GRAD && (call->outputs & CLXENT_OUT_GRAD)));
}

/* Whether the phase ignores the array: begin and end ignore the (N,C) arrays, which come with the rows of a
 * block. */
static bool is_idle(const clxent_desc *d, const clx_call *call, int array) {
    int64_t stride = 0, elements = 0;
    return (call->phase == CLX_BEGIN || call->phase == CLX_END) &&
           clx_matrix_of(d, array, &stride, &elements);
}

static clxent_status check_slot(clxent_error *err, const clxent_desc *d, const clx_call *call, int array) {
    const clx_slot *slot = &call->slots[array];
    const char *name = clx_array_name(array);
    if (is_idle(d, call, array)) return CLXENT_OK;
    if (!slot->present) {
        if (is_required(d, call, array))
            return clx_fail(err, CLXENT_ERR_BUFFER, "%s is NULL; this call of %" PRId64 " rows needs it",
                            name, call->rows);
        return CLXENT_OK;
    }
    const clxent_status taken = check_taken(err, d, array);
    if (taken != CLXENT_OK) return taken;
    const size_t size = clxent_dtype_size(slot->dtype);
    if (slot->bytes > slot->available) {
        char where[SLOT_TEXT], stride_text[48] = "";
        int64_t stride = clx_features_stride(d, array), outer_elements = d->features;
        const bool has_features = stride > 0;
        const bool in_block = clx_matrix_of(d, array, &stride, &outer_elements);
        const bool of_classes = array == CLXENT_A_classifier || array == CLXENT_A_grad_classifier;
        if ((in_block || has_features) && stride != outer_elements)
            snprintf(stride_text, sizeof stride_text, " at a stride of %" PRId64, stride);
        return clx_fail(err, CLXENT_ERR_BUFFER,
                        "%s has %s, %zu are needed for %" PRId64 " %s of %" PRId64
                        " %s: %zu elements of %s%s",
                        name, slot_text(where, slot, slot->available), slot->bytes,
                        of_classes ? d->classes
                        : in_block ? call->end_row - call->first_row
                                   : call->rows,
                        of_classes ? "classes" : "rows", has_features ? d->features : d->classes,
                        has_features ? "features" : "classes", slot->bytes / size,
                        clxent_dtype_name(slot->dtype), stride_text);
    }
    const uintptr_t start = slot->host ? (uintptr_t)slot->host : (uintptr_t)slot->offset;
    if (start % size != 0)
        return clx_fail(err, CLXENT_ERR_BUFFER,
                        slot->host
                            ? "%s starts at address 0x%" PRIxPTR ", not a multiple of %zu, the size of %s"
                            : "%s starts at offset %" PRIuPTR ", not a multiple of %zu, the size of %s",
                        name, start, size, clxent_dtype_name(slot->dtype));
    return CLXENT_OK;
}

bool clx_overlap(const clx_slot *a, const clx_slot *b) {
    if (!a->present || !b->present || a->mem != b->mem || a->bytes == 0 || b->bytes == 0) return false;
    const uintptr_t a_start = (uintptr_t)a->host + a->offset, b_start = (uintptr_t)b->host + b->offset;
    return a_start < b_start + b->bytes && b_start < a_start + a->bytes;
}

bool clx_is_in_place(const clxent_desc *d, const clx_call *call) {
    const clx_slot *logits = &call->slots[clx_scored_array(d)], *grad = &call->slots[CLXENT_A_grad];
    return logits->present && grad->present && logits->mem == grad->mem && logits->host == grad->host &&
           logits->offset == grad->offset && d->logits_dtype == d->grad_dtype &&
           d->row_stride == d->grad_row_stride;
}

static clxent_status check_overlaps(clxent_error *err, const clxent_desc *d, const clx_call *call) {
    for (int out = 0; out < CLXENT_A_COUNT; out++) {
        if (!call->slots[out].present || !call->slots[out].is_output) continue;
        for (int other = 0; other < CLXENT_A_COUNT; other++) {
            const clx_slot *a = &call->slots[out], *b = &call->slots[other];
            if (other == out || (b->is_output && other > out) || !clx_overlap(a, b)) continue;
            const bool over_logits = out == CLXENT_A_grad && other == clx_scored_array(d);
            if (over_logits && clx_is_in_place(d, call)) continue;
            char here[SLOT_TEXT], there[SLOT_TEXT];
            slot_text(here, a, a->bytes);
            slot_text(there, b, b->bytes);
            if (over_logits)
                return clx_fail(err, CLXENT_ERR_BUFFER,
                                "grad (%s, row stride %" PRId64 ", %s) overlaps %s (%s, row stride %" PRId64
                                ", %s); in place means the same start, dtype and stride",
                                clxent_dtype_name(d->grad_dtype), d->grad_row_stride, here,
                                clx_array_name(other), clxent_dtype_name(d->logits_dtype), d->row_stride,
                                there);
            return clx_fail(err, CLXENT_ERR_BUFFER, "%s (%s) overlaps %s (%s)", clx_array_name(out), here,
                            clx_array_name(other), there);
        }
    }
    return CLXENT_OK;
}

clxent_status clx_call_scalars(clxent_error *err, const clxent_desc *d, const clxent_scalars *given,
                               clxent_scalars *out) {
    *out = clx_desc_scalars(d);
    if (given == NULL) return CLXENT_OK;
    clxent_scalars s;
    clxent_status status = clx_read_struct(err, &clx_scalars_struct, given, &s);
    if (status == CLXENT_OK) status = clx_check_scalars(err, d, &s);
    if (status != CLXENT_OK) return status;
    if ((s.softcap != 0) != (d->softcap != 0))
        return clx_fail(err, CLXENT_ERR_ARGUMENT,
                        "softcap %g of the call with softcap %g of the plan: it cannot change "
                        "from or to 0; that needs another plan",
                        s.softcap, d->softcap);
    const bool cross_entropy = d->op == CLXENT_CROSS_ENTROPY || d->op == CLXENT_LINEAR_CROSS_ENTROPY;
    if (!cross_entropy && (s.label_smoothing != 0 || s.z_loss != 0))
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED,
                        "label_smoothing %g, z_loss %g: %s does not take them, must be 0", s.label_smoothing,
                        s.z_loss, clxent_op_name(d->op));
    if (d->op == CLXENT_NLL && s.logit_scale != 1)
        return clx_fail(err, CLXENT_ERR_UNSUPPORTED, "logit_scale %g: nll does not take it, must be 1",
                        s.logit_scale);
    *out = s;
    return CLXENT_OK;
}

/* The number of elements that the call touches; of an (N,C) array it touches those of the block's rows. */
static uint64_t elements_of(const clxent_desc *d, const clx_call *call, int array) {
    int64_t stride = 0, elements = 0;
    const bool in_block = clx_matrix_of(d, array, &stride, &elements);
    return (uint64_t)clx_array_elements(d, array, in_block ? call->end_row - call->first_row : call->rows);
}

static clxent_status check_rows(clxent_error *err, const clxent_desc *d, int64_t rows) {
    if (rows >= 0 && rows <= d->rows) return CLXENT_OK;
    return clx_fail(err, CLXENT_ERR_SHAPE, "rows %" PRId64 " is not in [0, %" PRId64 "], the plan's rows",
                    rows, d->rows);
}

clxent_status clx_check_merge(clxent_error *err, const clxent_desc *d, int64_t rows, size_t count) {
    enum { MOST = 4096 };
    if (count < 1 || count > MOST)
        return clx_fail(err, CLXENT_ERR_ARGUMENT, "count %zu is not in [1, %d]", count, MOST);
    return check_rows(err, d, rows);
}

/* Checks rows, scalars and the slots that a caller has filled, and completes the slots. */
static clxent_status check_call(clxent_plan *plan, int64_t rows, const clxent_scalars *scalars,
                                clx_call *call) {
    const clxent_desc *d = &plan->desc;
    clxent_error *err = &plan->ctx->error;
    call->rows = rows == CLXENT_ALL_ROWS ? d->rows : rows;
    if (call->phase == CLX_ALL_PHASES) call->end_row = call->rows;
    clxent_status status = check_rows(err, d, call->rows);
    if (status != CLXENT_OK) return status;
    if (call->rows % d->inner != 0)
        return clx_fail(err, CLXENT_ERR_SHAPE, "rows %" PRId64 " is not a multiple of inner %" PRId64,
                        call->rows, d->inner);
    if (d->targets == CLXENT_TARGETS_NEXT_TOKEN && call->rows % d->sequence_length != 0)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "rows %" PRId64 " is not a multiple of sequence_length %" PRId64, call->rows,
                        d->sequence_length);
    status = clx_call_scalars(err, d, scalars, &call->scalars);
    if (status != CLXENT_OK) return status;

    call->outputs = 0;
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        clx_slot *slot = &call->slots[i];
        slot->dtype = clx_array_dtype(d, i);
        slot->is_output = clx_use_of(d, i) == CLX_GIVE;
        const uint64_t bytes = elements_of(d, call, i) * clxent_dtype_size(slot->dtype);
        if (!clx_fits_size(bytes, SIZE_MAX, &slot->bytes) && slot->present)
            return clx_fail(err, CLXENT_ERR_SHAPE,
                            "%s of %" PRId64 " rows of %" PRId64 " classes has %" PRIu64
                            " bytes, and the largest size on this host is %zu: give a call fewer rows",
                            clx_array_name(i), call->rows, d->classes, bytes, SIZE_MAX);
        if (slot->present && slot->is_output && !is_idle(d, call, i)) call->outputs |= 1u << i;
    }
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        status = check_slot(err, d, call, i);
        if (status != CLXENT_OK) return status;
    }
    return check_overlaps(err, d, call);
}

clxent_status clx_call_from_arrays(clxent_plan *plan, const clxent_arrays *arrays, clx_call *out) {
    clxent_error *err = &plan->ctx->error;
    if (arrays == NULL) return clx_fail(err, CLXENT_ERR_ARGUMENT, "arrays is NULL");
    clxent_arrays a;
    const clxent_status status = clx_read_struct(err, &clx_arrays_struct, arrays, &a);
    if (status != CLXENT_OK) return status;
    const clxent_array *given = &a.logits; /* the first of all, in the table's order (arrays.c) */
    memset(out, 0, sizeof *out);
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (given[i].data)
            out->slots[i] = (clx_slot){.present = true, .host = given[i].data, .available = given[i].bytes};
    return check_call(plan, a.rows, a.scalars, out);
}

/* Sets `out` to what the buffer has from its offset on. */
static clxent_status find_rest(clxent_ctx *ctx, const char *name, const clxent_buffer *given, clx_slot *out) {
    clxent_error *err = &ctx->error;
    size_t size = 0;
    const cl_int code = ctx->cl.GetMemObjectInfo(given->mem, CL_MEM_SIZE, sizeof size, &size, NULL);
    if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetMemObjectInfo(%s)", name);
    if (given->offset > size)
        return clx_fail(err, CLXENT_ERR_BUFFER, "%s offset %zu is past the end of its buffer of %zu bytes",
                        name, given->offset, size);
    *out = (clx_slot){
        .present = true, .mem = given->mem, .offset = given->offset, .available = size - given->offset};
    return CLXENT_OK;
}

clxent_status clx_call_of_phase(clxent_plan *plan, const clxent_buffers *buffers, clx_phase phase,
                                int64_t first_row, int64_t end_row, clx_call *out) {
    const clxent_buffer *given = &buffers->logits; /* the first of all, in the table's order (arrays.c) */
    *out = (clx_call){.phase = phase, .first_row = first_row, .end_row = end_row};
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        if (given[i].mem == NULL) continue;
        const clxent_status status = find_rest(plan->ctx, clx_array_name(i), &given[i], &out->slots[i]);
        if (status != CLXENT_OK) return status;
    }
    return check_call(plan, buffers->rows, buffers->scalars, out);
}

clxent_status clx_call_from_buffers(clxent_plan *plan, const clxent_buffers *buffers, clx_call *out) {
    return clx_call_of_phase(plan, buffers, CLX_ALL_PHASES, 0, 0, out);
}

clxent_status clx_find_range(clxent_ctx *ctx, const char *name, const clxent_buffer *given, size_t alignment,
                             uint64_t needed, const char *cure, clx_slot *out) {
    clxent_error *err = &ctx->error;
    if (given->mem == NULL) return clx_fail(err, CLXENT_ERR_BUFFER, "%s is NULL", name);
    const clxent_status status = find_rest(ctx, name, given, out);
    if (status != CLXENT_OK) return status;
    if (given->offset % alignment != 0)
        return clx_fail(err, CLXENT_ERR_BUFFER, "%s offset %zu is not a multiple of %zu", name, given->offset,
                        alignment);
    char here[SLOT_TEXT];
    if (out->available < needed)
        return clx_fail(err, CLXENT_ERR_BUFFER, "%s has %s, %" PRIu64 " are needed%s", name,
                        slot_text(here, out, out->available), needed, cure);
    out->bytes = (size_t)needed;
    return CLXENT_OK;
}

clxent_status clx_check_workspace(clxent_plan *plan, const clx_call *call, const clxent_buffer *workspace) {
    size_t needed = 0;
    clx_slot scratch;
    clxent_status status = clx_workspace_size(plan, &needed);
    if (status == CLXENT_OK)
        status = clx_find_range(plan->ctx, "workspace", workspace, sizeof(clx_bits), needed,
                                " (clxent_workspace_bytes() says how many)", &scratch);
    if (status != CLXENT_OK) return status;
    char here[SLOT_TEXT], there[SLOT_TEXT];
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (clx_overlap(&scratch, &call->slots[i]))
            return clx_fail(&plan->ctx->error, CLXENT_ERR_BUFFER, "workspace (%s) overlaps %s (%s)",
                            slot_text(here, &scratch, needed), clx_array_name(i),
                            slot_text(there, &call->slots[i], call->slots[i].bytes));
    return CLXENT_OK;
}
