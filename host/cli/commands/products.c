/* SPDX-License-Identifier: Apache-2.0
 *
 * See products.h. The tool does not link OpenCL; clxent_ctx_gemm() alone is declared beside OpenCL's types.
 */
#include "products.h"

#include <clxent/clxent_opencl.h>

#include <stdio.h>
#include <string.h>

clxent_status products_of_device(products *out, size_t number) {
    char device[24];
    clxent_ctx *ctx = NULL;
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    clxent_error error;
    const char *name = NULL, *why = NULL;
    *out = (products){.name = ""};
    snprintf(device, sizeof device, "%zu", number);
    options.device = device;
    clxent_status status = clxent_ctx_create(&ctx, &options, &error);
    if (status != CLXENT_OK) why = error.message;
    if (status == CLXENT_OK) {
        status = clxent_ctx_gemm(ctx, CLXENT_F32, &name, &why);
        if (status != CLXENT_OK) why = clxent_ctx_last_error(ctx);
    }
    snprintf(out->name, sizeof out->name, "%s", name ? name : "");
    snprintf(out->why, sizeof out->why, "%s", why);
    if (status == CLXENT_OK) {
        const size_t length = strlen(out->why);
        status = clxent_ctx_gemm(ctx, CLXENT_BF16, &name, &why);
        if (status != CLXENT_OK)
            snprintf(out->why, sizeof out->why, "%s", clxent_ctx_last_error(ctx));
        else if (strcmp(name, out->name) != 0)
            snprintf(out->why + length, sizeof out->why - length, "; in bf16 %s: %s", name, why);
    }
    clxent_ctx_destroy(ctx);
    return status == CLXENT_ERR_UNSUPPORTED ? CLXENT_OK : status;
}
