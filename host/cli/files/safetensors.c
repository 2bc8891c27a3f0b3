/* SPDX-License-Identifier: Apache-2.0
 *
 * Safetensors: 8 bytes of header length, a JSON object {"name": {"dtype", "shape", "data_offsets"}, ...},
 * then the data, to which the offsets are relative. The data hold every tensor once, without holes.
 */
#include "json_alloc.h"
#include "nearest.h"
#include "tensor_format.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define HEADER_AT       8
#define HEADER_MAX      100000000 /* as in the format's own library */
#define NAMES_LISTED    12
#define CONTAINER_BYTES 12 /* see check_header() */

static const struct {
    const char *name;
    clxent_dtype dtype;
} types[] = {{"F32", CLXENT_F32}, {"F16", CLXENT_F16}, {"BF16", CLXENT_BF16}, {"F64", CLXENT_F64},
             {"I64", CLXENT_I64}, {"I32", CLXENT_I32}, {"U16", CLXENT_U16},   {"U8", CLXENT_U8}};
#define ACCEPTED "F32 F16 BF16 F64 I64 I32 U16 U8"

/* Reads data_offsets of an entry into `range`, and checks them against the size of the file. */
static int parse_offsets(const json_t *entry, const char *name, uint64_t data_bytes, uint64_t range[2],
                         const tensor_source *source) {
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (json_array_size(offsets) != 2 || !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)))
        return tensor_fail(source, "offset %d: tensor '%s' has no data_offsets [begin, end]", HEADER_AT,
                           name);
    const json_int_t begin = json_integer_value(json_array_get(offsets, 0));
    const json_int_t end = json_integer_value(json_array_get(offsets, 1));
    if (begin < 0 || begin > end)
        return tensor_fail(source,
                           "offset %d: tensor '%s': data_offsets [%" JSON_INTEGER_FORMAT
                           ", %" JSON_INTEGER_FORMAT "] do not have 0 <= begin <= end",
                           HEADER_AT, name, begin, end);
    if ((uint64_t)end > data_bytes)
        return tensor_fail(source,
                           "offset %d: tensor '%s': data_offsets end at %" JSON_INTEGER_FORMAT
                           ", but the file has %" PRIu64 " bytes after the header",
                           HEADER_AT, name, end, data_bytes);
    range[0] = (uint64_t)begin;
    range[1] = (uint64_t)end;
    return 0;
}

static int parse_entry(tensor *t, const json_t *entry, const char *name, const uint64_t range[2],
                       const tensor_source *source) {
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const json_t *shape = json_object_get(entry, "shape");
    if (!dtype) return tensor_fail(source, "offset %d: tensor '%s' has no dtype", HEADER_AT, name);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(dtype, types[i].name) == 0) t->dtype = types[i].dtype;
    if (!t->dtype)
        return tensor_fail(source,
                           "offset %d: tensor '%s' has type '%s', which is not read; accepted: " ACCEPTED
                           "; save it as one of these, such as %s",
                           HEADER_AT, name, dtype, *dtype && strchr("IUB", *dtype) ? "I64" : "F32");
    if (!json_is_array(shape))
        return tensor_fail(source, "offset %d: tensor '%s' has no shape", HEADER_AT, name);
    if (json_array_size(shape) > TENSOR_MAX_DIMS)
        return tensor_fail(source, "offset %d: tensor '%s' has %zu dimensions, more than %d", HEADER_AT, name,
                           json_array_size(shape), TENSOR_MAX_DIMS);
    for (size_t d = 0; d < json_array_size(shape); d++) {
        if (!json_is_integer(json_array_get(shape, d)))
            return tensor_fail(source, "offset %d: tensor '%s': dimension %zu is not an integer", HEADER_AT,
                               name, d);
        t->shape[t->ndim++] = json_integer_value(json_array_get(shape, d));
    }
    if (tensor_measure(t, source, HEADER_AT) != 0) return -1;
    if (range[1] - range[0] != t->bytes) {
        char text[TENSOR_SHAPE_TEXT];
        return tensor_fail(
            source,
            "offset %d: tensor '%s' of shape %s and type %s needs %zu bytes, but its data_offsets "
            "hold %" PRIu64,
            HEADER_AT, name, tensor_shape_text(text, t->ndim, t->shape), dtype, t->bytes,
            range[1] - range[0]);
    }
    return 0;
}

/* Reports that no tensor has the name. The message lists tensors of the file and the name that the user
 * probably meant. It looks only at the first MOST_OFFERED names, because a file may have millions. */
static int no_such_tensor(json_t *header, const char *name, const tensor_source *source) {
    enum { MOST_OFFERED = 10000 };
    char list[700] = "", meant[NEAREST_TEXT];
    nearest near = nearest_to(name ? name : "", name ? strlen(name) : 0);
    size_t used = 0, tensors = 0;
    const char *key;
    json_t *entry;
    json_object_foreach(header, key, entry) {
        if (strcmp(key, "__metadata__") == 0) continue;
        if (tensors < MOST_OFFERED) nearest_offer(&near, key);
        if (tensors++ < NAMES_LISTED && used < sizeof list - 1) {
            const int added = snprintf(list + used, sizeof list - used, "%s%.60s", used ? ", " : "", key);
            used += (size_t)added;
        }
    }
    const char *more = tensors > NAMES_LISTED ? ", ..." : "";
    if (tensors == 0) return tensor_fail(source, "the file has no tensor");
    if (name && !*name)
        return tensor_fail(source,
                           "the tensor's name behind the colon is empty; write FILE.safetensors:NAME; the "
                           "file has %zu: %s%s",
                           tensors, list, more);
    if (!name)
        return tensor_fail(source, "which tensor? Write FILE.safetensors:NAME; the file has %zu: %s%s",
                           tensors, list, more);
    return tensor_fail(source, "no tensor is named '%.100s'; the file has %zu: %s%s%s", name, tensors, list,
                       more, nearest_text(&near, "", meant));
}

/* Returns the name of the only tensor; NULL: the file has several, or none. */
static const char *only_tensor(json_t *header) {
    const char *only = NULL, *key;
    json_t *entry;
    json_object_foreach(header, key, entry) {
        if (strcmp(key, "__metadata__") == 0) continue;
        if (only) return NULL;
        only = key;
    }
    return only;
}

/* The bytes of each entry must lie in the data, and all entries together must have all bytes of the data. So
 * a file that is too short or too long is refused, whichever tensor the user names. */
static int check_entries(json_t *header, uint64_t data_bytes, const tensor_source *source) {
    uint64_t total = 0;
    const char *key;
    json_t *entry;
    json_object_foreach(header, key, entry) {
        uint64_t range[2];
        if (strcmp(key, "__metadata__") == 0) continue;
        if (parse_offsets(entry, key, data_bytes, range, source) != 0) return -1;
        if (range[1] - range[0] > data_bytes - total)
            return tensor_fail(
                source,
                "offset %d: tensor '%s' overlaps another: the tensors have more bytes together "
                "than the %" PRIu64 " after the header",
                HEADER_AT, key, data_bytes);
        total += range[1] - range[0];
    }
    if (total != data_bytes)
        return tensor_fail(source,
                           "offset %d: the tensors have %" PRIu64 " bytes, but the file has %" PRIu64
                           " after the header",
                           HEADER_AT, total, data_bytes);
    return 0;
}

/* Checks the header before the JSON parser allocates memory for it. An empty object or array has two bytes in
 * the file, but a few hundred in memory. A valid header has few of them: one object and two arrays for an
 * entry of at least 49 bytes. */
static int check_header(const tensor_source *source, uint64_t length) {
    size_t containers = 0;
    int in_string = 0;
    const char *content = length > source->size - HEADER_AT ? tensor_content(source) : "";
    if (*content) return tensor_fail(source, "offset 0: not a safetensors file%s", content);
    if (length > source->size - HEADER_AT)
        return tensor_fail(
            source, "offset 0: the header is said to have %" PRIu64 " bytes, but the file has %zu after it",
            length, source->size - HEADER_AT);
    if (length > HEADER_MAX)
        return tensor_fail(source, "offset 0: the header has %" PRIu64 " bytes; the format's limit is %d",
                           length, HEADER_MAX);
    const unsigned char *header = source->bytes + HEADER_AT;
    for (size_t i = 0; i < length; i++) {
        if (in_string && header[i] == '\\')
            i++;
        else if (header[i] == '"')
            in_string = !in_string;
        else if (!in_string)
            containers += header[i] == '{' || header[i] == '[';
    }
    if (containers > 4 + length / CONTAINER_BYTES)
        return tensor_fail(source,
                           "offset %d: the header has %zu objects and arrays in %" PRIu64
                           " bytes, more than one in %d",
                           HEADER_AT, containers, length, CONTAINER_BYTES);
    return 0;
}

/* Returns the header's length, which the first HEADER_AT bytes hold. */
static uint64_t header_length(const tensor_source *source) {
    uint64_t length = 0;
    for (int i = 0; i < HEADER_AT; i++) length |= (uint64_t)source->bytes[i] << (8 * i);
    return length;
}

int safetensors_is_likely(const tensor_source *source) {
    return source->size > HEADER_AT && header_length(source) <= source->size - HEADER_AT &&
           source->bytes[HEADER_AT] == '{';
}

int safetensors_parse(tensor *t, size_t *offset, const tensor_source *source, const char *name) {
    uint64_t range[2];
    if (source->size < HEADER_AT)
        return tensor_fail(source, "offset 0: %zu bytes are fewer than the 8 of a safetensors header length",
                           source->size);
    const uint64_t length = header_length(source);
    if (check_header(source, length) != 0) return -1;
    *offset = HEADER_AT + (size_t)length;
    const uint64_t data_bytes = source->size - *offset;

    json_error_t problem;
    json_t *header =
        json_loadb((const char *)source->bytes + HEADER_AT, (size_t)length, JSON_REJECT_DUPLICATES, &problem);
    if (!header && json_alloc_failed())
        return tensor_fail(source, "offset %d: out of memory for the header of %" PRIu64 " bytes", HEADER_AT,
                           length);
    if (!header)
        return tensor_fail(source, "offset %zu: the header is not JSON: %s",
                           HEADER_AT + (size_t)problem.position, problem.text);
    int result = -1;
    if (!name) name = only_tensor(header);
    json_t *entry = name && strcmp(name, "__metadata__") != 0 ? json_object_get(header, name) : NULL;
    if (!json_is_object(header))
        tensor_fail(source, "offset %d: the header is not a JSON object", HEADER_AT);
    else if (!entry)
        no_such_tensor(header, name, source);
    else if (check_entries(header, data_bytes, source) == 0 &&
             parse_offsets(entry, name, data_bytes, range, source) == 0)
        result = parse_entry(t, entry, name, range, source);
    json_decref(header);
    if (result == 0) *offset += (size_t)range[0];
    return result;
}
