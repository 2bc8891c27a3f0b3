/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests of the tool make files and look into them with this program; see usage(). It uses the tool's file
 * layer, but writes safetensors and broken files byte by byte.
 */
#include "files/dtype_values.h"
#include "files/tensor.h"
#include "xml_check.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void) {
    fputs("cli_files npy OUT DTYPE SHAPE VALUES        SHAPE such as 3x4 or scalar; VALUES such as "
          "1,nan,-inf,\n"
          "                                            over and over until the shape is full\n"
          "cli_files safetensors OUT PAD NAME DTYPE SHAPE VALUES ...   PAD spaces behind the header\n"
          "cli_files raw-npy OUT VERSION HEADER BYTES  any header, then BYTES zeros\n"
          "cli_files raw-safetensors OUT HEADER BYTES\n"
          "cli_files show FILE                         type, shape and values\n"
          "cli_files equal A B TOLERANCE               same shape, values as near\n"
          "cli_files json KEY ...                      standard input is an object of just these keys\n"
          "cli_files xml FILE                          well-formed; how many elements\n",
          stderr);
    return 2;
}

static int die(const char *what) {
    fprintf(stderr, "cli_files: %s\n", what);
    exit(1);
}

/* ------------------------------------------------------------------------ making ---- */

typedef struct spec {
    clxent_dtype dtype;
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t count;
    void *data;
} spec;

static void set(const spec *s, int64_t i, const char *text) {
    const double value = strtod(text, NULL);
    const int64_t integer = strtoll(text, NULL, 10);
    switch (s->dtype) {
    case CLXENT_I64:
        ((int64_t *)s->data)[i] = integer;
        break;
    case CLXENT_I32:
        ((int32_t *)s->data)[i] = (int32_t)integer;
        break;
    case CLXENT_U16:
        ((uint16_t *)s->data)[i] = (uint16_t)integer;
        break;
    case CLXENT_U8:
        ((uint8_t *)s->data)[i] = (uint8_t)integer;
        break;
    default:
        values_convert(s->dtype, (char *)s->data + (size_t)i * clxent_dtype_size(s->dtype), CLXENT_F64,
                       &value, 1);
    }
}

static spec make(const char *dtype, const char *shape, const char *values) {
    spec s = {.dtype = dtype_named(dtype), .count = 1};
    if (!s.dtype) die("no such type");
    for (const char *at = shape; strcmp(shape, "scalar") != 0 && at;
         at = strchr(at, 'x') ? strchr(at, 'x') + 1 : NULL) {
        s.shape[s.ndim] = strtoll(at, NULL, 10);
        s.count *= s.shape[s.ndim++];
    }
    s.data = calloc((size_t)s.count + 1, clxent_dtype_size(s.dtype));
    if (!s.data) die("out of memory");
    const char *at = values;
    for (int64_t i = 0; i < s.count; i++) {
        set(&s, i, at);
        at = strchr(at, ',');
        at = at ? at + 1 : values;
    }
    return s;
}

static int make_npy(char **argv) {
    char message[1400];
    spec s = make(argv[1], argv[2], argv[3]);
    if (npy_write(argv[0], s.dtype, s.ndim, s.shape, s.data, message, sizeof message) != 0) die(message);
    free(s.data);
    return 0;
}

static FILE *create(const char *path) {
    FILE *file = fopen(path, "wb");
    if (!file) die("cannot create the file");
    return file;
}

static void put_zeros(FILE *file, const char *count) {
    for (long n = strtol(count, NULL, 10); n > 0; n--) fputc(0, file);
}

static void put_little(FILE *file, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) fputc((int)(value >> (8 * i) & 0xff), file);
}

static int make_raw_npy(char **argv) {
    FILE *file = create(argv[0]);
    const int version = atoi(argv[1]);
    fputs("\x93NUMPY", file);
    fputc(version, file);
    fputc(0, file);
    put_little(file, strlen(argv[2]), version == 1 ? 2 : 4);
    fputs(argv[2], file);
    put_zeros(file, argv[3]);
    return fclose(file) == 0 ? 0 : die("cannot write");
}

static int make_raw_safetensors(char **argv) {
    FILE *file = create(argv[0]);
    put_little(file, strlen(argv[1]), 8);
    fputs(argv[1], file);
    put_zeros(file, argv[2]);
    return fclose(file) == 0 ? 0 : die("cannot write");
}

static int make_safetensors(int argc, char **argv) {
    char header[4096] = "{\"__metadata__\":{\"made\":\"by a test\"}";
    const int tensors = (argc - 2) / 4;
    size_t offset = 0;
    spec *all = calloc((size_t)tensors + 1, sizeof *all);
    if (!all || tensors * 4 + 2 != argc) die("four words a tensor are needed");
    for (int i = 0; i < tensors; i++) {
        char **words = argv + 2 + 4 * i, dtype[8] = "";
        all[i] = make(words[1], words[2], words[3]);
        const size_t bytes = (size_t)all[i].count * clxent_dtype_size(all[i].dtype);
        for (size_t c = 0; words[1][c] && c < 7; c++)
            dtype[c] = (char)(words[1][c] >= 'a' ? words[1][c] - 'a' + 'A' : words[1][c]);
        size_t used = strlen(header);
        used += (size_t)snprintf(header + used, sizeof header - used, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                                 words[0], dtype);
        for (int d = 0; d < all[i].ndim; d++)
            used += (size_t)snprintf(header + used, sizeof header - used, "%s%" PRId64, d ? "," : "",
                                     all[i].shape[d]);
        snprintf(header + used, sizeof header - used, "],\"data_offsets\":[%zu,%zu]}", offset,
                 offset + bytes);
        offset += bytes;
    }
    const int pad = atoi(argv[1]);
    FILE *file = create(argv[0]);
    put_little(file, strlen(header) + 1 + (size_t)pad, 8);
    fprintf(file, "%s}%*s", header, pad, "");
    for (int i = 0; i < tensors; i++) {
        fwrite(all[i].data, clxent_dtype_size(all[i].dtype), (size_t)all[i].count, file);
        free(all[i].data);
    }
    free(all);
    return fclose(file) == 0 ? 0 : die("cannot write");
}

/* ----------------------------------------------------------------------- looking ---- */

static tensor open_or_die(const char *path) {
    char message[1400];
    tensor t;
    if (tensor_open(&t, path, message, sizeof message) != 0) die(message);
    return t;
}

static int show(const char *path) {
    char shape[TENSOR_SHAPE_TEXT];
    tensor t = open_or_die(path);
    printf("%s %s", clxent_dtype_name(t.dtype), tensor_shape_text(shape, t.ndim, t.shape));
    for (int64_t i = 0; i < t.count; i++) printf(" %.6g", value_at(t.dtype, t.data, i));
    putchar('\n');
    tensor_close(&t);
    return 0;
}

static int equal(const char *path_a, const char *path_b, double tolerance) {
    tensor a = open_or_die(path_a), b = open_or_die(path_b);
    int64_t wrong = 0;
    if (a.ndim != b.ndim || memcmp(a.shape, b.shape, sizeof a.shape) != 0) die("the shapes differ");
    for (int64_t i = 0; i < a.count; i++) {
        const double x = value_at(a.dtype, a.data, i), y = value_at(b.dtype, b.data, i);
        if (x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= tolerance) continue;
        if (wrong++ == 0)
            fprintf(stderr, "element %" PRId64 ": %.9g in %s, %.9g in %s\n", i, x, path_a, y, path_b);
    }
    tensor_close(&a);
    tensor_close(&b);
    return wrong > 0;
}

static int check_json(int keys, char **key) {
    json_error_t problem;
    json_t *object = json_loadf(stdin, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(object)) die(object ? "not an object" : problem.text);
    for (int i = 0; i < keys; i++)
        if (!json_object_get(object, key[i])) die(key[i]);
    if (json_object_size(object) != (size_t)keys) die("there are other keys");
    json_decref(object);
    return 0;
}

static int check_xml(const char *path) {
    static char text[1 << 20];
    int elements;
    FILE *file = fopen(path, "r");
    if (!file) die("cannot open the file");
    const size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    if (length == sizeof text - 1) die("the file is too long");
    const char *wrong = xml_check(text, &elements);
    if (wrong) die(wrong);
    printf("%d elements, well-formed\n", elements);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) return usage();
    const char *what = argv[1];
    const int n = argc - 2;
    char **rest = argv + 2;
    if (strcmp(what, "npy") == 0 && n == 4) return make_npy(rest);
    if (strcmp(what, "safetensors") == 0 && n >= 2) return make_safetensors(n, rest);
    if (strcmp(what, "raw-npy") == 0 && n == 4) return make_raw_npy(rest);
    if (strcmp(what, "raw-safetensors") == 0 && n == 3) return make_raw_safetensors(rest);
    if (strcmp(what, "show") == 0 && n == 1) return show(rest[0]);
    if (strcmp(what, "equal") == 0 && n == 3) return equal(rest[0], rest[1], strtod(rest[2], NULL));
    if (strcmp(what, "xml") == 0 && n == 1) return check_xml(rest[0]);
    if (strcmp(what, "json") == 0) return check_json(n, rest);
    return usage();
}
