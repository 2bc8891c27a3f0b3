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
#define CORRECT_IT     "Correct the variable, or unset it to use " DEFAULT_LIBRARY
#define LOADER_PACKAGE " it (Debian and Ubuntu: ocl-icd-libopencl1)"

static const char *const entry_names[] = {
#define CLX_CL_NAME(name) "cl" #name,
    CLX_CL_MAP(CLX_CL_NAME)
#undef CLX_CL_NAME
};
enum { ENTRY_COUNT = sizeof entry_names / sizeof entry_names[0] };

/* The process that filled the first table; 0: no process. A driver starts threads, and a child process gets
 * none of its parent's threads. The number is read without a lock, since another thread may hold a lock at
 * the fork. */
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

/* dlopen()'s message names the file that it failed on: as the caller named it if dlopen() did not find it, by
 * its path if dlopen() found it. If another library is missing, the message names that library. */
clx_load_failure clx_load_failure_of(const char *library, const char *message) {
    const char *named = strstr(message, library);
    if (strchr(library, '/'))
        return access(library, F_OK) != 0 ? CLX_LIBRARY_MISSING
               : named                    ? CLX_LIBRARY_BROKEN
                                          : CLX_LIBRARY_NEEDS_ANOTHER;
    if (named == NULL) return CLX_LIBRARY_NEEDS_ANOTHER;
    return named > message && named[-1] == '/' ? CLX_LIBRARY_BROKEN : CLX_LIBRARY_MISSING;
}

/* `by_user`: CLXENT_OPENCL_LIBRARY names the library. */
static clxent_status fail_to_load(const char *library, bool by_user, clxent_error *err) {
    const char *message = dlerror();
    const char *before = by_user ? "CLXENT_OPENCL_LIBRARY names " : "the OpenCL loader ";
    const char *after = by_user ? ", which is" : " is";
    if (message == NULL) message = "no reason given";
    switch (clx_load_failure_of(library, message)) {
    case CLX_LIBRARY_MISSING:
        if (!by_user)
            return clx_fail(err, CLXENT_ERR_NO_DEVICE,
                            "no OpenCL loader: %s. Install one (Debian and Ubuntu: ocl-icd-libopencl1) and a "
                            "driver (for the CPU: pocl-opencl-icd)",
                            message);
        return clx_fail(err, CLXENT_ERR_NO_DEVICE, "%s%s%s not there: %s. %s", before, library, after,
                        message, CORRECT_IT);
    case CLX_LIBRARY_NEEDS_ANOTHER:
        return clx_fail(err, CLXENT_ERR_NO_DEVICE,
                        "%s%s%s there but needs another library, which does not load: %s. Install that one "
                        "(ldd lists what is not found), or add its folder to LD_LIBRARY_PATH",
                        before, library, after, message);
    case CLX_LIBRARY_BROKEN:
        break;
    }
    return clx_fail(
        err, CLXENT_ERR_NO_DEVICE,
        "%s%s%s there but does not load: %s. It is damaged, not readable, made for another machine, "
        "or does not fit the libraries that it needs. %s",
        before, library, after, message, by_user ? CORRECT_IT : "Reinstall" LOADER_PACKAGE);
}

clxent_status clx_cl_load(clx_cl *cl, clxent_error *err) {
    _Static_assert(sizeof(clx_cl) == ENTRY_COUNT * sizeof(void *), "the table is an array of pointers");
    const clxent_status status = clx_check_process(err);
    if (status != CLXENT_OK) return status;
    const char *path = getenv("CLXENT_OPENCL_LIBRARY");
    const bool by_user = path != NULL && *path != '\0';
    void *library = NULL;

    /* The library is never closed: drivers start threads and register exit handlers that outlive it. */
    if (!by_user) {
        path = DEFAULT_LIBRARY;
        library = dlopen(NULL, RTLD_LAZY);
        if (library == NULL || dlsym(library, entry_names[0]) == NULL) library = dlopen(path, RTLD_LAZY);
    } else {
        library = dlopen(path, RTLD_LAZY);
    }
    if (library == NULL) return fail_to_load(path, by_user, err);
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        void *entry = dlsym(library, entry_names[i]);
        if (entry == NULL)
            return clx_fail(err, CLXENT_ERR_NO_DEVICE,
                            "%s%s has no %s, so it is no OpenCL library of version 1.2 or later. %s",
                            by_user ? "CLXENT_OPENCL_LIBRARY: " : "the OpenCL loader ", path, entry_names[i],
                            by_user ? CORRECT_IT : "Update" LOADER_PACKAGE);
        memcpy((char *)cl + i * sizeof entry, &entry, sizeof entry);
    }
    note_process();
    return CLXENT_OK;
}
