/* SPDX-License-Identifier: Apache-2.0 */
#include "program_dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "fnv.h"

static int write_program(const char *path, const char *file, const clx_kernel_source *source,
                         const char *options) {
    FILE *out = fopen(path, "wb");
    if (out == NULL) return errno;
    errno = 0;
    fprintf(out,
            "/* kernels/%s.cl of clxent %s, as it was compiled. To compile it without a device:\n"
            " * clang -x cl -Xclang -finclude-default-header -target spir64 -fsyntax-only %s %s */\n",
            source->name, clxent_version(), options, file);
    fwrite(source->text, 1, source->length, out);
    const int failed = ferror(out) != 0;
    const int cause = errno;
    if (fclose(out) != 0 && !failed) return errno;
    return failed ? cause : 0;
}

clxent_status clx_dump_program(clxent_error *err, const clx_kernel_source *source, const char *options) {
    char file[64], path[4096];
    const char *folder = getenv("CLXENT_DUMP");
    if (folder == NULL || *folder == '\0') return CLXENT_OK;
    uint64_t hash = clx_fnv(CLX_FNV_START, source->text, source->length);
    hash = clx_fnv(hash, options, strlen(options));
    snprintf(file, sizeof file, "%s-%016" PRIx64 ".cl", source->name, hash);
    const int length = snprintf(path, sizeof path, "%s/%s", folder, file);
    const int cause = length < 0 || (size_t)length >= sizeof path
                          ? ENAMETOOLONG
                          : write_program(path, file, source, options);
    if (cause == 0) return CLXENT_OK;
    return clx_fail(err, CLXENT_ERR_ARGUMENT, "CLXENT_DUMP: cannot write %s: %s", path, strerror(cause));
}
