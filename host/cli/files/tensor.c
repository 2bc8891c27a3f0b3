/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens and closes tensors: maps the file and chooses its format. npy.c and safetensors.c read the formats.
 */
#include "printable.h"
#include "tensor_format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "both file formats are read in place and are little-endian; this machine is not"
#endif

int tensor_fail(const tensor_source *source, const char *format, ...) {
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    snprintf(source->err, source->err_size, "%s: %s", source->path, message);
    if (source->err_size > 0) make_printable(source->err);
    return -1;
}

const char *tensor_shape_text(char text[TENSOR_SHAPE_TEXT], int ndim, const int64_t *shape) {
    size_t used = (size_t)snprintf(text, TENSOR_SHAPE_TEXT, "(");
    for (int d = 0; d < ndim; d++)
        used +=
            (size_t)snprintf(text + used, TENSOR_SHAPE_TEXT - used, "%s%" PRId64, d ? ", " : "", shape[d]);
    snprintf(text + used, TENSOR_SHAPE_TEXT - used, ndim == 1 ? ",)" : ")");
    return text;
}

const char *tensor_index_text(char text[TENSOR_SHAPE_TEXT], int ndim, const int64_t *shape, int64_t at) {
    int64_t index[TENSOR_MAX_DIMS];
    for (int d = ndim - 1; d >= 0; d--) {
        index[d] = at % shape[d];
        at /= shape[d];
    }
    size_t used = 0;
    for (int d = 0; d < ndim; d++)
        used +=
            (size_t)snprintf(text + used, TENSOR_SHAPE_TEXT - used, "%s%" PRId64, d ? ", " : "[", index[d]);
    snprintf(text + used, TENSOR_SHAPE_TEXT - used, ndim ? "]" : "");
    return text;
}

const char *tensor_content(const tensor_source *source) {
    static const struct {
        const char *magic, *what;
    } known[] = {
        {"\x93NUMPY", "; it is a .npy file: give it a name that ends in .npy"},
        {"PK\x03\x04", "; it is a zip file, as .npz and .pt are: save each array in a .npy of its own"},
        {"\x80", "; it is a pickle, as .pkl and old .pt are: save each array in a .npy of its own"},
        {"\x89HDF", "; it is an HDF5 file: save each array in a .npy of its own"},
        {"\x1f\x8b", "; it is compressed by gzip: unpack it"},
    };
    if (safetensors_is_likely(source))
        return "; it is a safetensors file: give it a name that ends in .safetensors";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t length = strlen(known[i].magic);
        if (source->size >= length && memcmp(source->bytes, known[i].magic, length) == 0)
            return known[i].what;
    }
    return "";
}

int tensor_measure(tensor *t, const tensor_source *source, size_t offset) {
    const int64_t size = (int64_t)clxent_dtype_size(t->dtype);
    int64_t bytes = size;
    int empty = 0;
    for (int d = 0; d < t->ndim; d++) {
        const int64_t n = t->shape[d];
        char text[TENSOR_SHAPE_TEXT];
        if (n < 0)
            return tensor_fail(source, "offset %zu: shape %s has a negative dimension", offset,
                               tensor_shape_text(text, t->ndim, t->shape));
        if (n == 0)
            empty = 1;
        else if (bytes > INT64_MAX / n)
            return tensor_fail(source,
                               "offset %zu: shape %s of %" PRId64 " bytes an element overflows 2^63 bytes",
                               offset, tensor_shape_text(text, t->ndim, t->shape), size);
        else
            bytes *= n;
    }
    t->count = empty ? 0 : bytes / size;
    t->bytes = (size_t)(t->count * size);
    return 0;
}

/* Maps a whole file to *mapping. It refuses an empty file, which has no magic. */
static int map_file(tensor_source *source, void **mapping) {
    struct stat status;
    void *bytes = MAP_FAILED;
    /* O_NONBLOCK: the path may be that of a pipe, and open() would wait for a writer. */
    const int file = open(source->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return tensor_fail(source, "cannot open: %s", strerror(errno));

    int result = 0;
    if (fstat(file, &status) != 0)
        result = tensor_fail(source, "cannot read its size: %s", strerror(errno));
    else if (S_ISDIR(status.st_mode))
        result = tensor_fail(source, "is a folder, not a file");
    else if (!S_ISREG(status.st_mode))
        result = tensor_fail(source, "is a pipe or a device; a regular file is needed (it is mapped)");
    else if (status.st_size == 0)
        result = tensor_fail(source, "the file is empty");
    else if ((uintmax_t)status.st_size > SIZE_MAX)
        result =
            tensor_fail(source, "%jd bytes are more than this machine can map", (intmax_t)status.st_size);
    else if ((bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0)) == MAP_FAILED)
        result = tensor_fail(source, "cannot map %jd bytes: %s", (intmax_t)status.st_size, strerror(errno));
    close(file);
    if (result == 0) {
        *mapping = bytes;
        source->bytes = bytes;
        source->size = (size_t)status.st_size;
    }
    return result;
}

/* Gives the tensor its data: in the mapping, or in a copy if they are not aligned for their type. */
static int place(tensor *t, const tensor_source *source, void *mapping, size_t offset) {
    if (offset % clxent_dtype_size(t->dtype) == 0) {
        t->mapping = mapping;
        t->mapping_bytes = source->size;
        t->data = source->bytes + offset;
        return 0;
    }
    void *copy = malloc(t->bytes ? t->bytes : 1);
    if (!copy) return tensor_fail(source, "out of memory: %zu bytes for a copy of misaligned data", t->bytes);
    memcpy(copy, source->bytes + offset, t->bytes);
    munmap(mapping, source->size);
    t->mapping = copy;
    t->mapping_bytes = 0;
    t->data = copy;
    return 0;
}

const char *tensor_safetensors_end(const char *spec) {
    static const char suffix[] = ".safetensors";
    const size_t length = sizeof suffix - 1;
    for (; *spec; spec++) {
        const int is_here = strncasecmp(spec, suffix, length) == 0;
        if (is_here && (spec[length] == ':' || spec[length] == '\0')) return spec + length;
    }
    return NULL;
}

int tensor_open(tensor *out, const char *spec, char *err, size_t err_size) {
    memset(out, 0, sizeof *out);
    char *path = strdup(spec);
    if (!path) {
        snprintf(err, err_size, "out of memory");
        return -1;
    }
    const char *name = NULL, *end = tensor_safetensors_end(spec);
    if (end && *end == ':') {
        path[end - spec] = '\0';
        name = end + 1;
    }

    tensor_source source = {path, NULL, 0, err, err_size};
    void *mapping = NULL;
    size_t offset = 0;
    int result = map_file(&source, &mapping);
    if (result == 0)
        result = end ? safetensors_parse(out, &offset, &source, name) : npy_parse(out, &offset, &source);
    if (result == 0) result = place(out, &source, mapping, offset);
    if (result != 0) {
        if (mapping) munmap(mapping, source.size);
        memset(out, 0, sizeof *out);
    }
    free(path);
    return result;
}

void tensor_close(tensor *t) {
    if (t->mapping_bytes)
        munmap(t->mapping, t->mapping_bytes);
    else
        free(t->mapping);
    memset(t, 0, sizeof *t);
}
