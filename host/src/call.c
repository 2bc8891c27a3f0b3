/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "structs.h"

const char *clx_slot_text(char text[CLX_SLOT_TEXT], const clx_slot *slot, size_t bytes) {
    if (slot->host)
        snprintf(text, CLX_SLOT_TEXT, "%zu bytes at address 0x%" PRIxPTR, bytes, (uintptr_t)slot->host);
    else
        snprintf(text, CLX_SLOT_TEXT, "%zu bytes at offset %zu of a buffer of %zu", bytes, slot->offset,
                 slot->offset + slot->available);
    return text;
}

/* ---------------------------------------------------------------- checks ------------------------------ */

/* Why an array that is given cannot be part of a call of this plan. */
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
    return call->rows > 0 && (use == CLX_TAKE || (use == CLX_GRAD && (call->outputs & CLXENT_OUT_GRAD)));
}

static clxent_status check_slot(clxent_error *err, const clxent_desc *d, const clx_call *call, int array) {
    const clx_slot *slot = &call->slots[array];
    const char *name = clx_array_name(array);
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
        char where[CLX_SLOT_TEXT], stride_text[48] = "";
        int64_t stride = 0, outer_elements = 0;
        if (clx_matrix_of(d, array, &stride, &outer_elements) && stride != outer_elements)
            snprintf(stride_text, sizeof stride_text, " at a stride of %" PRId64, stride);
        return clx_fail(err, CLXENT_ERR_BUFFER,
                        "%s has %s, %zu are needed for %" PRId64 " rows of %" PRId64
                        " classes: %zu elements of %s%s",
                        name, clx_slot_text(where, slot, slot->available), slot->bytes, call->rows,
                        d->classes, slot->bytes / size, clxent_dtype_name(slot->dtype), stride_text);
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
    if (!a->present || !b->present || a->mem != b->mem) return false;
    const uintptr_t a_start = (uintptr_t)a->host + a->offset, b_start = (uintptr_t)b->host + b->offset;
    return a_start < b_start + b->bytes && b_start < a_start + a->bytes;
}

static bool is_in_place(const clxent_desc *d, const clx_slot *logits, const clx_slot *grad) {
    return logits->host == grad->host && logits->offset == grad->offset && d->logits_dtype == d->grad_dtype &&
           d->row_stride == d->grad_row_stride;
}

static clxent_status check_overlaps(clxent_error *err, const clxent_desc *d, const clx_call *call) {
    for (int out = 0; out < CLXENT_A_COUNT; out++) {
        if (!call->slots[out].present || !call->slots[out].is_output) continue;
        for (int other = 0; other < CLXENT_A_COUNT; other++) {
            const clx_slot *a = &call->slots[out], *b = &call->slots[other];
            if (other == out || (b->is_output && other > out) || !clx_overlap(a, b)) continue;
            const bool over_logits = out == CLXENT_A_grad && other == clx_scored_array(d);
            if (over_logits && is_in_place(d, b, a)) continue;
            char here[CLX_SLOT_TEXT], there[CLX_SLOT_TEXT];
            clx_slot_text(here, a, a->bytes);
            clx_slot_text(there, b, b->bytes);
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

static clxent_status set_scalars(clxent_error *err, const clxent_desc *d, const clxent_scalars *given,
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
    const bool cross_entropy = d->op == CLXENT_CROSS_ENTROPY;
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

/* Checks rows, scalars and the slots that a caller has filled, and completes the slots. */
static clxent_status check_call(clxent_plan *plan, int64_t rows, const clxent_scalars *scalars,
                                clx_call *call) {
    const clxent_desc *d = &plan->desc;
    clxent_error *err = &plan->ctx->error;
    call->rows = rows == CLXENT_ALL_ROWS ? d->rows : rows;
    if (call->rows < 0 || call->rows > d->rows)
        return clx_fail(err, CLXENT_ERR_SHAPE, "rows %" PRId64 " is not in [0, %" PRId64 "], the plan's rows",
                        call->rows, d->rows);
    if (call->rows % d->inner != 0)
        return clx_fail(err, CLXENT_ERR_SHAPE, "rows %" PRId64 " is not a multiple of inner %" PRId64,
                        call->rows, d->inner);
    if (d->targets == CLXENT_TARGETS_NEXT_TOKEN && call->rows % d->sequence_length != 0)
        return clx_fail(err, CLXENT_ERR_SHAPE,
                        "rows %" PRId64 " is not a multiple of sequence_length %" PRId64, call->rows,
                        d->sequence_length);
    clxent_status status = set_scalars(err, d, scalars, &call->scalars);
    if (status != CLXENT_OK) return status;

    call->outputs = 0;
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        clx_slot *slot = &call->slots[i];
        slot->dtype = clx_array_dtype(d, i);
        slot->is_output = clx_use_of(d, i) == CLX_GIVE;
        const uint64_t bytes =
            (uint64_t)clx_array_elements(d, i, call->rows) * clxent_dtype_size(slot->dtype);
        if (!clx_fits_size(bytes, SIZE_MAX, &slot->bytes) && slot->present)
            return clx_fail(err, CLXENT_ERR_SHAPE,
                            "%s of %" PRId64 " rows of %" PRId64 " classes has %" PRIu64
                            " bytes, and the largest size on this host is %zu: give a call fewer rows",
                            clx_array_name(i), call->rows, d->classes, bytes, SIZE_MAX);
        if (slot->present && slot->is_output) call->outputs |= 1u << i;
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
    const clxent_array *given = &a.logits; /* and on, in the table's order (arrays.c) */
    memset(out, 0, sizeof *out);
    for (int i = 0; i < CLXENT_A_COUNT; i++)
        if (given[i].data)
            out->slots[i] = (clx_slot){.present = true, .host = given[i].data, .available = given[i].bytes};
    return check_call(plan, a.rows, a.scalars, out);
}

clxent_status clx_call_from_buffers(clxent_plan *plan, const clxent_buffers *buffers, clx_call *out) {
    clxent_error *err = &plan->ctx->error;
    const clxent_buffer *given = &buffers->logits; /* and on, in the table's order (arrays.c) */
    memset(out, 0, sizeof *out);
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        size_t size = 0;
        if (given[i].mem == NULL) continue;
        const cl_int code =
            plan->ctx->cl.GetMemObjectInfo(given[i].mem, CL_MEM_SIZE, sizeof size, &size, NULL);
        const char *name = clx_array_name(i);
        if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clGetMemObjectInfo(%s)", name);
        if (given[i].offset > size)
            return clx_fail(err, CLXENT_ERR_BUFFER,
                            "%s offset %zu is past the end of its buffer of %zu bytes", name, given[i].offset,
                            size);
        out->slots[i] = (clx_slot){.present = true,
                                   .mem = given[i].mem,
                                   .offset = given[i].offset,
                                   .available = size - given[i].offset};
    }
    return check_call(plan, buffers->rows, buffers->scalars, out);
}

/* ---------------------------------------------------------------- what the kernels are told ----------- */

static clx_bits bits_of(const clxent_desc *d, double x) {
    clx_bits bits = 0;
    const float f = (float)x;
    if (clx_real(d) == CLXENT_F64)
        memcpy(&bits, &x, sizeof x);
    else {
        uint32_t low;
        memcpy(&low, &f, sizeof f);
        bits = low;
    }
    return bits;
}

static double class_unit(int64_t classes) {
    int exponent;
    (void)frexp((double)classes, &exponent);
    return ldexp(1.0, -exponent - 1);
}

clx_params clx_call_params(const clxent_plan *plan, const clx_call *call) {
    const clxent_desc *d = &plan->desc;
    const clxent_scalars *s = &call->scalars;
    const bool reduced_loss = (call->outputs & CLXENT_OUT_LOSS) && d->reduction != CLXENT_NONE;
    const bool atomic = reduced_loss && (d->flags & CLXENT_ATOMIC);

    clx_params p = {
        .rows = call->rows,
        .end_row = call->rows,
        .classes = d->classes,
        .classes_padded = d->classes_padded,
        .inner = d->inner,
        .logits_stride = d->row_stride,
        .grad_stride = d->grad_row_stride,
        .targets_stride = d->targets_row_stride,
        .log_probs_stride = d->log_probs_row_stride,
        .grad_output_stride = d->grad_output_row_stride,
        .sequence_length = d->sequence_length,
        .tokens_per_sequence = d->tokens_per_sequence,
        .ignore_index = d->ignore_index,
        .parts = plan->split.parts,
        .part_classes = plan->split.part_classes,
        .label_smoothing = bits_of(d, s->label_smoothing),
        .z_loss = bits_of(d, s->z_loss),
        .softcap = bits_of(d, s->softcap),
        .logit_scale = bits_of(d, s->logit_scale),
        .grad_output = bits_of(d, s->grad_output),
        .class_unit = bits_of(d, class_unit(d->classes)),
        .reduction = (clx_i32)d->reduction,
        .targets = (clx_i32)d->targets,
        .targets_int = (clx_i32)d->targets_dtype,
        .segment_int = (clx_i32)d->segment_dtype,
        .flags = (d->use_ignore_index ? CLX_IGNORE : 0) |
                 (d->empty_mean == CLXENT_EMPTY_MEAN_ZERO ? CLX_EMPTY_ZERO : 0) | (atomic ? CLX_ATOMIC : 0) |
                 (reduced_loss && !atomic ? CLX_KEEP_ROWS : 0),
    };
    for (int i = 0; i < CLXENT_A_COUNT; i++) {
        const clx_slot *slot = &call->slots[i];
        if (!slot->present) continue;
        const int argument = clx_argument_of(d, i);
        p.present |= 1 << argument;
        p.at[argument] = (clx_i64)(slot->offset / clxent_dtype_size(slot->dtype));
    }
    return p;
}

void clx_pack_piece(clx_params *p, int64_t rows) {
    p->inner = rows; /* and with strides of the same, row r begins r elements behind row 0 */
    p->logits_stride = p->grad_stride = p->targets_stride = rows;
    p->log_probs_stride = p->grad_output_stride = rows;
}

void clx_place_workspace(clx_params *p, const clxent_plan *plan, const clx_workspace *w, size_t offset,
                         int64_t first_kept, int64_t first_split) {
    const int64_t at = (int64_t)offset, real_bytes = (int64_t)clxent_dtype_size(clx_real(&plan->desc));
    p->totals_at = w->totals_at + at;
    p->count_partials_at = w->count_partials_at + at;
    p->loss_partials_at = w->loss_partials_at + at;
    p->row_ce_at = (w->row_ce_at + at) / real_bytes - first_kept;
    p->row_z_at = (w->row_z_at + at) / real_bytes - first_kept;
    p->row_parts_at = w->row_parts_at + at - first_split * plan->split.parts * CLX_SPLIT_PART_BYTES;
}
