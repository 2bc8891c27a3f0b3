/* SPDX-License-Identifier: Apache-2.0
 *
 * NumPy's .npy: magic, version, header length, a Python dict of descr, fortran_order and shape, data.
 * Format: numpy.lib.format (NEP 1). A small cursor parses the dict and never leaves the header.
 */
#include "file_write.h"
#include "tensor_format.h"

#include <stdio.h>
#include <string.h>

#define MAGIC        "\x93NUMPY"
#define MAGIC_LENGTH 6

static const struct {
    clxent_dtype dtype;
    const char *descr;
} types[] = {{CLXENT_F32, "<f4"}, {CLXENT_F16, "<f2"}, {CLXENT_F64, "<f8"}, {CLXENT_I64, "<i8"},
             {CLXENT_I32, "<i4"}, {CLXENT_U16, "<u2"}, {CLXENT_U8, "|u1"}};
#define ACCEPTED "'<f4' '<f2' '<f8' '<i8' '<i4' '<u2' '|u1'"

/* ---------------------------------------------------------------- reading ---- */

typedef struct cursor {
    const tensor_source *source;
    size_t at, end;
} cursor;

static int expected(const cursor *c, const char *what) {
    const unsigned char *bytes = c->source->bytes;
    if (c->at >= c->end)
        return tensor_fail(c->source, "offset %zu: expected %s, but the header ends", c->at, what);
    return tensor_fail(c->source, "offset %zu: expected %s, but '%c' (0x%02x) stands there", c->at, what,
                       bytes[c->at], bytes[c->at]);
}

static int peek(cursor *c) {
    while (c->at < c->end && strchr(" \t\r\n", c->source->bytes[c->at]) && c->source->bytes[c->at]) c->at++;
    return c->at < c->end ? c->source->bytes[c->at] : -1;
}

static int take(cursor *c, char wanted) {
    if (peek(c) != (unsigned char)wanted) return 0;
    c->at++;
    return 1;
}

/* Takes a string without escapes. Writers of .npy use no escapes. */
static int take_string(cursor *c, char *text, size_t size, const char *what) {
    const int quote = peek(c);
    if (quote != '\'' && quote != '"') return expected(c, what);
    size_t length = 0;
    for (c->at++; c->at < c->end && c->source->bytes[c->at] != quote; c->at++) {
        if (length + 1 >= size) return tensor_fail(c->source, "offset %zu: %s is too long", c->at, what);
        text[length++] = (char)c->source->bytes[c->at];
    }
    text[length] = '\0';
    if (c->at >= c->end) return expected(c, "a closing quote");
    c->at++;
    return 0;
}

static int take_word(cursor *c, const char *word) {
    const size_t length = strlen(word);
    peek(c);
    if (c->end - c->at < length || memcmp(c->source->bytes + c->at, word, length) != 0) return 0;
    c->at += length;
    return 1;
}

/* Returns the NumPy code that converts an array of this type to one that the tool reads; "" if none does. */
static const char *cure_of(const char *descr) {
    if (*descr == '>' && descr[1])
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (strcmp(descr + 1, types[i].descr + 1) == 0)
                return "; save array.astype(array.dtype.newbyteorder('<'))";
    switch (*descr ? descr[1] : '\0') {
    case 'i':
    case 'u':
    case 'b':
        return "; save array.astype('int64')";
    case 'f':
    case 'V': /* types that NumPy does not have itself, such as bfloat16 */
        return "; save array.astype('float32')";
    default:
        return "";
    }
}

static int parse_descr(cursor *c, tensor *t) {
    char descr[64];
    if (peek(c) == '[')
        return tensor_fail(c->source,
                           "offset %zu: structured types are not read; accepted: " ACCEPTED
                           "; save a field, array['name']",
                           c->at);
    const size_t at = c->at;
    if (take_string(c, descr, sizeof descr, "a type such as '<f4'") != 0) return -1;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(descr, types[i].descr) == 0) t->dtype = types[i].dtype;
    if (strcmp(descr, "<u1") == 0) t->dtype = CLXENT_U8;
    if (t->dtype) return 0;
    if (descr[0] == '>')
        return tensor_fail(c->source, "offset %zu: type '%s' is big-endian; accepted: " ACCEPTED "%s", at,
                           descr, cure_of(descr));
    return tensor_fail(c->source, "offset %zu: type '%s' is not read; accepted: " ACCEPTED "%s", at, descr,
                       cure_of(descr));
}

static int is_digit(int c) {
    return c >= '0' && c <= '9';
}

static int parse_dimension(cursor *c, int64_t *out) {
    const int first = peek(c), negative = first == '-';
    const size_t at = c->at;
    int64_t value = 0;
    int too_large = 0;
    c->at += (size_t)negative;
    if (c->at >= c->end || !is_digit(c->source->bytes[c->at])) return expected(c, "a dimension");
    for (; c->at < c->end && is_digit(c->source->bytes[c->at]); c->at++) {
        const int digit = c->source->bytes[c->at] - '0';
        too_large |= value > (INT64_MAX - digit) / 10;
        if (!too_large) value = value * 10 + digit;
    }
    if (negative || too_large) {
        const int digits = c->at - at < 40 ? (int)(c->at - at) : 40;
        return tensor_fail(c->source, "offset %zu: dimension %.*s of the shape is not in [0, 2^63 - 1]", at,
                           digits, (const char *)c->source->bytes + at);
    }
    if (c->at < c->end && c->source->bytes[c->at] == 'L') c->at++; /* Python 2 wrote 3L */
    *out = value;
    return 0;
}

static int parse_shape(cursor *c, tensor *t) {
    if (!take(c, '(')) return expected(c, "a shape such as (3, 4)");
    while (!take(c, ')')) {
        if (t->ndim == TENSOR_MAX_DIMS)
            return tensor_fail(c->source, "offset %zu: the shape has more than %d dimensions", c->at,
                               TENSOR_MAX_DIMS);
        if (parse_dimension(c, &t->shape[t->ndim]) != 0) return -1;
        t->ndim++;
        if (!take(c, ',') && peek(c) != ')') return expected(c, "',' or ')' in the shape");
    }
    return 0;
}

static int parse_order(cursor *c, int *fortran) {
    if (take_word(c, "False"))
        *fortran = 0;
    else if (take_word(c, "True"))
        *fortran = 1;
    else
        return expected(c, "True or False");
    return 0;
}

static int parse_dict(cursor *c, tensor *t, int *fortran) {
    static const char *const names[] = {"descr", "fortran_order", "shape"};
    int seen[3] = {0, 0, 0};
    if (!take(c, '{')) return expected(c, "'{'");
    while (!take(c, '}')) {
        char key[32];
        int which = 0;
        peek(c);
        const size_t at = c->at;
        if (take_string(c, key, sizeof key, "a key in quotes") != 0) return -1;
        while (which < 3 && strcmp(key, names[which]) != 0) which++;
        if (which == 3)
            return tensor_fail(c->source, "offset %zu: unknown key '%s'; known: descr, fortran_order, shape",
                               at, key);
        if (seen[which]++) return tensor_fail(c->source, "offset %zu: key '%s' stands twice", at, key);
        if (!take(c, ':')) return expected(c, "':'");
        const int failed = which == 0   ? parse_descr(c, t)
                           : which == 1 ? parse_order(c, fortran)
                                        : parse_shape(c, t);
        if (failed) return -1;
        if (!take(c, ',') && peek(c) != '}') return expected(c, "',' or '}'");
    }
    for (int i = 0; i < 3; i++)
        if (!seen[i]) return tensor_fail(c->source, "offset %zu: the header has no '%s'", c->at, names[i]);
    if (peek(c) >= 0) return expected(c, "nothing but spaces after '}'");
    return 0;
}

/* With at most one dimension longer than 1, Fortran order is C order. */
static int is_c_order(const tensor *t) {
    int longer = 0;
    for (int d = 0; d < t->ndim; d++) longer += t->shape[d] > 1;
    return longer <= 1 || t->count == 0;
}

int npy_parse(tensor *t, size_t *offset, const tensor_source *source) {
    const unsigned char *bytes = source->bytes;
    if (source->size < MAGIC_LENGTH || memcmp(bytes, MAGIC, MAGIC_LENGTH) != 0)
        return tensor_fail(source, "offset 0: not a .npy file: its first %d bytes are not \\x93NUMPY%s",
                           MAGIC_LENGTH, tensor_content(source));
    if (source->size < 8) return tensor_fail(source, "offset 6: the file ends before its format version");
    const int version = bytes[6];
    if (version < 1 || version > 3)
        return tensor_fail(source, "offset 6: format version %d.%d is not known; known: 1, 2, 3", version,
                           bytes[7]);
    const size_t begin = version == 1 ? 10 : 12;
    if (source->size < begin) return tensor_fail(source, "offset 8: the file ends before its header length");
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    if (version > 1) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > source->size - begin)
        return tensor_fail(source,
                           "offset 8: the header is said to have %zu bytes, but the file has %zu after it",
                           length, source->size - begin);

    cursor c = {source, begin, begin + length};
    int fortran = 0;
    char shape[TENSOR_SHAPE_TEXT];
    if (parse_dict(&c, t, &fortran) != 0 || tensor_measure(t, source, begin) != 0) return -1;
    tensor_shape_text(shape, t->ndim, t->shape);
    if (fortran && !is_c_order(t))
        return tensor_fail(source,
                           "offset %zu: shape %s in Fortran order is not read; save it in C order "
                           "(numpy.ascontiguousarray)",
                           begin, shape);
    *offset = begin + length;
    if (t->bytes != source->size - *offset) {
        const char *descr = "";
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (types[i].dtype == t->dtype) descr = types[i].descr;
        return tensor_fail(
            source,
            "offset %zu: header says shape %s of '%s', %zu bytes, but the file has %zu bytes after it", begin,
            shape, descr, t->bytes, source->size - *offset);
    }
    return 0;
}

/* ---------------------------------------------------------------- writing ---- */

static int write_file(const char *path, clxent_dtype dtype, int ndim, const int64_t *shape, const void *data,
                      const char *descr) {
    char text[TENSOR_SHAPE_TEXT], header[10 + TENSOR_SHAPE_TEXT + 128];
    size_t count = 1;
    for (int d = 0; d < ndim; d++) count *= (size_t)shape[d];
    const int dict =
        snprintf(header + 10, sizeof header - 10, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                 descr, tensor_shape_text(text, ndim, shape));
    size_t end = 10 + (size_t)dict;
    while ((end + 1) % 64 != 0) header[end++] = ' '; /* the data begin at a multiple of 64 */
    header[end++] = '\n';
    memcpy(header, MAGIC "\x01", 8); /* its NUL is the 0 of version 1.0 */
    header[8] = (char)((end - 10) & 0xff);
    header[9] = (char)((end - 10) >> 8);
    return file_write(path, (const file_part[]){{header, end}, {data, count * clxent_dtype_size(dtype)}}, 2);
}

clxent_dtype npy_dtype(clxent_dtype dtype) {
    return dtype == CLXENT_BF16 ? CLXENT_F32 : dtype;
}

int npy_write(const char *path, clxent_dtype dtype, int ndim, const int64_t *shape, const void *data,
              char *err, size_t err_size) {
    const tensor_source source = {path, NULL, 0, err, err_size};
    const char *descr = NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == dtype) descr = types[i].descr;
    if (!descr)
        return tensor_fail(&source, "cannot write: .npy has no type for this data (accepted: " ACCEPTED ")");
    if (ndim < 0 || ndim > TENSOR_MAX_DIMS)
        return tensor_fail(&source, "cannot write: %d dimensions are not in [0, %d]", ndim, TENSOR_MAX_DIMS);

    const int code = write_file(path, dtype, ndim, shape, data, descr);
    return code ? tensor_fail(&source, "cannot write: %s", strerror(code)) : 0;
}
