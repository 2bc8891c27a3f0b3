/* SPDX-License-Identifier: Apache-2.0 */
#include "opencl_api.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

#ifdef __APPLE__
#define DEFAULT_LIBRARY "/System/Library/Frameworks/OpenCL.framework/OpenCL"
#else
#define DEFAULT_LIBRARY "libOpenCL.so.1"
#endif

static const char *const entry_names[] = {
#define CLX_CL_NAME(name) "cl" #name,
    CLX_CL_MAP(CLX_CL_NAME)
#undef CLX_CL_NAME
};
enum { ENTRY_COUNT = sizeof entry_names / sizeof entry_names[0] };

clxent_status clx_cl_load(clx_cl *cl, clxent_error *err) {
    _Static_assert(sizeof(clx_cl) == ENTRY_COUNT * sizeof(void *), "the table is an array of pointers");
    const char *path = getenv("CLXENT_OPENCL_LIBRARY");
    void *library = NULL;

    /* The library is never closed: drivers start threads and register exit handlers that outlive it. */
    if (path == NULL || *path == '\0') {
        path = DEFAULT_LIBRARY;
        library = dlopen(NULL, RTLD_LAZY);
        if (library == NULL || dlsym(library, entry_names[0]) == NULL) library = dlopen(path, RTLD_LAZY);
    } else {
        library = dlopen(path, RTLD_LAZY);
    }
    if (library == NULL)
        return clx_fail(err, CLXENT_ERR_NO_DEVICE,
                        "no OpenCL loader: %s. Install one (Debian and Ubuntu: ocl-icd-libopencl1) and a "
                        "driver (for the CPU: pocl-opencl-icd)",
                        dlerror());
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        void *entry = dlsym(library, entry_names[i]);
        if (entry == NULL)
            return clx_fail(err, CLXENT_ERR_NO_DEVICE,
                            "the OpenCL library %s has no %s; OpenCL 1.2 is needed", path, entry_names[i]);
        memcpy((char *)cl + i * sizeof entry, &entry, sizeof entry);
    }
    return CLXENT_OK;
}
