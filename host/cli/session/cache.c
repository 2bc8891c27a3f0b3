/* SPDX-License-Identifier: Apache-2.0
 *
 * See cache.h. Two runs at the same time do no harm: the file keeps the programs of the run that ends last.
 */
#include "cache.h"

#include "cache_folder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_BYTES = 96 };

static bool is_off(void) {
    const char *wanted = getenv("CLXENT_CACHE");
    return wanted && strcmp(wanted, "off") == 0;
}

/* Names the file of a device and its driver. Each version of the driver has its own file. */
static void name_file(char name[NAME_BYTES], const clxent_device_info *device) {
    const char *const parts[] = {device->platform, device->name, device->driver, device->opencl_version};
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a; the library keeps its own to itself */
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t k = 0; k <= strlen(parts[i]); k++)
            hash = (hash ^ (unsigned char)parts[i][k]) * 0x100000001b3u;
    snprintf(name, NAME_BYTES, "programs-%016" PRIx64, hash);
}

void cache_load(const tool_command *command, clxent_ctx *ctx, const clxent_device_info *device) {
    char name[NAME_BYTES], why[CACHE_WHY];
    size_t bytes = 0;
    if (is_off()) return;
    const int folder = cache_folder_open(false, why);
    if (why[0])
        tool_error(command, EXIT_GOOD,
                   "warning: the program cache is not used: %s. CLXENT_CACHE=off asks for none", why);
    if (folder < 0) return;
    name_file(name, device);
    unsigned char *data = cache_file_read(folder, name, &bytes);
    /* The status does not matter: the library compiles each program that it could not import. */
    if (data) (void)clxent_ctx_import_programs(ctx, data, bytes);
    free(data);
    close(folder);
}

void cache_store(clxent_ctx *ctx, const clxent_device_info *device) {
    char name[NAME_BYTES], why[CACHE_WHY];
    size_t bytes = 0;
    if (is_off() || clxent_ctx_programs_compiled(ctx) == 0) return;
    const int folder = cache_folder_open(true, why);
    if (folder < 0) return;
    name_file(name, device);
    if (clxent_ctx_export_programs(ctx, NULL, 0, &bytes) == CLXENT_OK) {
        unsigned char *data = bytes <= CACHE_FILE_BYTES ? malloc(bytes) : NULL;
        if (bytes > CACHE_FILE_BYTES)
            unlinkat(folder, name, 0); /* it has grown too large: the next run begins a new one */
        if (data && clxent_ctx_export_programs(ctx, data, bytes, &bytes) == CLXENT_OK)
            (void)cache_file_write(folder, name, data, bytes);
        free(data);
    }
    close(folder);
}
