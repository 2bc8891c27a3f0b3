/* SPDX-License-Identifier: Apache-2.0 */
#include "opencl_api.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The process that filled the first table; 0: none has. Drivers start threads, and a child process gets none
 * of its parent's threads. Read without a lock, which another thread may have held at the fork. */
static atomic_long opened_by;

clxent_status clx_check_process(clxent_error *err) {
    const long opener = atomic_load(&opened_by), process = (long)getpid();
    if (opener == 0 || opener == process) return CLXENT_OK;
    return clx_fail(err, CLXENT_ERR_FORK,
                    "OpenCL was opened in process %ld, and this is process %ld, forked after that: the "
                    "driver's threads are not here. Open contexts and list devices after fork(), in the "
                    "process that uses them",
                    opener, process);
}

bool clx_can_release(void) {
    return clx_check_process(NULL) == CLXENT_OK;
}

static void note_process(void) {
    long nobody = 0;
    atomic_compare_exchange_strong(&opened_by, &nobody, (long)getpid());
}

clxent_status clx_cl_load(clx_cl *cl, clxent_error *err) {
    _Static_assert(sizeof(clx_cl) == ENTRY_COUNT * sizeof(void *), "the table is an array of pointers");
    const clxent_status status = clx_check_process(err);
    if (status != CLXENT_OK) return status;
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
    note_process();
    return CLXENT_OK;
}
