/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_opencl.h. The library has a loader too (opencl_api.c), but the tool stands on its public headers
 * alone, as any program does. */
#include "bench_opencl.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#ifdef __APPLE__
#define DEFAULT_LIBRARY "/System/Library/Frameworks/OpenCL.framework/OpenCL"
#else
#define DEFAULT_LIBRARY "libOpenCL.so.1"
#endif

static const char *const names[] = {
#define BENCH_CL_NAME(name) "cl" #name,
    BENCH_CL_MAP(BENCH_CL_NAME)
#undef BENCH_CL_NAME
};
enum { NAMES = sizeof names / sizeof *names };

const char *bench_cl_load(bench_cl *cl) {
    _Static_assert(sizeof(bench_cl) == NAMES * sizeof(void *), "the table is an array of pointers");
    const char *path = getenv("CLXENT_OPENCL_LIBRARY");
    /* Like clxent, this never closes the library: threads and exit handlers of drivers outlive it. */
    void *library = dlopen(path && *path ? path : DEFAULT_LIBRARY, RTLD_LAZY);
    if (!library) return dlerror();
    for (int i = 0; i < NAMES; i++) {
        void *entry = dlsym(library, names[i]);
        if (!entry) return dlerror();
        memcpy((char *)cl + (size_t)i * sizeof entry, &entry, sizeof entry);
    }
    return NULL;
}
