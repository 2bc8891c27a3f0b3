/* SPDX-License-Identifier: Apache-2.0 */
#include "layer.h"

#include <string.h>

static struct _cl_icd_dispatch dispatch;

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size, void *value,
                                               size_t *size_ret) {
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    if (name != CL_LAYER_API_VERSION) return CL_INVALID_VALUE;
    if (value) {
        if (size < sizeof version) return CL_INVALID_VALUE;
        memcpy(value, &version, sizeof version);
    }
    if (size_ret) *size_ret = sizeof version;
    return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target,
                                            cl_uint *entries_ret, const cl_icd_dispatch **layer_ret) {
    const cl_uint known = sizeof dispatch / sizeof(void *);
    if (!target || !entries_ret || !layer_ret) return CL_INVALID_VALUE;
    memcpy(&dispatch, target, (entries < known ? entries : known) * sizeof(void *));
    layer_change(&dispatch, target);
    *entries_ret = known;
    *layer_ret = &dispatch;
    return CL_SUCCESS;
}
