/* SPDX-License-Identifier: Apache-2.0
 *
 * See products.h. The tool does not link OpenCL; clxent_ctx_gemm() alone is declared beside OpenCL's types.
 */
#include "products.h"

#include <clxent/clxent_opencl.h>

#include <stdio.h>
#include <string.h>

void products_of_device(products *out, size_t number) {
    char device[24];
    clxent_ctx *ctx = NULL;
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    clxent_error error;
    const char *name = NULL, *why = NULL;
    *out = (products){.name = ""};
    snprintf(device, sizeof device, "%zu", number);
    options.device = device;
    if (clxent_ctx_create(&ctx, &options, &error) != CLXENT_OK) why = error.message;
    if (ctx && clxent_ctx_gemm(ctx, CLXENT_F32, &name, &why) != CLXENT_OK) why = clxent_ctx_last_error(ctx);
    snprintf(out->name, sizeof out->name, "%s", name ? name : "");
    snprintf(out->why, sizeof out->why, "%s", why ? why : "");
    const size_t length = strlen(out->why);
    if (name && clxent_ctx_gemm(ctx, CLXENT_BF16, &name, &why) == CLXENT_OK && strcmp(name, out->name) != 0)
        snprintf(out->why + length, sizeof out->why - length, "; in bf16 %s: %s", name, why);
    clxent_ctx_destroy(ctx);
}
